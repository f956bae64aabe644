//! One iteration of DAMSM pretraining, AttnGAN and DM-GAN: the reference backend agrees with the
//! fast one, and every parameter of a phase's groups takes part.

use burn::module::AutodiffModule;
use burn::prelude::TensorData;
use wordpaint_models::auxiliary::AuxiliaryLosses;
use wordpaint_models::damsm::{self, Pretraining};
use wordpaint_models::losses::contrastive::{ContrastiveLoss, Method, SecondView, ViewNoise};
use wordpaint_models::noise::Noise;
use wordpaint_models::staged::config::{Config, Variant};
use wordpaint_models::staged::system::Staged;
use wordpaint_models::state::named_tensors;
use wordpaint_models::system::{Frozen, LossTerms, Pipeline, System, SystemConfig, Train};
use wordpaint_models::vision::backbone::{BackboneConfig, InceptionBackboneConfig};
use wordpaint_models::vision::matching::Damsm;
use wordpaint_models::{attngan, dm_gan};

use crate::support::iterate::{Fast, Reference, agree, fresh, iterate, iterate_at, parameters};
use crate::support::narrow::{
    contrastive, first_of_two, first_twice, iteration, pretraining, text, text_input,
};

pub(crate) fn staged<F: Variant>(stages: usize, method: Method) -> Config<F> {
    Config {
        stages,
        generator_width: 2,
        discriminator_width: 2,
        residuals: 1,
        noise_dim: 2,
        condition_dim: 3,
        text: text_input(),
        auxiliary: AuxiliaryLosses {
            contrastive: contrastive(method),
            ..F::published().auxiliary
        },
        ..F::published()
    }
}

#[test]
fn damsm_steps_alike_on_both_backends() {
    for method in [Method::None, Method::NtXent, Method::SupCon, Method::UniCl] {
        let config = pretraining(method);
        let start = fresh::<Pretraining<burn::backend::Flex>>(&config);

        let (fast, counts) =
            iterate::<Fast, Pretraining<Fast>>(&start, &config, &iteration(&config));
        let (reference, _) =
            iterate::<Reference, Pretraining<Reference>>(&start, &config, &iteration(&config));

        agree(&fast, &reference, &start);
        assert_eq!(counts, [parameters(&fast.valid(), "").len()]);
    }
}

#[test]
fn the_backbone_of_the_published_encoder_follows_the_data_but_is_not_trained() {
    let backbone = InceptionBackboneConfig {
        divisor: 16,
        ..InceptionBackboneConfig::default()
    };
    let config = damsm::Config {
        backbone: BackboneConfig::Inception(backbone),
        image_size: 80,
        ..pretraining(Method::NtXent)
    };
    assert_eq!(config.validate(), Ok(()));
    let start = fresh::<Pretraining<burn::backend::Flex>>(&config);

    let (fast, counts) = iterate::<Fast, Pretraining<Fast>>(&start, &config, &iteration(&config));

    let is_trained = |name: &str| !name.starts_with("trunk.");
    let parameters = parameters(&fast.valid(), "").into_iter();
    assert_eq!(counts, [parameters.filter(|(n, _)| is_trained(n)).count()]);
    for ((name, before), (_, after)) in start.iter().zip(named_tensors(&fast.valid())) {
        let moves = is_trained(name) || name.contains(".running_");
        if name.ends_with("weight") || name.contains(".running_") {
            assert_eq!(*before != after, moves, "{name}");
        }
    }
}

fn steps_alike<F: Variant>() {
    let config = staged::<F>(1, Method::None);
    let start = fresh::<Staged<burn::backend::Flex, F>>(&config);

    // Through random encoders this narrow, gradients reach hundreds; their rounding in single
    // precision alone would show at the usual rate.
    let rate = 0.001;
    let (fast, counts) =
        iterate_at::<Fast, Staged<Fast, F>>(rate, &start, &config, &iteration(&config));
    let (reference, _) =
        iterate_at::<Reference, Staged<Reference, F>>(rate, &start, &config, &iteration(&config));

    let text = |name: &str| name.starts_with("text.");
    let trained = |tensors: Vec<(String, TensorData)>| -> Vec<(String, TensorData)> {
        tensors
            .into_iter()
            .filter(|(name, _)| !text(name))
            .collect()
    };
    let fast = trained(named_tensors(&fast.valid()));
    let reference = trained(named_tensors(&reference.valid()));
    assert_eq!(fast.len(), reference.len());
    for ((name, a), (_, b)) in fast.iter().zip(&reference) {
        a.assert_approx_eq::<f32>(b, burn::tensor::Tolerance::absolute(1e-4));
        let before = start
            .iter()
            .find(|(n, _)| n == name)
            .expect("the same names");
        if name.ends_with("weight") {
            assert_ne!(&before.1, a, "{name} is trained");
        }
    }
    let system = Staged::<burn::backend::Flex, F>::init(&config, &Default::default());
    let expected = ["discriminators.0.", "generator."].map(|prefix| {
        let found = parameters(&system, prefix).into_iter();
        found
            .filter(|(name, _)| !name.contains(".spectral."))
            .count()
    });
    assert_eq!(counts, expected);
}

#[test]
fn attngan_steps_alike_on_both_backends() {
    steps_alike::<attngan::Family>();
}

#[test]
fn dm_gan_steps_alike_on_both_backends() {
    steps_alike::<dm_gan::Family>();
}

#[test]
fn two_captions_are_summed_and_contrasted() {
    let config = staged::<attngan::Family>(2, Method::NtXent);
    let system = Staged::<Fast, _>::init(&config, &Default::default());
    let iteration = iteration(&config);

    let shared = system.begin(&iteration);
    let names = |phase| -> Vec<String> {
        let terms = system.losses(phase, &iteration, &shared);
        terms
            .terms()
            .iter()
            .map(|t| format!("{} {:.2}", t.name, t.weight))
            .collect()
    };

    assert_eq!(
        names("d128"),
        [
            "d128/real 0.50",
            "d128/real-text 0.50",
            "d128/fake 0.33",
            "d128/fake-text 0.33",
            "d128/mismatched-text 0.33"
        ]
    );
    assert_eq!(
        names("g"),
        [
            "g/64-image 1.00",
            "g/64-text 1.00",
            "g/128-image 1.00",
            "g/128-text 1.00",
            "g/kl 1.00",
            "g/words 5.00",
            "g/sentence 5.00",
            "g/contrast 0.20"
        ]
    );
}

#[test]
fn a_second_caption_for_the_contrastive_loss_alone_counts_in_no_other_term() {
    let with = |method, second_view| Config {
        auxiliary: AuxiliaryLosses {
            contrastive: ContrastiveLoss {
                second_view,
                ..contrastive(method)
            },
            ..staged::<attngan::Family>(1, method).auxiliary
        },
        ..staged::<attngan::Family>(1, method)
    };
    let none = with(Method::None, SecondView::Full);
    let start = fresh::<Staged<burn::backend::Flex, attngan::Family>>(&none);
    let values = |config: Config<attngan::Family>| -> Vec<(String, f32)> {
        let (system, report) = wordpaint_models::state::load_named::<Fast, _>(
            Staged::<Fast, _>::init(&config, &Default::default()),
            |name, _| {
                let found = start.iter().find(|(n, _)| n == name);
                found.map(|(_, data)| data.clone())
            },
        );
        assert!(report.is_complete(), "{report:?}");
        let mut iteration = iteration(&config);
        if config.auxiliary.contrastive.num_views() == 1 {
            iteration.batch.text = first_of_two();
        }
        let shared = system.begin(&iteration);
        let losses = ["d64", "g"].map(|phase| system.losses(phase, &iteration, &shared));
        let terms = losses.iter().flat_map(LossTerms::terms);
        terms
            .map(|t| (t.name.clone(), t.value.clone().into_scalar()))
            .collect()
    };

    let one = values(none);
    let both = values(with(Method::NtXent, SecondView::Full));
    let only = values(with(Method::NtXent, SecondView::ContrastiveOnly));

    let contrastive = only.last().expect("terms");
    assert_eq!(contrastive.0, "g/contrast");
    assert_eq!(Some(contrastive), both.last());
    assert_eq!(only[..only.len() - 1], one);
    for ((name, value), (_, of_both)) in one.iter().zip(&both) {
        assert_ne!(value, of_both, "{name}");
    }
}

#[test]
fn one_caption_twice_is_the_same_image_where_the_noise_is_shared() {
    let images = |noise| {
        let config = Config {
            auxiliary: AuxiliaryLosses {
                contrastive: ContrastiveLoss {
                    noise,
                    ..contrastive(Method::NtXent)
                },
                ..staged::<attngan::Family>(1, Method::NtXent).auxiliary
            },
            ..staged::<attngan::Family>(1, Method::NtXent)
        };
        assert_eq!(config.validate(), Ok(()));
        let mut iteration = iteration::<Fast>(&config);
        iteration.batch.text = first_twice();
        let system = Staged::<Fast, _>::init(&config, &Default::default());
        let views = system.begin(&iteration);
        [0, 1].map(|i: usize| views[i].images[0].to_data())
    };

    let [first, second] = images(ViewNoise::Shared);
    assert_eq!(first, second);
    let [first, second] = images(ViewNoise::Independent);
    assert_ne!(first, second);
}

#[test]
fn the_pretrained_text_encoder_is_taken_over_and_a_caption_has_the_same_image_in_any_batch() {
    let config = staged::<attngan::Family>(2, Method::None);
    let iteration = iteration::<Fast>(&config);
    let system =
        Staged::<Fast, _>::init(&config, &Default::default()).initialise_from(&iteration.frozen);
    let damsm = iteration.frozen.get::<Damsm<Fast>>().text.valid();
    let initialised = system.valid();
    assert_eq!(named_tensors(&initialised.text), named_tensors(&damsm));

    let noise = Noise::new(5, 0);
    let all = Pipeline::new(&initialised, &Frozen::new())
        .generate(&text(1), noise)
        .images;
    let mut alone = text(1);
    alone.tokens = alone.tokens.map(|t| t.narrow(0, 0, 1));
    alone.lengths.truncate(1);
    let one = Pipeline::new(&initialised, &Frozen::new())
        .generate(&alone, noise)
        .images;

    let sides: Vec<usize> = all.iter().map(|image| image.dims()[3]).collect();
    assert_eq!(sides, [64, 128]);
    for (all, one) in all.into_iter().zip(one) {
        let first = all.narrow(0, 0, 1).into_data();
        first.assert_approx_eq::<f32>(&one.into_data(), burn::tensor::Tolerance::absolute(1e-5));
    }
}

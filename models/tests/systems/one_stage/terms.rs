//! Settings choose the terms of the losses.

use burn::optim::GradientsParams;
use burn::prelude::{Int, Tensor};
use wordpaint_models::auxiliary::AuxiliaryLosses;
use wordpaint_models::df_gan;
use wordpaint_models::losses::contrastive::{ContrastiveLoss, Method, SecondView, ViewNoise};
use wordpaint_models::losses::gradient_penalty::Penalty;
use wordpaint_models::one_stage::system::OneStage;
use wordpaint_models::ssa_gan;
use wordpaint_models::state::load_named;
use wordpaint_models::system::{System, SystemConfig, Term, Train};

use super::{small, start, terms, with_captioner};
use crate::generation::pretrained;
use crate::support::iterate::Fast;
use crate::support::narrow::{first_of_two, first_twice, iteration};

#[test]
fn settings_choose_the_terms() {
    let of_discriminator = ["d/real 1", "d/mismatched 0.5", "d/fake 0.5"];
    let of = |rest: &[&'static str]| [&of_discriminator[..], rest].concat();

    assert_eq!(
        terms(&small::<df_gan::Family>()),
        of(&["d/penalty 2", "g/adversarial 1"])
    );
    let ssa = small::<ssa_gan::Family>();
    let with_auxiliary = [
        "penalty/matching-aware 2",
        "g/adversarial 1",
        "g/words 0.05",
        "g/sentence 0.05",
    ];
    assert_eq!(terms(&ssa), of(&with_auxiliary));
    let right = ssa_gan::Config {
        auxiliary: AuxiliaryLosses {
            contrastive: ContrastiveLoss {
                method: Method::NtXent,
                real_to_fake: 0.2,
                ..ContrastiveLoss::default()
            },
            ..ssa.clone().auxiliary
        },
        ..ssa.clone()
    };
    let both = [
        &with_auxiliary[..],
        &["g/real-to-fake 0.2", "g/contrast 0.2"],
    ]
    .concat();
    assert_eq!(terms(&right), of(&both));
    let plain = ssa_gan::Config {
        penalty: Penalty {
            weight: 0.0,
            ..Penalty::default()
        },
        auxiliary: AuxiliaryLosses {
            damsm_weight: 0.0,
            ..ssa.auxiliary.clone()
        },
        ..ssa
    };
    assert_eq!(terms(&plain), of(&["g/adversarial 1"]));
}

#[test]
fn contrastive_loss_with_real_images_alone_takes_one_caption() {
    let config = ssa_gan::Config {
        auxiliary: AuxiliaryLosses {
            contrastive: ContrastiveLoss {
                real_to_fake: 0.2,
                ..ContrastiveLoss::default()
            },
            ..ssa_gan::Config::default().auxiliary
        },
        ..small()
    };

    assert_eq!(config.needs().captions, 1);
    assert!(terms(&config).contains(&"g/real-to-fake 0.2".to_owned()));
}

/// Values of all terms of an iteration by name.
fn values(config: &ssa_gan::Config) -> Vec<(String, f32)> {
    let weights = start(config);
    let (system, report) = load_named::<Fast, _>(
        OneStage::<Fast, ssa_gan::Family>::init(config, &Default::default()),
        |name, _| {
            let found = weights.iter().find(|(n, _)| n == name);
            found.map(|(_, data)| data.clone())
        },
    );
    assert!(report.is_complete(), "{report:?}");
    let mut iteration = iteration(config);
    with_captioner(&mut iteration);
    if config.auxiliary.contrastive.num_views() == 1 {
        iteration.batch.text = first_of_two();
    }
    let shared = system.begin(&iteration);
    let phases = config.plan().stages[0].phases.clone();
    let losses = phases
        .iter()
        .map(|phase| system.losses(phase.name, &iteration, &shared));
    let value = |t: &Term<Fast>| (t.name.clone(), t.value.clone().into_scalar());
    losses
        .flat_map(|l| l.terms().iter().map(value).collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_second_caption_for_the_contrastive_loss_alone_counts_in_no_other_term() {
    let with = |method, second_view| ssa_gan::Config {
        auxiliary: AuxiliaryLosses {
            contrastive: ContrastiveLoss {
                method,
                real_to_fake: 0.2,
                second_view,
                ..ContrastiveLoss::default()
            },
            caption_weight: 1.0,
            ..ssa_gan::Config::default().auxiliary
        },
        ..small()
    };
    let one = values(&with(Method::None, SecondView::Full));
    let both = values(&with(Method::NtXent, SecondView::Full));
    let only = values(&with(Method::NtXent, SecondView::ContrastiveOnly));

    let names = |of: &[(String, f32)]| of.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(&both), names(&only));
    assert_eq!(only.len(), one.len() + 1);
    for ((name, value), (_, of_both)) in only.iter().zip(&both) {
        let is_contrastive = ["g/real-to-fake", "g/contrast"].contains(&name.as_str());
        assert_eq!(
            value == of_both,
            is_contrastive,
            "{name}: {value} {of_both}"
        );
        let alone = one.iter().find(|(n, _)| n == name);
        assert_eq!(
            alone.is_some_and(|(_, v)| v == value),
            !is_contrastive,
            "{name}"
        );
    }
}

#[test]
fn one_caption_twice_is_the_same_image_where_the_noise_is_shared() {
    let images = |noise| {
        let config = ssa_gan::Config {
            auxiliary: AuxiliaryLosses {
                contrastive: ContrastiveLoss {
                    method: Method::NtXent,
                    noise,
                    ..ContrastiveLoss::default()
                },
                ..ssa_gan::Config::default().auxiliary
            },
            ..small()
        };
        assert_eq!(config.validate(), Ok(()));
        let mut iteration = iteration::<Fast>(&config);
        iteration.batch.text = first_twice();
        let system = OneStage::<Fast, ssa_gan::Family>::init(&config, &Default::default());
        let views = system.begin(&iteration);
        [0, 1].map(|i: usize| views[i].image.to_data())
    };

    let [first, second] = images(ViewNoise::Shared);
    assert_eq!(first, second);
    let [first, second] = images(ViewNoise::Independent);
    assert_ne!(first, second);
}

#[test]
fn samples_of_one_label_are_no_mismatched_pairs_where_labels_guide() {
    let value = |method, classes: [i32; 3]| -> f32 {
        let config = ssa_gan::Config {
            auxiliary: AuxiliaryLosses {
                contrastive: ContrastiveLoss {
                    method,
                    ..ContrastiveLoss::default()
                },
                ..ssa_gan::Config::default().auxiliary
            },
            ..small()
        };
        let system = OneStage::<Fast, ssa_gan::Family>::init(&config, &Default::default());
        let mut iteration = iteration(&config);
        let classes = classes.as_slice();
        iteration.batch.classes = Tensor::<Fast, 1, Int>::from_ints(classes, &Default::default());
        let losses = system.losses("d", &iteration, &system.begin(&iteration));
        losses.terms()[1].value.clone().into_scalar()
    };

    assert!(value(Method::SupCon, [0, 1, 2]) > 0.0);
    assert_eq!(value(Method::SupCon, [1, 1, 1]), 0.0);
    assert!(value(Method::NtXent, [1, 1, 1]) > 0.0);
}

#[test]
fn captions_of_generated_images_teach_the_generator() {
    let config = ssa_gan::Config {
        auxiliary: AuxiliaryLosses {
            caption_weight: 1.0,
            damsm_weight: 0.0,
            ..ssa_gan::Config::default().auxiliary
        },
        ..small()
    };
    assert_eq!(pretrained(&config), ["damsm", "captioner"]);
    let system = OneStage::<Fast, ssa_gan::Family>::init(&config, &Default::default());
    let mut iteration = iteration::<Fast>(&config);
    with_captioner(&mut iteration);

    let losses = system.losses("g", &iteration, &system.begin(&iteration));
    let [_, caption] = losses.terms() else {
        panic!("{:?}", losses.terms())
    };

    assert_eq!((caption.name.as_str(), caption.weight), ("g/caption", 1.0));
    let value = caption.value.clone().into_scalar();
    // About the logarithm of the number of ids: nobody was taught.
    assert!((value - 9.0_f32.ln()).abs() < 1.0, "{value}");
    let gradients = caption.value.backward();
    let gradients = GradientsParams::from_grads(gradients, &system);
    assert!(gradients.len() > 10, "{}", gradients.len());
}

//! One iteration of DF-GAN and SSA-GAN: the reference backend agrees with the fast one, every
//! parameter of a phase's groups takes part, and settings choose the terms.

use burn::backend::Flex;
use burn::module::{AutodiffModule, Module, Param};
use burn::optim::GradientsParams;
use burn::prelude::{Int, Tensor, TensorData};
use burn::tensor::Tolerance;
use wordpaint_models::df_gan;
use wordpaint_models::losses::contrast::{BranchNoise, Contrast, Method, SecondBranch};
use wordpaint_models::losses::gradient_penalty::Length;
use wordpaint_models::noise::Noise;
use wordpaint_models::one_stage::config::{Config, Flavour};
use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::objective::Mismatched;
use wordpaint_models::one_stage::penalty::{Kind, Penalty, PenaltyStep, judge};
use wordpaint_models::one_stage::system::OneStage;
use wordpaint_models::one_stage::tuning::Tuning;
use wordpaint_models::ssa_gan;
use wordpaint_models::state::{load_named, named_tensors, param_ids};
use wordpaint_models::system::{
    Frozen, Iteration, LossTerms, Pipeline, System, SystemConfig, Term, Train,
};
use wordpaint_models::text::captioner::CaptionerConfig;
use wordpaint_models::vision::matching::Damsm;

use super::baselines_parity::{Fast, Named, Reference, fresh, iterate_at, parameters};
use super::painting::pretrained;
use super::staged_systems::{
    VOCABULARY, WORDS, encoder, first_of_two, first_twice, iteration, text,
};

fn small<F: Flavour>() -> Config<F> {
    Config {
        resolution: 32,
        generator_width: 2,
        discriminator_width: 2,
        mask_width: 3,
        noise_dim: 4,
        encoder: encoder(),
        vocabulary: VOCABULARY,
        words: WORDS,
        ..F::published()
    }
}

fn old_df_gan() -> df_gan::Config {
    df_gan::Config {
        architecture: Architecture::DfGan2020,
        mismatched: Mismatched::Successor,
        penalty: Penalty::default(),
        ..small()
    }
}

/// Initial weights in which residuals and sentences have a say.
fn start<F: Flavour>(config: &Config<F>) -> Named {
    let mut weights = fresh::<OneStage<Flex, F>>(config);
    for (name, data) in &mut weights {
        let is_gamma = name.rsplit('.').next() == Some("gamma");
        if name.contains(".blocks.") && is_gamma && data.num_elements() == 1 {
            *data = TensorData::full::<f32, _>([1], 0.5);
        }
    }
    weights
}

fn steps_alike<F: Flavour>(rate: f64, config: &Config<F>, phases: &[&str]) {
    assert_eq!(config.validate(), Ok(()));
    let start = start(config);

    let (fast, counts) =
        iterate_at::<Fast, OneStage<Fast, F>>(rate, &start, config, &iteration(config));
    let (reference, _) =
        iterate_at::<Reference, OneStage<Reference, F>>(rate, &start, config, &iteration(config));

    let fast = fast.valid();
    let (found, reference) = (named_tensors(&fast), named_tensors(&reference.valid()));
    for ((name, a), (_, b)) in found.iter().zip(&reference) {
        a.assert_approx_eq::<f32>(b, Tolerance::absolute(1e-4));
        let before = start.iter().find(|(n, _)| n == name);
        if name.ends_with("weight") && !name.starts_with("text.") {
            assert_ne!(before.map(|(_, data)| data), Some(a), "{name} is trained");
        }
    }
    let expected: Vec<usize> = phases
        .iter()
        .map(|prefix| parameters(&fast, prefix).len())
        .collect();
    assert_eq!(counts, expected);
}

#[test]
fn df_gan_steps_alike_on_both_backends() {
    steps_alike(
        0.1,
        &small::<df_gan::Family>(),
        &["discriminator.", "generator."],
    );
}

#[test]
fn df_gan_before_2022_steps_alike_on_both_backends() {
    let phases = ["discriminator.", "discriminator.", "generator."];
    steps_alike(0.1, &old_df_gan(), &phases);
}

#[test]
fn ssa_gan_steps_alike_on_both_backends() {
    let phases = ["discriminator.", "discriminator.", "generator."];
    // Gradients through random encoders this narrow are large.
    steps_alike(0.001, &small::<ssa_gan::Family>(), &phases);
}

fn penalised(kind: Kind, weight: f64, step: PenaltyStep) -> ssa_gan::Config {
    ssa_gan::Config {
        penalty: Penalty {
            kind,
            weight,
            step,
            ..Penalty::default()
        },
        damsm_weight: 0.0,
        ..small()
    }
}

const OTHERS: [Kind; 3] = [Kind::R1, Kind::ZeroCentred, Kind::WganGp];

#[test]
fn every_penalty_steps_alike_on_both_backends() {
    for kind in OTHERS {
        let separate = penalised(kind, 2.0, PenaltyStep::Separate);
        let phases = ["discriminator.", "discriminator.", "generator."];
        steps_alike(0.1, &separate, &phases);
        let joint = penalised(kind, 2.0, PenaltyStep::Joint);
        steps_alike(0.1, &joint, &["discriminator.", "generator."]);
    }
}

#[test]
fn every_penalty_moves_the_discriminator_its_own_way_and_is_named() {
    let after = |config: &ssa_gan::Config| -> Named {
        let system =
            iterate_at::<Fast, OneStage<Fast, _>>(0.1, &start(config), config, &iteration(config));
        let weights = named_tensors(&system.0.valid()).into_iter();
        let judging = weights.filter(|(name, _)| name.starts_with("discriminator."));
        judging.collect()
    };
    for step in [PenaltyStep::Separate, PenaltyStep::Joint] {
        let mut seen = vec![after(&penalised(Kind::R1, 0.0, step))];
        for kind in [&OTHERS[..], &[Kind::MatchingAware]].concat() {
            let config = penalised(kind, 0.5, step);
            let name = match step {
                PenaltyStep::Separate => kind.term(),
                PenaltyStep::Joint => "d/penalty",
            };
            assert!(terms(&config).contains(&format!("{name} 0.5")), "{kind:?}");

            let weights = after(&config);

            for (name, data) in &weights {
                assert!(data.iter::<f32>().all(f32::is_finite), "{kind:?}: {name}");
            }
            assert!(!seen.contains(&weights), "{kind:?}, {step:?}");
            seen.push(weights);
        }
    }
}

/// Names and weights of all terms of an iteration.
fn terms<F: Flavour>(config: &Config<F>) -> Vec<String> {
    let system = OneStage::<Fast, F>::init(config, &Default::default());
    let iteration = iteration(config);
    let shared = system.begin(&iteration);
    let phases = config.plan().stages[0].phases.clone();
    let losses: Vec<LossTerms<Fast>> = phases
        .iter()
        .map(|phase| system.losses(phase.name, &iteration, &shared))
        .collect();
    let terms = losses.iter().flat_map(LossTerms::terms);
    terms.map(|t| format!("{} {}", t.name, t.weight)).collect()
}

#[test]
fn settings_choose_the_terms() {
    let judging = ["d/real 1", "d/mismatched 0.5", "d/fake 0.5"];
    let of = |rest: &[&'static str]| [&judging[..], rest].concat();

    assert_eq!(
        terms(&small::<df_gan::Family>()),
        of(&["d/penalty 2", "g/adversarial 1"])
    );
    let ssa = small::<ssa_gan::Family>();
    let guided = [
        "penalty/matching-aware 2",
        "g/adversarial 1",
        "g/words 0.05",
        "g/sentence 0.05",
    ];
    assert_eq!(terms(&ssa), of(&guided));
    let right = ssa_gan::Config {
        contrast: Contrast {
            method: Method::NtXent,
            real_to_fake: 0.2,
            ..Contrast::default()
        },
        ..ssa.clone()
    };
    let both = [&guided[..], &["g/real-to-fake 0.2", "g/contrast 0.2"]].concat();
    assert_eq!(terms(&right), of(&both));
    let plain = ssa_gan::Config {
        penalty: Penalty {
            weight: 0.0,
            ..Penalty::default()
        },
        damsm_weight: 0.0,
        ..ssa
    };
    assert_eq!(terms(&plain), of(&["g/adversarial 1"]));
}

#[test]
fn contrast_with_real_images_alone_takes_one_caption() {
    let config = ssa_gan::Config {
        contrast: Contrast {
            real_to_fake: 0.2,
            ..Contrast::default()
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
    if config.contrast.branches() == 1 {
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
fn a_second_caption_for_the_contrast_alone_counts_in_no_other_term() {
    let with = |method, second_branch| ssa_gan::Config {
        contrast: Contrast {
            method,
            real_to_fake: 0.2,
            second_branch,
            ..Contrast::default()
        },
        caption_weight: 1.0,
        ..small()
    };
    let one = values(&with(Method::None, SecondBranch::Full));
    let both = values(&with(Method::NtXent, SecondBranch::Full));
    let only = values(&with(Method::NtXent, SecondBranch::ContrastiveOnly));

    let names = |of: &[(String, f32)]| of.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(&both), names(&only));
    assert_eq!(only.len(), one.len() + 1);
    for ((name, value), (_, of_both)) in only.iter().zip(&both) {
        let is_contrast = ["g/real-to-fake", "g/contrast"].contains(&name.as_str());
        assert_eq!(value == of_both, is_contrast, "{name}: {value} {of_both}");
        let alone = one.iter().find(|(n, _)| n == name);
        assert_eq!(
            alone.is_some_and(|(_, v)| v == value),
            !is_contrast,
            "{name}"
        );
    }
}

#[test]
fn one_caption_twice_is_the_same_image_where_the_noise_is_shared() {
    let painted = |noise| {
        let config = ssa_gan::Config {
            contrast: Contrast {
                method: Method::NtXent,
                noise,
                ..Contrast::default()
            },
            ..small()
        };
        assert_eq!(config.validate(), Ok(()));
        let mut iteration = iteration::<Fast>(&config);
        iteration.batch.text = first_twice();
        let system = OneStage::<Fast, ssa_gan::Family>::init(&config, &Default::default());
        let branches = system.begin(&iteration);
        [0, 1].map(|i: usize| branches[i].image.to_data())
    };

    let [first, second] = painted(BranchNoise::Shared);
    assert_eq!(first, second);
    let [first, second] = painted(BranchNoise::Independent);
    assert_ne!(first, second);
}

/// A system whose encoders are trained, with the sizes of the pair it is handed.
fn tuned() -> ssa_gan::Config {
    let config = small::<ssa_gan::Family>();
    let iteration = iteration::<Fast>(&config);
    let pair = iteration.frozen.get::<Damsm<Fast>>();
    ssa_gan::Config {
        tuning: Tuning {
            weight: 1.0,
            channels: pair.region_dim(),
            pooled: pair.whole_dim(),
        },
        ..config
    }
}

/// Tensors of a module below `prefix`.
fn below(system: &OneStage<Fast, ssa_gan::Family>, prefix: &str) -> Named {
    let tensors = named_tensors(&system.valid()).into_iter();
    tensors
        .filter(|(name, _)| name.starts_with(prefix))
        .collect()
}

#[test]
fn encoders_that_are_trained_step_first_and_alike_on_both_backends() {
    let config = tuned();
    assert_eq!(config.validate(), Ok(()));
    let names: Vec<&str> = config.plan().stages[0]
        .phases
        .iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names, ["encoders", "d", "penalty", "g"]);
    let guided = terms(&config);
    assert_eq!(guided[..2], ["encoders/words 1", "encoders/sentence 1"]);
    let start = start(&config);

    // Gradients through random encoders this narrow are large.
    let rate = 0.001;
    let (fast, counts) =
        iterate_at::<Fast, OneStage<Fast, _>>(rate, &start, &config, &iteration(&config));
    let (reference, _) =
        iterate_at::<Reference, OneStage<Reference, _>>(rate, &start, &config, &iteration(&config));

    let found = named_tensors(&fast.valid());
    for ((name, a), (_, b)) in found.iter().zip(named_tensors(&reference.valid())) {
        a.assert_approx_eq::<f32>(&b, Tolerance::absolute(1e-4));
        let before = start.iter().find(|(n, _)| n == name);
        let is_encoder = name.starts_with("text.") || name.starts_with("heads.");
        if is_encoder {
            assert_ne!(before.map(|(_, data)| data), Some(a), "{name} is trained");
        }
    }
    let of = |prefix| parameters(&fast.valid(), prefix).len();
    let encoders = of("text.") + of("heads.");
    let (judge, painter) = (of("discriminator."), of("generator."));
    assert_eq!(counts, [encoders, judge, judge, painter]);
}

#[test]
fn trained_encoders_begin_as_the_pretrained_pair_and_teach_without_being_taught_by_painting() {
    let config = tuned();
    let iteration = iteration::<Fast>(&config);
    let pair = iteration.frozen.get::<Damsm<Fast>>().clone();
    let system = OneStage::<Fast, ssa_gan::Family>::init(&config, &Default::default())
        .initialise_from(&iteration.frozen);

    let text = named_tensors(&pair.text.valid()).into_iter();
    let text: Named = text
        .map(|(name, data)| (format!("text.{name}"), data))
        .collect();
    assert_eq!(below(&system, "text."), text);
    let heads = named_tensors(&pair.heads().valid()).into_iter();
    let heads: Named = heads
        .map(|(name, data)| (format!("heads.{name}"), data))
        .collect();
    assert_eq!(below(&system, "heads."), heads);

    let shared = system.begin(&iteration);
    let gradients = |phase| -> Vec<String> {
        let total = system.losses(phase, &iteration, &shared).total();
        let total = total.expect("terms are switched on");
        let gradients = GradientsParams::from_grads(total.backward(), &system);
        let ids = param_ids::<Fast, _>(&system).into_iter();
        let has_any = |id| {
            gradients.get::<Flex, 1>(id).is_some()
                || gradients.get::<Flex, 2>(id).is_some()
                || gradients.get::<Flex, 4>(id).is_some()
        };
        ids.filter(|(_, id)| has_any(*id))
            .map(|(name, _)| name)
            .collect()
    };
    let is_encoder = |name: &String| name.starts_with("text.") || name.starts_with("heads.");
    let taught = gradients("encoders");
    assert!(taught.iter().all(is_encoder), "{taught:?}");
    assert_eq!(taught.len(), text.len() + heads.len());
    let painting = gradients("g");
    assert!(!painting.iter().any(is_encoder), "{painting:?}");

    // What it learned counts for the painter.
    let words = |system: &OneStage<Fast, ssa_gan::Family>| -> f32 {
        let losses = system.losses("g", &iteration, &shared);
        let words = losses.terms().iter().find(|t| t.name == "g/words");
        words.expect("it is guided").value.clone().into_scalar()
    };
    let mut other = named_tensors(&system.valid());
    let regions = other.iter_mut().find(|(name, _)| name == "heads.regions");
    let data = &mut regions.expect("it is there").1;
    *data = TensorData::zeros::<f32, _>(data.shape.clone());
    let (other, report) = load_named::<Fast, _>(system.clone(), |name, _| {
        let found = other.iter().find(|(n, _)| n == name);
        found.map(|(_, data)| data.clone())
    });
    assert!(report.is_complete(), "{report:?}");
    assert_ne!(words(&other), words(&system));
}

#[test]
fn samples_of_one_label_are_no_mismatched_pairs_where_labels_guide() {
    let value = |method, classes: [i32; 3]| -> f32 {
        let config = ssa_gan::Config {
            contrast: Contrast {
                method,
                ..Contrast::default()
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

/// Adds a captioner that nobody taught and that is the same at every call.
fn with_captioner(iteration: &mut Iteration<Fast>) {
    let features = iteration.frozen.get::<Damsm<Fast>>().whole_dim();
    let captioner = CaptionerConfig {
        embedding_dim: 3,
        hidden: 4,
        ..CaptionerConfig::default()
    };
    let captioner = captioner.init::<Fast>(features, VOCABULARY, &Default::default());
    let (captioner, report) = load_named::<Fast, _>(captioner, |name, shape| {
        let drawn =
            Noise::new(8, 0).normal::<Flex, 1>(name, [shape.iter().product()], &Default::default());
        Some(TensorData {
            shape: shape.to_vec().into(),
            ..(drawn * 0.1).into_data()
        })
    });
    assert!(report.is_complete(), "{report:?}");
    iteration.frozen = iteration.frozen.clone().with(captioner.no_grad());
}

#[test]
fn captions_told_from_painted_images_teach_the_generator() {
    let config = ssa_gan::Config {
        caption_weight: 1.0,
        damsm_weight: 0.0,
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

/// Gradients by the discriminator's parameters of its penalty.
fn penalty_gradients(
    system: &OneStage<Fast, ssa_gan::Family>,
    length: Length,
) -> (f32, Vec<TensorData>) {
    let iteration = iteration::<Fast>(&small::<ssa_gan::Family>());
    let shared = system.begin(&iteration);
    let sentence = shared[0].words.sentence.clone();
    let judged = judge(system.judge(), iteration.batch.real(), sentence);
    let penalty = judged.gradients.matching_aware(length, 6.0);
    let value = penalty.clone().into_scalar();
    let gradients = GradientsParams::from_grads(penalty.backward(), system.judge());
    let kernels = system.judge().blocks.iter().flat_map(|b| &b.residual);
    let found = kernels
        .map(|conv| {
            let gradient = gradients.get::<Flex, 4>(conv.weight.id);
            gradient.map_or_else(
                || conv.weight.val().zeros_like().into_data(),
                Tensor::into_data,
            )
        })
        .collect();
    (value, found)
}

#[test]
fn a_discriminator_that_sees_nothing_has_a_finite_penalty_and_slope() {
    let config = small::<ssa_gan::Family>();
    let mut system = OneStage::<Fast, ssa_gan::Family>::init(&config, &Default::default());
    let judge = system.discriminator.as_mut().expect("there in training");
    let zeros = judge.logit.weight.val().inner().zeros_like();
    judge.logit.weight = Param::from_tensor(Tensor::from_inner(zeros));

    for length in [Length::Joint, Length::Sum] {
        let (value, gradients) = penalty_gradients(&system, length);

        assert_eq!(value, 0.0, "{length:?}");
        for gradient in gradients {
            assert!(gradient.iter::<f32>().all(|v| v == 0.0), "{length:?}");
        }
    }
}

#[test]
fn a_discriminator_that_sees_nothing_steps_to_finite_weights_whatever_the_penalty() {
    for kind in [&OTHERS[..], &[Kind::MatchingAware]].concat() {
        for step in [PenaltyStep::Separate, PenaltyStep::Joint] {
            let config = penalised(kind, 2.0, step);
            let mut weights = start(&config);
            for head in ["discriminator.logit.weight", "discriminator.joint.weight"] {
                let found = weights.iter_mut().find(|(name, _)| name == head);
                let data = &mut found.expect("it is there").1;
                *data = TensorData::zeros::<f32, _>(data.shape.clone());
            }

            let (after, _) = iterate_at::<Fast, OneStage<Fast, ssa_gan::Family>>(
                0.1,
                &weights,
                &config,
                &iteration(&config),
            );

            for (name, data) in named_tensors(&after.valid()) {
                let is_finite = data.iter::<f32>().all(f32::is_finite);
                assert!(is_finite, "{kind:?}, {step:?}: {name}");
            }
        }
    }
}

/// The value of the penalty's own step where the last layer of the discriminator is `factor` times
/// what it was, with that layer's gradient.
fn penalty_of_scaled(factor: f32) -> (f32, TensorData) {
    let config = small::<ssa_gan::Family>();
    let mut system = OneStage::<Fast, ssa_gan::Family>::init(&config, &Default::default());
    let judge = system.discriminator.as_mut().expect("there in training");
    let scaled = judge.logit.weight.val().inner() * factor;
    judge.logit.weight = Param::from_tensor(Tensor::from_inner(scaled));
    let id = judge.logit.weight.id;
    let iteration = iteration::<Fast>(&config);
    let losses = system.losses("penalty", &iteration, &system.begin(&iteration));
    let value = losses.terms()[0].value.clone();
    let gradients = GradientsParams::from_grads(value.backward(), system.judge());
    let gradient = gradients.get::<Flex, 4>(id);
    (
        value.into_scalar(),
        gradient.expect("it is used").into_data(),
    )
}

#[test]
fn a_penalty_beyond_the_range_of_numbers_is_infinite_and_one_of_no_numbers_none() {
    let (usual, gradient) = penalty_of_scaled(1.0);
    assert!(usual.is_finite() && usual > 0.0, "{usual}");
    assert!(gradient.iter::<f32>().all(f32::is_finite));

    // Its sixth power is beyond single precision, its square is not.
    let (exploding, _) = penalty_of_scaled(1e15);
    assert_eq!(exploding, f32::INFINITY);
    let (none, _) = penalty_of_scaled(f32::NAN);
    assert!(none.is_nan(), "{none}");
}

#[test]
fn sizes_of_the_published_systems_are_the_published_ones() {
    let sizes = |networks: Vec<wordpaint_models::system::NetworkCost>| -> [usize; 2] {
        [networks[0].parameters, networks[1].parameters]
    };
    let ssa = |width| ssa_gan::Config {
        generator_width: width,
        discriminator_width: width,
        ..Default::default()
    };
    let df = |architecture, width| df_gan::Config {
        architecture,
        generator_width: width,
        discriminator_width: width,
        ..Default::default()
    };

    // Published files also count shortcuts that are never used.
    let dead = |channels: usize| channels * (channels + 1);
    assert_eq!(
        sizes(ssa(64).networks()),
        [29_494_273, 80_379_526 - 2 * dead(1024)]
    );
    assert_eq!(
        sizes(ssa(32).networks()),
        [10_327_425, 20_170_566 - 2 * dead(512)]
    );
    for (architecture, width, generator, discriminator) in [
        (
            Architecture::DfGan2020,
            32,
            12_240_010,
            20_170_566 - 2 * dead(512),
        ),
        (
            Architecture::DfGan2020,
            64,
            31_480_074,
            80_379_526 - 2 * dead(1024),
        ),
        (
            Architecture::DfGan2022,
            32,
            9_744_131,
            6_619_206 - 3 * dead(256) + 295_936,
        ),
        (
            Architecture::DfGan2022,
            64,
            31_819_267,
            26_472_582 - 3 * dead(512) + 886_784,
        ),
    ] {
        let found = sizes(df(architecture, width).networks());
        assert_eq!(
            found,
            [generator, discriminator],
            "{architecture:?} {width}"
        );
    }
}

#[test]
fn every_power_of_two_is_painted_and_judged() {
    for resolution in [32, 128] {
        let ssa = ssa_gan::Config {
            resolution,
            ..small()
        };
        let system = OneStage::<Flex, ssa_gan::Family>::init(&ssa, &Default::default());
        let generated = Pipeline::new(&system, &Frozen::new()).generate(&text(1), Noise::new(5, 0));

        let image = generated.images[0].clone();
        assert_eq!(image.dims(), [3, 3, resolution, resolution]);
        let features = system.judge().features(image);
        assert_eq!(features.dims()[2..], [4, 4]);
        let sides: Vec<usize> = generated.masks.iter().map(|m| m.dims()[3]).collect();
        let doublings = (resolution / 4).ilog2();
        let expected: Vec<usize> = (0..=doublings).map(|i| 4 << i).collect();
        assert_eq!(sides, expected);
        for network in &ssa.networks()[..2] {
            let counts = parameters(&system, &format!("{}.", network.name));
            let expected: usize = counts.iter().map(|(_, n)| n).sum();
            assert_eq!(
                network.parameters, expected,
                "{resolution} {}",
                network.name
            );
        }
    }
}

#[test]
fn a_caption_is_painted_alike_in_any_batch_from_noise_within_its_limits() {
    let config = df_gan::Config {
        truncation: 0.5,
        ..small()
    };
    let system = OneStage::<Flex, df_gan::Family>::init(&config, &Default::default());
    let mut alone = text(1);
    alone.tokens = alone
        .tokens
        .map(|t: Tensor<Flex, 3, Int>| t.narrow(0, 0, 1));
    alone.lengths.truncate(1);

    let noise = Noise::new(5, 0);
    let all = Pipeline::new(&system, &Frozen::new())
        .generate(&text(1), noise)
        .images[0]
        .clone();
    let one = Pipeline::new(&system, &Frozen::new())
        .generate(&alone, noise)
        .images[0]
        .clone();

    let first = all.narrow(0, 0, 1).into_data();
    first.assert_approx_eq::<f32>(&one.into_data(), Tolerance::absolute(1e-5));
    let drawn: Tensor<Flex, 1> = noise.truncated_normal("z", [5000], 2.0, &Default::default());
    let largest = drawn.clone().abs().max().into_scalar();
    assert!(largest <= 2.0 && largest > 1.9, "{largest}");
    let spread = drawn.square().mean().sqrt().into_scalar();
    // Of a normal distribution cut at two standard deviations.
    assert!((spread - 0.880).abs() < 0.03, "{spread}");
}

#[test]
fn wrong_settings_are_named() {
    let problem = |config: ssa_gan::Config| config.validate().expect_err("wrong").key;
    let ssa = ssa_gan::Config::default;

    let cases = [
        (
            ssa_gan::Config {
                architecture: Architecture::DfGan2022,
                ..ssa()
            },
            "architecture",
        ),
        (
            ssa_gan::Config {
                resolution: 48,
                ..ssa()
            },
            "resolution",
        ),
        (
            ssa_gan::Config {
                resolution: 16,
                ..ssa()
            },
            "resolution",
        ),
        (
            ssa_gan::Config {
                penalty: Penalty {
                    power: 1.0,
                    step: PenaltyStep::Joint,
                    ..Penalty::default()
                },
                ..ssa()
            },
            "penalty.power",
        ),
        (
            ssa_gan::Config {
                penalty: Penalty {
                    kind: Kind::R1,
                    length: Length::Sum,
                    ..Penalty::default()
                },
                ..ssa()
            },
            "penalty.length",
        ),
        (
            ssa_gan::Config {
                contrast: Contrast {
                    real_to_fake: -1.0,
                    ..Contrast::default()
                },
                ..ssa()
            },
            "contrastive.real_to_fake",
        ),
    ];
    for (config, key) in cases {
        assert_eq!(problem(config), key);
    }
    assert_eq!(ssa().validate(), Ok(()));
    assert_eq!(df_gan::Config::default().validate(), Ok(()));
}

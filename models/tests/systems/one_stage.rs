//! DF-GAN and SSA-GAN in training, narrow.

mod fine_tuning;
mod penalty;
mod settings;
mod steps;
mod terms;

use burn::backend::Flex;
use burn::module::{AutodiffModule, Module};
use burn::prelude::TensorData;
use burn::tensor::Tolerance;
use wordpaint_models::auxiliary::AuxiliaryLosses;
use wordpaint_models::df_gan;
use wordpaint_models::losses::gradient_penalty::{Kind, Penalty, PenaltyStep};
use wordpaint_models::noise::Noise;
use wordpaint_models::one_stage::config::{Config, Variant};
use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::objective::Mismatched;
use wordpaint_models::one_stage::system::OneStage;
use wordpaint_models::ssa_gan;
use wordpaint_models::state::{load_named, named_tensors};
use wordpaint_models::system::{Iteration, LossTerms, System, SystemConfig, Train};
use wordpaint_models::text::captioner::CaptionerConfig;
use wordpaint_models::vision::matching::Damsm;

use crate::support::iterate::{Fast, Named, Reference, fresh, iterate_at, parameters};
use crate::support::narrow::{VOCABULARY, iteration, text_input};

fn small<F: Variant>() -> Config<F> {
    Config {
        resolution: 32,
        generator_width: 2,
        discriminator_width: 2,
        mask_width: 3,
        noise_dim: 4,
        text: text_input(),
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
fn start<F: Variant>(config: &Config<F>) -> Named {
    let mut weights = fresh::<OneStage<Flex, F>>(config);
    for (name, data) in &mut weights {
        let is_gamma = name.rsplit('.').next() == Some("gamma");
        if name.contains(".blocks.") && is_gamma && data.num_elements() == 1 {
            *data = TensorData::full::<f32, _>([1], 0.5);
        }
    }
    weights
}

fn steps_alike<F: Variant>(rate: f64, config: &Config<F>, phases: &[&str]) {
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

fn penalised(kind: Kind, weight: f64, step: PenaltyStep) -> ssa_gan::Config {
    ssa_gan::Config {
        penalty: Penalty {
            kind,
            weight,
            step,
            ..Penalty::default()
        },
        auxiliary: AuxiliaryLosses {
            damsm_weight: 0.0,
            ..ssa_gan::Config::default().auxiliary
        },
        ..small()
    }
}

const OTHERS: [Kind; 3] = [Kind::R1, Kind::ZeroCentred, Kind::WganGp];

/// Names and weights of all terms of an iteration.
fn terms<F: Variant>(config: &Config<F>) -> Vec<String> {
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

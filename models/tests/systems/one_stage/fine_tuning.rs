//! Encoders that are trained along with the generator.

use burn::backend::Flex;
use burn::module::AutodiffModule;
use burn::optim::GradientsParams;
use burn::prelude::TensorData;
use burn::tensor::Tolerance;
use wordpaint_models::one_stage::fine_tuning::FineTuning;
use wordpaint_models::one_stage::system::OneStage;
use wordpaint_models::ssa_gan;
use wordpaint_models::state::{load_named, named_tensors, param_ids};
use wordpaint_models::system::{System, SystemConfig, Train};
use wordpaint_models::vision::matching::Damsm;

use super::{small, start, terms};
use crate::support::iterate::{Fast, Named, Reference, iterate_at, parameters};
use crate::support::narrow::iteration;

/// A system whose encoders are trained, with the sizes of the pair it is handed.
fn tuned() -> ssa_gan::Config {
    let config = small::<ssa_gan::Family>();
    let iteration = iteration::<Fast>(&config);
    let pair = iteration.frozen.get::<Damsm<Fast>>();
    ssa_gan::Config {
        fine_tuning: FineTuning {
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
    let with_auxiliary = terms(&config);
    assert_eq!(
        with_auxiliary[..2],
        ["encoders/words 1", "encoders/sentence 1"]
    );
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
    let (critic, generator) = (of("discriminator."), of("generator."));
    assert_eq!(counts, [encoders, critic, critic, generator]);
}

#[test]
fn trained_encoders_begin_as_the_pretrained_pair_and_teach_without_being_taught_by_the_generator() {
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
    let of_generator = gradients("g");
    assert!(!of_generator.iter().any(is_encoder), "{of_generator:?}");

    // What it learned counts for the generator.
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

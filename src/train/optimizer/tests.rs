use burn::backend::{Autodiff, Flex};

use super::*;

type Training = Autodiff<Flex>;
type Groups = GroupOptimizer<Weight<Training>, Training>;

#[derive(Module, Debug)]
struct Weight<B: burn::tensor::backend::Backend> {
    weight: Param<Tensor<B, 1>>,
}

fn weight(value: f32) -> Weight<Training> {
    let value = Tensor::from_floats([value], &Default::default());
    Weight {
        weight: Param::from_tensor(value),
    }
}

const SGD: system::Optimizer = system::Optimizer::Sgd {
    lr: 0.1,
    momentum: 0.0,
};
const ADAM: system::Optimizer = system::Optimizer::Adam {
    lr: 0.1,
    betas: [0.5, 0.9],
    eps: 1e-8,
};

fn optimizer(kind: &system::Optimizer, module: &Weight<Training>, phases: &[Phase]) -> Groups {
    let settings = GroupSettings {
        name: "all".to_owned(),
        prefixes: vec!["weight".to_owned()],
        optimizer: kind.clone(),
        schedule: Schedule::Constant,
        clip: None,
    };
    let optimizer = Groups::new(vec![settings], module);
    optimizer.set_phases(phases);
    optimizer
}

fn phases(lazy: usize) -> [Phase; 2] {
    [
        Phase::new("d", ["all"]),
        Phase::new("r1", ["all"]).lazy(lazy),
    ]
}

/// The iterations of `steps` on `factor * weight^2 / 2`, a factor for each phase.
fn iterate(
    mut module: Weight<Training>,
    optimizer: &mut Groups,
    (phases, factors): (&[Phase], &[f64]),
    steps: std::ops::Range<u64>,
) -> Weight<Training> {
    for done in steps {
        for (phase, factor) in phases.iter().zip(factors) {
            if phase.is_due(done) {
                optimizer.enter(phase, 0);
                let loss = module.weight.val().square() * (factor / 2.0 * phase.gain());
                let gradients = GradientsParams::from_grads(loss.backward(), &module);
                module = Optimizer::step(optimizer, 1.0, module, gradients);
            }
        }
    }
    module
}

fn value(module: &Weight<Training>) -> f32 {
    module.weight.val().into_scalar()
}

#[test]
fn a_lazy_phase_on_a_quadratic_has_the_rates_of_the_rule() {
    let phases = phases(4);
    let module = weight(1.0);
    let mut optimizer = optimizer(&SGD, &module, &phases);
    assert!((optimizer.learning_rates(0)["all"] - 0.08).abs() < 1e-15);
    assert_eq!(optimizer.base_rates()["all"], 0.1);

    let after = iterate(module, &mut optimizer, (&phases, &[1.0, 0.5]), 0..6);

    // Six plain steps, and a lazy one of four times its loss in the first and in the fifth.
    let rate: f32 = 0.1 * 4.0 / 5.0;
    let expected = (1.0 - rate).powi(6) * (1.0 - rate * 4.0 * 0.5).powi(2);
    let found = value(&after);
    assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
}

#[test]
fn adam_goes_as_far_with_a_lazy_phase_as_without() {
    let gone = |phases: &[Phase]| {
        // So far away that all gradients are alike.
        let module = weight(1e4);
        let mut optimizer = optimizer(&ADAM, &module, phases);
        let after = iterate(module, &mut optimizer, (phases, &[1.0, 0.25]), 0..8);
        1e4 - value(&after)
    };

    let [plain, lazy] = [gone(&phases(4)[..1]), gone(&phases(4))];

    assert!((plain - 0.8).abs() < 1e-2, "{plain}");
    assert!((lazy - plain).abs() < 1e-2, "{lazy}, not {plain}");
}

#[test]
fn a_resumed_run_goes_on_with_its_lazy_phase_in_the_right_iteration() {
    let phases = phases(4);
    let work = (&phases[..], &[1.0, 0.5][..]);
    let module = weight(1.0);
    let mut whole = optimizer(&ADAM, &module, &phases);
    let expected = iterate(module.clone(), &mut whole, work, 0..11);

    let mut first = optimizer(&ADAM, &module, &phases);
    let module = iterate(module, &mut first, work, 0..6);
    // As a run is resumed: moments first, then the stage.
    let fresh = optimizer(&ADAM, &module, &[]);
    let mut second = Optimizer::load_record(fresh, Optimizer::to_record(&first));
    second.set_phases(&phases);
    let found = iterate(module, &mut second, work, 6..11);

    assert_eq!(value(&found), value(&expected));
}

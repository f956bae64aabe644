//! One iteration of a system by plain descent, and what to compare after it.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::module::{AutodiffModule, Module};
use burn::optim::{GradientsParams, Optimizer, SgdConfig};
use burn::prelude::TensorData;
use burn::tensor::Tolerance;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::noise::Noise;
use wordpaint_models::state::{load_named, named_tensors, param_ids};
use wordpaint_models::system::{Group, Iteration, System, SystemConfig, Train, by_group};

pub(crate) type Fast = Autodiff<Flex>;
pub(crate) type Reference = Autodiff<NdArray<f32>>;
pub(crate) type Named = Vec<(String, TensorData)>;

/// Initial weights that are the same in every run.
pub(crate) fn fresh<S: System<Flex>>(config: &S::Config) -> Named {
    let mut weights = named_tensors(&S::init(config, &Default::default()));
    for (name, data) in &mut weights {
        let field = name.rsplit('.').next().unwrap_or_default();
        if field.ends_with("bias") {
            *data = TensorData::full::<f32, _>(data.shape.clone(), 0.1);
        } else if !["gamma", "beta", "running_mean", "running_var"].contains(&field) {
            let noise = Noise::new(3, 0);
            let normal = noise.normal::<Flex, 1>(name, [data.num_elements()], &Default::default());
            *data = TensorData {
                shape: data.shape.clone(),
                ..(normal * 0.2).into_data()
            };
        }
    }
    weights
}

/// The system after one iteration, and how many gradients each phase had.
///
/// Plain descent instead of the published optimisers, which blow up the rounding errors of
/// gradients that are 0.
pub(crate) fn iterate<B: AutodiffBackend, S: Train<B> + AutodiffModule<B>>(
    start: &Named,
    config: &S::Config,
    iteration: &Iteration<B>,
) -> (S, Vec<usize>) {
    iterate_at(0.01, start, config, iteration)
}

/// [`iterate`] with another rate.
pub(crate) fn iterate_at<B: AutodiffBackend, S: Train<B> + AutodiffModule<B>>(
    rate: f64,
    start: &Named,
    config: &S::Config,
    iteration: &Iteration<B>,
) -> (S, Vec<usize>) {
    let device = Default::default();
    let (mut system, report) = load_named::<B, _>(S::init(config, &device), |name, _| {
        let found = start.iter().find(|(n, _)| n == name);
        found.map(|(_, data)| data.clone())
    });
    assert!(report.is_complete(), "{report:?}");
    let shared = system.begin(iteration);
    let plan = config.plan();
    let mut counts = Vec::new();
    for phase in &plan.stages[0].phases {
        let losses = phase.losses(&system, iteration, shared.clone());
        let (mut gradients, values) = losses.backward(&system);
        let prefix = format!("{}/", phase.name);
        assert!(values.terms.iter().all(|(t, _)| t.starts_with(&prefix)));
        assert!(!values.terms.is_empty(), "terms are switched on");
        let names = param_ids::<B, _>(&system).into_iter();
        let names = names.map(|(name, id)| (id, name)).collect();
        let is_active = |group: &&Group| phase.groups.contains(&group.name);
        let groups: Vec<&Group> = plan.groups.iter().filter(is_active).collect();
        let position = |path: &str| groups.iter().position(|group| group.covers(path));
        let parts = by_group(&system, &names, groups.len(), position, &mut gradients);
        counts.push(parts.iter().map(GradientsParams::len).sum());
        let mut descent = SgdConfig::new().init::<B, S>();
        let stepped = parts
            .into_iter()
            .fold(system, |system, part| descent.step(rate, system, part));
        system = stepped.constrain(phase.name);
    }
    (system, counts)
}

pub(crate) fn agree<F, R>(fast: &F, reference: &R, start: &Named)
where
    F: AutodiffModule<Fast>,
    R: AutodiffModule<Reference>,
{
    let fast = named_tensors(&fast.valid());
    let reference = named_tensors(&reference.valid());
    assert_eq!(fast.len(), start.len());
    for ((name, a), (_, b)) in fast.iter().zip(&reference) {
        let before = start.iter().find(|(n, _)| n == name);
        if name.ends_with("weight") {
            assert_ne!(before.map(|(_, data)| data), Some(a), "{name} is trained");
        }
        a.assert_approx_eq::<f32>(b, Tolerance::absolute(1e-4));
    }
}

/// Parameters below `prefix` that are no running statistics.
pub(crate) fn parameters<B: Backend, M: Module<B>>(
    module: &M,
    prefix: &str,
) -> Vec<(String, usize)> {
    named_tensors(module)
        .into_iter()
        .filter(|(name, _)| name.starts_with(prefix) && !name.contains(".running_"))
        .map(|(name, data)| (name, data.num_elements()))
        .collect()
}

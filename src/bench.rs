//! What a machine makes of the work: a matrix product, a training step per system, the data
//! pipeline.

use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::prelude::{Int, Tensor, TensorData};
use burn::train::TrainStep;
use serde::Serialize;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::batch::{Batch, Text};
use wordpaint_models::for_family;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{
    AidKind, Aids, Family, Iteration, Needs, System, SystemConfig, TextForm, Train,
};
use wordpaint_models::vision::vgg::{GROUPS, VggConfig};

use crate::backends::Work;
use crate::config::{self, Experiment};
use crate::data::{Loader, Source};
use crate::launch::LaunchError;
use crate::setup::{self, SetupError};
use crate::train::group_settings;
use crate::train::optimizer::GroupOptimizer;
use crate::train::trainee::{Current, Task, Trainee};

/// Side of the square matrices of the reference product.
const SIDE: usize = 1024;
/// Timed calls; the fastest counts, after one that is not timed.
const REPEATS: usize = 3;
/// Images the pipeline is timed with.
const IMAGES: usize = 256;

/// Answer of `wordpaint bench`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bench {
    /// Where it was measured.
    pub device: String,
    /// Rate of the matrix product in 10^9 operations per second: what the device can do.
    pub matmul_gflops: f64,
    /// What was measured.
    pub results: Vec<Measurement>,
}

/// One measured thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// What.
    pub name: String,
    /// Wall-clock time of one call in milliseconds.
    pub ms: f64,
    /// Achieved rate in 10^9 operations per second, for computations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gflops: Option<f64>,
    /// Rate as a share of the matrix product's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Images per second.
    pub images_per_second: f64,
}

/// `wordpaint bench` as work on a backend.
pub struct Benchmark {
    /// Name of the device.
    pub device: String,
    /// Whether the published networks are measured too.
    pub is_full: bool,
}

impl Work for Benchmark {
    type Output = Result<Bench, LaunchError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        let matmul_gflops = matmul::<B::InnerBackend>(&device);
        let mut cases = vec![("sdn-cub", true, 12), ("gan-int-cls-cub", true, 16)];
        if self.is_full {
            cases.extend([("sdn-cub", false, 1), ("gan-int-cls-cub", false, 2)]);
        }
        let mut results = Vec::new();
        for (name, is_quick, batch) in cases {
            let experiment = config::load(name, &[], is_quick)?;
            let family = experiment.family.clone();
            let mut measured =
                for_family!(family.as_str(), F => step::<F, B>(&experiment, batch, &device))
                    .unwrap_or(Err(LaunchError::Family(family)))?;
            measured.share = measured.gflops.map(|rate| rate / matmul_gflops);
            results.push(measured);
        }
        results.extend(pipeline()?);
        Ok(Bench {
            device: self.device,
            matmul_gflops,
            results,
        })
    }
}

/// Seconds of the fastest of a few calls.
fn fastest(mut call: impl FnMut()) -> f64 {
    call();
    let time = |call: &mut dyn FnMut()| {
        let started = Instant::now();
        call();
        started.elapsed().as_secs_f64()
    };
    (0..REPEATS)
        .map(|_| time(&mut call))
        .fold(f64::INFINITY, f64::min)
}

fn matmul<B: Backend>(device: &B::Device) -> f64 {
    let noise = Noise::new(0, 0);
    let [a, b] = ["a", "b"].map(|purpose| noise.normal::<B, 2>(purpose, [SIDE, SIDE], device));
    let seconds = fastest(|| {
        // Reading one number waits for the device.
        let product = a.clone().matmul(b.clone());
        drop(product.slice([0..1, 0..1]).into_data());
    });
    2.0 * (SIDE as f64).powi(3) / seconds / 1e9
}

/// One iteration of the experiment's last stage on random numbers: all phases, forward, backward and
/// optimiser.
fn step<F, B>(
    experiment: &Experiment,
    batch_size: usize,
    device: &B::Device,
) -> Result<Measurement, LaunchError>
where
    F: Family,
    B: AutodiffBackend,
    F::System<B>: Train<B> + 'static,
{
    let config: F::Config = experiment.family_config()?;
    let plan = config.plan();
    let last = experiment.train.stages.last().map(|stage| &stage.name);
    let stage = plan
        .stages
        .iter()
        .find(|stage| Some(stage.name) == last.map(String::as_str))
        .expect("experiments name stages of the plan");
    B::seed(device, experiment.train.seed);
    let system = F::System::<B>::init(&config, device);
    let _ = Module::<B>::num_params(&system);
    let system = system.enter_stage(stage.name, Noise::new(0, 0));
    let current = Arc::new(Current::default());
    current.set_phases(&stage.phases);
    let mut trainee = Some(Trainee::new(system, Arc::clone(&current)));
    let settings = group_settings(&plan, &experiment.train);
    let mut optimizer = GroupOptimizer::new(settings, trainee.as_ref().expect("put there above"));
    let iteration = Iteration {
        batch: batch::<B>(&config.needs(), batch_size, device),
        aids: Arc::new(aids::<B>(experiment, &config.aids(), device)),
        noise: Noise::new(0, 1),
        stage: stage.name,
    };
    let seconds = fastest(|| {
        let mut running = trainee.take().expect("put back by every call");
        let shared = running.system.begin(&iteration);
        for (i, phase) in stage.phases.iter().enumerate() {
            current.enter(i);
            optimizer.enter(&phase.groups, 0);
            let output = TrainStep::step(
                &running,
                Task {
                    iteration: iteration.clone(),
                    phase: Some(phase.name),
                    shared: Some(shared.clone()),
                },
            );
            running = running.optimize::<B, _>(&mut optimizer, 1.0, output.grads);
            drop(output.item.read());
        }
        trainee = Some(running);
    });
    let operations: f64 = config
        .networks()
        .iter()
        .map(|network| 2.0 * network.macs * network.passes * batch_size as f64)
        .sum();
    let form = if experiment.quick { "quick" } else { "full" };
    Ok(Measurement {
        name: format!("{} {form} step of {batch_size}", experiment.family),
        ms: seconds * 1e3,
        gflops: Some(operations / seconds / 1e9),
        share: None,
        images_per_second: batch_size as f64 / seconds,
    })
}

/// A batch of random numbers in the form a system needs.
fn batch<B: Backend>(needs: &Needs, n: usize, device: &B::Device) -> Batch<B> {
    let noise = Noise::new(0, 0);
    let image = |purpose: &str, size: usize| {
        noise.uniform::<B, 4>(purpose, [n, 3, size, size], -1.0, 1.0, device)
    };
    let largest = needs.image_sizes.last().copied().unwrap_or(0);
    let zeros = |shape: [usize; 1]| {
        Tensor::<B, 1, Int>::from_data(TensorData::new(vec![0_i32; shape[0]], shape), device)
    };
    Batch {
        images: needs
            .image_sizes
            .iter()
            .map(|&size| image("real", size))
            .collect(),
        mismatched: needs.has_mismatched.then(|| image("mismatched", largest)),
        text: Text {
            embeddings: match needs.text {
                TextForm::Embedding { dim } => {
                    Some(noise.normal("text", [n, needs.captions, dim], device))
                }
                TextForm::None | TextForm::Characters { .. } => None,
            },
            tokens: match needs.text {
                TextForm::Characters { length } => {
                    Some(zeros([n * needs.captions * length]).reshape([n, needs.captions, length]))
                }
                TextForm::None | TextForm::Embedding { .. } => None,
            },
            lengths: vec![0; n * needs.captions],
        },
        classes: zeros([n]),
        labels: None,
        features: needs
            .features
            .map(|dim| noise.normal("features", [n, dim], device)),
        attributes: None,
        indices: (0..n).collect(),
    }
}

/// Frozen networks with random weights, of the sizes the experiment's `[model]` asks for.
fn aids<B: AutodiffBackend>(
    experiment: &Experiment,
    kinds: &[AidKind],
    device: &B::Device,
) -> Aids<B> {
    let mut aids = Aids::default();
    if kinds.contains(&AidKind::Vgg) {
        let asked: Option<[usize; GROUPS]> = experiment
            .model
            .get("widths")
            .and_then(|widths| widths.clone().try_into().ok());
        let config = VggConfig {
            widths: asked.unwrap_or(VggConfig::default().widths),
            ..VggConfig::default()
        };
        aids.vgg = Some(config.init::<B>(device));
    }
    aids
}

/// Images per second of the loader on built-in birds, drawn for the first time and from memory.
fn pipeline() -> Result<Vec<Measurement>, LaunchError> {
    let experiment = config::load("sdn-cub", &[], true)?;
    let needs = experiment.family_facts()?.needs;
    let dataset = setup::dataset(&experiment)?;
    let mut source = Source::new(dataset, &experiment.data, experiment.data.split, needs)
        .map_err(SetupError::from)?;
    source.needs.text = TextForm::None;
    source.needs.sampling = wordpaint_models::system::Sampling::Images;
    source.needs.captions = 0;
    source.population.indices.truncate(IMAGES);
    source.population.classes.truncate(IMAGES);
    let loader = Loader::new(Arc::new(source), 16, 0, 0)?;
    ["loader, first epoch", "loader, images in memory"]
        .into_iter()
        .map(|name| {
            let started = Instant::now();
            let mut batches = 0;
            for batch in loader.epoch(0, 0) {
                batch.map_err(SetupError::from)?;
                batches += 1;
            }
            let seconds = started.elapsed().as_secs_f64();
            Ok(Measurement {
                name: name.into(),
                ms: seconds * 1e3 / f64::from(batches),
                gflops: None,
                share: None,
                images_per_second: f64::from(batches) * 16.0 / seconds,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_is_measured_without_a_rate_of_operations() {
        let measured = pipeline().expect("built-in birds");

        let json = serde_json::to_value(&measured).expect("plain data");
        assert_eq!(json.as_array().map(Vec::len), Some(2));
        for result in &measured {
            assert!(result.ms > 0.0 && result.images_per_second.is_finite());
        }
        assert!(json[0].get("gflops").is_none() && json[0].get("share").is_none());
    }
}

//! A training as work on a backend.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use wordpaint_data::TextImageDataset;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::for_family;
use wordpaint_models::system::{
    Component, Description, Family, Frozen, Needs, NetworkCost, Pipeline, SystemConfig, Train,
};
use wordpaint_models::vision::vgg::VggConfig;

use super::{Continuation, LaunchError, preview};
use crate::backends::{Device, Work};
use crate::config::Experiment;
use crate::data::Loader;
use crate::data::label_noise::mislabelled;
use crate::evaluate::training_metric::{self, GeneratorMetric};
use crate::run::checkpoint;
use crate::run::folder::{RunFolder, now};
use crate::run::manifest;
use crate::setup::pretrained::{self, Digests, Use};
use crate::setup::{self, Assembly, Dirs, SetupError, Status, networks, own_class};
use crate::train::monitor::TrainingMetric;
use crate::train::preview::Preview;
use crate::train::signals::Signals;
use crate::train::strategy::{StatusOutput, TrainingEnd};
use crate::train::{self, Job};

/// A training to be done.
#[derive(Debug)]
pub struct Training {
    /// Resolved experiment.
    pub experiment: Experiment,
    /// The same as stored in the run folder.
    pub resolved: String,
    /// The run.
    pub run: RunFolder,
    /// What it continues; `None` of a new run.
    pub continuation: Option<Continuation>,
    /// Where things are looked for.
    pub dirs: Dirs,
}

impl Training {
    /// The training as work on a backend.
    pub fn work(
        self,
        sink: Option<StatusOutput>,
        signals: Signals,
        device: Device,
        status: Status<'_>,
    ) -> TrainingWork<'_> {
        TrainingWork {
            training: self,
            sink,
            signals,
            device,
            status,
        }
    }
}

/// See [`Training::work`].
pub struct TrainingWork<'a> {
    training: Training,
    sink: Option<StatusOutput>,
    signals: Signals,
    device: Device,
    status: Status<'a>,
}

impl Work for TrainingWork<'_> {
    type Output = Result<TrainingEnd, LaunchError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        let family = self.training.experiment.family.clone();
        for_family!(family.as_str(), F => self.train::<F, B>(&device))
            .unwrap_or(Err(LaunchError::Family(family)))
    }
}

impl TrainingWork<'_> {
    fn train<F, B>(mut self, device: &B::Device) -> Result<TrainingEnd, LaunchError>
    where
        F: Family,
        B: AutodiffBackend,
        F::System<B>: Train<B> + 'static,
    {
        let started = Instant::now();
        let config = self.training.experiment.config_of::<F>()?;
        let dataset = setup::dataset(&self.training.experiment)?;
        let networks = self.networks::<F, B>(&config, dataset.as_ref(), device)?;
        let loader = self.loader::<F, B>(&config, Arc::clone(&dataset), device)?;
        let preview = self.preview::<F, B>(&config, &dataset, &networks, device)?;
        self.note::<B>(&config.networks(), dataset.as_ref(), device)?;
        let Training {
            experiment,
            resolved,
            run,
            continuation,
            ..
        } = self.training;
        let job = Job {
            experiment,
            resolved,
            run: run.clone(),
            loader,
            networks,
            device: device.clone(),
            preview,
            resume: continuation.and_then(|continuation| continuation.checkpoint),
            sink: self.sink,
            signals: self.signals,
        };
        let ending = train::run::<B, F::System<B>>(job, &config)?;
        close(&run, ending, started)?;
        Ok(ending)
    }

    /// The pretrained networks that it trains with. A new run notes what they and the data are, one
    /// that goes on compares.
    fn networks<F: Family, B: AutodiffBackend>(
        &mut self,
        config: &F::Config,
        dataset: &dyn TextImageDataset,
        device: &B::Device,
    ) -> Result<Frozen, LaunchError> {
        let Training {
            experiment,
            run,
            continuation,
            dirs,
            ..
        } = &mut self.training;
        let going_on = continuation.as_ref().and_then(|c| c.checkpoint.as_ref());
        let purpose = if going_on.is_some() {
            setup::memory::warn(experiment, self.device, self.status);
            Use::Continuing
        } else {
            setup::memory::check(experiment, self.device)?;
            Use::Beginning
        };
        let components = config.components();
        let digests = network_digests(experiment, &components, purpose, &config.needs(), dirs)?;
        if let Some(continuation) = continuation {
            continuation.compare(run, dataset, &digests, self.status)?;
        } else {
            let fingerprint = dataset.fingerprint();
            manifest::record(run, |manifest| {
                manifest.data = Some(fingerprint);
                manifest.networks = Some(networks::owned(&digests));
            })?;
        }
        Ok(pretrained::for_training::<B>(
            experiment,
            &components,
            purpose,
            &digests,
            device,
            dirs,
        )?)
    }

    /// Batches of the training split.
    fn loader<F: Family, B: AutodiffBackend>(
        &mut self,
        config: &F::Config,
        dataset: Arc<dyn TextImageDataset>,
        device: &B::Device,
    ) -> Result<Loader, LaunchError> {
        let experiment = &self.training.experiment;
        let (data, settings) = (&experiment.data, &experiment.train);
        let labelled = mislabelled(dataset, data.split, data.label_noise, settings.seed);
        let labelled = labelled.map_err(SetupError::from)?;
        let labelled = own_class::given(labelled, data, config, self.status)?;
        let assembly = self.assembly::<B>(device);
        let source = Arc::new(assembly.source(labelled, data.split, config.needs())?);
        let loader = Loader::new(source, settings.batch_size, settings.seed, data.workers)?;
        let stages = train::stage_runs(&config.plan(), settings, loader.batches_per_epoch());
        let Training {
            experiment,
            run,
            continuation,
            ..
        } = &mut self.training;
        if let Some(continuation) = continuation {
            continuation.settle(run, experiment, &stages, self.status)?;
        }
        Ok(loader)
    }

    /// Sample grids of a system that makes images, and what is measured on them.
    fn preview<F: Family, B: AutodiffBackend>(
        &self,
        config: &F::Config,
        dataset: &Arc<dyn TextImageDataset>,
        networks: &Frozen,
        device: &B::Device,
    ) -> Result<Option<Preview<B::InnerBackend>>, LaunchError> {
        let Training {
            experiment, dirs, ..
        } = &self.training;
        let settings = &experiment.train;
        if !F::INFO.makes_images() || settings.sample_every == 0 {
            return Ok(None);
        }
        let sample = |count| {
            let (data, split) = (Arc::clone(dataset), experiment.data.eval_split);
            self.assembly::<B>(device)
                .sample(data, split, count, config.needs())
        };
        let shown = sample(settings.samples)?;
        let training_metric: Option<Box<dyn TrainingMetric<B::InnerBackend>>> =
            if settings.monitor_share > 0.0 {
                let watched = sample(training_metric::IMAGES)?;
                let training_metric =
                    GeneratorMetric::open(experiment, watched, device, dirs, self.status)?;
                Some(Box::new(training_metric))
            } else {
                None
            };
        let frozen = networks.clone();
        Ok(Some(preview::of(
            experiment,
            shown,
            training_metric,
            frozen,
            device,
        )?))
    }

    fn assembly<'a, B: AutodiffBackend>(&'a self, device: &'a B::Device) -> Assembly<'a, B> {
        Assembly {
            experiment: &self.training.experiment,
            run: Some(&self.training.run),
            device,
            dirs: &self.training.dirs,
            status: self.status,
        }
    }

    /// Notes in the run what it is trained on, and how.
    fn note<B: Backend>(
        &self,
        networks: &[NetworkCost],
        dataset: &dyn TextImageDataset,
        device: &B::Device,
    ) -> Result<(), LaunchError> {
        let parameters: serde_json::Map<_, _> = networks
            .iter()
            .map(|network| (network.name.clone(), json!(network.parameters)))
            .collect();
        Ok(self.training.run.update_environment(json!({
            "wordpaint": "wordpaint",
            "version": env!("CARGO_PKG_VERSION"),
            "device": self.device.to_string(),
            "backend": B::name(device),
            "os": std::env::consts::OS,
            "cpus": std::thread::available_parallelism().map_or(1, usize::from),
            "data_uri": dataset.uri(),
            "data_fingerprint": dataset.fingerprint(),
            "parameters": parameters,
        }))?)
    }
}

/// Digests of the pretrained networks of `components` that are wanted for `purpose`, and of the VGG
/// behind image features.
pub(super) fn network_digests(
    experiment: &Experiment,
    components: &[Component],
    purpose: Use,
    needs: &Needs,
    dirs: &Dirs,
) -> Result<Digests, SetupError> {
    let wanted = pretrained::wanted(components, purpose);
    let features = needs.features.map(|_| VggConfig::KEY);
    let keys = wanted.into_iter().map(|one| one.key).chain(features);
    pretrained::digests(experiment, keys, dirs)
}

impl<B: Backend> TrainingMetric<B> for GeneratorMetric<B> {
    fn curves(&self) -> Vec<&'static str> {
        Self::curves(self)
    }

    fn measure(&self, pipeline: &Pipeline<'_, B>) -> Vec<(&'static str, f64)> {
        Self::measure(self, pipeline)
    }
}

/// Notes what the run has cost so far.
fn close(run: &RunFolder, ending: TrainingEnd, started: Instant) -> Result<(), LaunchError> {
    let before = run.environment()["wall_seconds"].as_f64().unwrap_or(0.0);
    let mut changes = json!({
        "wall_seconds": before + started.elapsed().as_secs_f64(),
        "peak_memory_bytes": peak_memory(),
        "steps": checkpoint::newest_step(&run.checkpoints()),
    });
    if ending == TrainingEnd::Finished {
        changes["finished"] = json!(now());
    }
    Ok(run.update_environment(changes)?)
}

/// Largest resident size of this process in bytes, where the system tells.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

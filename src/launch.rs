//! Verbs as work on a backend: from a resolved experiment to a trained or evaluated run.

mod continuation;
pub mod dry_run;
mod evaluation;

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::for_family;
use wordpaint_models::system::{
    AidKind, Aids, Family, Generate, Problem, System, SystemConfig, Train,
};

use crate::backends::{Device, Work};
use crate::config::{ConfigError, Experiment};
use crate::data::Loader;
use crate::data::label_noise::mislabelled;
use crate::evaluate::EvaluateError;
use crate::evaluate::gauge::{self, GeneratorGauge};
use crate::run::checkpoint::{self, CheckpointError};
use crate::run::folder::{RunFolder, candidates, now};
use crate::run::manifest;
use crate::run::weights::trained;
use crate::setup::{self, Assembly, Places, Say, SetupError, networks, own_class};
use crate::train::monitor::Gauge;
use crate::train::signals::Signals;
use crate::train::strategy::{Ending, Sink};
use crate::train::{self, Job, TrainError};

pub use continuation::{Continuation, Wishes};
pub use evaluation::{EvaluationWork, Measured, evaluation_source};

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// Data, encoder or weights are missing.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Training ended early.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Evaluation failed.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The experiment is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was asked for cannot be done.
    #[error("{0}")]
    Request(String),
    /// Results cannot be written where they were asked for.
    #[error(transparent)]
    Output(#[from] wordpaint_files::FileError),
    /// The family is not in the registry.
    #[error("unknown family `{0}`")]
    Family(String),
}

impl From<CheckpointError> for LaunchError {
    fn from(error: CheckpointError) -> Self {
        Self::Setup(error.into())
    }
}

impl From<crate::run::folder::RunError> for LaunchError {
    fn from(error: crate::run::folder::RunError) -> Self {
        Self::Setup(error.into())
    }
}

impl From<crate::data::loader::LoaderError> for LaunchError {
    fn from(error: crate::data::loader::LoaderError) -> Self {
        Self::Setup(error.into())
    }
}

/// The newest run with the settings of `experiment`, finished or not.
///
/// # Errors
///
/// If an experiment it builds on cannot be loaded.
pub fn newest_matching(
    experiment: &Experiment,
    places: &Places,
) -> Result<Option<RunFolder>, ConfigError> {
    let wanted = Some(setup::reference::identity(experiment)?);
    Ok(candidates(&places.runs, &experiment.name, experiment.quick)
        .into_iter()
        .find(|run| run.identity() == wanted))
}

/// A training to be done.
#[derive(Debug)]
pub struct Training {
    /// Resolved experiment.
    pub experiment: Experiment,
    /// The same as frozen in the run folder.
    pub frozen: String,
    /// The run.
    pub run: RunFolder,
    /// What it continues; `None` of a new run.
    pub continuation: Option<Continuation>,
    /// Where things are looked for.
    pub places: Places,
}

impl Training {
    /// The training as work on a backend.
    pub fn work(
        self,
        sink: Option<Sink>,
        signals: Signals,
        device: Device,
        say: Say<'_>,
    ) -> TrainingWork<'_> {
        TrainingWork {
            training: self,
            sink,
            signals,
            device,
            say,
        }
    }
}

/// See [`Training::work`].
pub struct TrainingWork<'a> {
    training: Training,
    sink: Option<Sink>,
    signals: Signals,
    device: Device,
    say: Say<'a>,
}

impl Work for TrainingWork<'_> {
    type Output = Result<Ending, LaunchError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        let family = self.training.experiment.family.clone();
        for_family!(family.as_str(), F => self.train::<F, B>(&device))
            .unwrap_or(Err(LaunchError::Family(family)))
    }
}

impl TrainingWork<'_> {
    fn train<F, B>(self, device: &B::Device) -> Result<Ending, LaunchError>
    where
        F: Family,
        B: AutodiffBackend,
        F::System<B>: Train<B> + 'static,
    {
        let started = Instant::now();
        let Training {
            experiment,
            frozen,
            run,
            mut continuation,
            places,
        } = self.training;
        let config: F::Config = experiment.family_config()?;
        let needs = config.needs();
        let is_trained = continuation
            .as_ref()
            .is_some_and(|c| c.checkpoint.is_some());
        let dataset = setup::dataset(&experiment)?;
        if is_trained {
            setup::memory::warn(&experiment, self.device, self.say);
        } else {
            setup::memory::check(&experiment, self.device)?;
        }
        let mut kinds = setup::aids::kinds(&config);
        // They are part of the system, and of its checkpoints.
        let adopted = [AidKind::Inception, AidKind::TextEncoder];
        kinds.retain(|kind| !is_trained || !adopted.contains(kind));
        let digests = networks::digests(&experiment, &kinds, &places)?;
        if let Some(continuation) = &mut continuation {
            continuation.compare(&run, dataset.as_ref(), &digests, self.say)?;
        } else {
            let fingerprint = dataset.fingerprint();
            manifest::record(&run, |manifest| {
                manifest.data = Some(fingerprint);
                manifest.networks = Some(networks::owned(&digests));
            })?;
        }
        let aids = setup::aids::load::<B>(&experiment, &kinds, &digests, device, &places)?;
        fits(&config, &aids)?;
        let assembly = Assembly {
            experiment: &experiment,
            run: Some(&run),
            aids: &aids,
            device,
            places: &places,
            say: self.say,
        };
        let split = experiment.data.split;
        let settings = &experiment.train;
        let labelled = mislabelled(
            Arc::clone(&dataset),
            split,
            experiment.data.label_noise,
            settings.seed,
        );
        let labelled = labelled.map_err(SetupError::from)?;
        let labelled = own_class::given(labelled, &experiment.data, &config, self.say)?;
        let source = Arc::new(assembly.source(labelled, split, needs.clone())?);
        let loader = Loader::new(
            source,
            settings.batch_size,
            settings.seed,
            experiment.data.workers,
        )?;
        if let Some(continuation) = &mut continuation {
            let batches = loader.batches_per_epoch();
            let stages = train::stage_runs(&config.plan(), settings, batches);
            continuation.settle(&run, &experiment, &stages, self.say)?;
        }
        let preview = if F::System::<B>::INFO.makes_images() && settings.sample_every > 0 {
            let (split, count) = (experiment.data.eval_split, settings.samples);
            let shown = assembly.sample(Arc::clone(&dataset), split, count, needs.clone())?;
            let gauge: Option<Box<dyn Gauge<B::InnerBackend>>> = if settings.monitor_share > 0.0 {
                let watched = gauge::IMAGES;
                let watched = assembly.sample(Arc::clone(&dataset), split, watched, needs)?;
                let gauge = GeneratorGauge::open(&experiment, watched, device, &places, self.say)?;
                Some(Box::new(gauge))
            } else {
                None
            };
            let caption = experiment.evaluate.caption;
            let (seed, share) = (settings.seed, settings.monitor_share);
            Some(setup::preview(shown, caption, seed, share, gauge, device)?)
        } else {
            None
        };
        let parameters: serde_json::Map<_, _> = config
            .networks()
            .iter()
            .map(|network| (network.name.clone(), json!(network.parameters)))
            .collect();
        run.update_environment(json!({
            "wordpaint": "wordpaint",
            "version": env!("CARGO_PKG_VERSION"),
            "device": self.device.to_string(),
            "backend": B::name(device),
            "os": std::env::consts::OS,
            "cpus": std::thread::available_parallelism().map_or(1, usize::from),
            "data_uri": dataset.uri(),
            "data_fingerprint": dataset.fingerprint(),
            "parameters": parameters,
        }))?;
        let job = Job {
            experiment: experiment.clone(),
            frozen,
            run: run.clone(),
            loader,
            aids,
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
}

/// Checks that frozen networks have the sizes that a family is configured for.
fn fits<C: SystemConfig, B: Backend>(config: &C, aids: &Aids<B>) -> Result<(), ConfigError> {
    let at = |problem: Problem| ConfigError::at(format!("model.{}", problem.key), problem.message);
    if let Some(vgg) = &aids.vgg {
        config.check_vgg(vgg.config()).map_err(at)?;
    }
    if let Some(text) = aids.text_encoder() {
        config.check_damsm(&text.dimensions()).map_err(at)?;
    }
    if let Some(damsm) = &aids.damsm {
        let lengths = [damsm.region_dim(), damsm.whole_dim()];
        config.check_eyes(lengths).map_err(at)?;
    }
    Ok(())
}

impl<B: Backend> Gauge<B> for GeneratorGauge<B> {
    fn curves(&self) -> Vec<&'static str> {
        Self::curves(self)
    }

    fn measure(&self, generator: &dyn Generate<B>) -> Vec<(&'static str, f64)> {
        Self::measure(self, generator)
    }
}

/// Notes what the run has cost so far.
fn close(run: &RunFolder, ending: Ending, started: Instant) -> Result<(), LaunchError> {
    let before = run.environment()["wall_seconds"].as_f64().unwrap_or(0.0);
    let mut changes = json!({
        "wall_seconds": before + started.elapsed().as_secs_f64(),
        "peak_memory_bytes": peak_memory(),
        "steps": checkpoint::newest_step(&run.checkpoints()),
    });
    if ending == Ending::Finished {
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

/// A trained run opened for generating on the inference backend `B`.
pub struct Opened<S> {
    /// Its experiment.
    pub experiment: Experiment,
    /// Its networks with averaged weights, where it has them, and without those that only training
    /// needs.
    pub system: S,
    /// Digest of the checkpoint's manifest, which holds the digests of its files.
    pub digest: String,
}

/// Loads the newest complete checkpoint of a run.
///
/// # Errors
///
/// If there is none or it does not fit.
pub fn open<F: Family, B: Backend>(
    run: &RunFolder,
    device: &B::Device,
    say: Say<'_>,
) -> Result<Opened<F::System<B>>, LaunchError> {
    let experiment = setup::reference::experiment(run)?;
    let config: F::Config = experiment.family_config()?;
    let checkpoint = manifest::newest(run)?;
    for skipped in &checkpoint.skipped {
        say(&format!("skipped a damaged checkpoint: {skipped}"));
    }
    Ok(Opened {
        experiment,
        system: trained::<B, _>(&checkpoint, &config, device)?,
        digest: checkpoint.digest()?,
    })
}

/// Work on a trained run whatever its family, as [`Work`] is whatever the backend.
pub trait RunWork {
    /// Its result: plain data, no tensors.
    type Output;

    /// The run.
    fn of(&self) -> &RunFolder;

    /// Does it for the family `F` of the run.
    ///
    /// # Errors
    ///
    /// If the run or what it needs cannot be read, or results cannot be written.
    fn perform<F: Family, B: AutodiffBackend>(
        self,
        device: &B::Device,
    ) -> Result<Self::Output, LaunchError>;
}

impl<W: RunWork> Work for W {
    type Output = Result<W::Output, LaunchError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        let family = setup::reference::experiment(self.of())?.family;
        for_family!(family.as_str(), F => self.perform::<F, B>(&device))
            .unwrap_or(Err(LaunchError::Family(family)))
    }
}

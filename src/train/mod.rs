//! One training loop for every system.

pub mod adam;
pub mod dashboard;
pub mod ema;
pub mod events;
pub mod guard;
mod moments;
pub mod monitor;
pub mod optimizer;
pub mod preview;
mod reporting;
pub mod saving;
pub mod signals;
mod status;
pub mod strategy;
pub mod task_loader;
pub mod train_module;
pub mod watch;

use std::sync::{Arc, Mutex};

use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::system::{Frozen, Plan, Schedule, SystemConfig, Train};

use crate::config::{Experiment, schema};
use crate::data::Loader;
use crate::data::loader::LoaderError;
use crate::run::checkpoint::{Checkpoint, CheckpointError};
use crate::run::folder::{RunError, RunFolder};
use dashboard::{PhaseTotal, Silent};
use ema::Ema;
use optimizer::{GroupOptimizer, GroupSettings};
use preview::Preview;
use saving::Place;
use signals::Signals;
use strategy::{Session, StageRun, Stages, StatusOutput, TrainingEnd};
use task_loader::TaskLoader;
use train_module::{CurrentPhase, TrainModule};
use watch::Watch;

/// Why training ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Data could not be read.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// Data could not be read.
    #[error(transparent)]
    Data(#[from] wordpaint_data::DataError),
    /// The run folder cannot be used.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A checkpoint cannot be written or used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A loss is no longer a number.
    #[error(transparent)]
    NotFinite(#[from] guard::NotFinite),
    /// Weights or moments are no longer numbers.
    #[error(transparent)]
    Overflown(#[from] Box<guard::Overflown>),
    /// Training has gone wrong, and the experiment asks to stop then.
    #[error("{0}. Stopped after saving, as `guard.on` asks")]
    Guarded(watch::Warning),
    /// Weights are numbers, and what is generated with them is not.
    #[error(
        "images of the sample grid after step {step} are no numbers; nothing is saved. Resume from \
         the last checkpoint with a lower learning rate"
    )]
    Grid {
        /// Step, 1-based.
        step: u64,
    },
    /// The optimiser's state cannot be serialised.
    #[error("cannot serialise the optimiser's moments: {0}")]
    Moments(String),
    /// A phase trains nothing.
    #[error(
        "phase `{phase}` of stage `{stage}` gives no parameter of its groups a gradient; are all \
         its loss terms switched off by weight 0?"
    )]
    NoGradient {
        /// Phase.
        phase: &'static str,
        /// Stage.
        stage: &'static str,
    },
    /// The loop ended without saying how.
    #[error("the training loop ended unexpectedly; see the messages above")]
    Lost,
}

/// What [`run`] trains with.
pub struct Job<B: AutodiffBackend> {
    /// Resolved experiment.
    pub experiment: Experiment,
    /// The same as text, as stored in the run folder.
    pub resolved: String,
    /// The run on disk.
    pub run: RunFolder,
    /// Batches of the training split.
    pub loader: Loader,
    /// Networks that are handed to the system.
    pub networks: Frozen,
    /// Device.
    pub device: B::Device,
    /// Sample grids, for systems that make images.
    pub preview: Option<Preview<B::InnerBackend>>,
    /// Checkpoint to continue from.
    pub resume: Option<Checkpoint>,
    /// Where status lines go; `None` shows burn-train's dashboard.
    pub sink: Option<StatusOutput>,
    /// Stop signals.
    pub signals: Signals,
}

/// Parameter groups of a plan with the experiment's overrides.
pub fn group_settings(plan: &Plan, train: &schema::Train) -> Vec<GroupSettings> {
    plan.groups
        .iter()
        .map(|group| {
            let over = train.optimizer.get(group.name);
            let mut optimizer = over
                .and_then(|o| o.optimizer.clone())
                .unwrap_or_else(|| group.optimizer.clone());
            if let Some(rate) = over.and_then(|o| o.lr) {
                set_lr(&mut optimizer, rate);
            }
            let schedule: Schedule = over
                .and_then(|o| o.schedule.clone())
                .unwrap_or_else(|| group.schedule.clone());
            GroupSettings {
                name: group.name.to_owned(),
                prefixes: group.prefixes.iter().map(|&p| p.to_owned()).collect(),
                optimizer,
                schedule,
                clip: group.clip,
            }
        })
        .collect()
}

const fn set_lr(optimizer: &mut wordpaint_models::system::Optimizer, rate: f64) {
    use wordpaint_models::system::Optimizer::{Adam, Rmsprop, Sgd};
    match optimizer {
        Adam { lr, .. } | Rmsprop { lr, .. } | Sgd { lr, .. } => *lr = rate,
    }
}

/// The experiment's stages with their lengths in steps.
pub fn stage_runs(plan: &Plan, train: &schema::Train, batches_per_epoch: usize) -> Vec<StageRun> {
    train
        .stages
        .iter()
        .filter_map(|stage| {
            let planned = plan
                .stages
                .iter()
                .find(|planned| planned.name == stage.name)?;
            let epochs = stage.epochs.unwrap_or(0) * batches_per_epoch;
            Some(StageRun {
                name: planned.name,
                phases: planned.phases.clone(),
                has_fresh_optimizer_per_epoch: planned.has_fresh_optimizer_per_epoch,
                steps: stage.steps.unwrap_or(epochs) as u64,
            })
        })
        .collect()
}

/// Trains a system to its end, or until a stop is asked for.
///
/// # Errors
///
/// If data, disk or losses end it early; the newest checkpoint stays usable.
pub fn run<B, S>(job: Job<B>, config: &S::Config) -> Result<TrainingEnd, TrainError>
where
    B: AutodiffBackend,
    S: Train<B> + 'static,
{
    let train = job.experiment.train.clone();
    B::seed(&job.device, train.seed);
    let system = S::init(config, &job.device);
    let plan = config.plan();
    let system = match &job.resume {
        Some(checkpoint) => crate::run::weights::load_system::<B, S>(checkpoint, system)?,
        None => system.initialise_from(&job.networks),
    };
    let components = config.components();
    let averaged = components.iter();
    let averaged: Vec<(&str, f64)> = averaged
        .filter_map(|component| Some((component.path.as_str(), component.ema?)))
        .collect();
    let mut ema = (!averaged.is_empty()).then(|| Ema::new(&system.valid(), &averaged));
    if let (Some(ema), Some(checkpoint)) = (&mut ema, &job.resume) {
        saving::load_average(checkpoint, ema)?;
    }
    let current = Arc::new(CurrentPhase::default());
    let train_module = TrainModule::new(system, Arc::clone(&current));
    let optimizer = GroupOptimizer::new(group_settings(&plan, &train), &train_module);
    let stages = stage_runs(&plan, &train, job.loader.batches_per_epoch());
    let (optimizer, place) = match &job.resume {
        Some(checkpoint) => (
            saving::load_optimizer::<B, S>(checkpoint, optimizer, &train_module, &job.device)?,
            saving::place(checkpoint, &stages)?,
        ),
        None => (optimizer, Place::default()),
    };
    let phases: std::collections::BTreeSet<&'static str> = stages
        .iter()
        .flat_map(|stage| &stage.phases)
        .map(|phase| phase.name)
        .collect();
    let on = job.experiment.guard.on;
    let watch = Watch::new(job.experiment.guard, plan.discriminators());
    let has_dashboard = job.sink.is_none();
    let tasks = TaskLoader::new(job.loader, job.networks, job.device, train.seed);
    let session = Arc::new(Session {
        run: job.run,
        resolved: job.resolved,
        train,
        stages,
        tasks: tasks.clone(),
        optimizer: optimizer.clone(),
        current,
        ema: Mutex::new(ema),
        preview: job.preview,
        watch: Mutex::new(watch),
        on,
        place,
        signals: job.signals,
        sink: job.sink,
        ending: Mutex::new(None),
    });
    let learner = Learner::new(train_module, optimizer, 1.0_f64);
    let mut training = SupervisedTraining::new(
        session.run.path(),
        Arc::new(tasks),
        Arc::new(task_loader::NoValidation),
    )
    .with_application_logger(None)
    .with_metric_logger(burn::train::logger::InMemoryMetricLogger::default())
    .with_interrupter(Interrupter::new())
    .with_training_strategy(TrainingStrategy::Custom(Arc::new(Stages(Arc::clone(
        &session,
    )))));
    for phase in phases {
        training = training.metric_train_numeric(PhaseTotal::new(phase));
    }
    if let (Some(preview), true) = (&session.preview, session.train.monitor_share > 0.0) {
        for curve in preview.monitor.curves() {
            training = training.metric_train_numeric(PhaseTotal::named(curve, curve.to_owned()));
        }
    }
    if !has_dashboard {
        training = training.renderer(Silent);
    }
    drop(training.launch(learner));
    let ending = session.ending.lock().expect("the loop has ended").take();
    ending.unwrap_or(Err(TrainError::Lost))
}

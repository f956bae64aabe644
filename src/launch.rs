//! Verbs as work on a backend: from a resolved experiment to a trained or evaluated run.

mod continuation;
pub mod dry_run;
mod evaluation;
mod preview;
mod training;

use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::for_family;
use wordpaint_models::system::{Component, Family, Frozen, Pipeline, System, SystemConfig};

use crate::backends::Work;
use crate::config::{ConfigError, Experiment};
use crate::evaluate::EvaluateError;
use crate::run::checkpoint::CheckpointError;
use crate::run::folder::RunFolder;
use crate::setup::pretrained::{self, Use};
use crate::setup::trained::Trained;
use crate::setup::{self, Dirs, SetupError, Status, networks};
use crate::train::TrainError;

pub use continuation::{Continuation, Wishes};
pub use evaluation::{EvaluationWork, Measured, evaluation_source};
pub use training::{Training, TrainingWork, peak_memory};

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

/// A trained run opened for generating on the inference backend `B`.
pub struct Opened<S> {
    /// Its experiment.
    pub experiment: Experiment,
    /// Its networks with averaged weights, where it has them, and without those that only training
    /// needs.
    pub system: S,
    /// Networks that are handed to it when it makes images.
    pub frozen: Frozen,
    /// Digest of the checkpoint's manifest, which holds the digests of its files.
    pub digest: String,
}

impl<S> Opened<S> {
    /// The run as a maker of images, where it is one.
    pub fn pipeline<B: Backend>(&self) -> Option<Pipeline<'_, B>>
    where
        S: System<B>,
    {
        let generator = self.system.generator()?;
        Some(Pipeline::new(generator, &self.frozen))
    }
}

/// Loads the newest complete checkpoint of a run.
///
/// # Errors
///
/// If there is none or it does not fit.
pub fn open<F: Family, B: Backend>(
    run: &RunFolder,
    device: &B::Device,
    dirs: &Dirs,
    status: Status<'_>,
) -> Result<Opened<F::System<B>>, LaunchError> {
    let trained = Trained::<F>::open(run)?;
    for skipped in &trained.checkpoint.skipped {
        status(&format!("skipped a damaged checkpoint: {skipped}"));
    }
    Ok(Opened {
        frozen: handed_in::<B>(
            run,
            &trained.experiment,
            &trained.config.components(),
            device,
            dirs,
        )?,
        system: trained.system::<B>(device)?,
        digest: trained.checkpoint.digest()?,
        experiment: trained.experiment,
    })
}

/// The pretrained networks that `run` makes images with: those it was trained with.
fn handed_in<B: Backend>(
    run: &RunFolder,
    experiment: &Experiment,
    components: &[Component],
    device: &B::Device,
    dirs: &Dirs,
) -> Result<Frozen, SetupError> {
    let wanted = pretrained::wanted(components, Use::Generation);
    if wanted.is_empty() {
        return Ok(Frozen::new());
    }
    let keys = wanted.iter().map(|one| one.key);
    networks::check(run, &pretrained::digests(experiment, keys, dirs)?)?;
    pretrained::for_generation::<B>(experiment, components, device, dirs)
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

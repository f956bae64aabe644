//! Verbs as work on a backend: from a resolved experiment to a trained or evaluated run.

mod continuation;
pub mod dry_run;
mod evaluation;
pub mod generation;
mod preview;
mod training;

use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::for_family;
use wordpaint_models::system::Family;

use crate::backends::Work;
use crate::config::ConfigError;
use crate::evaluate::EvaluateError;
use crate::generate::GenerateError;
use crate::run::checkpoint::CheckpointError;
use crate::run::folder::RunFolder;
use crate::setup::{self, SetupError};
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
    /// Captions cannot be made into images.
    #[error(transparent)]
    Generate(#[from] GenerateError),
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

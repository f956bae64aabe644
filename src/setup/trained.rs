//! A run of a family that is known by name: its experiment, its settings and what it learned.

use wordpaint_models::backend::Backend;
use wordpaint_models::system::Family;

use super::SetupError;
use super::reference::experiment;
use crate::config::Experiment;
use crate::run::checkpoint::{Checkpoint, CheckpointError};
use crate::run::folder::RunFolder;
use crate::run::manifest;
use crate::run::weights::trained;

/// The experiment of `run` and its `[model]` table, both of the family `F`.
///
/// # Errors
///
/// If it is a run of another family or cannot be read.
pub fn settings<F: Family>(run: &RunFolder) -> Result<(Experiment, F::Config), SetupError> {
    let found = experiment(run)?;
    if let Err(other) = found.expect_family::<F>() {
        return Err(SetupError::Weights {
            path: run.path().to_path_buf(),
            message: other.to_string(),
        });
    }
    let config = found.config_of::<F>()?;
    Ok((found, config))
}

/// A run of the family `F` at its newest checkpoint that verifies.
#[derive(Debug)]
pub struct Trained<F: Family> {
    /// The experiment it was trained with.
    pub experiment: Experiment,
    /// Its `[model]` table.
    pub config: F::Config,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

impl<F: Family> Trained<F> {
    /// Opens `run`.
    ///
    /// # Errors
    ///
    /// If it is a run of another family, has no checkpoint or cannot be read.
    pub fn open(run: &RunFolder) -> Result<Self, SetupError> {
        let (experiment, config) = settings::<F>(run)?;
        let checkpoint = manifest::newest(run)?;
        Ok(Self {
            experiment,
            config,
            checkpoint,
        })
    }

    /// Its networks as [`trained`] gives them.
    ///
    /// # Errors
    ///
    /// If names or shapes do not fit.
    pub fn system<B: Backend>(&self, device: &B::Device) -> Result<F::System<B>, CheckpointError> {
        trained::<B, _>(&self.checkpoint, &self.config, device)
    }
}

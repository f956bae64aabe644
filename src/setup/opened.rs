//! A run opened for whatever needs no gradients.

use wordpaint_models::backend::Backend;
use wordpaint_models::system::{Component, Family, Frozen, Pipeline, System, SystemConfig};

use super::pretrained::{self, Use};
use super::trained::Trained;
use super::{Dirs, SetupError, Status, networks};
use crate::config::Experiment;
use crate::run::folder::RunFolder;

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
) -> Result<Opened<F::System<B>>, SetupError> {
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

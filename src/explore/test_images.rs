//! A trained run beside images of its test split, from whose captions it generates.

use image::RgbImage;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::system::{Family, System};

use crate::data::Source;
use crate::evaluate::probe::captions;
use crate::generate::GenerateError;
use crate::generate::prompts::{self, Prompt};
use crate::launch::{LaunchError, evaluation_source};
use crate::run::folder::RunFolder;
use crate::setup::opened::{Opened, open};
use crate::setup::{Dirs, Status};

/// The run, opened, and the images.
pub(super) struct TestImages<S> {
    opened: Opened<S>,
    /// The images with their captions as the system reads them.
    pub(super) source: Source,
}

/// What was generated of every prompt.
pub(super) struct Fakes {
    /// The image.
    pub(super) images: Vec<RgbImage>,
    /// Its caption.
    pub(super) captions: Vec<String>,
}

impl<S> TestImages<S> {
    /// Opens `run` and `count` images spread over its test split.
    pub(super) fn open<F, B>(
        run: &RunFolder,
        count: usize,
        device: &B::Device,
        dirs: &Dirs,
        status: Status<'_>,
    ) -> Result<Self, LaunchError>
    where
        F: Family<System<B::InnerBackend> = S>,
        B: AutodiffBackend,
        S: System<B::InnerBackend>,
    {
        let opened = open::<F, B::InnerBackend>(run, device, dirs, status)?;
        let experiment = &opened.experiment;
        if opened.pipeline().is_none() {
            return Err(GenerateError::NoGenerator(experiment.family.clone()).into());
        }
        let count = Some(count);
        let source = evaluation_source::<F, B>(run, experiment, count, device, dirs, status)?;
        Ok(Self { opened, source })
    }

    /// Generates from captions of the images.
    pub(super) fn generate<B: Backend>(
        &self,
        prompts: &[Prompt],
        device: &B::Device,
    ) -> Result<Fakes, LaunchError>
    where
        S: System<B>,
    {
        let pipeline = self.opened.pipeline();
        let pipeline = pipeline.expect("checked when the run was opened");
        let mut images = vec![RgbImage::new(1, 1); prompts.len()];
        let seed = self.opened.experiment.train.seed;
        prompts::images(
            &pipeline,
            &self.source,
            prompts,
            seed,
            device,
            |i, image| {
                images[i] = image;
            },
        )?;
        Ok(Fakes {
            images,
            captions: captions(&self.source.dataset, prompts)?,
        })
    }
}

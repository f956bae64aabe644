//! Figures of one generated image and of what explains it.

use image::RgbImage;
use wordpaint_data::resize::opencv_bilinear;
use wordpaint_models::backend::Backend;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Family, Generated, System};

use super::Target;
use crate::data::pixels::to_images;
use crate::generate::pipeline::CaptionPipeline;
use crate::launch::LaunchError;
use crate::run::folder::RunFolder;
use crate::setup::{Dirs, Status};

/// Smallest side of the picture in a [`GeneratedFigure`], in pixels.
const SMALLEST: u32 = 128;

/// A figure of one caption and its image.
pub struct CaptionFigure<'a> {
    /// The run.
    pub run: RunFolder,
    /// Where things are looked for.
    pub dirs: Dirs,
    /// What to generate.
    pub caption: String,
    /// Seed of the noise.
    pub seed: u64,
    /// Where the picture goes.
    pub target: Target,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
}

/// What was generated.
pub(super) struct GeneratedFigure<B: Backend> {
    /// The final image, enlarged where it is too small for a figure.
    pub(super) image: RgbImage,
    /// It and what explains it.
    pub(super) generated: Generated<B>,
}

impl CaptionFigure<'_> {
    /// Opens the run.
    pub(super) fn open<F: Family, B: Backend>(
        &self,
        device: &B::Device,
    ) -> Result<CaptionPipeline<B, F::System<B>>, LaunchError> {
        let pipeline =
            CaptionPipeline::open::<F>(&self.run, None, device, &self.dirs, self.status)?;
        Ok(pipeline)
    }

    /// Makes the image, once the figure is known to have a place.
    pub(super) fn generate<B: Backend, S: System<B>>(
        &self,
        pipeline: &CaptionPipeline<B, S>,
    ) -> Result<GeneratedFigure<B>, LaunchError> {
        let text = pipeline.encode(&[&self.caption])?;
        self.target.check()?;
        let generated = pipeline.generate(&text, Noise::new(self.seed, 0));
        let finals = generated.finals().next().map_or_else(Vec::new, to_images);
        let image = finals
            .first()
            .expect("a generator makes an image of every caption");
        let side = image.width().max(SMALLEST);
        Ok(GeneratedFigure {
            image: opencv_bilinear(image, side, side),
            generated,
        })
    }
}

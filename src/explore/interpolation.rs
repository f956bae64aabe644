//! From one sentence to another (SDN, section 4.7).

use std::path::PathBuf;

use burn::prelude::Tensor;
use image::RgbImage;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::batch::Text;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::Family;

use super::Target;
use crate::generate::pipeline::CaptionPipeline;
use crate::launch::{LaunchError, RunWork};
use crate::picture;
use crate::run::folder::RunFolder;
use crate::setup::{Dirs, Status};

/// `wordpaint explore interpolate` as work on a run.
pub struct Interpolation<'a> {
    /// The run.
    pub run: RunFolder,
    /// Where things are looked for.
    pub dirs: Dirs,
    /// First and last caption.
    pub captions: [String; 2],
    /// Images from one to the other, both ends included; at least 2.
    pub steps: usize,
    /// Seed of the noise, which all images share.
    pub seed: u64,
    /// Text encoder in place of the run's own.
    pub encoder: Option<String>,
    /// Where the picture goes.
    pub target: Target,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
}

impl RunWork for Interpolation<'_> {
    type Output = PathBuf;

    fn of(&self) -> &RunFolder {
        &self.run
    }

    fn perform<F: Family, B: AutodiffBackend>(
        self,
        device: &B::Device,
    ) -> Result<PathBuf, LaunchError> {
        let pipeline = CaptionPipeline::<B::InnerBackend, F::System<B::InnerBackend>>::open::<F>(
            &self.run,
            self.encoder.as_deref(),
            device,
            &self.dirs,
            self.status,
        )?;
        let ends = pipeline.embed(&self.captions)?;
        self.target.check()?;
        let noise = Noise::new(self.seed, 0);
        let of = |embedding: Tensor<_, 2>| Text::from_embeddings(embedding.unsqueeze_dim(1));
        let columns: Vec<Vec<RgbImage>> = between(ends, self.steps)
            .into_iter()
            .flat_map(|embedding| pipeline.images(&of(embedding), noise))
            .collect();
        let heads = columns.iter().map(Vec::len).min().unwrap_or(0);
        let strips: Vec<RgbImage> = (0..heads)
            .map(|head| {
                let images: Vec<RgbImage> =
                    columns.iter().map(|column| column[head].clone()).collect();
                picture::strip(&images, &self.captions[0], &self.captions[1])
            })
            .collect();
        self.target.write(&picture::stack(&strips))
    }
}

/// `(1 - a) * first + a * last` for `steps` evenly spaced `a` from 0 to 1, without renormalisation.
///
/// # Shapes
///
/// - `ends`: `[2, dim]`
/// - outputs: `[1, dim]`
fn between<B: Backend>(ends: Tensor<B, 2>, steps: usize) -> Vec<Tensor<B, 2>> {
    let (first, last) = (ends.clone().narrow(0, 0, 1), ends.narrow(0, 1, 1));
    let spaces = steps.max(2) - 1;
    (0..=spaces)
        .map(|i| {
            let share = i as f64 / spaces as f64;
            first.clone() * (1.0 - share) + last.clone() * share
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestBackend = burn::backend::NdArray;

    #[test]
    fn embeddings_are_evenly_spaced_and_begin_and_end_with_the_captions() {
        let ends =
            Tensor::<TestBackend, 2>::from_floats([[0.0, 2.0], [3.0, -1.0]], &Default::default());

        let steps: Vec<Vec<f32>> = between(ends, 4)
            .into_iter()
            .map(|t| t.into_data().iter::<f32>().collect())
            .collect();

        let expected = [[0.0, 2.0], [1.0, 1.0], [2.0, 0.0], [3.0, -1.0]];
        for (step, expected) in steps.iter().zip(expected) {
            assert!((step[0] - expected[0]).abs() < 1e-6 && (step[1] - expected[1]).abs() < 1e-6);
        }
        assert_eq!(steps.len(), 4);
    }
}

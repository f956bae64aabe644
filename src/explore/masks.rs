//! Where a painted image let its caption in.

use std::path::PathBuf;

use wordpaint_data::resize::opencv_bilinear;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::Family;

use super::Target;
use super::attention::{SMALLEST, lit};
use super::painter::Painter;
use crate::data::pixels::to_images;
use crate::launch::{LaunchError, RunWork};
use crate::picture::{self, Cell};
use crate::run::folder::RunFolder;
use crate::setup::{Places, Say};

/// Pictures in a row of the figure.
const COLUMNS: usize = 4;

/// `wordpaint explore masks` as work on a run.
pub struct Masks<'a> {
    /// The run.
    pub run: RunFolder,
    /// Where things are looked for.
    pub places: Places,
    /// What to paint.
    pub caption: String,
    /// Seed of the noise.
    pub seed: u64,
    /// Where the picture goes.
    pub target: Target,
    /// Tells the user what is being done.
    pub say: Say<'a>,
}

/// The mask of a block; its values are between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask {
    /// Its side in pixels.
    pub side: usize,
    /// Mean over the map.
    pub mean: f32,
    /// Least value.
    pub least: f32,
    /// Greatest value.
    pub most: f32,
}

/// What was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The masks in the order of the blocks.
    pub masks: Vec<Mask>,
    /// The picture.
    pub path: PathBuf,
}

impl Mask {
    fn of(values: &[f32], side: usize) -> Self {
        Self {
            side,
            mean: values.iter().sum::<f32>() / values.len().max(1) as f32,
            least: values.iter().copied().fold(f32::INFINITY, f32::min),
            most: values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        }
    }
}

impl RunWork for Masks<'_> {
    type Output = Shown;

    fn of(&self) -> &RunFolder {
        &self.run
    }

    fn perform<F: Family, B: AutodiffBackend>(
        self,
        device: &B::Device,
    ) -> Result<Shown, LaunchError> {
        let painter = Painter::<B::InnerBackend, F::System<B::InnerBackend>>::open::<F>(
            &self.run,
            None,
            device,
            &self.places,
            self.say,
        )?;
        let none = || {
            LaunchError::Request(format!(
                "`{}` lets captions in everywhere; `wordpaint explore masks` shows runs of \
                 `ssa-gan`",
                painter.experiment.family
            ))
        };
        let text = painter.read(&self.caption)?;
        self.target.check()?;
        let generated = painter.attend(&text, Noise::new(self.seed, 0));
        if generated.masks.is_empty() {
            return Err(none());
        }
        let finals = generated.finals().next().map_or_else(Vec::new, to_images);
        let final_image = finals.first().ok_or_else(none)?;
        let side = final_image.width().max(SMALLEST);
        let final_image = opencv_bilinear(final_image, side, side);
        let mut masks = Vec::new();
        let mut pictures = vec![("painted".to_owned(), final_image.clone())];
        for mask in generated.masks {
            let side = mask.dims()[3];
            let first = mask.narrow(0, 0, 1).into_data();
            let values: Vec<f32> = first.iter::<f32>().collect();
            let found = Mask::of(&values, side);
            let label = format!("{side} px, mean {:.2}", found.mean);
            pictures.push((label, lit(&final_image, &values, side, 1.0)));
            masks.push(found);
        }
        let cells: Vec<Cell<'_>> = pictures
            .iter()
            .map(|(caption, image)| Cell {
                image: image.clone(),
                caption,
            })
            .collect();
        let path = self.target.write(&picture::grid(&cells, COLUMNS))?;
        Ok(Shown { masks, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_described_by_its_range_and_mean() {
        let mask = Mask::of(&[0.1, 0.2, 0.6, 0.7], 2);

        assert_eq!((mask.side, mask.least, mask.most), (2, 0.1, 0.7));
        assert!((mask.mean - 0.4).abs() < 1e-6);
    }
}

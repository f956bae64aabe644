//! Where a caption modulated its generated image.

use std::path::PathBuf;

use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::system::Family;

use super::attention::lit;
use super::caption_figure::{CaptionFigure, GeneratedFigure};
use crate::launch::{LaunchError, RunWork};
use crate::run::folder::RunFolder;

/// Pictures in a row of the figure.
const COLUMNS: usize = 4;

/// `wordpaint explore masks` as work on a run.
pub struct Masks<'a>(pub CaptionFigure<'a>);

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
pub struct MaskFigure {
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
    type Output = MaskFigure;

    fn of(&self) -> &RunFolder {
        &self.0.run
    }

    fn perform<F: Family, B: AutodiffBackend>(
        self,
        device: &B::Device,
    ) -> Result<MaskFigure, LaunchError> {
        let pipeline = self.0.open::<F, B::InnerBackend>(device)?;
        let GeneratedFigure { image, generated } = self.0.generate(&pipeline)?;
        if generated.masks.is_empty() {
            return Err(LaunchError::Request(format!(
                "`{}` lets captions in everywhere; `wordpaint explore masks` shows runs of \
                 `ssa-gan`",
                pipeline.experiment().family
            )));
        }
        let mut masks = Vec::new();
        let mut pictures = vec![(image.clone(), "painted".to_owned())];
        for mask in generated.masks {
            let side = mask.dims()[3];
            let first = mask.narrow(0, 0, 1).into_data();
            let values: Vec<f32> = first.iter::<f32>().collect();
            let found = Mask::of(&values, side);
            let label = format!("{side} px, mean {:.2}", found.mean);
            pictures.push((lit(&image, &values, side, 1.0), label));
            masks.push(found);
        }
        let path = self.0.target.write_grid(pictures, COLUMNS)?;
        Ok(MaskFigure { masks, path })
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

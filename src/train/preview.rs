//! Sample grids during training: the same captions and the same noise every time.

use std::path::Path;
use std::time::Duration;

use wordpaint_models::backend::Backend;
use wordpaint_models::batch::Text;
use wordpaint_models::noise::Noise;
use wordpaint_models::state::load_named;
use wordpaint_models::system::{Frozen, Pipeline, System};

use super::TrainError;
use super::ema::Ema;
use super::monitor::{Monitor, Reading};
use crate::data::pixels::to_images;
use crate::picture::{self, Cell};
use crate::run::folder::write_atomic;

/// Fixed captions with their text as the system wants it.
pub struct Preview<B: Backend> {
    /// Captions as people read them.
    pub captions: Vec<String>,
    /// The same captions for the system.
    pub text: Text<B>,
    /// Networks that are handed to the system.
    pub frozen: Frozen,
    /// Seed of the noise.
    pub seed: u64,
    /// Columns of the grid.
    pub columns: usize,
    /// What is measured on the grid.
    pub monitor: Monitor<B>,
}

impl<B: Backend> Preview<B> {
    /// Draws the grid of `system` (with averaged weights, where there are any) to `path` and measures
    /// it as far as the `training` time so far allows.
    ///
    /// # Errors
    ///
    /// If the picture cannot be written.
    pub fn draw<S: System<B>>(
        &self,
        system: S,
        ema: Option<&Ema<B>>,
        path: &Path,
        training: Duration,
    ) -> Result<Option<Reading>, TrainError> {
        let system = match ema {
            // Loading by value leaves the trained system's running statistics alone: the averages
            // include their own.
            Some(ema) => {
                let mut values: std::collections::BTreeMap<_, _> =
                    ema.tensors().into_iter().collect();
                load_named::<B, S>(system, |name, _| values.remove(name)).0
            }
            None => system,
        };
        let Some(generator) = system.generator() else {
            return Ok(None);
        };
        let noise = Noise::new(self.seed, 0);
        let pipeline = Pipeline::new(generator, &self.frozen);
        let generated = pipeline.generate(&self.text, noise);
        let Some(images) = generated.finals().next() else {
            return Ok(None);
        };
        let values = images.to_data();
        if !values.iter::<f32>().all(f32::is_finite) {
            return Err(TrainError::Grid { step: 0 });
        }
        let images = to_images(images);
        let cells: Vec<Cell<'_>> = images
            .iter()
            .zip(&self.captions)
            .map(|(image, caption)| Cell {
                image: image.clone(),
                caption,
            })
            .collect();
        let grid = picture::grid(&cells, self.columns);
        write_atomic(path, &picture::png(&grid))?;
        Ok(self.monitor.measure(&images, &pipeline, training)?)
    }
}

//! Cheap metrics during training, on the images of the sample grids and within a share of the time.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use burn::prelude::{Tensor, TensorData};
use image::RgbImage;
use wordpaint_data::resize::opencv_bilinear;
use wordpaint_data::{ImageSize, TextImageDataset};
use wordpaint_metrics::sharpness::mean_sharpness;
use wordpaint_metrics::{MetricError, Moments, Rgb8, Ssim, ssim};
use wordpaint_models::backend::Backend;

use super::trainee::PhaseOutcome;

/// Curves of the dashboard, in the order of [`Reading::values`].
pub const CURVES: [&str; 3] = ["monitor/sharpness", "monitor/diversity", "monitor/ssim"];

/// Compares sample grids with the real images of their captions.
pub struct Monitor {
    dataset: Arc<dyn TextImageDataset>,
    images: Vec<usize>,
    /// Largest share of the training time.
    share: f64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Real images at the size of the generated ones.
    real: Vec<RgbImage>,
    spent: Duration,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Mean sharpness (variance of the Laplacian of luma) divided by that of the real images;
    /// absent where those are flat.
    pub sharpness: Option<f64>,
    /// Mean root-mean-square distance of two images of the grid, divided by that of the real
    /// images; near 0 where all look the same. Absent for a single image.
    pub diversity: Option<f64>,
    /// Mean SSIM (luma) with the real images of the same captions.
    pub ssim: f64,
    /// How long it took.
    pub seconds: f64,
}

impl Reading {
    /// Name and value of what there is.
    pub fn values(&self) -> Vec<(&'static str, f64)> {
        let all = [self.sharpness, self.diversity, Some(self.ssim)];
        let named = CURVES.into_iter().zip(all);
        named
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// One outcome per value, for the dashboard.
    pub fn outcomes<B: Backend>(&self, device: &B::Device) -> Vec<PhaseOutcome<B>> {
        self.values()
            .into_iter()
            .map(|(name, value)| PhaseOutcome {
                phase: name,
                terms: vec![(name.to_owned(), 1.0)],
                values: Some(Tensor::from_data(
                    TensorData::new(vec![value as f32], [1]),
                    device,
                )),
                gradients: 0,
            })
            .collect()
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> = self
            .values()
            .into_iter()
            .map(|(name, value)| format!("{} {value:.3}", name.trim_start_matches("monitor/")))
            .collect();
        write!(f, "{} (sample grid against real images)", values.join("  "))
    }
}

impl Monitor {
    /// Watches grids whose captions belong to `images`, for at most `share` of the training time.
    pub fn new(dataset: Arc<dyn TextImageDataset>, images: Vec<usize>, share: f64) -> Self {
        Self {
            dataset,
            images,
            share,
            state: Mutex::default(),
        }
    }

    /// Measures a grid; `None` where that would exceed the share of the `training` time so far, the
    /// first time excepted.
    ///
    /// # Errors
    ///
    /// If a real image cannot be read.
    pub fn measure(
        &self,
        painted: &[RgbImage],
        training: Duration,
    ) -> Result<Option<Reading>, wordpaint_data::DataError> {
        let mut state = self.state.lock().expect("one thread trains");
        let allowed = training.as_secs_f64() * self.share;
        let is_first = state.spent.is_zero();
        if self.share == 0.0 || (!is_first && state.spent.as_secs_f64() > allowed) {
            return Ok(None);
        }
        let start = Instant::now();
        let size = painted.first().map_or((0, 0), RgbImage::dimensions);
        if state.real.first().map(RgbImage::dimensions) != Some(size) {
            state.real = self.real(size)?;
        }
        let reading = read(painted, &state.real);
        let took = start.elapsed();
        state.spent += took;
        // Images too small for a window have no reading.
        Ok(reading.ok().map(|reading| Reading {
            seconds: took.as_secs_f64(),
            ..reading
        }))
    }

    fn real(
        &self,
        (width, height): (u32, u32),
    ) -> Result<Vec<RgbImage>, wordpaint_data::DataError> {
        let image = |&index: &usize| {
            let image = self.dataset.image(index, ImageSize::Hint(width))?;
            Ok(opencv_bilinear(&image, width, height))
        };
        self.images.iter().map(image).collect()
    }
}

fn read(painted: &[RgbImage], real: &[RgbImage]) -> Result<Reading, MetricError> {
    let (fakes, reals) = (views(painted)?, views(real)?);
    let mut similarity = Moments::default();
    for (fake, real) in fakes.iter().zip(&reals) {
        similarity.push(ssim(&real.luma(), &fake.luma(), Ssim::Gaussian)?);
    }
    let sharp = mean_sharpness(&fakes)? / mean_sharpness(&reals)?;
    let spread = diversity(painted) / diversity(real);
    Ok(Reading {
        sharpness: Some(sharp).filter(|v| v.is_finite()),
        diversity: Some(spread).filter(|v| v.is_finite()),
        ssim: similarity.mean(),
        seconds: 0.0,
    })
}

fn views(images: &[RgbImage]) -> Result<Vec<Rgb8<'_>>, MetricError> {
    images
        .iter()
        .map(|image| {
            Rgb8::new(
                image.width() as usize,
                image.height() as usize,
                image.as_raw(),
            )
        })
        .collect()
}

/// Mean over pairs of the root-mean-square difference of their bytes; 0 without a pair.
fn diversity(images: &[RgbImage]) -> f64 {
    let mut mean = Moments::default();
    for (i, a) in images.iter().enumerate() {
        for b in &images[..i] {
            let squares = a.as_raw().iter().zip(b.as_raw());
            let sum: u64 = squares
                .map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2))
                .sum();
            mean.push((sum as f64 / a.as_raw().len().max(1) as f64).sqrt());
        }
    }
    mean.mean()
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use wordpaint_data::open::open;

    use super::*;

    fn monitor(share: f64) -> Monitor {
        let dataset = open("synth:birds?preset=tiny").expect("built-in data");
        Monitor::new(Arc::from(dataset), vec![0, 1, 2], share)
    }

    #[test]
    fn real_images_are_as_sharp_diverse_and_similar_as_can_be() {
        let monitor = monitor(0.1);
        let real = monitor.real((32, 32)).expect("images");

        let reading = monitor.measure(&real, Duration::from_secs(1));

        let reading = reading.expect("readable").expect("within the budget");
        for (name, value) in reading.values() {
            assert!((value - 1.0).abs() < 1e-9, "{name} {value}");
        }
        assert_eq!(reading.values().len(), CURVES.len());
    }

    #[test]
    fn a_collapsed_generator_has_no_diversity() {
        let monitor = monitor(0.1);
        let gray = vec![RgbImage::from_pixel(32, 32, Rgb([127; 3])); 3];

        let reading = monitor.measure(&gray, Duration::from_secs(1));

        let reading = reading.expect("readable").expect("within the budget");
        assert_eq!(
            (reading.diversity, reading.sharpness),
            (Some(0.0), Some(0.0))
        );
        assert!(reading.ssim < 0.9, "{reading}");
    }

    #[test]
    fn beyond_its_share_of_the_time_it_pauses() {
        let monitor = monitor(0.01);
        let gray = vec![RgbImage::from_pixel(32, 32, Rgb([127; 3])); 3];
        let measure = |seconds| {
            let reading = monitor.measure(&gray, Duration::from_secs(seconds));
            reading.expect("readable").is_some()
        };

        assert!(measure(0));
        assert!(!measure(0));
        assert!(measure(100_000));
    }
}

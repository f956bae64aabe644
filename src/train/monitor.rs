//! Cheap metrics during training, on the images of the sample grids and within a share of the time.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use burn::prelude::{Tensor, TensorData};
use image::RgbImage;
use wordpaint_metrics::sharpness::mean_sharpness;
use wordpaint_metrics::{MetricError, Moments, Rgb8, Ssim, ssim};
use wordpaint_models::backend::Backend;
use wordpaint_models::system::{Pipeline, TermValues};

use super::train_module::PhaseOutcome;
use crate::data::Source;

/// Curves of the dashboard that a grid gives, in the order of [`Reading::values`].
const CURVES: [&str; 3] = ["monitor/sharpness", "monitor/diversity", "monitor/ssim"];

/// Measures more images than a grid has, on the same budget.
pub trait TrainingMetric<B: Backend>: Send + Sync {
    /// Names of its curves.
    fn curves(&self) -> Vec<&'static str>;

    /// Generates images and measures them; what cannot be measured is left out.
    fn measure(&self, pipeline: &Pipeline<'_, B>) -> Vec<(&'static str, f64)>;
}

/// Compares sample grids with the real images of their captions.
pub struct Monitor<B: Backend> {
    source: Source,
    images: Vec<usize>,
    /// Largest share of the training time.
    share: f64,
    training_metric: Option<Box<dyn TrainingMetric<B>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Real images at the size of the generated ones.
    real: Vec<RgbImage>,
    spent: Duration,
    last: Duration,
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
    /// What a [`TrainingMetric`] told.
    pub more: Vec<(&'static str, f64)>,
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
            .chain(self.more.iter().copied())
            .collect()
    }

    /// One outcome per value, for the dashboard.
    pub fn outcomes<B: Backend>(&self, device: &B::Device) -> Vec<PhaseOutcome<B>> {
        self.values()
            .into_iter()
            .map(|(name, value)| PhaseOutcome {
                phase: name,
                values: TermValues {
                    terms: vec![(name.to_owned(), 1.0)],
                    values: Some(Tensor::from_data(
                        TensorData::new(vec![value as f32], [1]),
                        device,
                    )),
                },
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
        write!(f, "{} (generated against real images)", values.join("  "))
    }
}

impl<B: Backend> Monitor<B> {
    /// Watches grids whose captions belong to `images`, for at most `share` of the training time.
    pub fn new(
        source: Source,
        images: Vec<usize>,
        share: f64,
        training_metric: Option<Box<dyn TrainingMetric<B>>>,
    ) -> Self {
        Self {
            source,
            images,
            share,
            training_metric,
            state: Mutex::default(),
        }
    }

    /// Names of everything that may be measured.
    pub fn curves(&self) -> Vec<&'static str> {
        let more = self
            .training_metric
            .iter()
            .flat_map(|training_metric| training_metric.curves());
        CURVES.into_iter().chain(more).collect()
    }

    /// Measures a grid and `pipeline`; `None` where that would exceed the share of the `training`
    /// time so far, the first time excepted. It is taken to last as long as the last time.
    ///
    /// # Errors
    ///
    /// If a real image cannot be read.
    pub fn measure(
        &self,
        generated: &[RgbImage],
        pipeline: &Pipeline<'_, B>,
        training: Duration,
    ) -> Result<Option<Reading>, wordpaint_data::DataError> {
        let mut state = self.state.lock().expect("one thread trains");
        let allowed = training.as_secs_f64() * self.share;
        let is_first = state.spent.is_zero();
        let expected = (state.spent + state.last).as_secs_f64();
        if self.share == 0.0 || (!is_first && expected > allowed) {
            return Ok(None);
        }
        let start = Instant::now();
        let size = generated.first().map_or((0, 0), RgbImage::dimensions);
        if state.real.first().map(RgbImage::dimensions) != Some(size) {
            state.real = self.real(size.0)?;
        }
        let reading = read(generated, &state.real);
        let training_metric = self.training_metric.iter();
        let more = training_metric
            .flat_map(|training_metric| training_metric.measure(pipeline))
            .collect();
        let took = start.elapsed();
        state.spent += took;
        // The first time includes reading the real images.
        state.last = if is_first { Duration::ZERO } else { took };
        // Images too small for a window have no reading.
        Ok(reading.ok().map(|reading| Reading {
            seconds: took.as_secs_f64(),
            more,
            ..reading
        }))
    }

    fn real(&self, side: u32) -> Result<Vec<RgbImage>, wordpaint_data::DataError> {
        let images = self.images.iter();
        images.map(|&index| self.source.real(index, side)).collect()
    }
}

fn read(generated: &[RgbImage], real: &[RgbImage]) -> Result<Reading, MetricError> {
    let (fakes, reals) = (views(generated)?, views(real)?);
    let mut similarity = Moments::default();
    for (fake, real) in fakes.iter().zip(&reals) {
        similarity.push(ssim(&real.luma(), &fake.luma(), Ssim::Gaussian)?);
    }
    let sharp = mean_sharpness(&fakes)? / mean_sharpness(&reals)?;
    let spread = diversity(generated) / diversity(real);
    Ok(Reading {
        sharpness: Some(sharp).filter(|v| v.is_finite()),
        diversity: Some(spread).filter(|v| v.is_finite()),
        ssim: similarity.mean(),
        more: Vec::new(),
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
    use std::sync::Arc;

    use burn::backend::Flex;
    use image::Rgb;
    use wordpaint_data::open::open;
    use wordpaint_models::noise::Noise;
    use wordpaint_models::system::{Condition, Frozen, Generate, Generated, Needs};

    use super::*;

    /// Never asked: the metrics of these tests generate nothing.
    struct Nothing;

    impl Generate<Flex> for Nothing {
        fn generate(&self, _: &Condition<Flex>, _: &Frozen, _: Noise) -> Generated<Flex> {
            unreachable!("no metric of these tests generates")
        }
    }

    struct Slow(Duration);

    impl TrainingMetric<Flex> for Slow {
        fn curves(&self) -> Vec<&'static str> {
            vec!["monitor/slow"]
        }

        fn measure(&self, _: &Pipeline<'_, Flex>) -> Vec<(&'static str, f64)> {
            let start = Instant::now();
            while start.elapsed() < self.0 {
                std::hint::spin_loop();
            }
            vec![("monitor/slow", 2.0)]
        }
    }

    fn monitor(
        share: f64,
        training_metric: Option<Box<dyn TrainingMetric<Flex>>>,
    ) -> Monitor<Flex> {
        let uri = "synth:birds?preset=tiny";
        let config = toml::from_str(&format!("uri = '{uri}'")).expect("a valid table");
        let dataset = Arc::from(open(uri).expect("built-in data"));
        let images = vec![0, 1, 2];
        let source = Source::of(dataset, &config, images.clone(), Needs::of_images(vec![32]));
        Monitor::new(source.expect("readable"), images, share, training_metric)
    }

    fn measure(monitor: &Monitor<Flex>, images: &[RgbImage], seconds: u64) -> Option<Reading> {
        let training = Duration::from_secs(seconds);
        monitor
            .measure(images, &Pipeline::new(&Nothing, &Frozen::new()), training)
            .expect("readable")
    }

    #[test]
    fn real_images_are_as_sharp_diverse_and_similar_as_can_be() {
        let monitor = monitor(0.1, None);
        let real = monitor.real(32).expect("images");

        let reading = measure(&monitor, &real, 1).expect("within the budget");

        for (name, value) in reading.values() {
            assert!((value - 1.0).abs() < 1e-9, "{name} {value}");
        }
        assert_eq!(reading.values().len(), CURVES.len());
    }

    #[test]
    fn a_collapsed_generator_has_no_diversity() {
        let gray = vec![RgbImage::from_pixel(32, 32, Rgb([127; 3])); 3];

        let reading = measure(&monitor(0.1, None), &gray, 1).expect("within the budget");

        assert_eq!(
            (reading.diversity, reading.sharpness),
            (Some(0.0), Some(0.0))
        );
        assert!(reading.ssim < 0.9, "{reading}");
    }

    #[test]
    fn beyond_its_share_of_the_time_it_pauses() {
        let monitor = monitor(0.01, None);
        let gray = vec![RgbImage::from_pixel(32, 32, Rgb([127; 3])); 3];
        let is_measured = |seconds| measure(&monitor, &gray, seconds).is_some();

        assert!(is_measured(0));
        assert!(!is_measured(0));
        assert!(is_measured(100_000));
    }

    #[test]
    fn a_metric_counts_for_the_share_and_its_values_are_logged() {
        let lasts = Duration::from_millis(60);
        let monitor = monitor(0.5, Some(Box::new(Slow(lasts))));
        let gray = vec![RgbImage::from_pixel(32, 32, Rgb([127; 3])); 3];

        let first = measure(&monitor, &gray, 0).expect("the first is free");
        // 0.5 s are allowed, and about 0.06 s more each time are spent.
        let more = (0..40)
            .filter(|_| measure(&monitor, &gray, 1).is_some())
            .count();

        assert_eq!(monitor.curves().last(), Some(&"monitor/slow"));
        assert_eq!(first.values().last(), Some(&("monitor/slow", 2.0)));
        assert!(first.to_string().contains("slow 2.000"), "{first}");
        assert!((1..9).contains(&more), "{more} times");
    }
}

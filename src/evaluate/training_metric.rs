//! What is measured of a generator while it trains: cheap enough for a small share of the time.

use std::sync::{Mutex, PoisonError};

use image::RgbImage;
use wordpaint_metrics::kid::{Estimator, mmd2};
use wordpaint_metrics::{Matrix, MetricError};
use wordpaint_models::backend::Backend;
use wordpaint_models::system::Pipeline;

use super::extract::Extractor;
use super::instrument::Thumbnails;
use super::probe::{self, AttributeClassifier};
use crate::config::Experiment;
use crate::data::Source;
use crate::generate::prompts::{self, Prompt};
use crate::setup::{Dirs, SetupError, Status};

/// Captions whose images are generated each time.
pub const IMAGES: usize = 64;
/// Kernel distance of 8 x 8 thumbnails; see [`Thumbnails`].
pub const KID: &str = "monitor/kid_thumb8";
/// Mean attribute agreement; see [`probe`].
pub const AGREEMENT: &str = "monitor/agreement";

/// Generates images of the captions of some images in turn and compares palette and layout with the real images,
/// attributes with the captions.
pub struct GeneratorMetric<B: Backend> {
    source: Source,
    prompts: Vec<Prompt>,
    captions: Vec<String>,
    classifier: Option<Mutex<AttributeClassifier<B>>>,
    seed: u64,
    device: B::Device,
    /// Thumbnails of the real images at the size of the generated ones, and this size.
    real: Mutex<(u32, Vec<f32>)>,
}

impl<B: Backend> GeneratorMetric<B> {
    /// Watches the images of `source`, with the probe of the experiment where there is one.
    ///
    /// # Errors
    ///
    /// If captions cannot be read.
    pub fn open(
        experiment: &Experiment,
        source: Source,
        device: &B::Device,
        dirs: &Dirs,
        status: Status<'_>,
    ) -> Result<Self, SetupError> {
        let in_turn = source.split.captions.max(1);
        let indices = source.split.indices.iter().enumerate();
        let prompts: Vec<Prompt> = indices
            .map(|(i, &image)| Prompt {
                image,
                caption: i % in_turn,
            })
            .collect();
        let captions = probe::captions(&source.dataset, &prompts)?;
        let probe = &experiment.evaluate.probe;
        let classifier = if probe.is_empty() {
            None
        } else {
            let quick = experiment.quick;
            let opened =
                AttributeClassifier::open(probe, quick, &source, &experiment.data, device, dirs);
            opened
                .inspect_err(|error| status(&format!("no agreement during training: {error}")))
                .ok()
        };
        Ok(Self {
            prompts,
            captions,
            classifier: classifier.map(Mutex::new),
            seed: experiment.train.seed,
            device: device.clone(),
            real: Mutex::default(),
            source,
        })
    }

    /// Names of what [`Self::measure`] may tell.
    pub fn curves(&self) -> Vec<&'static str> {
        let agreement = self.classifier.as_ref().map(|_| AGREEMENT);
        std::iter::once(KID).chain(agreement).collect()
    }

    /// Generates images and measures them; what cannot be measured is left out.
    pub fn measure(&self, pipeline: &Pipeline<'_, B>) -> Vec<(&'static str, f64)> {
        let mut images = vec![RgbImage::new(1, 1); self.prompts.len()];
        let generated = prompts::images(
            pipeline,
            &self.source,
            &self.prompts,
            self.seed,
            &self.device,
            |position, image| images[position] = image,
        );
        if generated.is_err() {
            return Vec::new();
        }
        let kid = self.kid(&images).map(|value| (KID, value));
        let agreement = self.agreement(&images).map(|value| (AGREEMENT, value));
        kid.into_iter().chain(agreement).collect()
    }

    fn kid(&self, images: &[RgbImage]) -> Option<f64> {
        let width = images.first()?.width();
        let mut real = self.real.lock().unwrap_or_else(PoisonError::into_inner);
        if real.0 != width {
            let indices = self.source.split.indices.iter();
            let images = indices.map(|&index| self.source.real(index, width));
            let images: Result<Vec<_>, _> = images.collect();
            *real = (width, thumbnails(&images.ok()?)?);
        }
        let fake = thumbnails(images)?;
        distance(&real.1, &fake, images.len()).ok()
    }

    fn agreement(&self, images: &[RgbImage]) -> Option<f64> {
        let classifier = self.classifier.as_ref()?;
        let classifier = classifier.lock().unwrap_or_else(PoisonError::into_inner);
        let agreement = classifier.agreement(&classifier.classify(images), &self.captions);
        // The interval is not shown, so one resample does.
        agreement.mean(1, 0).ok().map(|share| share.interval.value)
    }
}

fn thumbnails(images: &[RgbImage]) -> Option<Vec<f32>> {
    let features = Thumbnails::default().features(images).ok()?;
    Some(features.pool)
}

/// Unbiased kernel distance of two sets of `count` rows.
fn distance(real: &[f32], fake: &[f32], count: usize) -> Result<f64, MetricError> {
    let dims = fake.len() / count.max(1);
    let (real, fake) = (Matrix::new(real, dims)?, Matrix::new(fake, dims)?);
    mmd2(&real, &fake, Estimator::Unbiased)
}

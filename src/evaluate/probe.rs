//! Attribute agreement: does the picture show what the caption says?

use std::sync::Arc;

use burn::prelude::TensorData;
use image::RgbImage;
use wordpaint_data::synth::birds::{attribute_names, attributes_from_caption};
use wordpaint_metrics::Agreement;
use wordpaint_models::backend::Backend;
use wordpaint_models::probe::{Family, Probe};
use wordpaint_models::system::SystemConfig;

use crate::data::Source;
use crate::data::batch::fixed_batch;
use crate::data::pixels::to_tensor;
use crate::generate::prompts::Prompt;
use crate::setup::reference::{Target, resolve};
use crate::setup::trained::Trained;
use crate::setup::{Dirs, SetupError};

/// An attribute is reported only when the probe beats the majority share by this much on real
/// pictures of unseen species; below, its word is worth little.
const MIN_LEAD: f64 = 0.2;
/// Pictures classified together.
const BATCH: usize = 32;

/// A trained attribute probe and how reliable it is.
pub struct AttributeClassifier<B: Backend> {
    probe: Probe<B>,
    size: usize,
    device: B::Device,
    /// Name of the run, for protocols.
    pub name: String,
    /// Digest of its checkpoint.
    pub digest: String,
    /// Share of right answers on real pictures, per attribute.
    pub accuracy: Vec<f64>,
    /// Share of the most frequent value on the same pictures.
    pub majority: Vec<f64>,
}

impl<B: Backend> AttributeClassifier<B> {
    /// Loads the probe named by `reference` and measures it on the real pictures of `source`.
    ///
    /// # Errors
    ///
    /// If it is not there, or the data have no known attributes.
    pub fn open(
        reference: &str,
        is_quick: bool,
        source: &Source,
        data: &crate::config::schema::Data,
        device: &B::Device,
        dirs: &Dirs,
    ) -> Result<Self, SetupError> {
        let Target::Run(run) = resolve(reference, is_quick, dirs)? else {
            return Err(SetupError::Setting {
                key: "evaluate.probe",
                message: "expects a run of the attribute probe, not a weights file".into(),
            });
        };
        let trained = Trained::<Family>::open(&run)?;
        let digest = trained.checkpoint.digest()?;
        let probe = trained.system::<B>(device)?;
        let size = trained
            .config
            .needs()
            .image_sizes
            .last()
            .copied()
            .unwrap_or(64);
        let name = run
            .path()
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mut classifier = Self {
            probe,
            size,
            device: device.clone(),
            name,
            digest,
            accuracy: Vec::new(),
            majority: Vec::new(),
        };
        classifier.measure(source, data)?;
        Ok(classifier)
    }

    /// Accuracy and majority share on the real pictures of the split.
    fn measure(
        &mut self,
        source: &Source,
        data: &crate::config::schema::Data,
    ) -> Result<(), SetupError> {
        let mut needs = source.needs.clone();
        needs.image_sizes = vec![self.size];
        needs.text = wordpaint_models::system::TextForm::None;
        needs.has_attributes = true;
        needs.features = None;
        let view = source.view(
            &crate::config::schema::Data {
                load_size: 0,
                crop_to_box: false,
                ..data.clone()
            },
            needs,
        );
        let count = attribute_names().len();
        let mut right = vec![0_usize; count];
        let mut frequency = vec![vec![0_usize; 256]; count];
        for images in view.split.indices.chunks(BATCH) {
            let batch = fixed_batch(&view, images, 0)?.upload::<B>(&view, &self.device);
            let predicted = rows(self.probe.predict(batch.real()).into_data(), count);
            for (&image, predicted) in images.iter().zip(predicted) {
                let truth = view.dataset.attributes(image).unwrap_or_default();
                for (k, (&truth, predicted)) in truth.iter().zip(predicted).enumerate() {
                    right[k] += usize::from(usize::from(truth) == predicted);
                    frequency[k][usize::from(truth)] += 1;
                }
            }
        }
        let total = view.split.indices.len() as f64;
        self.accuracy = right.iter().map(|&r| r as f64 / total).collect();
        self.majority = frequency
            .iter()
            .map(|f| f.iter().max().copied().unwrap_or(0) as f64 / total)
            .collect();
        Ok(())
    }

    /// Whether attribute `index` is reported.
    pub fn is_reliable(&self, index: usize) -> bool {
        self.accuracy[index] >= self.majority[index] + MIN_LEAD
    }

    /// Attributes that the probe tells apart reliably, by position.
    pub fn reliable(&self) -> Vec<usize> {
        (0..self.accuracy.len())
            .filter(|&i| self.is_reliable(i))
            .collect()
    }

    /// Compares what captions say with what is predicted for the pictures made for them, for the reliable
    /// attributes.
    pub fn agreement(&self, predicted: &[Vec<usize>], captions: &[String]) -> Agreement {
        let names = attribute_names();
        let reliable = self.reliable();
        let mut agreement = Agreement::new(reliable.iter().map(|&i| names[i]));
        for (caption, predicted) in captions.iter().zip(predicted) {
            let named = attributes_from_caption(caption);
            let asked: Vec<Option<usize>> = reliable
                .iter()
                .map(|&i| named[i].map(usize::from))
                .collect();
            let predicted: Vec<usize> = reliable.iter().map(|&i| predicted[i]).collect();
            agreement.record(&asked, &predicted);
        }
        agreement
    }

    /// Values of all attributes that the probe reads from pictures of any size.
    pub fn classify(&self, pictures: &[RgbImage]) -> Vec<Vec<usize>> {
        pictures
            .chunks(BATCH)
            .flat_map(|p| self.classify_batch(p))
            .collect()
    }

    fn classify_batch(&self, pictures: &[RgbImage]) -> Vec<Vec<usize>> {
        let size = self.size as u32;
        let small: Vec<_> = pictures
            .iter()
            .map(|picture| wordpaint_data::resize::opencv_bilinear(picture, size, size))
            .collect();
        let images = to_tensor(&small, &self.device);
        rows(self.probe.predict(images).into_data(), self.accuracy.len())
    }
}

fn rows(data: TensorData, width: usize) -> Vec<Vec<usize>> {
    let values: Vec<usize> = data.iter::<i64>().map(|v| v as usize).collect();
    values.chunks(width).map(<[usize]>::to_vec).collect()
}

/// Captions of prompts as people read them.
pub fn captions(
    dataset: &Arc<dyn wordpaint_data::TextImageDataset>,
    prompts: &[Prompt],
) -> Result<Vec<String>, SetupError> {
    prompts
        .iter()
        .map(|p| Ok(dataset.record(p.image)?.captions[p.caption].clone()))
        .collect()
}

//! A dataset some of whose images have other classes or labels than their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use image::RgbImage;
use wordpaint_data::dataset::{Embeddings, Progress};
use wordpaint_data::{DataError, ImageSize, Record, Split, TextImageDataset};

/// Everything of `dataset` but what is said here.
pub struct Relabelled {
    /// What is relabelled.
    pub dataset: Arc<dyn TextImageDataset>,
    /// Names of the classes, where they are others.
    pub names: Option<Vec<String>>,
    /// Other class by image.
    pub classes: BTreeMap<usize, usize>,
    /// By image the one whose labels it has.
    pub givers: BTreeMap<usize, usize>,
}

impl Relabelled {
    /// `dataset` as it is.
    pub fn of(dataset: Arc<dyn TextImageDataset>) -> Self {
        Self {
            dataset,
            names: None,
            classes: BTreeMap::new(),
            givers: BTreeMap::new(),
        }
    }
}

impl TextImageDataset for Relabelled {
    fn uri(&self) -> String {
        self.dataset.uri()
    }

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn classes(&self) -> &[String] {
        self.names.as_deref().unwrap_or(self.dataset.classes())
    }

    fn categories(&self) -> &[String] {
        self.dataset.categories()
    }

    fn class_of(&self, index: usize) -> usize {
        let other = self.classes.get(&index).copied();
        other.unwrap_or_else(|| self.dataset.class_of(index))
    }

    fn labels_of(&self, index: usize) -> Result<Vec<usize>, DataError> {
        let giver = self.givers.get(&index).copied();
        self.dataset.labels_of(giver.unwrap_or(index))
    }

    fn vocabulary(&self) -> Result<Option<Vec<String>>, DataError> {
        self.dataset.vocabulary()
    }

    fn record(&self, index: usize) -> Result<Record, DataError> {
        let mut record = self.dataset.record(index)?;
        record.class = self.class_of(index);
        if let Some(&giver) = self.givers.get(&index) {
            record.labels = self.dataset.labels_of(giver)?;
        }
        Ok(record)
    }

    fn image(&self, index: usize, size: ImageSize) -> Result<RgbImage, DataError> {
        self.dataset.image(index, size)
    }

    fn drawn_side(&self) -> Option<u32> {
        self.dataset.drawn_side()
    }

    fn split(&self, split: Split) -> Vec<usize> {
        self.dataset.split(split)
    }

    fn has_embeddings(&self) -> bool {
        self.dataset.has_embeddings()
    }

    fn embeddings(&self) -> Result<Option<&Embeddings>, DataError> {
        self.dataset.embeddings()
    }

    fn attributes(&self, index: usize) -> Option<Vec<u8>> {
        self.dataset.attributes(index)
    }

    fn verify(&self, progress: Progress<'_>) -> Vec<String> {
        self.dataset.verify(progress)
    }

    // Features and vocabularies that are kept under it do not depend on
    // classes and labels.
    fn fingerprint(&self) -> String {
        self.dataset.fingerprint()
    }
}

//! Images of a single class, for systems that tell classes from each other: every image becomes a
//! class of its own.

use std::sync::Arc;

use image::RgbImage;
use wordpaint_data::dataset::{Embeddings, Progress};
use wordpaint_data::{DataError, ImageSize, Record, Split, TextImageDataset};
use wordpaint_models::system::{Classes, SystemConfig};

use super::{Say, SetupError};
use crate::config::{ConfigError, schema};
use crate::data::source::images;

/// A dataset whose images are classes of their own.
struct OwnClasses {
    dataset: Arc<dyn TextImageDataset>,
    /// Names of the classes.
    names: Vec<String>,
}

/// `dataset`, or where its split has a single class and the system tells classes from each other,
/// the same with every image as a class of its own, which is then said.
///
/// # Errors
///
/// If the system learns to name classes, or partners of one class are asked for: a single class
/// leaves nothing to learn.
pub fn given<C: SystemConfig>(
    dataset: Arc<dyn TextImageDataset>,
    data: &schema::Data,
    config: &C,
    say: Say<'_>,
) -> Result<Arc<dyn TextImageDataset>, SetupError> {
    let use_of_classes = config.classes();
    if use_of_classes == Classes::Unused {
        return Ok(dataset);
    }
    let images = images(dataset.as_ref(), data.split)?;
    let first = dataset.class_of(images[0]);
    if images.len() < 2 || images.iter().any(|&image| dataset.class_of(image) != first) {
        return Ok(dataset);
    }
    let refuse = |key: &str, message: &str| {
        let uri = dataset.uri();
        let error = ConfigError::at(
            key,
            format!("{message}, but all images of {uri} are of one"),
        );
        let error = error.with_expected("data with at least 2 classes, a folder for each");
        Err(SetupError::Config(error))
    };
    if use_of_classes == Classes::Targets {
        return refuse("data.uri", "is to give classes to learn");
    }
    if data.partners == schema::Partners::Label {
        return refuse(
            "data.partners",
            "pairs images of one class and tells classes apart",
        );
    }
    say(&format!(
        "the images of {} are of one class, within which nothing is told apart: every image counts \
         as a class of its own",
        dataset.uri()
    ));
    let names = (0..dataset.len()).map(|image| image.to_string()).collect();
    Ok(Arc::new(OwnClasses { dataset, names }))
}

impl TextImageDataset for OwnClasses {
    fn uri(&self) -> String {
        self.dataset.uri()
    }

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn classes(&self) -> &[String] {
        &self.names
    }

    fn categories(&self) -> &[String] {
        self.dataset.categories()
    }

    fn class_of(&self, index: usize) -> usize {
        index
    }

    fn labels_of(&self, index: usize) -> Result<Vec<usize>, DataError> {
        self.dataset.labels_of(index)
    }

    fn vocabulary(&self) -> Result<Option<Vec<String>>, DataError> {
        self.dataset.vocabulary()
    }

    fn record(&self, index: usize) -> Result<Record, DataError> {
        Ok(Record {
            class: index,
            ..self.dataset.record(index)?
        })
    }

    fn image(&self, index: usize, size: ImageSize) -> Result<RgbImage, DataError> {
        self.dataset.image(index, size)
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

    // Features and vocabularies that are kept under it do not depend on classes.
    fn fingerprint(&self) -> String {
        self.dataset.fingerprint()
    }
}

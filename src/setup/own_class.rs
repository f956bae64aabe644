//! Images of a single class, for systems that tell classes from each other: every image becomes a
//! class of its own.

use std::sync::Arc;

use wordpaint_data::TextImageDataset;
use wordpaint_models::system::{Classes, SystemConfig};

use super::{SetupError, Status};
use crate::config::{ConfigError, schema};
use crate::data::relabelled::Relabelled;
use crate::data::source::images;

/// `dataset`, or where its split has a single class and the system tells classes from each other,
/// the same with every image as a class of its own, which is then said.
///
/// # Errors
///
/// If the system learns to name classes, or positives of one class are asked for: a single class
/// leaves nothing to learn.
pub fn given<C: SystemConfig>(
    dataset: Arc<dyn TextImageDataset>,
    data: &schema::Data,
    config: &C,
    status: Status<'_>,
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
    if data.positives == schema::Positives::Label {
        return refuse(
            "data.positives",
            "pairs images of one class and tells classes apart",
        );
    }
    status(&format!(
        "the images of {} are of one class, within which nothing is told apart: every image counts \
         as a class of its own",
        dataset.uri()
    ));
    let all = 0..dataset.len();
    Ok(Arc::new(Relabelled {
        names: Some(all.clone().map(|image| image.to_string()).collect()),
        classes: all.map(|image| (image, image)).collect(),
        ..Relabelled::of(dataset)
    }))
}

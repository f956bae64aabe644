//! Features of the images of a folder.

use image::RgbImage;
use wordpaint_models::backend::Backend;

use super::extract::{Extractor, Features};
use super::pictures::Pictures;
use super::store::{FeatureSet, FeatureStore};
use super::{EvaluateError, instrument};
use crate::setup::Dirs;

/// Images decoded and measured together.
pub(super) const CHUNK: usize = 64;

/// Tells how many of how many images are done.
pub type Progress<'a> = &'a dyn Fn(usize, usize);

/// The network asked for, or the best one at hand.
pub(super) fn open_network<B: Backend>(
    name: Option<&str>,
    device: &B::Device,
    dirs: &Dirs,
) -> Result<Box<dyn Extractor>, EvaluateError> {
    if let Some(name) = name {
        return Ok(instrument::open::<B>(name, device, dirs)?);
    }
    let mut absent = None;
    for name in instrument::known() {
        match instrument::open::<B>(name, device, dirs) {
            Ok(network) => return Ok(network),
            Err(error) => absent = absent.or(Some(error)),
        }
    }
    Err(absent.map_or_else(
        || EvaluateError::Request("this build knows no feature network".into()),
        EvaluateError::Absent,
    ))
}

/// Features of a folder, taken from the store where they are there already.
pub(super) fn extract(
    network: &mut dyn Extractor,
    pictures: &Pictures,
    dirs: &Dirs,
    progress: Progress<'_>,
) -> Result<FeatureSet, EvaluateError> {
    let store = FeatureStore::new(&dirs.cache, network.instrument());
    in_chunks(&store, pictures, progress, |images, start| {
        let features = network.features(images)?;
        check(&features, network.instrument().id.as_str(), |row| {
            pictures.path(start + row).display().to_string()
        })?;
        Ok(features)
    })
}

/// What `measure` gives for the images of a folder (and the position of the first of them), taken
/// from the store where it is there already.
pub(super) fn in_chunks(
    store: &FeatureStore,
    pictures: &Pictures,
    progress: Progress<'_>,
    mut measure: impl FnMut(&[RgbImage], usize) -> Result<Features, EvaluateError>,
) -> Result<FeatureSet, EvaluateError> {
    let mut chunks = Vec::new();
    for start in (0..pictures.len()).step_by(CHUNK) {
        let range = start..pictures.len().min(start + CHUNK);
        let bytes = pictures.bytes(range.clone())?;
        let place = store.place(bytes.iter().map(Vec::as_slice));
        let chunk = if let Some(found) = store.find(&place) {
            found
        } else {
            let images = pictures.decode(range.clone(), &bytes)?;
            store.keep(place, &measure(&images, start)?)?
        };
        chunks.push(chunk);
        progress(range.end, pictures.len());
    }
    Ok(FeatureSet::new(chunks)?)
}

/// Refuses features that are not finite, naming the image.
pub(super) fn check(
    features: &Features,
    id: &str,
    name: impl Fn(usize) -> String,
) -> Result<(), EvaluateError> {
    let row = |values: &[f32], width: usize| {
        values
            .iter()
            .position(|v| !v.is_finite())
            .map(|at| at / width.max(1))
    };
    let logits = features.logits.as_deref().unwrap_or_default();
    match row(&features.pool, features.dims).or_else(|| row(logits, features.classes)) {
        None => Ok(()),
        Some(row) => Err(EvaluateError::Folders(format!(
            "{id} gives features that are not finite for {}; check the image and the weights",
            name(row)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_are_not_finite_name_the_image() {
        let features = Features {
            pool: vec![0.0, 1.0, 2.0, f32::NAN],
            dims: 2,
            ..Features::default()
        };
        let error = check(&features, "x", |row| format!("image-{row}.png")).expect_err("NaN");
        assert!(error.to_string().contains("image-1.png"), "{error}");
    }
}

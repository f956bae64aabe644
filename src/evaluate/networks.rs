//! THE table of feature networks: from the name a user types to an [`Extractor`].

use wordpaint_models::backend::Backend;

use super::extract::{Extractor, Thumbnails};
use super::instrument;
use crate::setup::Places;

/// A network that cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("feature network `{id}`: {why}; {how}")]
pub struct Absent {
    /// What was asked for.
    pub id: String,
    /// Why it cannot be used.
    pub why: String,
    /// What would make it usable.
    pub how: String,
}

/// Names that [`open`] knows, best first.
pub const KNOWN: &[&str] = &[
    "pytorch",
    "clean",
    "tf-inception",
    "clean-legacy-pytorch",
    "torchvision-legacy",
    "torchvision",
    "cub-finetuned",
    "flowers-finetuned",
    "efflite0",
    "keras-nsfw",
    "thumb8",
];

/// Opens the network named `id` on `device`; weights are looked for in `places.cache`.
///
/// # Errors
///
/// If the name is unknown or its weights are not in place.
pub fn open<B: Backend>(
    id: &str,
    device: &B::Device,
    places: &Places,
) -> Result<Box<dyn Extractor>, Absent> {
    if id == "thumb8" {
        return Ok(Box::new(Thumbnails::default()));
    }
    match instrument::find(id) {
        Some(entry) => entry.open::<B>(device, places),
        None => Err(Absent {
            id: id.into(),
            why: "it is not known".into(),
            how: format!("choose one of: {}", KNOWN.join(", ")),
        }),
    }
}

//! THE table of feature networks: from the name a user types to an [`Extractor`].

use wordpaint_models::backend::Backend;

use super::extract::{Extractor, Thumbnails};
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
pub const KNOWN: &[&str] = &["thumb8"];

/// Opens the network named `id` on `device`; weights are looked for in `places.cache`.
///
/// # Errors
///
/// If the name is unknown or its weights are not in place.
pub fn open<B: Backend>(
    id: &str,
    _device: &B::Device,
    _places: &Places,
) -> Result<Box<dyn Extractor>, Absent> {
    match id {
        "thumb8" => Ok(Box::new(Thumbnails::default())),
        _ => Err(Absent {
            id: id.into(),
            why: "it is not known".into(),
            how: format!("choose one of: {}", KNOWN.join(", ")),
        }),
    }
}

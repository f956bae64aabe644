//! From an address to a dataset.

use crate::dataset::TextImageDataset;
use crate::error::DataError;
use crate::{emoji, layouts, synth};

/// Opens the dataset that `uri` names.
type Open = fn(uri: &str) -> Result<Box<dyn TextImageDataset>, DataError>;

/// Schemes and what opens them. A scheme is one line.
const SCHEMES: &[(&str, Open)] = &[
    ("attngan", |uri| Ok(Box::new(layouts::attngan::open(uri)?))),
    ("coco", |uri| Ok(Box::new(layouts::coco::open(uri)?))),
    ("cub", |uri| Ok(Box::new(layouts::cub::open(uri)?))),
    ("emoji", emoji::open),
    ("folder", |uri| Ok(Box::new(layouts::folder::open(uri)?))),
    ("oxford", |uri| Ok(Box::new(layouts::oxford::open(uri)?))),
    ("synth", synth::open),
];

/// Kinds of addresses: what may stand before the colon.
pub fn schemes() -> Vec<&'static str> {
    SCHEMES.iter().map(|(scheme, _)| *scheme).collect()
}

/// Opens a dataset by its address, `SCHEME:REST`.
pub fn open(uri: &str) -> Result<Box<dyn TextImageDataset>, DataError> {
    let scheme = uri.split_once(':').map_or(uri, |(scheme, _)| scheme);
    if let Some((_, open)) = SCHEMES.iter().find(|(name, _)| *name == scheme) {
        return open(uri);
    }
    let known: Vec<String> = SCHEMES
        .iter()
        .map(|(name, _)| format!("`{name}:`"))
        .collect();
    let message = format!(
        "unknown kind of dataset `{scheme}:`, expected one of {}",
        known.join(", ")
    );
    Err(DataError::Uri {
        uri: uri.to_owned(),
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_schemes_are_answered_with_the_known_ones() {
        let error = open("zip:birds").err().expect("no such scheme").to_string();

        assert!(error.contains("`synth:`"), "{error}");
    }
}

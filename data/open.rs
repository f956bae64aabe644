//! From an address to a dataset.

use crate::dataset::TextImageDataset;
use crate::error::DataError;
use crate::scheme::{DataFacts, Scheme};
use crate::{emoji, layouts, synth};

/// All kinds of addresses, in the order of the alphabet.
fn all() -> Vec<&'static Scheme> {
    let built_in = [&emoji::SCHEME, &synth::SCHEME];
    let mut all: Vec<&Scheme> = layouts::SCHEMES.iter().copied().chain(built_in).collect();
    all.sort_by_key(|scheme| scheme.name);
    all
}

/// Kinds of addresses: what may stand before the colon.
pub fn schemes() -> Vec<&'static str> {
    all().into_iter().map(|scheme| scheme.name).collect()
}

/// Opens a dataset by its address, `SCHEME:REST`.
pub fn open(uri: &str) -> Result<Box<dyn TextImageDataset>, DataError> {
    (find(uri)?.open)(uri)
}

/// What an address says about its dataset, which need not be there.
///
/// # Errors
///
/// If there is no such kind of dataset, or if an option of a built-in one is wrong.
pub fn facts(uri: &str) -> Result<DataFacts, DataError> {
    (find(uri)?.facts)(uri)
}

fn find(uri: &str) -> Result<&'static Scheme, DataError> {
    let name = uri.split_once(':').map_or(uri, |(name, _)| name);
    let all = all();
    if let Some(&scheme) = all.iter().find(|scheme| scheme.name == name) {
        return Ok(scheme);
    }
    let known: Vec<String> = all.iter().map(|s| format!("`{}:`", s.name)).collect();
    let message = format!(
        "unknown kind of dataset `{name}:`, expected one of {}",
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

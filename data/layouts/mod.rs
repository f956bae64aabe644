//! Published on-disk layouts.
//!
//! Each layout is a file that declares its addresses and what they say about the data, and has one
//! function that reads the lists of a folder and builds an [`OnDisk`] dataset; captions and images are
//! read when they are asked for.
//!
//! The fingerprint of such a dataset covers classes, splits, labels, boxes, vocabulary and captions, and
//! the content of images and embeddings where these have at most 4 GiB together, else their sizes.

pub mod attngan;
pub mod coco;
pub mod cub;
mod decode;
mod entry;
mod fingerprint;
pub mod folder;
mod lists;
mod on_disk;
pub mod oxford;
mod sentences;
mod splits;
#[cfg(test)]
mod tests;
mod verify;
mod vocabulary;

pub use decode::{decode_rgb, decode_rgb_bytes};
pub(crate) use lists::first_with_words;
pub use on_disk::OnDisk;

use std::path::PathBuf;

use crate::DataError;
use crate::scheme::Scheme;

/// A layout is one line.
pub(crate) const SCHEMES: &[&Scheme] = &[
    &attngan::SCHEME,
    &coco::SCHEME,
    &cub::SCHEME,
    &folder::SCHEME,
    &oxford::SCHEME,
];

/// The path behind `scheme:` of an address; it must be an existing folder.
fn path_of(uri: &str, scheme: &str, holds: &str) -> Result<PathBuf, DataError> {
    let rest = uri
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_prefix(':'))
        .unwrap_or(uri);
    if rest.is_empty() {
        let message = format!("no path given; write `{scheme}:PATH`, where PATH is {holds}");
        return Err(DataError::Uri {
            uri: uri.into(),
            message,
        });
    }
    let path: PathBuf = PathBuf::from(rest).components().collect();
    if !path.is_dir() {
        if path.exists() {
            return Err(DataError::format(
                path,
                format!("is no folder; expected {holds}"),
            ));
        }
        return Err(DataError::missing(path, format!("expected {holds}")));
    }
    Ok(path)
}

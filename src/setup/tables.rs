//! Tables that a frozen network computes from the data, kept in the cache under a digest of
//! everything that decides their values.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::prelude::TensorData;
use sha2::{Digest, Sha256};

use super::{Places, SetupError};
use crate::data::source::{Source, Table};
use crate::run::checkpoint::hex;
use crate::run::folder::write_atomic;
use crate::run::weights::{from_safetensors, to_safetensors};

/// A table in the cache or to be put there.
pub(super) struct Entry<'a> {
    source: &'a Source,
    per_image: usize,
    path: PathBuf,
}

impl<'a> Entry<'a> {
    /// The table of kind `folder` with `per_image` rows for every image of `source`. `parts` name
    /// what decides it besides the data: network, backend, settings.
    pub(super) fn new(
        folder: &str,
        source: &'a Source,
        per_image: usize,
        parts: &[&str],
        places: &Places,
    ) -> Self {
        let mut digest = Sha256::new();
        let fingerprint = source.dataset.fingerprint();
        for part in std::iter::once(fingerprint.as_str()).chain(parts.iter().copied()) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.update((per_image as u64).to_le_bytes());
        for &image in &source.population.indices {
            digest.update((image as u64).to_le_bytes());
        }
        let name = &hex(&digest.finalize())[..24];
        Self {
            source,
            per_image,
            path: places
                .cache
                .join(folder)
                .join(format!("{name}.safetensors")),
        }
    }

    /// The cached table, else that of the rows which `compute` gives (row-major, with their
    /// length), which are then cached.
    ///
    /// # Errors
    ///
    /// If the rows cannot be computed or written.
    pub(super) fn get(
        self,
        compute: impl FnOnce() -> Result<(Vec<f32>, usize), SetupError>,
    ) -> Result<Table, SetupError> {
        let images = &self.source.population.indices;
        let rows = images.len() * self.per_image;
        let (values, dim) = if let Some(cached) = read(&self.path, rows) {
            cached
        } else {
            let (values, dim) = compute()?;
            let tensors = [("rows".to_owned(), TensorData::new(values, [rows, dim]))];
            write_atomic(&self.path, &to_safetensors(&tensors))?;
            let [(_, data)] = tensors;
            (data.into_vec().expect("made of 32-bit floats"), dim)
        };
        Ok(Table::of(
            Arc::from(images.as_slice()),
            Arc::new(values),
            dim,
            self.per_image,
        ))
    }
}

/// Values of a cached table and the length of its rows; `None` when the file is missing or not what
/// it should be.
fn read(path: &Path, rows: usize) -> Option<(Vec<f32>, usize)> {
    let bytes = wordpaint_files::read(path).ok()?;
    let (_, data) = from_safetensors(&bytes).ok()?.into_iter().next()?;
    let &[found, dim] = data.shape.as_slice() else {
        return None;
    };
    let values = data.into_vec::<f32>().ok()?;
    (found == rows && dim > 0).then_some((values, dim))
}

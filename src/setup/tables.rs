//! Tables that a frozen network computes from the data, kept in the cache under a digest of
//! everything that decides their values, together with a digest of the values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::prelude::TensorData;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use super::{Dirs, SetupError, Status};
use crate::data::source::{Source, Table};
use crate::run::checkpoint::hex;
use crate::run::folder::write_atomic;
use crate::run::manifest::sha256;
use crate::run::weights::{from_safetensors, to_safetensors_with};

/// Name of the only tensor.
const ROWS: &str = "rows";
/// Key of the file's own manifest among its metadata.
const MANIFEST: &str = "manifest";
/// What the file's manifest calls the digest of the values.
const VALUES: &str = "values";

/// Why a file of the cache is not used.
#[derive(Debug)]
enum Unusable {
    /// There is none.
    Absent,
    /// It is not what was written, or was written by a version that kept no digest.
    Damaged(String),
}

/// A table in the cache or to be put there.
pub(super) struct Entry<'a> {
    source: &'a Source,
    per_image: usize,
    path: PathBuf,
    /// What decides the values, by name.
    decided_by: BTreeMap<String, String>,
}

impl<'a> Entry<'a> {
    /// The table of kind `folder` with `per_image` rows for every image of `source`. `parts` name
    /// what decides it besides the data: network, backend, settings.
    pub(super) fn new(
        folder: &str,
        source: &'a Source,
        per_image: usize,
        parts: &[(&str, &str)],
        dirs: &Dirs,
    ) -> Self {
        let fingerprint = source.dataset.fingerprint();
        let mut digest = Sha256::new();
        let all = std::iter::once(("data", fingerprint.as_str())).chain(parts.iter().copied());
        for (_, part) in all.clone() {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.update((per_image as u64).to_le_bytes());
        let mut images = Sha256::new();
        for &image in &source.split.indices {
            digest.update((image as u64).to_le_bytes());
            images.update((image as u64).to_le_bytes());
        }
        let mut decided_by: BTreeMap<String, String> = all
            .map(|(name, part)| (name.to_owned(), part.to_owned()))
            .collect();
        decided_by.insert("images".into(), hex(&images.finalize()));
        let name = &hex(&digest.finalize())[..24];
        Self {
            source,
            per_image,
            path: dirs.cache.join(folder).join(format!("{name}.safetensors")),
            decided_by,
        }
    }

    /// The cached table, else that of the rows which `compute` gives (row-major, with their
    /// length), which are then cached. A damaged one is told and computed again.
    ///
    /// # Errors
    ///
    /// If the rows cannot be computed or written.
    pub(super) fn get(
        self,
        status: Status<'_>,
        compute: impl FnOnce() -> Result<(Vec<f32>, usize), SetupError>,
    ) -> Result<Table, SetupError> {
        let images = &self.source.split.indices;
        let rows = images.len() * self.per_image;
        let (values, dim) = match read(&self.path, rows, &self.decided_by) {
            Ok(cached) => cached,
            Err(unusable) => {
                if let Unusable::Damaged(why) = unusable {
                    status(&format!(
                        "{}: {why}; computing it again",
                        self.path.display()
                    ));
                }
                let (values, dim) = compute()?;
                self.write(TensorData::new(values, [rows, dim]))?
            }
        };
        Ok(Table::of(
            Arc::from(images.as_slice()),
            Arc::new(values),
            dim,
            self.per_image,
        ))
    }

    fn write(&self, data: TensorData) -> Result<(Vec<f32>, usize), SetupError> {
        let dim = data.shape[1];
        let mut manifest = self.decided_by.clone();
        manifest.insert(VALUES.into(), sha256(data.as_bytes()));
        let manifest = serde_json::to_string(&manifest).expect("plain data is JSON");
        let tensors = [(ROWS.to_owned(), data)];
        write_atomic(
            &self.path,
            &to_safetensors_with(&tensors, Some((MANIFEST, manifest))),
        )?;
        let [(_, data)] = tensors;
        Ok((data.into_vec().expect("made of 32-bit floats"), dim))
    }
}

/// Values of a cached table and the length of its rows.
fn read(
    path: &Path,
    rows: usize,
    decided_by: &BTreeMap<String, String>,
) -> Result<(Vec<f32>, usize), Unusable> {
    let damaged = |why: &dyn std::fmt::Display| Unusable::Damaged(format!("is damaged ({why})"));
    let bytes = match wordpaint_files::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Unusable::Absent),
        Err(error) => return Err(Unusable::Damaged(format!("cannot be read ({error})"))),
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(&error))?;
    let manifest = header.metadata().as_ref().and_then(|all| all.get(MANIFEST));
    let Some(manifest) = manifest else {
        let why = "was written by a version that kept no digests";
        return Err(Unusable::Damaged(why.into()));
    };
    let mut manifest: BTreeMap<String, String> =
        serde_json::from_str(manifest).map_err(|error| damaged(&error))?;
    let stored = manifest.remove(VALUES).unwrap_or_default();
    if manifest != *decided_by {
        return Err(damaged(&"it is of other data, networks or settings"));
    }
    let mut tensors = from_safetensors(&bytes).map_err(|error| damaged(&error))?;
    let (Some((name, data)), true) = (tensors.pop(), tensors.is_empty()) else {
        return Err(damaged(&"it has not one tensor"));
    };
    let found = sha256(data.as_bytes());
    if found != stored {
        let why = format!("SHA-256 of its values: stored {stored}, found {found}");
        return Err(damaged(&why));
    }
    match data.shape.as_slice() {
        &[there, dim] if there == rows && dim > 0 && name == ROWS => {
            let values = data.into_vec::<f32>();
            Ok((values.expect("made of 32-bit floats"), dim))
        }
        shape => Err(damaged(&format!("`{name}` has shape {shape:?}"))),
    }
}

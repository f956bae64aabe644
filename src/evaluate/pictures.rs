//! Folders of images, as the common evaluation tools take them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;
use wordpaint_data::layouts::decode_rgb_bytes;
use wordpaint_data::{DataError, input};

use super::EvaluateError;

/// File name endings that are taken for images.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// The image files of a folder and its subfolders, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// The folder.
    pub folder: PathBuf,
    /// Paths inside the folder.
    pub names: Vec<PathBuf>,
}

impl Pictures {
    /// Lists a folder.
    ///
    /// # Errors
    ///
    /// If it cannot be read or holds no image.
    pub fn open(folder: &Path) -> Result<Self, EvaluateError> {
        if !folder.is_dir() {
            if folder.exists() {
                let message = "is no folder; give a folder of PNG, JPEG or WebP images";
                return Err(DataError::format(folder, message).into());
            }
            return Err(DataError::missing(folder, "a folder of PNG, JPEG or WebP images").into());
        }
        let mut names = Vec::new();
        collect(folder, Path::new(""), &mut names)?;
        names.sort();
        if names.is_empty() {
            let message = "holds no PNG, JPEG or WebP image";
            return Err(DataError::format(folder, message).into());
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            names,
        })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Never: a folder without images is refused.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Path of image `index`.
    pub fn path(&self, index: usize) -> PathBuf {
        self.folder.join(&self.names[index])
    }

    /// Contents of the files `range`, in order.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub fn bytes(&self, range: std::ops::Range<usize>) -> Result<Vec<Vec<u8>>, EvaluateError> {
        range
            .into_par_iter()
            .map(|index| {
                let path = self.path(index);
                input::read(&path, input::IMAGE).map_err(|e| DataError::io("read", &path, e).into())
            })
            .collect()
    }

    /// Pixels of the images `range` from their files' contents.
    ///
    /// # Errors
    ///
    /// If a file is no whole image.
    pub fn decode(
        &self,
        range: std::ops::Range<usize>,
        bytes: &[Vec<u8>],
    ) -> Result<Vec<RgbImage>, EvaluateError> {
        range
            .into_par_iter()
            .zip(bytes)
            .map(|(index, bytes)| Ok(decode_rgb_bytes(&self.path(index), bytes)?))
            .collect()
    }

    /// [`Self::bytes`] and [`Self::decode`] in one.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is no whole image.
    pub fn images(&self, range: std::ops::Range<usize>) -> Result<Vec<RgbImage>, EvaluateError> {
        let bytes = self.bytes(range.clone())?;
        self.decode(range, &bytes)
    }

    /// Refuses folders whose images are no pairs: equal names (endings aside) in both.
    ///
    /// # Errors
    ///
    /// If a name is in one folder only.
    pub fn check_pairs(&self, other: &Self) -> Result<(), EvaluateError> {
        let stems = |set: &Self| -> Vec<PathBuf> {
            set.names
                .iter()
                .map(|name| name.with_extension(""))
                .collect()
        };
        let (own, theirs) = (stems(self), stems(other));
        if own == theirs {
            return Ok(());
        }
        let lonely = |from: &[PathBuf], others: &[PathBuf], inside: &Self| {
            let others: HashSet<&PathBuf> = others.iter().collect();
            let lonely = from.iter().find(|stem| !others.contains(stem))?;
            Some(format!(
                "`{}` is only in {}",
                lonely.display(),
                inside.folder.display()
            ))
        };
        let example = lonely(&own, &theirs, self)
            .or_else(|| lonely(&theirs, &own, other))
            .unwrap_or_else(|| "a name comes twice with different endings".into());
        Err(EvaluateError::Folders(format!(
            "{} holds {} images and {} holds {}; metrics of pairs compare images of the same name \
             in both: {example}. Give the partners one name, or leave out the metrics of pairs",
            self.folder.display(),
            self.len(),
            other.folder.display(),
            other.len(),
        )))
    }
}

fn collect(folder: &Path, inside: &Path, names: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let here = folder.join(inside);
    let entries = std::fs::read_dir(&here).map_err(|e| DataError::io("list", &here, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| DataError::io("list", &here, e))?;
        let name = inside.join(entry.file_name());
        let is_image = name
            .extension()
            .and_then(|ending| ending.to_str())
            .is_some_and(|ending| {
                ENDINGS
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(ending))
            });
        // Links to folders are followed once by the file system; hidden entries belong to others.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry
            .file_type()
            .map_err(|e| DataError::io("list", &here, e))?;
        if kind.is_dir() {
            collect(folder, &name, names)?;
        } else if is_image {
            names.push(name);
        }
    }
    Ok(())
}

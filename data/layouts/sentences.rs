//! Sentence embeddings that come with a data set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::splits::FileNames;
use crate::DataError;
use crate::dataset::Embeddings;
use crate::formats::pickle::Pickle;
use crate::formats::t7::T7;

/// Where the embeddings are.
#[derive(Debug)]
pub(super) enum Source {
    /// `{train,test}/char-CNN-RNN-embeddings.pickle`, in the order of the file names.
    Pickles(FileNames),
    /// `<key>.t7` below a folder.
    Torch(PathBuf),
}

/// File name of StackGAN's embeddings.
const PICKLE: &str = "char-CNN-RNN-embeddings.pickle";

/// What to do about damaged embeddings.
const AGAIN: &str = "unpack or make the embeddings again";

/// Position of the first number that is NaN or an infinity.
fn not_finite(numbers: &[f32]) -> Option<usize> {
    numbers.iter().position(|number| !number.is_finite())
}

impl Source {
    /// Looks for pickles beside the file names, then for the Torch file of the first image.
    pub(super) fn find(
        names: Option<&FileNames>,
        folders: &[PathBuf],
        first_key: &str,
    ) -> Option<Self> {
        let has_pickle = |n: &&FileNames| {
            ["train", "test"]
                .iter()
                .any(|split| n.folder.join(split).join(PICKLE).is_file())
        };
        if let Some(names) = names.filter(has_pickle) {
            return Some(Self::Pickles(names.clone()));
        }
        let folder = folders
            .iter()
            .find(|f| f.join(format!("{first_key}.t7")).is_file())?;
        Some(Self::Torch(folder.clone()))
    }

    /// The files that hold the embeddings of `keys`, in an order that is always the same.
    pub(super) fn files<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
        match self {
            Self::Pickles(names) => {
                let of = |split| names.folder.join(split).join(PICKLE);
                ["train", "test"].map(of).into()
            }
            Self::Torch(folder) => keys.map(|key| folder.join(format!("{key}.t7"))).collect(),
        }
    }

    /// Reads all embeddings into the order of `keys`.
    pub(super) fn load(&self, keys: &[&str]) -> Result<Embeddings, DataError> {
        match self {
            Self::Pickles(names) => from_pickles(names, keys),
            Self::Torch(folder) => from_torch(folder, keys),
        }
    }
}

fn from_pickles(names: &FileNames, keys: &[&str]) -> Result<Embeddings, DataError> {
    let mut table: Option<(usize, usize)> = None;
    let mut values = Vec::new();
    let mut is_known = vec![false; keys.len()];
    for (split, order) in [("train", &names.train), ("test", &names.test)] {
        let path = names.folder.join(split).join(PICKLE);
        if !path.is_file() {
            let expected = "its counterpart is there; both come in one archive";
            return Err(DataError::missing(path, expected));
        }
        let size = std::fs::metadata(&path)
            .map_err(|e| DataError::io("read", &path, e))?
            .len();
        let pickle = Pickle::open(&path)?;
        let arrays = pickle.list(pickle.root())?;
        if arrays.len() != order.len() {
            let message = format!(
                "{} arrays, but {split}/filenames.pickle has {} entries; take both from one archive",
                arrays.len(),
                order.len()
            );
            return Err(DataError::format(path, message));
        }
        for (i, (&array, &image)) in arrays.iter().zip(order).enumerate() {
            let array = pickle.array(array)?;
            let &[captions, dim] = array.shape() else {
                let message = format!(
                    "entry {i}: shape {:?}, expected (captions, dim)",
                    array.shape()
                );
                return Err(DataError::format(path, message));
            };
            let (captions, dim) = *table.get_or_insert((captions, dim));
            if array.shape() != [captions, dim] {
                let message = format!(
                    "entry {i}: shape {:?}, but the others have {:?}",
                    array.shape(),
                    [captions, dim]
                );
                return Err(DataError::format(path, message));
            }
            let row = captions * dim;
            if values.is_empty() {
                // The same array may be listed many times: memory is bounded by the file's size.
                let needed = row.saturating_mul(arrays.len()) as u64;
                if needed > size {
                    let message = format!("announces {needed} numbers in {size} bytes");
                    return Err(DataError::format(path, message));
                }
                values = vec![0.0f32; row * keys.len()];
            }
            let numbers = array.to_f32();
            if let Some(at) = not_finite(&numbers) {
                let message = format!("entry {i}: number {at} is not finite; {AGAIN}");
                return Err(DataError::format(path, message));
            }
            values[image * row..][..row].copy_from_slice(&numbers);
            is_known[image] = true;
        }
    }
    if let Some(image) = is_known.iter().position(|known| !known) {
        return Err(DataError::Inconsistent(format!(
            "{}: {} of {} images have no embedding, the first is `{}`; use the file names and \
             embeddings of one archive, complete",
            names.folder.display(),
            is_known.iter().filter(|known| !**known).count(),
            keys.len(),
            keys[image]
        )));
    }
    let (captions, dim) = table.unwrap_or_default();
    Ok(Embeddings {
        values: Arc::new(values),
        captions,
        dim,
    })
}

fn from_torch(folder: &Path, keys: &[&str]) -> Result<Embeddings, DataError> {
    let read = |key: &&str| -> Result<([usize; 2], Vec<f32>), DataError> {
        let path = folder.join(format!("{key}.t7"));
        if !path.is_file() {
            let expected = "the embeddings of this image; those of other images are there";
            return Err(DataError::missing(path, expected));
        }
        let file = T7::open(&path)?;
        let tensor = file.tensor(file.field(file.root(), "txt")?)?;
        let &[captions, dim] = tensor.shape() else {
            let message = format!(
                "`txt` of shape {:?}, expected (captions, dim)",
                tensor.shape()
            );
            return Err(DataError::format(path, message));
        };
        let numbers = tensor.to_f32();
        if let Some(at) = not_finite(&numbers) {
            let message = format!("`txt`: number {at} is not finite; {AGAIN}");
            return Err(DataError::format(path, message));
        }
        Ok(([captions, dim], numbers))
    };
    let rows = keys.par_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let [captions, dim] = rows.first().map_or([0, 0], |(shape, _)| *shape);
    if let Some(odd) = rows.iter().position(|(shape, _)| *shape != [captions, dim]) {
        let message = format!(
            "`txt` of shape {:?}, others have {:?}",
            rows[odd].0,
            [captions, dim]
        );
        return Err(DataError::format(
            folder.join(format!("{}.t7", keys[odd])),
            message,
        ));
    }
    let values = rows.into_iter().flat_map(|(_, row)| row).collect();
    Ok(Embeddings {
        values: Arc::new(values),
        captions,
        dim,
    })
}

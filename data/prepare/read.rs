//! The files, read.

use std::path::Path;

use super::{Prepared, Side, VERSION};
use crate::error::DataError;
use crate::formats::captions::WordCaptions;
use crate::formats::pickle::Pickle;
use crate::input;

/// AttnGAN's file of word ids.
pub const PICKLE: &str = "captions.pickle";
/// The same with keys and classes.
const JSON: &str = "captions.json";

impl Prepared {
    /// Reads `captions.pickle` and the lists in `train/` and `test/` of a folder, or, without
    /// `captions.pickle`, `captions.json`. No pickle is executed.
    ///
    /// # Errors
    ///
    /// If a file is missing or damaged, or the files do not fit each other.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let (pickle, json) = (folder.join(PICKLE), folder.join(JSON));
        let (path, prepared) = if pickle.is_file() || !json.is_file() {
            if !pickle.is_file() {
                let expected = "the word ids of all captions; they come in the archive of \
                                AttnGAN's metadata, or `wordpaint data prepare` makes them";
                return Err(DataError::missing(pickle, expected));
            }
            let prepared = from_pickles(folder, &pickle)?;
            (pickle, prepared)
        } else {
            let prepared = from_json(&json)?;
            (json, prepared)
        };
        prepared.check(&path)?;
        Ok(prepared)
    }

    fn check(&self, path: &Path) -> Result<(), DataError> {
        let wrong = |message: String| Err(DataError::format(path, message));
        let count = self.captions_per_image;
        for (name, side) in [("training", &self.train), ("test", &self.test)] {
            let (keys, captions) = (side.keys.len(), side.captions.len());
            if keys.checked_mul(count) != Some(captions) {
                return wrong(format!(
                    "{captions} {name} captions for {keys} images and {count} captions per image; \
                     take all lists from one archive"
                ));
            }
            if !side.classes.is_empty() && side.classes.len() != keys {
                return wrong(format!(
                    "{} {name} classes for {keys} images; take all lists from one archive",
                    side.classes.len()
                ));
            }
            let known = |id: &u32| (*id as usize) < self.words.len();
            if let Some(i) = side.captions.iter().position(|c| !c.iter().all(known)) {
                return wrong(format!(
                    "{name} caption {i} has a word id that is not below the word count {}",
                    self.words.len()
                ));
            }
        }
        Ok(())
    }
}

fn from_json(path: &Path) -> Result<Prepared, DataError> {
    let bytes = input::read(path, input::ARRAYS).map_err(|e| DataError::io("read", path, e))?;
    let prepared: Prepared = serde_json::from_slice(&bytes).map_err(|e| {
        let message = format!("is no list of captions ({e}); make it anew with `data prepare`");
        DataError::format_at(path, e.line(), message)
    })?;
    if prepared.version == VERSION {
        return Ok(prepared);
    }
    let message = format!("is of version {}, expected {VERSION}", prepared.version);
    Err(DataError::format(path, message))
}

fn from_pickles(folder: &Path, path: &Path) -> Result<Prepared, DataError> {
    let [(train, train_classes), (test, test_classes)] = ["train", "test"]
        .map(|split| lists(&folder.join(split)))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?
        .try_into()
        .expect("two lists become two");
    if train_classes.is_none() != test_classes.is_none() && !train.is_empty() && !test.is_empty() {
        let lacking = if train_classes.is_none() {
            "train"
        } else {
            "test"
        };
        let expected = "its counterpart is there; both come in one archive";
        return Err(DataError::missing(
            folder.join(lacking).join("class_info.pickle"),
            expected,
        ));
    }
    let WordCaptions {
        train: train_captions,
        test: test_captions,
        words,
    } = WordCaptions::open(path)?;
    let (keys, captions) = if train.is_empty() {
        (test.len(), test_captions.len())
    } else {
        (train.len(), train_captions.len())
    };
    let count = captions.checked_div(keys).unwrap_or(0);
    let side = |keys, classes: Option<Vec<u32>>, captions| Side {
        keys,
        classes: classes.unwrap_or_default(),
        captions,
    };
    Ok(Prepared {
        version: VERSION,
        source: String::new(),
        captions_per_image: count,
        words,
        train: side(train, train_classes, train_captions),
        test: side(test, test_classes, test_captions),
    })
}

/// Keys and, where there are any, classes of a split.
fn lists(folder: &Path) -> Result<(Vec<String>, Option<Vec<u32>>), DataError> {
    let names = folder.join("filenames.pickle");
    if !names.is_file() {
        let expected = "the names of this split's images, from the same archive as captions.pickle";
        return Err(DataError::missing(names, expected));
    }
    let pickle = Pickle::open(&names)?;
    let keys = pickle.texts(pickle.root())?;
    let classes = folder.join("class_info.pickle");
    if !classes.is_file() {
        return Ok((keys, None));
    }
    let pickle = Pickle::open(&classes)?;
    let numbers = pickle.ints(pickle.root())?;
    let ids = numbers.iter().enumerate().map(|(i, &id)| {
        u32::try_from(id).map_err(|_| {
            let message = format!("entry {i}: {id} is no class id");
            DataError::format(&classes, message)
        })
    });
    Ok((keys, Some(ids.collect::<Result<_, _>>()?)))
}

//! `captions.pickle` of the AttnGAN folders: tokenised captions and their vocabulary.

use std::path::Path;

use super::pickle::{Pickle, Value};
use crate::DataError;

/// Word ids of all captions and the words they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordCaptions {
    /// Captions of the training images; caption `j` of image `i` is entry `i * k + j`.
    pub train: Vec<Vec<u32>>,
    /// Captions of the test images, in the same order.
    pub test: Vec<Vec<u32>>,
    /// Words by id; id 0 is `<end>`.
    pub words: Vec<String>,
}

impl WordCaptions {
    /// Reads and checks the file: every id has a word, and both dictionaries agree.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let pickle = Pickle::open(path)?;
        let &[train, test, to_word, to_id] = pickle.list(pickle.root())? else {
            return Err(DataError::format(
                path,
                "expected a list of four: training captions, test captions, words by id, ids by \
                 word; is this the captions.pickle of an AttnGAN folder?",
            ));
        };
        let words = vocabulary(path, &pickle, to_word)?;
        let entries = pickle.dict(to_id)?;
        let agrees = |&(word, id): &(Value, Value)| {
            let known = usize::try_from(pickle.int(id)?)
                .ok()
                .and_then(|id| words.get(id));
            Ok::<_, DataError>(known.is_some_and(|k| pickle.text(word).is_ok_and(|w| w == *k)))
        };
        for entry in entries {
            if !agrees(entry)? {
                return Err(DataError::format(
                    path,
                    "the two dictionaries disagree: `wordtoix` is not the inverse of `ixtoword`",
                ));
            }
        }
        let mut copied = 0;
        let mut captions = |list| -> Result<Vec<Vec<u32>>, DataError> {
            let lists = pickle.list(list)?.iter();
            lists
                .map(|&c| {
                    copied += pickle.list(c)?.len();
                    pickle.check_copied(copied)?;
                    ids(path, &pickle, c, words.len())
                })
                .collect()
        };
        Ok(Self {
            train: captions(train)?,
            test: captions(test)?,
            words,
        })
    }
}

fn vocabulary(path: &Path, pickle: &Pickle, dict: Value) -> Result<Vec<String>, DataError> {
    let entries = pickle.dict(dict)?;
    let mut words = vec![None; entries.len()];
    let mut copied = 0;
    for &(id, word) in entries {
        let id = pickle.int(id)?;
        let slot = usize::try_from(id).ok().and_then(|id| words.get_mut(id));
        let Some(slot @ None) = slot else {
            let message = format!("word id {id} is used twice or is not below the word count");
            return Err(DataError::format(path, message));
        };
        let word = pickle.text(word)?;
        copied += word.len();
        pickle.check_copied(copied)?;
        *slot = Some(word.into_owned());
    }
    Ok(words.into_iter().flatten().collect())
}

fn ids(path: &Path, pickle: &Pickle, list: Value, count: usize) -> Result<Vec<u32>, DataError> {
    let check = |id: i64| {
        u32::try_from(id)
            .ok()
            .filter(|&id| (id as usize) < count)
            .ok_or_else(|| {
                let message =
                    format!("word id {id} of a caption is not in the vocabulary of {count}");
                DataError::format(path, message)
            })
    };
    pickle.ints(list)?.into_iter().map(check).collect()
}

//! Vocabulary and captions of a dataset as word ids, in the files of AttnGAN and as JSON.
//!
//! | file | holds |
//! |---|---|
//! | `vocabulary.json` | list of words; the id of a word is its position, the first is `<end>` |
//! | `captions.json` | everything, for programs that read no pickles ([`Prepared`]) |
//! | `captions.pickle` | training captions, test captions, words by id, ids by word |
//! | `{train,test}/filenames.pickle` | keys of the images |
//! | `{train,test}/class_info.pickle` | class ids from 1; not there if every image is its own class |
//!
//! Caption `j` of image `i` is entry `i * captions_per_image + j` of its list.

mod files;
mod read;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use read::PICKLE;

use crate::dataset::{Split, TextImageDataset};
use crate::error::DataError;
use crate::layouts::first_with_words;
use crate::words::{END, words};

/// Version of `captions.json`.
const VERSION: u32 = 1;

/// The captions of a dataset as word ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepared {
    /// Version of this format.
    version: u32,
    /// Address of the dataset.
    pub source: String,
    /// Captions of every image.
    pub captions_per_image: usize,
    /// Words by id; the first stands for "nothing there".
    pub words: Vec<String>,
    /// Images that are trained on.
    pub train: Side,
    /// Images of the test split.
    pub test: Side,
}

/// One split.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Names of the images.
    pub keys: Vec<String>,
    /// Class of every image, from 1; empty if every image is a class of its own.
    pub classes: Vec<u32>,
    /// Word ids of all captions, image by image.
    pub captions: Vec<Vec<u32>>,
}

impl Prepared {
    /// Finds the words of all captions. Every image gets `captions` captions, the first that have a
    /// word, or as many as all images have. Ids are given in the order in which words first occur,
    /// training before test; no word is left out. `progress` is called with images done and images
    /// in all.
    ///
    /// # Errors
    ///
    /// If captions cannot be read, an image has too few, or there is nothing to train on.
    pub fn of(
        dataset: &dyn TextImageDataset,
        captions: Option<usize>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, DataError> {
        let splits = [Split::Trainval, Split::Test].map(|split| dataset.split(split));
        let total = splits.iter().map(Vec::len).sum();
        let mut found: [Vec<Image>; 2] = [Vec::new(), Vec::new()];
        let mut done = 0;
        for (images, indices) in found.iter_mut().zip(&splits) {
            for &index in indices {
                images.push(Image::read(dataset, index)?);
                done += 1;
                progress(done, total);
            }
        }
        let fewest = found.iter().flatten().min_by_key(|i| i.captions.len());
        let Some(fewest) = fewest.filter(|_| !found[0].is_empty()) else {
            let message = format!("{}: there is no image to train on", dataset.uri());
            return Err(DataError::Inconsistent(message));
        };
        let count = captions.unwrap_or(fewest.captions.len());
        if fewest.captions.len() < count.max(1) {
            return Err(DataError::Inconsistent(format!(
                "{}: image `{}` has {} captions with a word, {} are needed; add some or ask for \
                 fewer",
                dataset.uri(),
                fewest.key,
                fewest.captions.len(),
                count.max(1)
            )));
        }
        let is_own_class = dataset.classes().len() == dataset.len();
        let mut vocabulary = Ids::default();
        let [train, test] = found.map(|images| side(images, count, is_own_class, &mut vocabulary));
        Ok(Self {
            version: VERSION,
            source: dataset.uri(),
            captions_per_image: count,
            words: vocabulary.words,
            train,
            test,
        })
    }

    /// Text of every caption, rebuilt from its words.
    pub fn texts<'a>(&'a self, captions: &'a [Vec<u32>]) -> impl Iterator<Item = String> + 'a {
        captions.iter().map(|caption| {
            let words: Vec<&str> = caption
                .iter()
                .map(|&id| self.words[id as usize].as_str())
                .collect();
            words.join(" ")
        })
    }
}

/// An image with the words of its captions.
struct Image {
    key: String,
    class: usize,
    captions: Vec<Vec<String>>,
}

impl Image {
    fn read(dataset: &dyn TextImageDataset, index: usize) -> Result<Self, DataError> {
        let record = dataset.record(index)?;
        let captions = record.captions.iter().map(String::as_str);
        Ok(Self {
            captions: first_with_words(captions, usize::MAX).map(words).collect(),
            key: record.key,
            class: record.class,
        })
    }
}

/// Words in the order in which they were asked for.
struct Ids {
    words: Vec<String>,
    ids: HashMap<String, u32>,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            words: vec![END.to_owned()],
            ids: HashMap::new(),
        }
    }
}

impl Ids {
    fn id(&mut self, word: String) -> u32 {
        if let Some(&id) = self.ids.get(&word) {
            return id;
        }
        let id = self.words.len() as u32;
        self.words.push(word.clone());
        self.ids.insert(word, id);
        id
    }
}

fn side(images: Vec<Image>, count: usize, is_own_class: bool, vocabulary: &mut Ids) -> Side {
    let mut side = Side::default();
    for image in images {
        side.keys.push(image.key);
        if !is_own_class {
            side.classes.push(image.class as u32 + 1);
        }
        for caption in image.captions.into_iter().take(count) {
            let ids = caption.into_iter().map(|word| vocabulary.id(word));
            side.captions.push(ids.collect());
        }
    }
    side
}

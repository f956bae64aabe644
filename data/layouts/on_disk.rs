//! A dataset whose images and captions are files.

use std::sync::{Mutex, OnceLock, PoisonError};

use image::RgbImage;

use super::decode::decode_rgb;
use super::entry::{Captions, Entry};
use super::fingerprint;
use super::sentences::Source;
use super::splits::Subset;
use super::verify::{self, Published};
use super::vocabulary::Vocabulary;
use crate::DataError;
use crate::dataset::{Embeddings, ImageSize, Progress, Record, Split, TextImageDataset};

/// A dataset in one of the published layouts.
#[derive(Debug)]
pub struct OnDisk {
    uri: String,
    classes: Vec<String>,
    categories: Vec<String>,
    entries: Vec<Entry>,
    published: Option<Published>,
    source: Option<Source>,
    vocabulary: Option<Vocabulary>,
    /// Captions of every entry, read at first use and kept.
    captions: Vec<OnceLock<Vec<String>>>,
    embeddings: OnceLock<Embeddings>,
    /// Held while the embeddings are read, so that it happens once.
    loading: Mutex<()>,
    /// Computed at first use and kept.
    fingerprint: OnceLock<String>,
}

impl OnDisk {
    pub(super) fn new(
        uri: String,
        classes: Vec<String>,
        entries: Vec<Entry>,
        published: Option<Published>,
        source: Option<Source>,
    ) -> Self {
        let (embeddings, loading) = (OnceLock::new(), Mutex::new(()));
        Self {
            uri,
            classes,
            categories: Vec::new(),
            vocabulary: None,
            captions: entries.iter().map(|_| OnceLock::new()).collect(),
            entries,
            published,
            source,
            embeddings,
            loading,
            fingerprint: OnceLock::new(),
        }
    }

    /// The same with several labels per image.
    pub(super) fn with_categories(self, categories: Vec<String>) -> Self {
        Self { categories, ..self }
    }

    /// The same with a vocabulary.
    pub(super) fn with_vocabulary(self, vocabulary: Vocabulary) -> Self {
        Self {
            vocabulary: Some(vocabulary),
            ..self
        }
    }

    fn entry(&self, index: usize) -> Result<&Entry, DataError> {
        self.entries.get(index).ok_or_else(|| {
            let count = self.entries.len();
            DataError::Inconsistent(format!("{}: image {index} of {count} asked for", self.uri))
        })
    }

    fn captions(&self, index: usize) -> Result<&[String], DataError> {
        let entry = self.entry(index)?;
        if let Captions::Held(captions) = &entry.captions {
            return Ok(captions);
        }
        let kept = &self.captions[index];
        if let Some(captions) = kept.get() {
            return Ok(captions);
        }
        if let Some(path) = entry.captions.path().filter(|path| !path.is_file()) {
            let expected = format!("the captions of image `{}`, one per line", entry.key);
            return Err(DataError::missing(path, expected));
        }
        let captions = entry.captions.read()?;
        Ok(kept.get_or_init(|| captions))
    }
}

impl TextImageDataset for OnDisk {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn categories(&self) -> &[String] {
        &self.categories
    }

    fn class_of(&self, index: usize) -> usize {
        self.entries[index].class
    }

    fn labels_of(&self, index: usize) -> Result<Vec<usize>, DataError> {
        Ok(self.entry(index)?.labels.clone())
    }

    fn vocabulary(&self) -> Result<Option<Vec<String>>, DataError> {
        Ok(self.vocabulary.as_ref().map(|v| v.words.clone()))
    }

    fn record(&self, index: usize) -> Result<Record, DataError> {
        let entry = self.entry(index)?;
        Ok(Record {
            key: entry.key.clone(),
            class: entry.class,
            captions: self.captions(index)?.to_vec(),
            bounding_box: entry.bounding_box,
            parts: entry.parts.clone(),
            labels: entry.labels.clone(),
            objects: entry.objects.clone(),
        })
    }

    fn image(&self, index: usize, _: ImageSize) -> Result<RgbImage, DataError> {
        decode_rgb(&self.entry(index)?.image)
    }

    fn split(&self, split: Split) -> Vec<usize> {
        let entries = self.entries.iter().enumerate();
        entries
            .filter(|(_, e)| Subset::is_in(e.subset, split))
            .map(|(i, _)| i)
            .collect()
    }

    fn has_embeddings(&self) -> bool {
        self.source.is_some()
    }

    fn embeddings(&self) -> Result<Option<&Embeddings>, DataError> {
        let Some(source) = &self.source else {
            return Ok(None);
        };
        let _guard = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.embeddings.get().is_none() {
            let keys: Vec<&str> = self.entries.iter().map(|e| e.key.as_str()).collect();
            let loaded = source.load(&keys)?;
            self.embeddings.get_or_init(|| loaded);
        }
        Ok(self.embeddings.get())
    }

    fn verify(&self, progress: Progress<'_>) -> Vec<String> {
        let published = self.published.as_ref();
        let mut findings = verify::verify(&self.classes, &self.entries, published, progress);
        findings.extend(self.embeddings().err().map(|error| error.to_string()));
        if let Some(vocabulary) = &self.vocabulary {
            findings.extend(vocabulary.compare(&self.entries));
        }
        findings
    }

    fn fingerprint(&self) -> String {
        let of_files = || {
            let keys = self.entries.iter().map(|entry| entry.key.as_str());
            let embeddings = self.source.as_ref();
            let embeddings = embeddings.map_or_else(Vec::new, |source| source.files(keys));
            let words = self.vocabulary.iter().flat_map(|v| &v.words);
            let names = self.classes.iter().chain(words);
            fingerprint::of(names, &self.entries, &embeddings)
        };
        self.fingerprint.get_or_init(of_files).clone()
    }
}

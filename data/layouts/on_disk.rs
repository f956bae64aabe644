//! A dataset whose images and captions are files.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use image::RgbImage;
use sha2::{Digest, Sha256};

use super::decode::decode_rgb;
use super::lists;
use super::sentences::Source;
use super::splits::Subset;
use super::verify::{self, Published};
use crate::DataError;
use crate::dataset::{BoundingBox, Embeddings, ImageSize, Part, Record, Split, TextImageDataset};

/// One image and what belongs to it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) class: usize,
    pub(super) image: PathBuf,
    /// File with one caption per line.
    pub(super) captions: PathBuf,
    pub(super) subset: Option<Subset>,
    pub(super) bounding_box: Option<BoundingBox>,
    pub(super) parts: Vec<Part>,
}

/// A dataset in one of the published layouts, opened by [`super::cub`], [`super::oxford`] or
/// [`super::folder`].
#[derive(Debug)]
pub struct OnDisk {
    uri: String,
    classes: Vec<String>,
    entries: Vec<Entry>,
    published: Option<Published>,
    source: Option<Source>,
    /// Captions of every entry, read at first use and kept.
    captions: Vec<OnceLock<Vec<String>>>,
    embeddings: OnceLock<Embeddings>,
    /// Held while the embeddings are read, so that it happens once.
    loading: Mutex<()>,
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
            captions: entries.iter().map(|_| OnceLock::new()).collect(),
            entries,
            published,
            source,
            embeddings,
            loading,
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
        let kept = &self.captions[index];
        if let Some(captions) = kept.get() {
            return Ok(captions);
        }
        if !entry.captions.is_file() {
            let expected = format!("the captions of image `{}`, one per line", entry.key);
            return Err(DataError::missing(&entry.captions, expected));
        }
        let captions = lists::captions(&entry.captions)?;
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

    fn class_of(&self, index: usize) -> usize {
        self.entries[index].class
    }

    fn record(&self, index: usize) -> Result<Record, DataError> {
        let entry = self.entry(index)?;
        Ok(Record {
            key: entry.key.clone(),
            class: entry.class,
            captions: self.captions(index)?.to_vec(),
            bounding_box: entry.bounding_box,
            parts: entry.parts.clone(),
            labels: Vec::new(),
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

    fn verify(&self) -> Vec<String> {
        verify::verify(&self.classes, &self.entries, self.published.as_ref())
    }

    fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for class in &self.classes {
            hash.update(class);
            hash.update([0]);
        }
        for entry in &self.entries {
            let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |m| m.len());
            hash.update(&entry.key);
            hash.update([0, entry.subset.map_or(0, |s| s as u8 + 1)]);
            hash.update(size(&entry.image).to_le_bytes());
            hash.update(size(&entry.captions).to_le_bytes());
        }
        let digest = hash.finalize();
        let short = digest
            .first_chunk::<8>()
            .expect("a SHA-256 digest has 32 bytes");
        format!("{:016x}", u64::from_be_bytes(*short))
    }
}

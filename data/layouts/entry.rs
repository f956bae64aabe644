//! One image of a folder, before its files are read.

use std::path::PathBuf;

use super::lists;
use super::splits::Subset;
use crate::DataError;
use crate::dataset::{BoundingBox, Object, Part};

/// Where the captions of an image are.
#[derive(Debug)]
pub(super) enum Captions {
    /// A file with one caption per line.
    File(PathBuf),
    /// A file as AttnGAN reads it: lines without a word are skipped, the first so many are kept.
    FirstOf(PathBuf, usize),
    /// Here.
    Held(Vec<String>),
}

impl Captions {
    /// The file that holds them, unless they are held in memory.
    pub(super) const fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) | Self::FirstOf(path, _) => Some(path),
            Self::Held(_) => None,
        }
    }

    /// Reads and checks the file.
    pub(super) fn read(&self) -> Result<Vec<String>, DataError> {
        match self {
            Self::File(path) => lists::captions(path),
            Self::FirstOf(path, count) => lists::first_captions(path, *count),
            Self::Held(captions) => Ok(captions.clone()),
        }
    }
}

/// One image and what belongs to it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) class: usize,
    pub(super) image: PathBuf,
    pub(super) captions: Captions,
    pub(super) subset: Option<Subset>,
    pub(super) bounding_box: Option<BoundingBox>,
    pub(super) parts: Vec<Part>,
    /// Categories that are present, ascending.
    pub(super) labels: Vec<usize>,
    pub(super) objects: Vec<Object>,
}

impl Entry {
    /// An image of no split, without annotations.
    pub(super) const fn new(key: String, class: usize, image: PathBuf, captions: Captions) -> Self {
        Self {
            key,
            class,
            image,
            captions,
            subset: None,
            bounding_box: None,
            parts: Vec::new(),
            labels: Vec::new(),
            objects: Vec::new(),
        }
    }
}

//! What a kind of dataset declares: how an address is opened, and what it says about the data.

use crate::dataset::{Split, TextImageDataset};
use crate::error::DataError;

/// A kind of addresses, `NAME:REST`.
#[derive(Debug)]
pub struct Scheme {
    /// What stands before the colon.
    pub name: &'static str,
    /// Opens the dataset at an address.
    pub open: fn(uri: &str) -> Result<Box<dyn TextImageDataset>, DataError>,
    /// What an address says, without touching the data.
    pub facts: fn(uri: &str) -> Result<DataFacts, DataError>,
}

/// A dataset as far as its address tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataFacts {
    /// Captions per image, where they are known.
    pub captions: Option<usize>,
    /// What may come with its images.
    pub extras: &'static [Extra],
    /// How large it is, where that is known.
    pub sizes: Option<Sizes>,
}

/// What may come with images and captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// Attribute values.
    Attributes,
    /// A bounding box around the one object of an image.
    Boxes,
    /// The places of the object's parts.
    Parts,
    /// Sentence embeddings.
    Embeddings,
}

/// Published or generated sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Classes of train, val and test.
    pub classes: [usize; 3],
    /// Images of train and val together, and of test.
    pub images: [usize; 2],
    /// Whether no class is in two splits.
    pub is_class_disjoint: bool,
}

impl DataFacts {
    /// Whether `extra` may come with its images.
    pub fn has(&self, extra: Extra) -> bool {
        self.extras.contains(&extra)
    }

    /// Classes of all splits together, where they are known.
    pub fn all_classes(&self) -> Option<usize> {
        Some(self.sizes?.classes.iter().sum())
    }

    /// Classes of a split, where they are known.
    pub fn classes(&self, split: Split) -> Option<usize> {
        let Sizes {
            classes: [train, val, test],
            is_class_disjoint,
            ..
        } = self.sizes?;
        if !is_class_disjoint {
            return self.all_classes();
        }
        Some(match split {
            Split::Train => train,
            Split::Val => val,
            Split::Trainval => train + val,
            Split::Test => test,
            Split::All => train + val + test,
        })
    }

    /// Images of a split, where they are known. Of train and val only the sum is published: each
    /// gets its share by classes.
    pub fn images(&self, split: Split) -> Option<usize> {
        let Sizes {
            classes: [train, val, _],
            images: [trainval, test],
            ..
        } = self.sizes?;
        let share = |classes: usize| trainval * classes / (train + val).max(1);
        Some(match split {
            Split::Train => share(train),
            Split::Val => share(val),
            Split::Trainval => trainval,
            Split::Test => test,
            Split::All => trainval + test,
        })
    }
}

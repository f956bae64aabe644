//! What birds and flowers share as datasets: classes, images, splits, noise, names.

use image::RgbImage;
use sha2::{Digest, Sha256};

use super::GENERATOR_VERSION;
use super::kind::Kind;
use super::splits::{CAPTIONS, Splits};
use super::uri::{PoseMode, SIZES, SynthSpec};
use crate::dataset::{BoundingBox, ImageSize, Part, Record, Split, TextImageDataset};
use crate::error::DataError;

/// Where the object of a picture lies.
#[derive(Debug, Clone)]
pub struct Annotations {
    /// Box around the object in pixels, one decimal.
    pub bounding_box: BoundingBox,
    /// Part locations; empty where the family has none.
    pub parts: Vec<Part>,
}

/// A generator of pictures in classes. `class` is the true class, `index` counts inside it.
pub trait Family: Send + Sync + Sized {
    /// Its place in the table of generators.
    const KIND: Kind;

    /// Draws the classes of a seed; their pictures show them in poses of `pose`.
    fn new(seed: u64, classes: usize, pose: PoseMode) -> Self;

    /// Unique names of the classes.
    fn class_names(&self) -> Vec<String>;

    /// Key of an image from its labelled class, its place in the true class (0-based) and its
    /// image id (1-based).
    fn key(class_name: &str, index: usize, id: usize) -> String;

    /// The two attribute values that a compositional split holds out together.
    fn combination(&self, class: usize) -> (u8, u8);

    /// Draws a picture of `size` pixels.
    fn render(&self, class: usize, index: usize, size: u32) -> RgbImage;

    /// Box and parts in a picture of `size` pixels.
    fn annotations(&self, class: usize, index: usize, size: u32) -> Annotations;

    /// Ten captions.
    fn captions(&self, class: usize, index: usize) -> Vec<String>;

    /// Attribute values of a class, where a probe can read them from pictures.
    fn attributes(&self, _class: usize) -> Option<Vec<u8>> {
        None
    }
}

/// A built-in dataset: nothing is stored, images and records are computed when asked for.
#[derive(Debug, Clone)]
pub struct Synth<F> {
    spec: SynthSpec,
    family: F,
    classes: Vec<String>,
    splits: Splits,
}

impl<F: Family> Synth<F> {
    /// Draws the classes and the splits of a specification.
    pub fn new(spec: SynthSpec) -> Result<Self, DataError> {
        let family = F::new(spec.seed, spec.counts.classes, spec.pose);
        let splits = Splits::new(&spec, |class| family.combination(class)).ok_or_else(|| {
            let message = "split=compositional finds no attribute pair to hold out among so few \
                           classes; use more classes or another seed";
            DataError::Uri {
                uri: spec.uri(),
                message: message.to_owned(),
            }
        })?;
        Ok(Self {
            classes: family.class_names(),
            spec,
            family,
            splits,
        })
    }

    /// What it was made from.
    pub const fn spec(&self) -> &SynthSpec {
        &self.spec
    }

    /// True class of an image and its place inside the class, whatever the label noise.
    pub fn true_class(&self, index: usize) -> (usize, usize) {
        self.spec.counts.locate(index)
    }

    pub(crate) const fn family(&self) -> &F {
        &self.family
    }

    fn check(&self, index: usize) -> Result<(), DataError> {
        if index < self.len() {
            return Ok(());
        }
        let message = format!("image {index} is asked for, but there are {}", self.len());
        Err(DataError::Uri {
            uri: self.uri(),
            message,
        })
    }

    fn captions(&self, index: usize) -> Vec<String> {
        let of = |image: usize| {
            let (class, place) = self.spec.counts.locate(image);
            self.family.captions(class, place)
        };
        let mut captions = of(index);
        for (j, caption) in captions.iter_mut().enumerate().take(CAPTIONS) {
            let source = self.splits.caption_source(index, j);
            if source != index {
                *caption = of(source).swap_remove(j);
            }
        }
        captions
    }
}

impl<F: Family> TextImageDataset for Synth<F> {
    fn uri(&self) -> String {
        self.spec.uri()
    }

    fn len(&self) -> usize {
        self.spec.counts.images()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn class_of(&self, index: usize) -> usize {
        self.splits.label(index)
    }

    fn attributes(&self, index: usize) -> Option<Vec<u8>> {
        self.family.attributes(self.spec.counts.locate(index).0)
    }

    fn record(&self, index: usize) -> Result<Record, DataError> {
        self.check(index)?;
        let (class, place) = self.spec.counts.locate(index);
        let annotations = self.family.annotations(class, place, self.spec.size);
        let label = self.splits.label(index);
        Ok(Record {
            key: F::key(&self.classes[label], place, index + 1),
            class: label,
            captions: self.captions(index),
            bounding_box: Some(annotations.bounding_box),
            parts: annotations.parts,
            labels: Vec::new(),
            objects: Vec::new(),
        })
    }

    fn image(&self, index: usize, size: ImageSize) -> Result<RgbImage, DataError> {
        self.check(index)?;
        let (class, place) = self.spec.counts.locate(index);
        let size = match size {
            ImageSize::Native => self.spec.size,
            ImageSize::Hint(size) => size.clamp(*SIZES.start(), *SIZES.end()),
        };
        Ok(self.family.render(class, place, size))
    }

    fn drawn_side(&self) -> Option<u32> {
        Some(self.spec.size)
    }

    fn split(&self, split: Split) -> Vec<usize> {
        self.splits.images(split)
    }

    fn fingerprint(&self) -> String {
        let text = format!("generator {GENERATOR_VERSION} {}", self.spec.identity());
        let digest = Sha256::digest(text.as_bytes());
        let head = digest
            .iter()
            .take(8)
            .fold(0u64, |head, byte| head << 8 | u64::from(*byte));
        format!("{head:016x}")
    }
}

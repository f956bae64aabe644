//! What every source of image and text pairs offers.

use std::sync::Arc;

use image::RgbImage;

use crate::DataError;

/// Which part of a dataset; the published splits of CUB and Oxford-102 are class-disjoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Training classes without the validation classes.
    Train,
    /// Validation classes.
    Val,
    /// Training and validation classes together: what the published systems train on.
    Trainval,
    /// Held-out classes.
    Test,
    /// Every image.
    All,
}

/// Axis-aligned box in pixels of the full image, top-left origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// One annotated part location in pixels of the full image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// CUB's part id, 1 to 15.
    pub id: u8,
    /// Horizontal position; 0 when invisible.
    pub x: f32,
    /// Vertical position; 0 when invisible.
    pub y: f32,
    /// Whether the part can be seen.
    pub is_visible: bool,
}

/// One annotated object of multi-label data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Object {
    /// Index into [`TextImageDataset::categories`].
    pub category: usize,
    /// Box around it.
    pub bounding_box: BoundingBox,
    /// Pixels it covers.
    pub area: f32,
}

/// Everything about one image except its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Name of the image, unique in its dataset, without extension
    /// (`002.Laysan_Albatross/Laysan_Albatross_0002_1027`).
    pub key: String,
    /// Class index, 0-based into [`TextImageDataset::classes`].
    pub class: usize,
    /// Captions in file order.
    pub captions: Vec<String>,
    /// Box around the object, where the dataset has one.
    pub bounding_box: Option<BoundingBox>,
    /// Part locations, where the dataset has them.
    pub parts: Vec<Part>,
    /// Indices into [`TextImageDataset::categories`] that are present, ascending (multi-label data
    /// only).
    pub labels: Vec<usize>,
    /// Annotated objects in file order (multi-label data only).
    pub objects: Vec<Object>,
}

/// At which size an image is wanted. Generators draw at any size; files keep theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSize {
    /// As stored, or the generator's own size.
    Native,
    /// Generators draw squares of this many pixels; on-disk sources ignore it and return the file.
    Hint(u32),
}

/// Sentence embeddings that come with a dataset (published pickles or Torch7 files).
#[derive(Debug, Clone)]
pub struct Embeddings {
    /// Row-major `[images][captions][dim]`, images in dataset order.
    pub values: Arc<Vec<f32>>,
    /// Captions per image.
    pub captions: usize,
    /// Length of one embedding.
    pub dim: usize,
}

/// Told from any thread how many of how many images are done.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// A set of images with captions, read lazily: `record` is cheap, `image` decodes or renders.
///
/// Implementations are immutable: two calls with the same index give the same answer, from any
/// thread and in any order.
pub trait TextImageDataset: Send + Sync {
    /// The address it was opened with, normalised.
    fn uri(&self) -> String;

    /// Number of images in all splits.
    fn len(&self) -> usize;

    /// Whether there is no image at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Class names in index order.
    fn classes(&self) -> &[String];

    /// Category names of multi-label data in index order; empty otherwise.
    fn categories(&self) -> &[String] {
        &[]
    }

    /// Class of image `index`, without reading its captions.
    fn class_of(&self, index: usize) -> usize;

    /// Categories of image `index`, ascending, without reading its captions.
    fn labels_of(&self, index: usize) -> Result<Vec<usize>, DataError> {
        Ok(self.record(index)?.labels)
    }

    /// Words by id of a vocabulary that came with the data; id 0 stands for "nothing there".
    fn vocabulary(&self) -> Result<Option<Vec<String>>, DataError> {
        Ok(None)
    }

    /// Key, class, captions and annotations of image `index`.
    fn record(&self, index: usize) -> Result<Record, DataError>;

    /// Pixels of image `index` as RGB (grey and CMYK files are converted).
    fn image(&self, index: usize, size: ImageSize) -> Result<RgbImage, DataError>;

    /// Side in pixels of the squares in which boxes, parts and objects of drawn pictures lie, whatever
    /// size they are drawn at; `None` for files, where these lie in the pixels of the file.
    fn drawn_side(&self) -> Option<u32> {
        None
    }

    /// Image indices of a split, ascending.
    fn split(&self, split: Split) -> Vec<usize>;

    /// Whether embeddings came with the data, without reading them.
    fn has_embeddings(&self) -> bool {
        false
    }

    /// Embeddings that came with the data, if any; read at the first call and kept.
    fn embeddings(&self) -> Result<Option<&Embeddings>, DataError> {
        Ok(None)
    }

    /// Attribute values of image `index` (built-in birds), one per entry of
    /// `synth::birds::attribute_names()`; `None` for data without known attributes.
    fn attributes(&self, _index: usize) -> Option<Vec<u8>> {
        None
    }

    /// Decodes every image, reads every caption and embedding, and compares the counts with the
    /// published ones; each finding says what is wrong, where, and what to do. Empty when there is
    /// nothing to say.
    fn verify(&self, _progress: Progress<'_>) -> Vec<String> {
        Vec::new()
    }

    /// Short hexadecimal digest of everything that decides the content (generator version, seed and
    /// counts; or names, captions and images of files, see [`crate::layouts`]), stored in run folders
    /// and cache names.
    fn fingerprint(&self) -> String;
}

//! Text-to-image datasets: built-in generators, published on-disk layouts and the safe readers of
//! the file formats they use.
//!
//! Nothing here knows tensors. A source implements [`TextImageDataset`]; the `wordpaint` package
//! turns its items into batches.

pub mod contact_sheet;
pub mod dataset;
pub mod emoji;
pub mod error;
pub mod formats;
pub mod input;
pub mod layouts;
pub mod open;
pub mod prepare;
pub mod preprocessing;
pub mod resize;
pub mod scheme;
pub mod synth;
pub mod tokenizers;
pub mod vocabulary;
pub mod words;

pub use contact_sheet::contact_sheet;
pub use dataset::{BoundingBox, ImageSize, Object, Part, Record, Split, TextImageDataset};
pub use error::DataError;
pub use open::open;

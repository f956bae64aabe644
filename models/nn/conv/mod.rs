//! Convolutions.

mod layer;
mod square;

pub use layer::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
pub use square::{Square, from_vector, to_vector, zero_biases};

//! Image encoders.

pub mod image_space;
pub mod vgg;

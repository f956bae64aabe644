//! Image encoders.

pub mod vgg;

//! Image encoders.

pub mod alexnet;
pub mod backbone;
pub mod clip;
mod conv_bn;
pub mod efficientnet_lite;
pub mod image_space;
pub mod inception;
pub mod lpips;
pub mod matching;
pub mod region_heads;
pub mod vgg;
pub mod vit;

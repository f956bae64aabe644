//! wordpaint: text-to-image research in Rust on Burn.

pub mod config;
pub mod data;
pub mod picture;
pub mod train;

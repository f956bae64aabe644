//! From dataset items to batches on a device.

pub mod batch;
pub mod label_noise;
pub mod loader;
pub mod pixels;
pub mod relabelled;
pub mod sampler;
pub mod source;
pub mod stats;

pub use loader::Loader;
pub use source::Source;

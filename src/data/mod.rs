//! From dataset items to batches on a device.

pub mod annotations;
pub mod batch;
pub mod label_noise;
pub mod loader;
pub mod pixels;
pub mod relabelled;
pub mod sampler;
pub mod source;
pub mod stats;
pub mod view;

pub use loader::Loader;
pub use source::Source;

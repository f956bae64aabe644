//! GPU backends, on Burn's own operations.

use super::Backend;

#[cfg(feature = "wgpu")]
impl Backend for burn::backend::Wgpu {}

#[cfg(feature = "cuda")]
impl Backend for burn::backend::Cuda {}

//! Burn's reference CPU backend.

use burn::backend::NdArray;

use super::Backend;

impl Backend for NdArray {}

/// Double precision has no kernels: it is the reference of the tests.
impl Backend for NdArray<f64> {}

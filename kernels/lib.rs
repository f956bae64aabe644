//! SIMD kernels of image-network training for CPUs.
//!
//! Slices in, slices out: this package knows neither tensors nor gradient tapes. Arrays are
//! contiguous `f32` in Burn's order (batch, channels, rows, columns). Which instructions are used
//! is decided at run time; results depend neither on the number of threads nor on their timing.

pub mod activation;
pub mod adam;
pub mod blocks;
pub mod conv;
pub mod distance;
pub mod gate;
pub mod isa;
pub mod masked;
pub mod memory;
mod multiversion;
pub mod norm;
pub mod parallel;
pub mod softmax;

mod scratch;
#[allow(dead_code, reason = "each kernel uses some of the vectors' operations")]
mod simd;

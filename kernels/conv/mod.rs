//! Convolution in two dimensions: the operation and its three gradients.
//!
//! The gradient with respect to the input is also the forward pass of the transposed convolution.

mod geometry;

pub use geometry::Conv2d;

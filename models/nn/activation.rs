//! Activations.

use burn::prelude::Tensor;
use burn::tensor::activation::sigmoid;

use crate::backend::{Backend, ops};

/// `max(x, 0)`; the gradient at 0 is 0, as in torch.
pub fn relu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    ops::rectify(x, 0.0)
}

/// `x` where it is positive, else `slope * x`; the gradient at 0 is the slope, as in torch.
pub fn leaky_relu<B: Backend, const D: usize>(x: Tensor<B, D>, slope: f64) -> Tensor<B, D> {
    ops::rectify(x, slope)
}

/// Hyperbolic tangent.
pub fn tanh<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    ops::tanh(x)
}

/// `x / (1 + e^(-1.702 x))`: the GELU of CLIP, close to the exact one.
pub fn quick_gelu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    sigmoid(x.clone() * 1.702) * x // clip/model.py, `QuickGELU`
}

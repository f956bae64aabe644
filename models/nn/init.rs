//! Layers with stated initial weights: zero biases and normal weights of a given spread.

use burn::module::Initializer;
use burn::nn::{Linear, LinearConfig};
use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::nn::conv::{Conv2d, Conv2dConfig};

/// Standard deviation that keeps the spread of activations before a ReLU (He et al. 2015).
pub fn he_std(fan_in: usize) -> f64 {
    (2.0 / fan_in as f64).sqrt()
}

/// Weights of a layer whose channels along `dim` come in pairs of opposite sign: of every one of
/// `groups` equal parts, the second half is the first half negated.
///
/// A stack of layers with such inputs and outputs and ReLUs between them is linear at the start,
/// as `relu(x) - relu(-x) = x`: however deep it is, no difference between two inputs gets lost
/// (Balduzzi et al., "The Shattered Gradients Problem", ICML 2017).
///
/// # Panics
///
/// If the parts have no halves.
#[must_use]
pub fn mirror<B: Backend, const D: usize>(
    weight: Tensor<B, D>,
    dim: usize,
    groups: usize,
) -> Tensor<B, D> {
    let shape = weight.dims();
    let part = shape[dim] / groups;
    assert!(
        part * groups == shape[dim] && part.is_multiple_of(2),
        "{} channels in {groups} parts have no halves",
        shape[dim]
    );
    let before = shape[..dim].iter().product();
    let after = shape[dim + 1..].iter().product();
    let half = weight
        .reshape([before, groups, part, after])
        .narrow(2, 0, part / 2);
    Tensor::cat(vec![half.clone(), -half], 2).reshape(shape)
}

/// 3x3 convolution that keeps the image size, weights N(0, std²), bias 0.
pub fn conv3x3<B: Backend>(
    inputs: usize,
    outputs: usize,
    std: f64,
    device: &B::Device,
) -> Conv2d<B> {
    let mut conv: Conv2d<B> = Conv2dConfig::new([inputs, outputs], [3, 3])
        .with_padding([1, 1])
        .with_initializer(Initializer::Normal { mean: 0.0, std })
        .init(device);
    conv.bias = Some(Initializer::Zeros.init([outputs], device));
    conv
}

/// Linear layer, weights N(0, std²), bias 0.
pub fn linear<B: Backend>(
    inputs: usize,
    outputs: usize,
    std: f64,
    device: &B::Device,
) -> Linear<B> {
    let mut linear: Linear<B> = LinearConfig::new(inputs, outputs)
        .with_initializer(Initializer::Normal { mean: 0.0, std })
        .init(device);
    linear.bias = Some(Initializer::Zeros.init([outputs], device));
    linear
}

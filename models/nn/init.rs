//! Layers with stated initial weights: zero biases and normal weights of a given spread.

use burn::module::Initializer;
use burn::nn::{Linear, LinearConfig};

use crate::backend::Backend;
use crate::nn::conv::{Conv2d, Conv2dConfig};

/// Standard deviation that keeps the spread of activations before a ReLU (He et al. 2015).
pub fn he_std(fan_in: usize) -> f64 {
    (2.0 / fan_in as f64).sqrt()
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

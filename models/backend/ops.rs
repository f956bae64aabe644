//! The operations of [`Backend`] for tensors.

use burn::prelude::Tensor;
use burn::tensor::TensorPrimitive;
use burn::tensor::ops::{ConvOptions, FloatTensor};

use super::{AdamFactors, Backend};

/// [`Backend::convolution`].
pub fn convolution<B: Backend>(
    x: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Option<Tensor<B, 1>>,
    options: ConvOptions<2>,
) -> Tensor<B, 4> {
    let bias = bias.map(primitive);
    tensor(B::convolution(
        primitive(x),
        primitive(weight),
        bias,
        options,
    ))
}

/// [`Backend::convolution_input_gradient`].
pub fn convolution_input_gradient<B: Backend>(
    dy: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Option<Tensor<B, 1>>,
    x_shape: [usize; 4],
    options: ConvOptions<2>,
) -> Tensor<B, 4> {
    let bias = bias.map(primitive);
    tensor(B::convolution_input_gradient(
        primitive(dy),
        primitive(weight),
        bias,
        x_shape,
        options,
    ))
}

/// [`Backend::convolution_weight_gradient`].
pub fn convolution_weight_gradient<B: Backend>(
    x: Tensor<B, 4>,
    dy: Tensor<B, 4>,
    weight_shape: [usize; 4],
    options: ConvOptions<2>,
) -> Tensor<B, 4> {
    tensor(B::convolution_weight_gradient(
        primitive(x),
        primitive(dy),
        weight_shape,
        options,
    ))
}

/// [`Backend::convolution_bias_gradient`].
pub fn convolution_bias_gradient<B: Backend>(dy: Tensor<B, 4>) -> Tensor<B, 1> {
    tensor(B::convolution_bias_gradient(primitive(dy)))
}

/// [`Backend::batch_norm`].
pub fn batch_norm<B: Backend>(
    x: Tensor<B, 3>,
    scale: Tensor<B, 2>,
    shift: Tensor<B, 2>,
    epsilon: f64,
) -> Normalisation<B> {
    let found = B::batch_norm(primitive(x), primitive(scale), primitive(shift), epsilon);
    Normalisation {
        y: tensor(found.y),
        mean: tensor(found.mean),
        var: tensor(found.var),
    }
}

/// Output of [`batch_norm`].
#[derive(Debug, Clone)]
pub struct Normalisation<B: Backend> {
    /// `[batch, channels, area]`.
    pub y: Tensor<B, 3>,
    /// Mean per channel, `[channels]`, without gradient.
    pub mean: Tensor<B, 1>,
    /// Biased variance per channel, `[channels]`, without gradient.
    pub var: Tensor<B, 1>,
}

/// [`Backend::modulate`].
pub fn modulate<B: Backend>(
    x: Tensor<B, 3>,
    scale: Tensor<B, 2>,
    shift: Tensor<B, 2>,
) -> Tensor<B, 3> {
    tensor(B::modulate(
        primitive(x),
        primitive(scale),
        primitive(shift),
    ))
}

/// [`Backend::modulate_masked`].
pub fn modulate_masked<B: Backend>(
    x: Tensor<B, 3>,
    mask: Tensor<B, 2>,
    scale: Tensor<B, 2>,
    shift: Tensor<B, 2>,
) -> Tensor<B, 3> {
    tensor(B::modulate_masked(
        primitive(x),
        primitive(mask),
        primitive(scale),
        primitive(shift),
    ))
}

/// [`Backend::rectify`].
pub fn rectify<B: Backend, const D: usize>(x: Tensor<B, D>, slope: f64) -> Tensor<B, D> {
    tensor(B::rectify(primitive(x), slope))
}

/// [`Backend::tanh`].
pub fn tanh<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    tensor(B::tanh(primitive(x)))
}

/// [`Backend::softmax`] along axis `dim`.
pub fn softmax<B: Backend, const D: usize>(x: Tensor<B, D>, dim: usize) -> Tensor<B, D> {
    // Burn's operation has the same name.
    tensor(<B as Backend>::softmax(primitive(x), dim))
}

/// [`Backend::gate`].
pub fn gate<B: Backend>(x: Tensor<B, 3>) -> Tensor<B, 2> {
    tensor(B::gate(primitive(x)))
}

/// [`Backend::sum_blocks`].
pub fn sum_blocks<B: Backend>(x: Tensor<B, 4>, factor: f64) -> Tensor<B, 4> {
    tensor(B::sum_blocks(primitive(x), factor))
}

/// [`Backend::repeat_blocks`].
pub fn repeat_blocks<B: Backend>(x: Tensor<B, 4>, factor: f64, size: [usize; 2]) -> Tensor<B, 4> {
    tensor(B::repeat_blocks(primitive(x), factor, size))
}

/// [`Backend::distance`].
pub fn distance<B: Backend>(a: Tensor<B, 3>, b: Tensor<B, 2>) -> Tensor<B, 2> {
    tensor(B::distance(primitive(a), primitive(b)))
}

/// [`Backend::adam`].
pub fn adam<B: Backend, const D: usize>(
    param: Tensor<B, D>,
    grad: Tensor<B, D>,
    moments: [Tensor<B, D>; 2],
    factors: AdamFactors,
) -> [Tensor<B, D>; 3] {
    let moments = moments.map(primitive);
    B::adam(primitive(param), primitive(grad), moments, factors).map(tensor)
}

/// [`Backend::ema`].
pub fn ema<B: Backend, const D: usize>(
    average: Tensor<B, D>,
    value: Tensor<B, D>,
    decay: f64,
) -> Tensor<B, D> {
    tensor(B::ema(primitive(average), primitive(value), decay))
}

pub(super) fn primitive<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> FloatTensor<B> {
    tensor.into_primitive().tensor()
}

pub(super) fn tensor<B: Backend, const D: usize>(primitive: FloatTensor<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

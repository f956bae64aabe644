//! The operations of [`Backend`] for tensors.

use burn::prelude::Tensor;
use burn::tensor::TensorPrimitive;
use burn::tensor::ops::{ConvOptions, FloatTensor};

use super::Backend;

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
    x_shape: [usize; 4],
    options: ConvOptions<2>,
) -> Tensor<B, 4> {
    tensor(B::convolution_input_gradient(
        primitive(dy),
        primitive(weight),
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

fn primitive<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> FloatTensor<B> {
    tensor.into_primitive().tensor()
}

fn tensor<B: Backend, const D: usize>(primitive: FloatTensor<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

//! `Autodiff` over any of our backends is one of our backends.

mod convolution;
mod memory_bound;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::tensor::ops::{ConvOptions, FloatTensor};

use super::{Backend, Normalised};
use crate::backend::memory_bound::differentiable_batch_norm_backward;

impl<B: Backend, C: CheckpointStrategy> Backend for Autodiff<B, C> {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        convolution::forward::<B, C>(x, weight, bias, options)
    }

    fn convolution_input_gradient(
        dy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        x_shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        convolution::input_gradient::<B, C>(dy, weight, bias, x_shape, options)
    }

    fn convolution_weight_gradient(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        weight_shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        convolution::weight_gradient::<B, C>(x, dy, weight_shape, options)
    }

    fn batch_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f64,
    ) -> Normalised<FloatTensor<Self>> {
        memory_bound::batch_norm::<B, C>(x, scale, shift, epsilon)
    }

    /// The statistics come without gradients, so those of the gradient need their own.
    fn batch_norm_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        _statistics: [FloatTensor<Self>; 2],
        dy: FloatTensor<Self>,
        epsilon: f64,
    ) -> [FloatTensor<Self>; 3] {
        differentiable_batch_norm_backward::<Self>(x, scale, dy, epsilon)
    }

    fn modulate(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        memory_bound::modulate::<B, C>(x, scale, shift)
    }

    fn modulate_masked(
        x: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        memory_bound::modulate_masked::<B, C>(x, mask, scale, shift)
    }

    fn rectify(x: FloatTensor<Self>, slope: f64) -> FloatTensor<Self> {
        memory_bound::rectify::<B, C>(x, slope)
    }

    fn rectify_backward(
        y: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        slope: f64,
    ) -> FloatTensor<Self> {
        memory_bound::rectify_backward::<B, C>(y, dy, slope)
    }

    fn tanh(x: FloatTensor<Self>) -> FloatTensor<Self> {
        memory_bound::tanh::<B, C>(x)
    }

    fn softmax(x: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        memory_bound::softmax::<B, C>(x, dim)
    }

    fn gate(x: FloatTensor<Self>) -> FloatTensor<Self> {
        memory_bound::gate::<B, C>(x)
    }

    fn sum_blocks(x: FloatTensor<Self>, factor: f64) -> FloatTensor<Self> {
        memory_bound::sum_blocks::<B, C>(x, factor)
    }

    fn repeat_blocks(x: FloatTensor<Self>, factor: f64, size: [usize; 2]) -> FloatTensor<Self> {
        memory_bound::repeat_blocks::<B, C>(x, factor, size)
    }

    fn distance(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        memory_bound::distance::<B, C>(a, b)
    }
}

//! The bound of all code in this package: Burn's backend plus the operations with kernels of ours.
//!
//! An operation is a method of [`Backend`] with a default body made of Burn's operations. A backend
//! with a kernel overrides it, and `Autodiff` records a node whose backward pass consists of
//! operations of the same trait, so that gradients can be differentiated again. [`ops`] has the
//! operations for tensors.

mod autodiff;
#[cfg(test)]
mod convolution_tests;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cpu;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cpu_convolution;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cpu_memory_bound;
mod default;
#[cfg(feature = "flex")]
mod flex;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
mod memory_bound;
#[cfg(test)]
mod memory_bound_tests;
#[cfg(feature = "ndarray")]
mod ndarray;
pub mod ops;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod values;

use burn::tensor::ops::{ActivationOps, ConvOptions, FloatTensor};

/// Burn's backend plus the custom operations of this project.
///
/// Models name this trait, never a concrete backend.
///
/// The convolution `y = x * w`, its gradient by `x` and its gradient by `w` are the three ways to
/// contract one trilinear form over (input, weight, output), so the gradients of each are the other
/// two.
pub trait Backend: burn::tensor::backend::Backend {
    /// Convolution.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, inputs, height, width]`
    /// - `weight`: `[outputs, inputs / groups, kernel_height, kernel_width]`
    /// - `bias`: `[outputs]`
    /// - output: `[batch, outputs, out_height, out_width]`
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        Self::conv2d(x, weight, bias, options)
    }

    /// Gradient of [`Self::convolution`] by its input; as a forward pass, the transposed
    /// convolution, which may have a bias. Several input sizes have the same output size, so
    /// `x_shape` says which it is.
    ///
    /// # Shapes
    ///
    /// - `dy`: as the output of the convolution
    /// - `bias`: `[inputs]`
    /// - output: `x_shape`
    fn convolution_input_gradient(
        dy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        x_shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        default::input_gradient::<Self>(dy, weight, bias, x_shape, options)
    }

    /// Gradient of [`Self::convolution`] by its weight.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, inputs, height, width]`
    /// - `dy`: as the output of the convolution
    /// - output: `weight_shape`
    fn convolution_weight_gradient(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        weight_shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        default::weight_gradient::<Self>(x, dy, weight_shape, options)
    }

    /// Gradient of [`Self::convolution`] by its bias: the sum over all but the channels.
    ///
    /// # Shapes
    ///
    /// - `dy`: `[batch, outputs, out_height, out_width]`
    /// - output: `[outputs]`
    fn convolution_bias_gradient(dy: FloatTensor<Self>) -> FloatTensor<Self> {
        default::bias_gradient::<Self>(dy)
    }

    /// `(x - mean) / sqrt(var + epsilon) * scale + shift` with mean and biased variance of each
    /// channel over batch and area. The statistics are handed out without gradients.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, channels, area]`
    /// - `scale`, `shift`: `[1, channels]` or `[batch, channels]`
    /// - `y`: as `x`; `mean`, `var`: `[channels]`
    fn batch_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f64,
    ) -> Normalised<FloatTensor<Self>> {
        memory_bound::batch_norm::<Self>(x, scale, shift, epsilon)
    }

    /// Gradients of [`Self::batch_norm`] by `x`, scale and shift, for the gradient `dy` of its
    /// output and the `[mean, var]` it handed out.
    fn batch_norm_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        statistics: [FloatTensor<Self>; 2],
        dy: FloatTensor<Self>,
        epsilon: f64,
    ) -> [FloatTensor<Self>; 3] {
        memory_bound::batch_norm_backward::<Self>(x, scale, statistics, dy, epsilon)
    }

    /// `x * scale + shift`; shapes as for [`Self::batch_norm`].
    fn modulate(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        memory_bound::modulate::<Self>(x, scale, shift)
    }

    /// Gradients of [`Self::modulate`] by `x`, scale and shift.
    fn modulate_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3] {
        memory_bound::modulate_backward::<Self>(x, scale, dy)
    }

    /// `x + mask * (x * scale + shift)`: [`Self::modulate`] as far as a mask lets it.
    ///
    /// # Shapes
    ///
    /// - `mask`: `[batch, area]`, common to all channels
    /// - others: as for [`Self::batch_norm`]
    fn modulate_masked(
        x: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        memory_bound::modulate_masked::<Self>(x, mask, scale, shift)
    }

    /// Gradients of [`Self::modulate_masked`] by its `[x, mask, scale, shift]`.
    fn modulate_masked_backward(
        arguments: [FloatTensor<Self>; 4],
        dy: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 4] {
        memory_bound::modulate_masked_backward::<Self>(arguments, dy)
    }

    /// `x` where it is positive, else `slope * x`: the ReLU for the slope 0, leaky ones for slopes
    /// up to 1. Any shape.
    fn rectify(x: FloatTensor<Self>, slope: f64) -> FloatTensor<Self> {
        memory_bound::rectify::<Self>(x, slope)
    }

    /// Gradient of [`Self::rectify`] by its input, which keeps its sign in the output `y`: `dy`
    /// where `y` is positive, else `slope * dy`.
    fn rectify_backward(
        y: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        slope: f64,
    ) -> FloatTensor<Self> {
        memory_bound::rectify_backward::<Self>(y, dy, slope)
    }

    /// Hyperbolic tangent. Any shape.
    fn tanh(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_tanh(x)
    }

    /// Gradient of [`Self::tanh`] by its input, from its output: `(1 - y^2) dy`.
    fn tanh_backward(y: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        memory_bound::tanh_backward::<Self>(y, dy)
    }

    /// `e^x_i / sum_k e^x_k` over the values along an axis. Any shape. Where all of them are minus
    /// infinity, or one is no number, none of the results is a number.
    fn softmax(x: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        <Self as ActivationOps<Self>>::softmax(x, dim)
    }

    /// Gradient of [`Self::softmax`] by its input, from its output: `y (dy - sum_k dy_k y_k)`.
    fn softmax_backward(
        y: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        dim: usize,
    ) -> FloatTensor<Self> {
        memory_bound::softmax_backward::<Self>(y, dy, dim)
    }

    /// The first of each sample's two halves, gated by the logistic function of the second: `a / (1 +
    /// e^-b)`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, 2, len]`
    /// - output: `[batch, len]`
    fn gate(x: FloatTensor<Self>) -> FloatTensor<Self> {
        memory_bound::gate::<Self>(x)
    }

    /// Gradient of [`Self::gate`] by its input.
    fn gate_backward(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        memory_bound::gate_backward::<Self>(x, dy)
    }

    /// `factor` times the sum over each 2x2 block; an odd last row or column is left out. Average
    /// pooling for the factor 1/4.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, channels, height, width]`
    /// - output: `[batch, channels, height / 2, width / 2]`
    fn sum_blocks(x: FloatTensor<Self>, factor: f64) -> FloatTensor<Self> {
        memory_bound::sum_blocks::<Self>(x, factor)
    }

    /// `factor` times each value in a 2x2 block, and zeros in an odd last row or column: the
    /// gradient of [`Self::sum_blocks`], whose gradient it has in turn. Nearest enlargement for the
    /// factor 1.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, channels, height / 2, width / 2]`
    /// - output: `[batch, channels, height, width]`
    fn repeat_blocks(
        x: FloatTensor<Self>,
        factor: f64,
        [height, width]: [usize; 2],
    ) -> FloatTensor<Self> {
        memory_bound::repeat_blocks::<Self>(x, factor, [height, width])
    }

    /// Sums of absolute differences of each of `heads` rows of `a` and the row of `b` they have in
    /// common.
    ///
    /// # Shapes
    ///
    /// - `a`: `[batch, heads, elements]`
    /// - `b`: `[batch, elements]`
    /// - output: `[batch, heads]`
    fn distance(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        memory_bound::distance::<Self>(a, b)
    }

    /// Gradient of [`Self::distance`] by `a`: `dy` with the sign of the difference, 0 where there
    /// is none.
    fn distance_backward(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        memory_bound::distance_backward::<Self>(a, b, dy)
    }

    /// One step of Adam: parameter and `[first, second]` moments after it. All of one shape.
    fn adam(
        param: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        moments: [FloatTensor<Self>; 2],
        factors: AdamFactors,
    ) -> [FloatTensor<Self>; 3] {
        memory_bound::adam::<Self>(param, grad, moments, factors)
    }

    /// `decay * average + (1 - decay) * value`.
    fn ema(average: FloatTensor<Self>, value: FloatTensor<Self>, decay: f64) -> FloatTensor<Self> {
        memory_bound::ema::<Self>(average, value, decay)
    }
}

/// Output of [`Backend::batch_norm`].
#[derive(Debug, Clone)]
pub struct Normalised<T> {
    /// Normalised, scaled and shifted.
    pub y: T,
    /// Mean per channel.
    pub mean: T,
    /// Biased variance per channel.
    pub var: T,
}

/// Factors of one step of Adam (Kingma & Ba 2015), in the precision of Burn's optimiser.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamFactors {
    /// Share of the first moment that is kept.
    pub beta_1: f32,
    /// Share of the second moment that is kept.
    pub beta_2: f32,
    /// Added to the root of the second moment: epsilon times `sqrt(1 - beta_2^t)`.
    pub epsilon: f32,
    /// Factor of the first moment: `sqrt(1 - beta_2^t) / (1 - beta_1^t)`.
    pub correction: f32,
    /// Learning rate.
    pub lr: f64,
}

/// [`Backend`] that records gradients; its inner backend is one of ours as well.
pub trait AutodiffBackend:
    Backend + burn::tensor::backend::AutodiffBackend<InnerBackend: Backend>
{
}

impl<B> AutodiffBackend for B where
    B: Backend + burn::tensor::backend::AutodiffBackend<InnerBackend: Backend>
{
}

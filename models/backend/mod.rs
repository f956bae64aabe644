//! The bound of all code in this package: Burn's backend plus the operations with kernels of ours.
//!
//! An operation is a method of [`Backend`] with a default body made of Burn's operations. A backend
//! with a kernel overrides it, and `Autodiff` records a node whose backward pass consists of
//! operations of the same trait, so that gradients can be differentiated again. [`ops`] has the
//! operations for tensors.

mod autodiff;
mod default;
#[cfg(feature = "flex")]
mod flex;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
#[cfg(feature = "ndarray")]
mod ndarray;
pub mod ops;

use burn::tensor::ops::{ConvOptions, FloatTensor};

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
    /// convolution. Several input sizes have the same output size, so `x_shape` says which it is.
    ///
    /// # Shapes
    ///
    /// - `dy`: as the output of the convolution
    /// - output: `x_shape`
    fn convolution_input_gradient(
        dy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        x_shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        default::input_gradient::<Self>(dy, weight, x_shape, options)
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

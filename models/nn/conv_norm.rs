//! Convolution, batch normalisation, ReLU.

use burn::module::{Initializer, Module, Param};
use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::nn::activation::relu;
use crate::nn::batch_norm::{BatchNorm, BatchNormConfig};
use crate::nn::conv::{Conv2d, Conv2dConfig};
use crate::nn::init::{conv3x3, he_std};

/// 3x3 convolution without bias that keeps the image size, batch normalisation, ReLU.
#[derive(Module, Debug)]
pub struct ConvNorm<B: Backend> {
    conv: Conv2d<B>,
    norm: BatchNorm<B>,
}

impl<B: Backend> ConvNorm<B> {
    /// He's initial weights.
    pub fn init(inputs: usize, outputs: usize, device: &B::Device) -> Self {
        let std = he_std(inputs * 9);
        let conv = Conv2dConfig::new([inputs, outputs], [3, 3])
            .with_padding([1, 1])
            .with_bias(false)
            .with_initializer(Initializer::Normal { mean: 0.0, std })
            .init(device);
        Self {
            conv,
            norm: BatchNormConfig::new(outputs).init(device),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[batch, inputs, height, width]`
    /// - output: `[batch, outputs, height, width]`
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        relu(self.norm.forward(self.conv.forward(x)))
    }

    /// The convolution with bias that does the same as this one with its running statistics,
    /// before the ReLU.
    pub fn fold(&self) -> Conv2d<B> {
        let weight = self.conv.weight.val();
        let [outputs, inputs, _, _] = weight.dims();
        let (scale, shift) = self.norm.running_affine();
        let mut folded = conv3x3(inputs, outputs, 0.0, &weight.device());
        folded.weight = frozen(weight * scale.reshape([outputs, 1, 1, 1]));
        folded.bias = Some(frozen(shift));
        folded
    }
}

fn frozen<B: Backend, const D: usize>(value: Tensor<B, D>) -> Param<Tensor<B, D>> {
    Param::from_tensor(value.detach()).no_grad()
}

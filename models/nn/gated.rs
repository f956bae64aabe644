//! Gated blocks of the staged generators (published AttnGAN code).

use burn::module::{Initializer, Module};
use burn::prelude::Tensor;

use crate::backend::{Backend, ops};
use crate::nn::batch_norm::{BatchNorm, BatchNormConfig};
use crate::nn::conv::{Conv2d, Conv2dConfig};
use crate::nn::cost::Cost;
use crate::nn::orthogonal::orthogonal;
use crate::nn::upsample::nearest_x2;

/// Half of the channels, gated by the other half: `a * sigmoid(b)` over axis 1.
///
/// # Shapes
///
/// - `x`: `[batch, 2 channels, ...]`
/// - output: `[batch, channels, ...]`
pub fn glu<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    let mut dims = x.dims();
    let batch = dims[0];
    dims[1] /= 2;
    let len = dims[1..].iter().product();
    ops::gate(x.reshape([batch, 2, len])).reshape(dims)
}

/// 3x3 convolution without bias that keeps the side, orthogonal at first.
pub fn conv3x3<B: Backend>(inputs: usize, outputs: usize, device: &B::Device) -> Conv2d<B> {
    let mut conv: Conv2d<B> = Conv2dConfig::new([inputs, outputs], [3, 3])
        .with_padding([1, 1])
        .with_bias(false)
        .init(device);
    conv.weight = orthogonal([outputs, inputs, 3, 3], device);
    conv
}

/// Batch normalisation whose scale is drawn from N(1, 0.02²).
pub fn norm<B: Backend>(channels: usize, device: &B::Device) -> BatchNorm<B> {
    let gamma = Initializer::Normal {
        mean: 1.0,
        std: 0.02, // AttnGAN, miscc/utils.py weights_init
    };
    BatchNormConfig::new(channels).init_with_gamma(&gamma, device)
}

/// Doubles the side: nearest neighbours, 3x3 convolution, normalisation, gate.
#[derive(Module, Debug)]
pub struct UpBlock<B: Backend> {
    conv: Conv2d<B>,
    norm: BatchNorm<B>,
}

impl<B: Backend> UpBlock<B> {
    /// Fresh weights.
    pub fn init(inputs: usize, outputs: usize, device: &B::Device) -> Self {
        Self {
            conv: conv3x3(inputs, 2 * outputs, device),
            norm: norm(2 * outputs, device),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[batch, inputs, height, width]`
    /// - output: `[batch, outputs, 2 height, 2 width]`
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        glu(self.norm.forward(self.conv.forward(nearest_x2(x))))
    }
}

/// Two 3x3 convolutions, the first gated, beside the identity; no activation after the sum.
#[derive(Module, Debug)]
pub struct GatedResidual<B: Backend> {
    convs: Vec<Conv2d<B>>,
    norms: Vec<BatchNorm<B>>,
}

impl<B: Backend> GatedResidual<B> {
    /// Fresh weights.
    pub fn init(channels: usize, device: &B::Device) -> Self {
        Self {
            convs: vec![
                conv3x3(channels, 2 * channels, device),
                conv3x3(channels, channels, device),
            ],
            norms: vec![norm(2 * channels, device), norm(channels, device)],
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[batch, channels, height, width]`
    /// - output: as `x`
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let h = glu(self.norms[0].forward(self.convs[0].forward(x.clone())));
        x + self.norms[1].forward(self.convs[1].forward(h))
    }
}

/// Size of an [`UpBlock`] for an output of `side` x `side` pixels.
pub fn up_cost(inputs: usize, outputs: usize, side: usize) -> Cost {
    Cost::default()
        .map(inputs, side)
        .conv_without_bias(3, inputs, 2 * outputs, side)
        .norm(2 * outputs, side)
        .map(outputs, side)
}

/// Size of a [`GatedResidual`] for a map of `side` x `side` pixels.
pub fn residual_cost(channels: usize, side: usize) -> Cost {
    Cost::default()
        .conv_without_bias(3, channels, 2 * channels, side)
        .norm(2 * channels, side)
        .map(channels, side)
        .conv_without_bias(3, channels, channels, side)
        .norm(channels, side)
        .map(channels, side)
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    #[test]
    fn the_second_half_gates_the_first() {
        let x = Tensor::<Flex, 2>::from_floats([[2.0, -3.0, 0.0, 100.0]], &burn_flex::FlexDevice);

        let y = glu(x).into_data().to_vec::<f32>().expect("f32");

        assert_eq!(y, [1.0, -3.0]);
    }

    #[test]
    fn costs_count_every_parameter() {
        let device = burn_flex::FlexDevice;
        let up = UpBlock::<Flex>::init(4, 3, &device);
        let residual = GatedResidual::<Flex>::init(5, &device);

        assert_eq!(up_cost(4, 3, 8).parameters, up.num_params() - 2 * 6);
        assert_eq!(
            residual_cost(5, 8).parameters,
            residual.num_params() - 2 * 15
        );
    }
}

//! Convolution without bias and batch normalisation, as published image networks have them.

use burn::module::{Initializer, Module, Param};
use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::nn::batch_norm::{BatchNorm, BatchNormConfig, Mode};
use crate::nn::conv::{Conv2d, Conv2dConfig};
use crate::nn::init::he_std;

/// Added to every variance (TF-slim, torchvision's Inception, Keras, EfficientNet).
const EPSILON: f64 = 1e-3;

/// Convolution and batch normalisation.
#[derive(Module, Debug)]
pub(super) struct ConvBn<B: Backend> {
    conv: Conv2d<B>,
    /// Absent once it is folded into the convolution.
    norm: Option<BatchNorm<B>>,
}

impl<B: Backend> ConvBn<B> {
    /// `conv` with He's initial weights and without bias.
    pub(super) fn init(conv: Conv2dConfig, device: &B::Device) -> Self {
        let fan_in = conv.channels[0] / conv.groups * conv.kernel[0] * conv.kernel[1];
        let norm = BatchNormConfig::new(conv.channels[1])
            .with_epsilon(EPSILON)
            .init(device);
        let initializer = Initializer::Normal {
            mean: 0.0,
            std: he_std(fan_in),
        };
        Self {
            conv: conv
                .with_bias(false)
                .with_initializer(initializer)
                .init(device),
            norm: Some(norm),
        }
    }

    pub(super) fn forward(&self, x: Tensor<B, 4>, mode: Mode) -> Tensor<B, 4> {
        let y = self.conv.forward(x);
        match &self.norm {
            Some(norm) => norm.forward_with(y, mode),
            None => y,
        }
    }

    /// The same with running statistics as one convolution with bias.
    pub(super) fn fold(mut self) -> Self {
        if let Some(norm) = self.norm.take() {
            let (scale, shift) = norm.running_affine();
            let weight = self.conv.weight.val();
            let scale = scale.reshape([weight.dims()[0], 1, 1, 1]);
            self.conv.weight = frozen(weight * scale);
            self.conv.bias = Some(frozen(shift));
        }
        self
    }
}

fn frozen<B: Backend, const D: usize>(value: Tensor<B, D>) -> Param<Tensor<B, D>> {
    Param::from_tensor(value.detach()).no_grad()
}

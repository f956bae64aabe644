//! Bottleneck block of the first text-to-image GANs.

use burn::module::{Initializer, Module};
use burn::prelude::{Config, Tensor};

use crate::backend::Backend;
use crate::nn::activation::leaky_relu;
use crate::nn::batch_norm::{BatchNorm, BatchNormConfig};
use crate::nn::conv::{Conv2d, Square};

/// Configuration of [`Bottleneck`].
#[derive(Config, Debug)]
pub struct BottleneckConfig {
    /// Channels in and out.
    pub channels: usize,
    /// Channels in between.
    pub inner: usize,
    /// Negative slope of the activations; 0 makes them ReLUs.
    pub slope: f64,
    /// Standard deviation of initial weights and scales.
    pub std: f64,
}

/// 1x1, 3x3 and 3x3 convolution, each normalised, beside the identity.
#[derive(Module, Debug)]
pub struct Bottleneck<B: Backend> {
    convs: Vec<Conv2d<B>>,
    norms: Vec<BatchNorm<B>>,
    slope: f64,
}

impl BottleneckConfig {
    /// Weights N(0, std²), scales N(1, std²), convolution biases 0.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Bottleneck<B> {
        let (outer, inner) = (self.channels, self.inner);
        let conv = |kernel, inputs, outputs| {
            Square::keeping(kernel, true, self.std).conv(inputs, outputs, device)
        };
        let gamma = Initializer::Normal {
            mean: 1.0,
            std: self.std,
        };
        let norm = |channels| BatchNormConfig::new(channels).init_with_gamma(&gamma, device);
        Bottleneck {
            convs: vec![
                conv(1, outer, inner),
                conv(3, inner, inner),
                conv(3, inner, outer),
            ],
            norms: vec![norm(inner), norm(inner), norm(outer)],
            slope: self.slope,
        }
    }
}

impl<B: Backend> Bottleneck<B> {
    /// `act(x + f(x))`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, channels, height, width]`
    /// - output: as `x`
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let last = self.convs.len() - 1;
        let mut h = x.clone();
        for (i, (conv, norm)) in self.convs.iter().zip(&self.norms).enumerate() {
            h = norm.forward(conv.forward(h));
            if i < last {
                h = leaky_relu(h, self.slope);
            }
        }
        leaky_relu(x + h, self.slope)
    }
}

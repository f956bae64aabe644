//! Generator: text and noise to a 64x64 image.

use burn::module::{Initializer, Module};
use burn::prelude::Tensor;

use super::config::{Architecture, Config, INIT_STD, SLOPE};
use crate::backend::Backend;
use crate::nn::activation::{leaky_relu, relu, tanh};
use crate::nn::batch_norm::{BatchNorm, BatchNormConfig};
use crate::nn::conv::{ConvTranspose2d, Square, from_vector};
use crate::nn::linear::{Linear, LinearConfig};
use crate::nn::residual::{Bottleneck, BottleneckConfig};

/// Five transposed convolutions over the joined noise and text.
#[derive(Module, Debug)]
pub struct Generator<B: Backend> {
    text: Linear<B>,
    /// Port only.
    text_norm: Option<BatchNorm<B>>,
    up: Vec<ConvTranspose2d<B>>,
    norms: Vec<BatchNorm<B>>,
    /// Authors' version only: in place of the activations after the first two normalisations.
    blocks: Vec<Bottleneck<B>>,
}

impl<B: Backend> Generator<B> {
    pub(super) fn init(config: &Config, device: &B::Device) -> Self {
        let is_reed = config.architecture == Architecture::Reed;
        let gamma = Initializer::Normal {
            mean: 1.0,
            std: INIT_STD,
        };
        let channels = config.generator_channels();
        let norm = |c| BatchNormConfig::new(c).init_with_gamma(&gamma, device);
        let up = |i: usize| {
            let square = if i == 0 {
                Square::point(is_reed, INIT_STD)
            } else {
                Square::resampling(is_reed, INIT_STD)
            };
            square.transposed(channels[i], channels[i + 1], device)
        };
        let block = |c| BottleneckConfig::new(c, c / 4, 0.0, INIT_STD).init(device);
        Self {
            text: LinearConfig::new(config.text_dim, config.projection_dim).init(device),
            text_norm: (!is_reed).then(|| norm(config.projection_dim)),
            up: (0..5).map(up).collect(),
            norms: channels[1..5].iter().copied().map(norm).collect(),
            blocks: config.generator_blocks().into_iter().map(block).collect(),
        }
    }

    /// Generates one image per row.
    ///
    /// # Shapes
    ///
    /// - `text`: `[batch, text_dim]`
    /// - `noise`: `[batch, noise_dim]`
    /// - output: `[batch, 3, 64, 64]`, range [-1, 1]
    pub fn forward(&self, text: Tensor<B, 2>, noise: Tensor<B, 2>) -> Tensor<B, 4> {
        let text = self.text.forward(text);
        let joined = match &self.text_norm {
            Some(norm) => vec![leaky_relu(norm.forward(text), SLOPE), noise],
            None => vec![noise, leaky_relu(text, SLOPE)],
        };
        let mut h = from_vector(&self.up[0], Tensor::cat(joined, 1));
        for (i, (norm, up)) in self.norms.iter().zip(&self.up[1..]).enumerate() {
            h = norm.forward(h);
            h = match self.blocks.get(i) {
                Some(block) => block.forward(h),
                None => relu(h),
            };
            h = up.forward(h);
        }
        tanh(h)
    }
}

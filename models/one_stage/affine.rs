//! Affine maps of channels that a condition decides.

use burn::module::{Initializer, Module};
use burn::prelude::Tensor;

use crate::backend::{Backend, ops};
use crate::nn::activation::relu;
use crate::nn::cost::Cost;
use crate::nn::linear::{Linear, LinearConfig};

/// Lengths of the condition, of the hidden layer, and number of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AffineConfig {
    /// Length of the condition.
    pub condition: usize,
    /// Length of the hidden layer.
    pub hidden: usize,
    /// Channels that are mapped.
    pub channels: usize,
}

/// Two linear layers with a ReLU between them.
#[derive(Module, Debug)]
pub struct Perceptron<B: Backend> {
    first: Linear<B>,
    second: Linear<B>,
}

impl<B: Backend> Perceptron<B> {
    /// At first, every output is `start` whatever the input.
    fn init(config: AffineConfig, start: f64, device: &B::Device) -> Self {
        let mut second: Linear<B> = LinearConfig::new(config.hidden, config.channels)
            .init_with(&Initializer::Zeros, device);
        second.bias = Initializer::Constant { value: start }.init([config.channels], device);
        Self {
            first: LinearConfig::new(config.condition, config.hidden).init(device),
            second,
        }
    }

    fn forward(&self, condition: Tensor<B, 2>) -> Tensor<B, 2> {
        self.second.forward(relu(self.first.forward(condition)))
    }
}

/// `scale(c) x + shift(c)`, a number each per channel.
#[derive(Module, Debug)]
pub struct Affine<B: Backend> {
    scale: Perceptron<B>,
    shift: Perceptron<B>,
}

impl AffineConfig {
    /// The map is `start * x` at first.
    pub fn init<B: Backend>(self, start: f64, device: &B::Device) -> Affine<B> {
        Affine {
            scale: Perceptron::init(self, start, device),
            shift: Perceptron::init(self, 0.0, device),
        }
    }

    /// Size for maps of `side` x `side` pixels.
    pub fn cost(self, side: usize) -> Cost {
        let half = Cost::default()
            .linear(self.condition, self.hidden)
            .linear(self.hidden, self.channels);
        (half + half).map(self.channels, side)
    }
}

impl<B: Backend> Affine<B> {
    /// The map of `x`; with a mask, `x` and its map as far as the mask lets it: `x + mask (scale(c) x
    /// + shift(c))`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, channels, height, width]`
    /// - `condition`: `[batch, condition]`
    /// - `mask`: `[batch, 1, height, width]`
    /// - output: as `x`
    pub fn forward(
        &self,
        x: Tensor<B, 4>,
        condition: Tensor<B, 2>,
        mask: Option<Tensor<B, 4>>,
    ) -> Tensor<B, 4> {
        let dims = x.dims();
        let [batch, channels, height, width] = dims;
        let area = height * width;
        let scale = self.scale.forward(condition.clone());
        let shift = self.shift.forward(condition);
        let x = x.reshape([batch, channels, area]);
        let y = match mask {
            Some(mask) => ops::modulate_masked(x, mask.reshape([batch, area]), scale, shift),
            None => ops::modulate(x, scale, shift),
        };
        y.reshape(dims)
    }
}

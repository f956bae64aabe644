//! Conditioning augmentation: a Gaussian around the sentence.

use burn::module::Module;
use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::nn::cost::Cost;
use crate::nn::gated::glu;
use crate::nn::linear::{Linear, LinearConfig};
use crate::nn::orthogonal::orthogonal;

/// Mean and spread from a sentence.
#[derive(Module, Debug)]
pub struct Conditioning<B: Backend> {
    fc: Linear<B>,
    dim: usize,
}

/// A Gaussian with diagonal covariance, `[batch, dim]` each.
#[derive(Debug, Clone)]
pub struct Gaussian<B: Backend> {
    /// Mean.
    pub mean: Tensor<B, 2>,
    /// Logarithm of the variance.
    pub log_variance: Tensor<B, 2>,
}

impl<B: Backend> Gaussian<B> {
    /// The sample of standard normal `epsilon`, `[batch, dim]`.
    pub fn sample(&self, epsilon: Tensor<B, 2>) -> Tensor<B, 2> {
        self.mean.clone() + epsilon * (self.log_variance.clone() * 0.5).exp()
    }
}

impl<B: Backend> Conditioning<B> {
    /// Orthogonal weights, bias 0.
    pub fn init(text_dim: usize, dim: usize, device: &B::Device) -> Self {
        let mut fc: Linear<B> = LinearConfig::new(text_dim, 4 * dim).init(device);
        fc.weight = orthogonal([text_dim, 4 * dim], device);
        fc.bias = burn::module::Initializer::Zeros.init([4 * dim], device);
        Self { fc, dim }
    }

    /// # Shapes
    ///
    /// - `sentence`: `[batch, text_dim]`
    pub fn forward(&self, sentence: Tensor<B, 2>) -> Gaussian<B> {
        let both = glu(self.fc.forward(sentence));
        Gaussian {
            mean: both.clone().narrow(1, 0, self.dim),
            log_variance: both.narrow(1, self.dim, self.dim),
        }
    }
}

/// Size of a [`Conditioning`].
pub fn cost(text_dim: usize, dim: usize) -> Cost {
    Cost::default().linear(text_dim, 4 * dim)
}

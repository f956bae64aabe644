//! Residual attention blocks of the transformers in CLIP (Radford et al. 2021; published
//! `clip/model.py`): normalised first, with a packed projection and a fast GELU.

use burn::module::{Initializer, Module};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::prelude::{Tensor, TensorData};

use crate::backend::{Backend, ops};
use crate::nn::activation::quick_gelu;
use crate::nn::cost::Cost;
use crate::nn::linear::Linear;

/// Added to variances of normalised tokens (torch's default, which CLIP uses).
const EPSILON: f64 = 1e-5;
/// How many times wider the inner layer of a block is than its tokens.
const WIDENING: usize = 4; // clip/model.py, `d_model * 4`
/// Added to the scores of tokens that are not attended to; large enough for their share to be 0.
const HIDDEN: f32 = -1e9;

/// Initial weights of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Torch's: the packed projection Xavier-uniform, the others by the length of their input.
    Torch,
    /// Normal, narrower where the result is added to the tokens of a stack of `layers` blocks.
    Scaled {
        /// Blocks in the stack.
        layers: usize,
    },
}

impl Start {
    /// Of the packed projection, the one that mixes the heads, and both of the inner layer.
    fn weights(self, width: usize) -> [Initializer; 4] {
        match self {
            Self::Torch => {
                let max = (6.0 / (4 * width) as f64).sqrt();
                let xavier = Initializer::Uniform { min: -max, max };
                let inner = uniform(WIDENING * width);
                [xavier, uniform(width), uniform(width), inner]
            }
            Self::Scaled { layers } => {
                // clip/model.py, `initialize_parameters`.
                let attention = (width as f64).powf(-0.5);
                let added = attention * (2.0 * layers as f64).powf(-0.5);
                let widen = (2.0 * width as f64).powf(-0.5);
                [attention, added, widen, added].map(|std| Initializer::Normal { mean: 0.0, std })
            }
        }
    }
}

/// Weights and biases of torch's linear layers.
fn uniform(inputs: usize) -> Initializer {
    let max = 1.0 / (inputs as f64).sqrt();
    Initializer::Uniform { min: -max, max }
}

/// Sizes of a [`Block`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockConfig {
    /// Length of a token.
    pub width: usize,
    /// Attention heads; their number divides the width.
    pub heads: usize,
}

/// `x + attention(norm(x))`, then `x + narrow(gelu(widen(norm(x))))`.
#[derive(Module, Debug)]
pub struct Block<B: Backend> {
    attention_norm: LayerNorm<B>,
    /// Queries, keys and values, one after the other.
    packed: Linear<B>,
    mix: Linear<B>,
    inner_norm: LayerNorm<B>,
    widen: Linear<B>,
    narrow: Linear<B>,
    heads: usize,
}

impl BlockConfig {
    /// A block with the initial weights that `start` says.
    pub fn init<B: Backend>(&self, start: Start, device: &B::Device) -> Block<B> {
        let (width, inner) = (self.width, WIDENING * self.width);
        let [packed, mix, widen, narrow] = start.weights(width);
        let linear = |inputs, outputs, weight: &Initializer, bias: &Initializer| Linear {
            weight: weight.init([inputs, outputs], device),
            bias: bias.init([outputs], device),
        };
        let zeros = Initializer::Zeros;
        Block {
            attention_norm: norm(width, device),
            packed: linear(width, 3 * width, &packed, &zeros),
            mix: linear(width, width, &mix, &zeros),
            inner_norm: norm(width, device),
            widen: linear(width, inner, &widen, &uniform(width)),
            narrow: linear(inner, width, &narrow, &uniform(inner)),
            heads: self.heads,
        }
    }

    /// Cost of a block for a sequence of `tokens`.
    pub fn cost(&self, tokens: usize) -> Cost {
        let (width, inner) = (self.width, WIDENING * self.width);
        let each = Cost::default()
            .linear(width, 3 * width)
            .linear(width, width)
            .linear(width, inner)
            .linear(inner, width);
        let (count, length) = (tokens as f64, width as f64);
        // Two normalisations with statistics, two sums and the parts of the fast GELU.
        let kept = each.activations + (6 * width + 2 * inner) as f64;
        // Scores, scores with a mask, and shares.
        let scores = 3.0 * self.heads as f64 * count * count;
        Cost {
            parameters: each.parameters + 4 * width,
            macs: each.macs * count + 2.0 * count * count * length,
            activations: kept * count + scores,
        }
    }
}

impl<B: Backend> Block<B> {
    /// Lets the tokens look at each other.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, tokens, width]`
    /// - `mask`: `[1, 1, tokens, tokens]`, added to the scores
    /// - output: as `x`
    pub fn forward(&self, x: Tensor<B, 3>, mask: Option<&Tensor<B, 4>>) -> Tensor<B, 3> {
        let x = self.attend(self.attention_norm.forward(x.clone()), mask) + x;
        let inner = self.widen.forward(self.inner_norm.forward(x.clone()));
        self.narrow.forward(quick_gelu(inner)) + x
    }

    fn attend(&self, x: Tensor<B, 3>, mask: Option<&Tensor<B, 4>>) -> Tensor<B, 3> {
        let [batch, tokens, width] = x.dims();
        let (heads, length) = (self.heads, width / self.heads);
        let packed = self.packed.forward(x);
        let split = packed
            .reshape([batch, tokens, 3 * heads, length])
            .swap_dims(1, 2);
        let part = |i: usize| split.clone().narrow(1, i * heads, heads);
        let query = part(0) / (length as f64).sqrt();
        let scores = query.matmul(part(1).swap_dims(2, 3));
        let scores = match mask {
            Some(mask) => scores + mask.clone(),
            None => scores,
        };
        let seen = ops::softmax(scores, 3).matmul(part(2));
        self.mix
            .forward(seen.swap_dims(1, 2).reshape([batch, tokens, width]))
    }
}

/// Normalisation of tokens.
pub fn norm<B: Backend>(width: usize, device: &B::Device) -> LayerNorm<B> {
    LayerNormConfig::new(width)
        .with_epsilon(EPSILON)
        .init(device)
}

/// A mask that lets every token look at itself and at those before it, `[1, 1, tokens, tokens]`.
pub fn causal_mask<B: Backend>(tokens: usize, device: &B::Device) -> Tensor<B, 4> {
    let value = |at: usize| {
        if at % tokens > at / tokens {
            HIDDEN
        } else {
            0.0
        }
    };
    let values: Vec<f32> = (0..tokens * tokens).map(value).collect();
    Tensor::from_data(TensorData::new(values, [1, 1, tokens, tokens]), device)
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::{Distribution, Tolerance};

    use super::*;

    const CONFIG: BlockConfig = BlockConfig {
        width: 12,
        heads: 3,
    };

    fn tokens() -> Tensor<Flex, 3> {
        let normal = Distribution::Normal(0.0, 1.0);
        Tensor::random([2, 5, 12], normal, &burn_flex::FlexDevice)
    }

    #[test]
    fn behind_a_causal_mask_later_tokens_change_nothing() {
        let device = burn_flex::FlexDevice;
        let block = CONFIG.init::<Flex>(Start::Torch, &device);
        let x = tokens();
        let cut = x.clone().narrow(1, 0, 3);

        let whole = block.forward(x, Some(&causal_mask(5, &device)));
        let part = block.forward(cut, Some(&causal_mask(3, &device)));

        whole
            .narrow(1, 0, 3)
            .into_data()
            .assert_approx_eq::<f32>(&part.into_data(), Tolerance::absolute(1e-5));
    }

    #[test]
    fn without_a_mask_the_order_of_the_tokens_does_not_matter() {
        let block = CONFIG.init::<Flex>(Start::Scaled { layers: 4 }, &burn_flex::FlexDevice);
        let x = tokens();

        let there = block.forward(x.clone().flip([1]), None);

        there.flip([1]).into_data().assert_approx_eq::<f32>(
            &block.forward(x, None).into_data(),
            Tolerance::absolute(1e-5),
        );
    }

    #[test]
    fn cost_counts_every_parameter() {
        let block = CONFIG.init::<Flex>(Start::Torch, &burn_flex::FlexDevice);

        let count = Module::<Flex>::num_params(&block);

        assert_eq!(CONFIG.cost(5).parameters, count);
    }
}

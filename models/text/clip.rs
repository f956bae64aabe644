//! Text tower of CLIP: a transformer that reads ids from left to right, so that its last token knows
//! all of them (Radford et al. 2021; published `clip/model.py`).

use burn::module::{Initializer, Module, Param};
use burn::nn::LayerNorm;
use burn::prelude::{Int, Tensor, TensorData};

use crate::backend::Backend;
use crate::import::Source;
use crate::nn::cost::Cost;
use crate::nn::transformer::{Block, BlockConfig, Start, causal_mask, norm};

/// Sizes of a [`TextTower`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextTowerConfig {
    /// Ids known.
    pub vocabulary: usize,
    /// Ids read of a caption.
    pub length: usize,
    /// Blocks.
    pub layers: usize,
    /// Their sizes.
    pub block: BlockConfig,
    /// Length of an embedding.
    pub embedding: usize,
}

/// Ids to an embedding of the caption.
#[derive(Module, Debug)]
pub struct TextTower<B: Backend> {
    /// `[vocabulary, width]`.
    tokens: Param<Tensor<B, 2>>,
    /// `[length, width]`.
    positions: Param<Tensor<B, 2>>,
    blocks: Vec<Block<B>>,
    norm: LayerNorm<B>,
    /// `[width, embedding]`.
    projection: Param<Tensor<B, 2>>,
}

/// What the tower makes of captions.
#[derive(Debug, Clone)]
pub struct Encoded<B: Backend> {
    /// Of every token, normalised, `[batch, tokens, width]`; behind the end of a caption without
    /// meaning.
    pub tokens: Tensor<B, 3>,
    /// Of the whole caption, of any length, `[batch, embedding]`.
    pub sentence: Tensor<B, 2>,
}

impl TextTowerConfig {
    /// Initial weights of the published code.
    pub fn init<B: Backend>(&self, device: &B::Device) -> TextTower<B> {
        let width = self.block.width;
        let normal = |std| Initializer::Normal { mean: 0.0, std };
        let start = Start::Scaled {
            layers: self.layers,
        };
        // clip/model.py, `initialize_parameters`.
        TextTower {
            tokens: normal(0.02).init([self.vocabulary, width], device),
            positions: normal(0.01).init([self.length, width], device),
            blocks: (0..self.layers)
                .map(|_| self.block.init(start, device))
                .collect(),
            norm: norm(width, device),
            projection: normal((width as f64).powf(-0.5)).init([width, self.embedding], device),
        }
    }

    /// Cost of one caption.
    pub fn cost(&self) -> Cost {
        let (width, length) = (self.block.width, self.length);
        let outside = Cost {
            parameters: (self.vocabulary + length + 2) * width + width * self.embedding,
            macs: (width * self.embedding) as f64,
            activations: (3 * length * width + self.embedding) as f64,
        };
        (0..self.layers).fold(outside, |sum, _| sum + self.block.cost(length))
    }
}

impl<B: Backend> TextTower<B> {
    /// Encodes captions.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[batch, tokens]`, at most as many tokens as there are positions
    /// - `lengths`: ids up to the end of each caption, that included; at least 1
    pub fn forward(&self, ids: Tensor<B, 2, Int>, lengths: &[usize]) -> Encoded<B> {
        let mask = causal_mask(ids.dims()[1], &ids.device());
        let read = self
            .blocks
            .iter()
            .fold(self.embed(ids), |x, block| block.forward(x, Some(&mask)));
        self.encoded(read, lengths)
    }

    /// Tokens as they enter the first block.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[batch, tokens]`
    /// - output: `[batch, tokens, width]`
    pub fn embed(&self, ids: Tensor<B, 2, Int>) -> Tensor<B, 3> {
        let [batch, tokens] = ids.dims();
        let [_, width] = self.tokens.dims();
        let each = self.tokens.val().select(0, ids.reshape([batch * tokens]));
        let positions = self.positions.val().narrow(0, 0, tokens);
        each.reshape([batch, tokens, width]) + positions.unsqueeze_dim::<3>(0)
    }

    /// Its blocks, which read behind a causal mask.
    pub fn blocks(&self) -> &[Block<B>] {
        &self.blocks
    }

    /// What the tower makes of what left the last block, `[batch, tokens, width]`.
    pub fn encoded(&self, read: Tensor<B, 3>, lengths: &[usize]) -> Encoded<B> {
        let [batch, tokens, width] = read.dims();
        let read = self.norm.forward(read);
        let at = |(i, &length): (usize, &usize)| (i * tokens + length.max(1) - 1) as i32;
        let last: Vec<i32> = lengths.iter().enumerate().map(at).collect();
        let last = Tensor::<B, 1, Int>::from_data(TensorData::new(last, [batch]), &read.device());
        let ends = read
            .clone()
            .reshape([batch * tokens, width])
            .select(0, last);
        Encoded {
            tokens: read,
            sentence: ends.matmul(self.projection.val()),
        }
    }
}

/// Where OpenAI's files have the parameter `name` of the tower.
pub fn source(name: &str) -> Option<Source> {
    match name {
        "tokens" => return Some(Source::same("token_embedding.weight")),
        "positions" => return Some(Source::same("positional_embedding")),
        "projection" => return Some(Source::same("text_projection")),
        _ => {}
    }
    let (part, field) = name.split_once('.')?;
    match part {
        "norm" => Source::norm("ln_final", field),
        "blocks" => block_source("", field),
        _ => None,
    }
}

/// Where OpenAI's files have a parameter of a block of the tower with the prefix `tower`; `name` is
/// its path below the list of blocks (`3.mix.bias`).
pub fn block_source(tower: &str, name: &str) -> Option<Source> {
    let (index, name) = name.split_once('.')?;
    let (part, field) = name.split_once('.')?;
    let block = format!("{tower}transformer.resblocks.{index}");
    match (part, field) {
        ("packed", "weight") => Some(Source::transposed(format!("{block}.attn.in_proj_weight"))),
        ("packed", "bias") => Some(Source::same(format!("{block}.attn.in_proj_bias"))),
        ("mix", _) => Source::linear(&format!("{block}.attn.out_proj"), field),
        ("widen", _) => Source::linear(&format!("{block}.mlp.c_fc"), field),
        ("narrow", _) => Source::linear(&format!("{block}.mlp.c_proj"), field),
        ("attention_norm", _) => Source::norm(&format!("{block}.ln_1"), field),
        ("inner_norm", _) => Source::norm(&format!("{block}.ln_2"), field),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Tolerance;

    use super::*;
    use crate::state::{named_tensors, parameter_count};

    const TINY: TextTowerConfig = TextTowerConfig {
        vocabulary: 11,
        length: 7,
        layers: 2,
        block: BlockConfig {
            width: 12,
            heads: 3,
        },
        embedding: 5,
    };

    #[test]
    fn what_stands_behind_the_end_changes_nothing() {
        let device = burn_flex::FlexDevice;
        let tower = TINY.init::<Flex>(&device);
        let short = Tensor::from_ints([[9, 3, 10]], &device);
        let long = Tensor::from_ints([[9, 3, 10, 4, 4, 0, 0]], &device);

        let short = tower.forward(short, &[3]).sentence.into_data();
        let long = tower.forward(long, &[3]).sentence.into_data();

        long.assert_approx_eq::<f32>(&short, Tolerance::absolute(1e-6));
    }

    #[test]
    fn cost_counts_every_parameter_and_each_has_a_published_name() {
        let tower = TINY.init::<Flex>(&burn_flex::FlexDevice);

        assert_eq!(TINY.cost().parameters, parameter_count::<Flex, _>(&tower));
        for (name, _) in named_tensors::<Flex, _>(&tower) {
            assert!(source(&name).is_some(), "{name}");
        }
    }
}

//! Bidirectional word encoder of DAMSM (published AttnGAN code, `RNN_ENCODER`).
//!
//! Sequences are packed: a state stays as it is beyond the end of its caption, so captions need no
//! sorting and padding changes nothing.

mod cell;
mod keys;

use burn::module::{Initializer, Module, Param};
use burn::prelude::{Bool, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::nn::cost::Cost;
use crate::noise::Noise;
use crate::system::{Description, PretrainedNetwork};
use crate::text::{longest, padding};

pub use cell::{Cell, Kind};
pub use keys::encoder_key;

/// Sizes of an [`Encoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// Recurrence.
    pub kind: Kind,
    /// Length of a word's embedding.
    pub embedding_dim: usize,
    /// Length of word and sentence features, half of it per direction.
    pub dim: usize,
    /// Share of the embedded values that are dropped in training.
    pub dropout: f64,
}

impl Default for EncoderConfig {
    /// The published encoder.
    fn default() -> Self {
        Self {
            kind: Kind::Lstm,
            embedding_dim: 300, // AttnGAN, model.py RNN_ENCODER
            dim: 256,           // AttnGAN, cfg/DAMSM/*.yml EMBEDDING_DIM
            dropout: 0.5,       // AttnGAN, model.py RNN_ENCODER
        }
    }
}

/// Sizes of an [`Encoder`] that others have to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// Length of word and sentence features.
    pub dim: usize,
    /// Length of a word's embedding.
    pub embedding_dim: usize,
    /// Ids it knows, the one for "nothing there" included.
    pub vocabulary: usize,
}

/// Looks words up and reads them in both directions.
#[derive(Module, Debug)]
pub struct Encoder<B: Backend> {
    /// `[vocabulary, embedding_dim]`.
    embedding: Param<Tensor<B, 2>>,
    forward: Cell<B>,
    backward: Cell<B>,
    dropout: f64,
}

/// Features of a batch of captions.
#[derive(Debug, Clone)]
pub struct Words<B: Backend> {
    /// Of every word, `[batch, dim, words]`, 0 beyond the end; `words` is the longest caption's
    /// length.
    pub words: Tensor<B, 3>,
    /// Of the whole caption, `[batch, dim]`.
    pub sentence: Tensor<B, 2>,
    /// `[batch, words]`, true = padding.
    pub padding: Tensor<B, 2, Bool>,
}

impl<B: Backend> Words<B> {
    /// Both halves of the batch.
    pub fn halves(&self) -> [Self; 2] {
        let half = self.sentence.dims()[0] / 2;
        [0, half].map(|start| Self {
            words: self.words.clone().narrow(0, start, half),
            sentence: self.sentence.clone().narrow(0, start, half),
            padding: self.padding.clone().narrow(0, start, half),
        })
    }

    /// The same without a way back to the encoder.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            words: self.words.detach(),
            sentence: self.sentence.detach(),
            padding: self.padding,
        }
    }
}

impl EncoderConfig {
    /// Embeddings from U(-0.1, 0.1), the recurrence as torch's.
    pub fn init<B: Backend>(&self, vocabulary: usize, device: &B::Device) -> Encoder<B> {
        let uniform = Initializer::Uniform {
            min: -0.1, // AttnGAN, model.py init_weights
            max: 0.1,
        };
        let cell = || Cell::init(self.kind, self.embedding_dim, self.dim / 2, device);
        Encoder {
            embedding: uniform.init([vocabulary, self.embedding_dim], device),
            forward: cell(),
            backward: cell(),
            dropout: self.dropout,
        }
    }

    /// Size for one caption of `words` words.
    pub fn cost(&self, vocabulary: usize, words: usize) -> Cost {
        let hidden = self.dim / 2;
        let rows = self.kind.gates() * hidden;
        let step = Cost::default()
            .linear(self.embedding_dim, rows)
            .linear(hidden, rows);
        Cost {
            parameters: vocabulary * self.embedding_dim + 2 * step.parameters,
            macs: 2.0 * step.macs * words as f64,
            activations: (2.0 * step.activations + self.embedding_dim as f64) * words as f64,
        }
    }
}

impl<B: Backend> Encoder<B> {
    /// Its sizes.
    pub fn dimensions(&self) -> Dimensions {
        let [vocabulary, embedding_dim] = self.embedding.dims();
        Dimensions {
            dim: 2 * self.forward.hidden(),
            embedding_dim,
            vocabulary,
        }
    }

    /// Its recurrence.
    pub const fn kind(&self) -> Kind {
        self.forward.kind()
    }

    /// Encodes captions without dropout; see [`Self::encode_with`].
    pub fn encode(&self, ids: Tensor<B, 2, Int>, lengths: &[usize]) -> Words<B> {
        self.run(ids, lengths, None)
    }

    /// Encodes captions with the dropout of training, drawn for `purpose`.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[batch, length]`; those beyond the end of a caption are not read
    /// - `lengths`: words per caption, at least 1 and at most `length`
    pub fn encode_with(
        &self,
        ids: Tensor<B, 2, Int>,
        lengths: &[usize],
        noise: Noise,
        purpose: &str,
    ) -> Words<B> {
        if self.dropout == 0.0 {
            return self.run(ids, lengths, None);
        }
        let [batch, _] = ids.dims();
        let [_, dim] = self.embedding.dims();
        let shape = [batch, longest(lengths), dim];
        let kept = noise.dropout(purpose, shape, self.dropout, &ids.device());
        self.run(ids, lengths, Some(kept))
    }

    fn run(
        &self,
        ids: Tensor<B, 2, Int>,
        lengths: &[usize],
        kept: Option<Tensor<B, 3>>,
    ) -> Words<B> {
        let device = ids.device();
        let [batch, _] = ids.dims();
        let [_, dim] = self.embedding.dims();
        let steps = longest(lengths);
        let ids = ids.slice([0..batch, 0..steps]).reshape([batch * steps]);
        let embedded = self.embedding.val().select(0, ids);
        let embedded = embedded.reshape([batch, steps, dim]);
        let embedded = match kept {
            Some(kept) => embedded * kept,
            None => embedded,
        };
        let padding = padding(lengths, steps, &device);
        let present = padding.clone().bool_not().float();
        let ahead = self.forward.run(embedded.clone(), present.clone(), false);
        let back = self.backward.run(embedded, present, true);
        Words {
            // [batch, words, dim] to [batch, dim, words]
            words: Tensor::cat(vec![ahead.states, back.states], 2).swap_dims(1, 2),
            sentence: Tensor::cat(vec![ahead.last, back.last], 1),
            padding,
        }
    }
}

impl Description for Dimensions {
    const KEY: &'static str = "text-encoder";
}

impl<B: Backend> PretrainedNetwork for Encoder<B> {
    type Description = Dimensions;

    fn describe(&self) -> Dimensions {
        self.dimensions()
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Tolerance;

    use super::*;

    fn config(kind: Kind) -> EncoderConfig {
        EncoderConfig {
            kind,
            embedding_dim: 3,
            dim: 8,
            ..EncoderConfig::default()
        }
    }

    #[test]
    fn a_caption_reads_the_same_beside_longer_ones() {
        for kind in [Kind::Lstm, Kind::Gru] {
            let device = burn_flex::FlexDevice;
            let encoder = config(kind).init::<Flex>(9, &device);
            let ids = Tensor::<Flex, 2, Int>::from_ints([[3, 5, 0, 0], [1, 2, 3, 4]], &device);
            let alone = Tensor::<Flex, 2, Int>::from_ints([[3, 5, 7]], &device);

            let both = encoder.encode(ids, &[2, 4]);
            let one = encoder.encode(alone, &[2]);

            let tolerance = Tolerance::<f32>::absolute(1e-6);
            let first = both.sentence.slice([0..1, 0..8]).into_data();
            first.assert_approx_eq(&one.sentence.into_data(), tolerance);
            let words = both.words.slice([0..1, 0..8, 0..4]);
            let read = words.clone().slice([0..1, 0..8, 0..2]).into_data();
            read.assert_approx_eq(&one.words.into_data(), tolerance);
            assert_eq!(
                words.slice([0..1, 0..8, 2..4]).abs().max().into_scalar(),
                0.0
            );
        }
    }

    #[test]
    fn dropout_comes_from_the_noise_alone() {
        let device = burn_flex::FlexDevice;
        let encoder = config(Kind::Lstm).init::<Flex>(9, &device);
        let ids = Tensor::<Flex, 2, Int>::from_ints([[3, 5, 1]], &device);
        let encode = |seed| {
            let noise = Noise::new(seed, 0);
            encoder
                .encode_with(ids.clone(), &[3], noise, "dropout")
                .sentence
                .into_data()
        };

        assert_eq!(encode(1), encode(1));
        assert_ne!(encode(1), encode(2));
    }

    #[test]
    fn cost_counts_every_parameter() {
        for kind in [Kind::Lstm, Kind::Gru] {
            let encoder = config(kind).init::<Flex>(9, &burn_flex::FlexDevice);

            let cost = config(kind).cost(9, 5);

            assert_eq!(cost.parameters, Module::<Flex>::num_params(&encoder));
        }
    }

    #[test]
    fn the_published_encoder_has_the_published_number_of_parameters() {
        let config = EncoderConfig::default();

        assert_eq!(config.cost(5450, 18).parameters, 2_075_320);
    }
}

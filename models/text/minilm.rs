//! MiniLM: a small BERT (Devlin et al. 2019; Wang et al. 2020) whose averaged word vectors tell how
//! alike two sentences are.

use std::collections::BTreeMap;

use burn::module::{Initializer, Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::prelude::{Bool, Config, Int, Tensor, TensorData};
use burn::tensor::activation::gelu;

use super::padding;
use crate::backend::{Backend, ops};
use crate::import::{ImportReport, Source, import};
use crate::nn::linear::{Linear, LinearConfig};

/// Sizes of a [`MiniLm`].
#[derive(Config, Debug)]
pub struct MiniLmConfig {
    /// Word pieces known.
    pub vocabulary: usize,
    /// Length of a word's vector.
    pub width: usize,
    /// Attention heads; their number divides the width.
    pub heads: usize,
    /// Length of the vectors between the two maps of a layer.
    pub inner: usize,
    /// Layers.
    pub layers: usize,
    /// Words at most.
    pub positions: usize,
}

/// Added to variances (config.json of the published model).
const EPSILON: f64 = 1e-12;
/// Added to the weights of words that are not there; large enough for their share to be 0.
const ABSENT: f32 = -1e9;
/// Kinds of sentences that BERT tells apart; a caption is always of the first.
const KINDS: usize = 2;

/// Sentence encoder.
#[derive(Module, Debug)]
pub struct MiniLm<B: Backend> {
    /// `[vocabulary, width]`.
    words: Param<Tensor<B, 2>>,
    /// `[positions, width]`.
    positions: Param<Tensor<B, 2>>,
    /// `[2, width]`.
    kinds: Param<Tensor<B, 2>>,
    norm: LayerNorm<B>,
    layers: Vec<Layer<B>>,
}

/// What the encoder makes of captions.
#[derive(Debug, Clone)]
pub struct Encoded<B: Backend> {
    /// Of every word, `[batch, words, width]`; beyond the end of a caption without meaning.
    pub words: Tensor<B, 3>,
    /// Of the whole caption, `[batch, width]`, of length 1.
    pub sentence: Tensor<B, 2>,
}

/// Attention and two maps, each added to what came in and normalised.
#[derive(Module, Debug)]
struct Layer<B: Backend> {
    query: Linear<B>,
    key: Linear<B>,
    value: Linear<B>,
    mix: Linear<B>,
    mix_norm: LayerNorm<B>,
    widen: Linear<B>,
    narrow: Linear<B>,
    narrow_norm: LayerNorm<B>,
    heads: usize,
}

impl MiniLmConfig {
    /// The published all-MiniLM-L6.
    pub const L6: Self = Self {
        vocabulary: 30_522,
        width: 384,
        heads: 12,
        inner: 1536,
        layers: 6,
        positions: 512,
    };

    /// Weights as BERT begins, from N(0, 0.02).
    pub fn init<B: Backend>(&self, device: &B::Device) -> MiniLm<B> {
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 0.02, // initializer_range of the published config.json
        };
        let linear =
            |inputs, outputs| LinearConfig::new(inputs, outputs).init_with::<B>(&normal, device);
        let norm = || {
            LayerNormConfig::new(self.width)
                .with_epsilon(EPSILON)
                .init(device)
        };
        let layer = |_| Layer {
            query: linear(self.width, self.width),
            key: linear(self.width, self.width),
            value: linear(self.width, self.width),
            mix: linear(self.width, self.width),
            mix_norm: norm(),
            widen: linear(self.width, self.inner),
            narrow: linear(self.inner, self.width),
            narrow_norm: norm(),
            heads: self.heads,
        };
        MiniLm {
            words: normal.init([self.vocabulary, self.width], device),
            positions: normal.init([self.positions, self.width], device),
            kinds: normal.init([KINDS, self.width], device),
            norm: norm(),
            layers: (0..self.layers).map(layer).collect(),
        }
    }
}

impl<B: Backend> MiniLm<B> {
    /// Encodes captions.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[batch, words]`, numbers of word pieces; those beyond the end are not looked at
    /// - `lengths`: words per caption, at least 1 and at most `words`
    pub fn encode(&self, ids: Tensor<B, 2, Int>, lengths: &[usize]) -> Encoded<B> {
        let [batch, words] = ids.dims();
        let [_, width] = self.words.dims();
        let device = ids.device();
        let padding: Tensor<B, 2, Bool> = padding(lengths, words, &device);
        let each = self.words.val().select(0, ids.reshape([batch * words]));
        let positions = self
            .positions
            .val()
            .narrow(0, 0, words)
            .unsqueeze_dim::<3>(0);
        let kind = self.kinds.val().narrow(0, 0, 1).unsqueeze_dim::<3>(0);
        let mut x = self
            .norm
            .forward(each.reshape([batch, words, width]) + positions + kind);
        let absent = padding.clone().float().reshape([batch, 1, 1, words]) * ABSENT;
        for layer in &self.layers {
            x = layer.forward(x, absent.clone());
        }
        let present = padding.bool_not().float().reshape([batch, words, 1]);
        // The mean's divisor vanishes where the sentence gets length 1.
        let sum = (x.clone() * present).sum_dim(1).reshape([batch, width]);
        let length = sum.clone().square().sum_dim(1).sqrt();
        Encoded {
            words: x,
            sentence: sum / length,
        }
    }

    /// Replaces the weights by the published ones (`encoder.layer.0.attention.self.query.weight`).
    pub fn load(self, arrays: &BTreeMap<String, TensorData>) -> (Self, ImportReport) {
        let (network, mut report) = import(self, arrays, source);
        // The numbers 0, 1, 2, ... and a layer above the first word that sentences do without.
        report
            .unused
            .retain(|key| key != "embeddings.position_ids" && !key.starts_with("pooler."));
        (network, report)
    }
}

impl<B: Backend> Layer<B> {
    /// `x`: `[batch, words, width]`; `absent`: `[batch, 1, 1, words]`, added to attention.
    fn forward(&self, x: Tensor<B, 3>, absent: Tensor<B, 4>) -> Tensor<B, 3> {
        let [batch, words, width] = x.dims();
        let per_head = width / self.heads;
        let split = |map: &Linear<B>| -> Tensor<B, 4> {
            let y = map.forward(x.clone());
            y.reshape([batch, words, self.heads, per_head])
                .swap_dims(1, 2)
        };
        let [query, key, value] = [&self.query, &self.key, &self.value].map(split);
        let scores = query.matmul(key.swap_dims(2, 3)) / (per_head as f64).sqrt();
        let attended = ops::softmax(scores + absent, 3).matmul(value);
        let attended = attended.swap_dims(1, 2).reshape([batch, words, width]);
        let x = self.mix_norm.forward(self.mix.forward(attended) + x);
        let inner = gelu(self.widen.forward(x.clone()));
        self.narrow_norm.forward(self.narrow.forward(inner) + x)
    }
}

/// Where a published file has our parameter `name`.
pub fn source(name: &str) -> Option<Source> {
    match name {
        "words" => return Some(Source::same("embeddings.word_embeddings.weight")),
        "positions" => return Some(Source::same("embeddings.position_embeddings.weight")),
        "kinds" => return Some(Source::same("embeddings.token_type_embeddings.weight")),
        _ => {}
    }
    let (path, field) = name.rsplit_once('.')?;
    if path == "norm" {
        return Source::norm("embeddings.LayerNorm", field);
    }
    let (index, part) = path.strip_prefix("layers.")?.split_once('.')?;
    let (place, is_norm) = match part {
        "query" | "key" | "value" => return attention(index, part, field),
        "mix" => ("attention.output.dense", false),
        "mix_norm" => ("attention.output.LayerNorm", true),
        "widen" => ("intermediate.dense", false),
        "narrow" => ("output.dense", false),
        "narrow_norm" => ("output.LayerNorm", true),
        _ => return None,
    };
    let layer = format!("encoder.layer.{index}.{place}");
    if is_norm {
        Source::norm(&layer, field)
    } else {
        Source::linear(&layer, field)
    }
}

fn attention(index: &str, part: &str, field: &str) -> Option<Source> {
    Source::linear(
        &format!("encoder.layer.{index}.attention.self.{part}"),
        field,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use burn::backend::{Flex, NdArray};
    use burn::tensor::Tolerance;

    use super::*;
    use crate::state::{load_named, named_tensors};

    const TINY: MiniLmConfig = MiniLmConfig {
        vocabulary: 20,
        width: 12,
        heads: 3,
        inner: 16,
        layers: 2,
        positions: 8,
    };

    fn ids<B: Backend>(values: &[i32], batch: usize) -> Tensor<B, 2, Int> {
        let data = TensorData::new(values.to_vec(), [batch, values.len() / batch]);
        Tensor::from_data(data, &Default::default())
    }

    #[test]
    fn published_sizes_have_the_published_number_of_parameters() {
        let network = MiniLmConfig::L6.init::<Flex>(&Default::default());

        let count: usize = named_tensors::<Flex, _>(&network)
            .iter()
            .map(|(_, data)| data.num_elements())
            .sum();

        // The file's 22,713,728 numbers without the pooler (384 x 384 + 384) and 512 positions.
        assert_eq!(count, 22_713_728 - 384 * 385 - 512);
    }

    #[test]
    fn words_beyond_the_end_change_nothing_and_sentences_have_length_1() {
        let network = TINY.init::<Flex>(&Default::default());

        let short = network.encode(ids(&[3, 7, 1], 1), &[3]);
        let long = network.encode(ids(&[3, 7, 1, 9, 4, 5, 5, 5, 2, 8], 2), &[3, 5]);

        let tolerance = Tolerance::<f32>::absolute(1e-5);
        let first = long.sentence.clone().narrow(0, 0, 1).into_data();
        first.assert_approx_eq(&short.sentence.into_data(), tolerance);
        let lengths = long.sentence.square().sum_dim(1).into_data();
        lengths.assert_approx_eq(&TensorData::from([[1.0_f32], [1.0]]), tolerance);
        assert_eq!(long.words.dims(), [2, 5, 12]);
    }

    #[test]
    fn every_backend_gives_the_same() {
        let network = TINY.init::<Flex>(&Default::default());
        let weights: BTreeMap<String, TensorData> =
            named_tensors::<Flex, _>(&network).into_iter().collect();
        let (other, report) = load_named(TINY.init::<NdArray>(&Default::default()), |name, _| {
            weights.get(name).cloned()
        });
        assert!(report.is_complete(), "{report:?}");
        let words = [3, 7, 1, 9, 4, 5];

        let here = network.encode(ids(&words, 2), &[3, 2]).sentence.into_data();
        let there = other.encode(ids(&words, 2), &[3, 2]).sentence.into_data();

        there.assert_approx_eq::<f32>(&here, Tolerance::absolute(1e-5));
    }

    #[test]
    fn every_parameter_has_a_published_name() {
        let network = TINY.init::<Flex>(&Default::default());
        let names: Vec<String> = named_tensors::<Flex, _>(&network)
            .into_iter()
            .map(|(name, _)| name)
            .collect();

        let sources: BTreeSet<String> = names
            .iter()
            .map(|name| source(name).unwrap_or_else(|| panic!("{name}")).key)
            .collect();

        assert_eq!(sources.len(), names.len());
        assert!(sources.contains("encoder.layer.1.attention.self.value.bias"));
        assert!(sources.contains("embeddings.LayerNorm.weight"));
    }
}

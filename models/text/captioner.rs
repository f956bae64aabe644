//! A recurrent network that tells the caption of an image word by word, given the features of the
//! whole image as its first word (Vinyals et al., "Show and Tell", CVPR 2015).

use burn::module::{Initializer, Module, Param};
use burn::prelude::{Int, Tensor, TensorData};
use burn::tensor::activation::log_softmax;
use serde::{Deserialize, Serialize};

use super::lstm::{Cell, Kind};
use super::{longest, padding};
use crate::backend::Backend;
use crate::nn::cost::Cost;
use crate::nn::linear::{Linear, LinearConfig};
use crate::noise::Noise;
use crate::system::{Description, PretrainedNetwork};

/// Ids beside those of the vocabulary: one that begins captions, one that ends them.
const MARKS: usize = 2;

/// Tokens that are predicted of a caption of `length` words: the words and the end.
pub const fn predicted_tokens(length: usize) -> usize {
    length + 1
}

/// Sizes of a [`Captioner`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptionerConfig {
    /// Length of a word's embedding.
    pub embedding_dim: usize,
    /// Length of the state.
    pub hidden: usize,
    /// Share of the state's values that are dropped in training.
    pub dropout: f64,
}

impl Default for CaptionerConfig {
    /// Ours: "The Right Losses" does not state its captioner.
    fn default() -> Self {
        Self {
            embedding_dim: 256,
            hidden: 512,
            dropout: 0.5,
        }
    }
}

/// Predicts captions word by word.
#[derive(Module, Debug)]
pub struct Captioner<B: Backend> {
    image: Linear<B>,
    /// `[vocabulary + 2, embedding_dim]`.
    embedding: Param<Tensor<B, 2>>,
    cell: Cell<B>,
    out: Linear<B>,
    dropout: f64,
}

impl CaptionerConfig {
    /// A captioner of images of `features` numbers and knows `vocabulary` ids, the one for
    /// "nothing there" included. Embeddings from U(-0.1, 0.1), the rest as torch's.
    pub fn init<B: Backend>(
        &self,
        features: usize,
        vocabulary: usize,
        device: &B::Device,
    ) -> Captioner<B> {
        let ids = vocabulary + MARKS;
        let uniform = Initializer::Uniform {
            min: -0.1,
            max: 0.1,
        };
        Captioner {
            image: LinearConfig::new(features, self.embedding_dim).init(device),
            embedding: uniform.init([ids, self.embedding_dim], device),
            cell: Cell::init(Kind::Lstm, self.embedding_dim, self.hidden, device),
            out: LinearConfig::new(self.hidden, ids).init(device),
            dropout: self.dropout,
        }
    }

    /// Size for one caption of `words` words.
    pub fn cost(&self, features: usize, vocabulary: usize, words: usize) -> Cost {
        let rows = Kind::Lstm.gates() * self.hidden;
        let ids = vocabulary + MARKS;
        let image = Cost::default().linear(features, self.embedding_dim);
        let cell = Cost::default()
            .linear(self.embedding_dim, rows)
            .linear(self.hidden, rows);
        let out = Cost::default().linear(self.hidden, ids);
        // The image, the beginning and the words go in; words and end come out.
        let (steps, predicted_tokens) = ((words + 2) as f64, predicted_tokens(words) as f64);
        Cost {
            parameters: image.parameters
                + ids * self.embedding_dim
                + cell.parameters
                + out.parameters,
            macs: image.macs + cell.macs * steps + out.macs * predicted_tokens,
            activations: image.activations
                + cell.activations * steps
                + out.activations * predicted_tokens,
        }
    }
}

impl<B: Backend> Captioner<B> {
    /// Numbers of an image that it takes.
    pub fn features(&self) -> usize {
        self.image.weight.dims()[0]
    }

    /// Ids of words that it knows, the one for "nothing there" included.
    pub fn vocabulary(&self) -> usize {
        self.embedding.dims()[0] - MARKS
    }

    /// Mean cross entropy of every word, given the image and the words before it, and of the end,
    /// `[1]`. States are dropped out in the course of `training`.
    ///
    /// # Shapes
    ///
    /// - `features`: `[batch, features]`
    /// - `ids`: `[batch, length]`; those beyond the end of a caption are not read
    /// - `lengths`: words per caption, at least 1 and at most `length`
    pub fn loss(
        &self,
        features: Tensor<B, 2>,
        ids: Tensor<B, 2, Int>,
        lengths: &[usize],
        training: Option<Noise>,
    ) -> Tensor<B, 1> {
        let predicted_tokens: usize = lengths.iter().map(|&length| predicted_tokens(length)).sum();
        self.costs(features, ids, lengths, training).sum() / predicted_tokens as f64
    }

    /// Cross entropy of each caption, summed over its [`predicted_tokens`], `[batch]`; otherwise as
    /// [`Self::loss`].
    pub fn costs(
        &self,
        features: Tensor<B, 2>,
        ids: Tensor<B, 2, Int>,
        lengths: &[usize],
        training: Option<Noise>,
    ) -> Tensor<B, 1> {
        let device = ids.device();
        let [batch, _] = ids.dims();
        let words = longest(lengths);
        let ids = ids.slice([0..batch, 0..words]);
        let (begin, end) = (self.vocabulary() as i32, self.vocabulary() as i32 + 1);
        // Every word follows the one before it, the first follows the beginning.
        let steps = words + 1;
        let mark = |id: i32| {
            let data = TensorData::new(vec![id; batch], [batch, 1]);
            Tensor::<B, 2, Int>::from_data(data, &device)
        };
        let given = Tensor::cat(vec![mark(begin), ids.clone()], 1);
        let embedded = self
            .embedding
            .val()
            .select(0, given.reshape([batch * steps]));
        let [_, dim] = embedded.dims();
        let image = self.image.forward(features).reshape([batch, 1, dim]);
        let x = Tensor::cat(vec![image, embedded.reshape([batch, steps, dim])], 1);
        let is_there = |extra: usize, columns: usize| {
            let lengths: Vec<usize> = lengths.iter().map(|length| length + extra).collect();
            padding::<B>(&lengths, columns, &device).bool_not().float()
        };
        let states = self.cell.run(x, is_there(2, steps + 1), false).states;
        let hidden = self.cell.hidden();
        // What follows the image is the beginning, which is given.
        let states = states.narrow(1, 1, steps).reshape([batch * steps, hidden]);
        let states = match training {
            Some(noise) if self.dropout > 0.0 => {
                let shape = [batch * steps, hidden];
                states * noise.dropout("captioner", shape, self.dropout, &device)
            }
            _ => states,
        };
        let ends = lengths
            .iter()
            .flat_map(|&length| (0..steps).map(move |t| t == length));
        let ends = TensorData::new(ends.collect::<Vec<bool>>(), [batch, steps]);
        let ends = Tensor::<B, 2, burn::prelude::Bool>::from_data(ends, &device);
        let wanted = Tensor::cat(vec![ids, mark(0)], 1).mask_fill(ends, end);
        let wanted = wanted.reshape([batch * steps, 1]);
        let costs = log_softmax(self.out.forward(states), 1)
            .gather(1, wanted)
            .neg();
        let costs = costs.reshape([batch, steps]) * is_there(1, steps);
        costs.sum_dim(1).flatten(0, 1)
    }
}

/// Sizes of a [`Captioner`] that others have to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptionerSizes {
    /// Numbers of an image that it takes.
    pub features: usize,
    /// Ids of words that it knows.
    pub vocabulary: usize,
}

impl Description for CaptionerSizes {
    const KEY: &'static str = "captioner";
}

impl<B: Backend> PretrainedNetwork for Captioner<B> {
    type Description = CaptionerSizes;

    fn describe(&self) -> CaptionerSizes {
        CaptionerSizes {
            features: self.features(),
            vocabulary: self.vocabulary(),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::{Distribution, Tolerance};

    use super::*;

    const SMALL: CaptionerConfig = CaptionerConfig {
        embedding_dim: 3,
        hidden: 4,
        dropout: 0.5,
    };

    fn ids<B: Backend, const N: usize>(rows: [[i32; N]; 2]) -> Tensor<B, 2, Int> {
        Tensor::from_ints(rows, &Default::default())
    }

    #[test]
    fn a_captioner_that_knows_nothing_pays_the_logarithm_of_the_number_of_ids() {
        let device = burn_flex::FlexDevice;
        let mut captioner = SMALL.init::<Flex>(5, 7, &device);
        captioner.out.weight = Param::from_tensor(Tensor::zeros([4, 9], &device));
        captioner.out.bias = Param::from_tensor(Tensor::zeros([9], &device));
        let features = Tensor::ones([2, 5], &device);

        let loss = captioner.loss(features, ids([[1, 2, 3], [4, 0, 0]]), &[3, 1], None);

        let expected = [9.0_f32.ln()].into();
        let tolerance = Tolerance::<f32>::absolute(1e-5);
        loss.into_data().assert_approx_eq(&expected, tolerance);
    }

    #[test]
    fn nothing_beyond_the_end_is_read_and_every_word_counts() {
        let device = burn_flex::FlexDevice;
        let captioner = SMALL.init::<Flex>(5, 7, &device);
        assert!(Module::<Flex>::num_params(&captioner) > 0);
        let features = Tensor::random([2, 5], Distribution::Default, &device);
        let loss = |rows: [[i32; 3]; 2], lengths: &[usize]| {
            captioner
                .loss(features.clone(), ids(rows), lengths, None)
                .into_scalar()
        };

        let first = loss([[1, 2, 3], [4, 0, 0]], &[3, 1]);

        assert!((first - loss([[1, 2, 3], [4, 5, 6]], &[3, 1])).abs() < 1e-6);
        assert!((first - loss([[1, 2, 3], [4, 0, 0]], &[3, 2])).abs() > 1e-4);
        assert!((first - loss([[1, 2, 4], [4, 0, 0]], &[3, 1])).abs() > 1e-4);
    }

    #[test]
    fn the_loss_is_the_mean_over_all_words_and_ends() {
        let device = burn_flex::FlexDevice;
        let captioner = SMALL.init::<Flex>(5, 7, &device);
        let features = Tensor::random([2, 5], Distribution::Default, &device);
        let rows = || ids([[1, 2, 3], [4, 0, 0]]);

        let costs = captioner.costs(features.clone(), rows(), &[3, 1], None);
        let loss = captioner.loss(features.clone(), rows(), &[3, 1], None);

        let each: Vec<f32> = costs.into_data().iter().collect();
        // Four words and two ends.
        assert!((loss.into_scalar() - (each[0] + each[1]) / 6.0).abs() < 1e-6);
        let alone = captioner.loss(features.narrow(0, 1, 1), rows().narrow(0, 1, 1), &[1], None);
        assert!((alone.into_scalar() - each[1] / 2.0).abs() < 1e-6);
    }

    #[test]
    fn the_image_has_a_gradient_and_dropout_comes_from_the_noise_alone() {
        type Training = Autodiff<Flex>;
        let device = burn_flex::FlexDevice;
        let captioner = SMALL.init::<Training>(5, 7, &device);
        let features = Tensor::<Training, 2>::random([2, 5], Distribution::Default, &device);
        let features = features.require_grad();
        let loss = |noise| captioner.loss(features.clone(), ids([[1, 2], [3, 0]]), &[2, 1], noise);

        let gradients = loss(None).backward();

        let gradient = features.grad(&gradients).expect("seen").into_data();
        assert!(gradient.iter::<f32>().all(|v| v != 0.0), "{gradient:?}");
        let dropped = |seed| loss(Some(Noise::new(seed, 0))).into_data();
        assert_eq!(dropped(1), dropped(1));
        assert_ne!(dropped(1), dropped(2));
    }

    #[test]
    fn cost_counts_every_parameter() {
        let captioner = SMALL.init::<Flex>(5, 7, &burn_flex::FlexDevice);

        let cost = SMALL.cost(5, 7, 4);

        assert_eq!(cost.parameters, Module::<Flex>::num_params(&captioner));
        assert_eq!((captioner.features(), captioner.vocabulary()), (5, 7));
    }
}

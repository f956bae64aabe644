//! Matching of words with image regions and of sentences with images (DAMSM, published AttnGAN
//! code).

use burn::prelude::{Bool, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, ops};
use crate::losses::similarity::{NEVER, diagonal_cross_entropy, same_class};

/// Added under roots of squared norms; the published code keeps products of norms above its root.
const TINY: f64 = 1e-16;

/// Sharpness of attention and scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gammas {
    /// Of the attention over regions.
    pub attention: f64,
    /// Of a word's relevance within its sentence.
    pub relevance: f64,
    /// Of the scores between images and captions.
    pub score: f64,
}

impl Default for Gammas {
    /// Those of every published configuration.
    fn default() -> Self {
        Self {
            attention: 4.0, // AttnGAN, cfg/*.yml GAMMA1
            relevance: 5.0, // AttnGAN, cfg/*.yml GAMMA2
            score: 10.0,    // AttnGAN, cfg/*.yml GAMMA3
        }
    }
}

/// Cross entropy of finding the positive within the batch, `[1]` each.
#[derive(Debug, Clone)]
pub struct Matching<B: Backend> {
    /// Of the caption, given the image.
    pub caption: Tensor<B, 1>,
    /// Of the image, given the caption.
    pub image: Tensor<B, 1>,
}

impl<B: Backend> Matching<B> {
    /// `scores` has images as rows and captions as columns. Pairs of different samples of one class
    /// are left out, where classes are given.
    fn new(scores: Tensor<B, 2>, classes: Option<&Tensor<B, 1, Int>>) -> Self {
        let scores = match classes {
            None => scores,
            Some(classes) => {
                let [batch, _] = scores.dims();
                let own = Tensor::<B, 2>::eye(batch, &scores.device());
                let is_rival = (same_class(classes.clone()) - own).greater_elem(0.5);
                scores.mask_fill(is_rival, NEVER)
            }
        };
        Self {
            caption: diagonal_cross_entropy(scores.clone()),
            image: diagonal_cross_entropy(scores.transpose()),
        }
    }

    /// Sum of both directions, `[1]`.
    pub fn sum(self) -> Tensor<B, 1> {
        self.caption + self.image
    }
}

/// Attention of words over regions, and the attended features.
#[derive(Debug, Clone)]
pub struct Attended<B: Backend> {
    /// Mean region of every word, `[batch, words, dim]`.
    pub context: Tensor<B, 3>,
    /// Weights, `[batch, words, regions]`; they sum to 1 over the regions.
    pub attention: Tensor<B, 3>,
}

/// Softmax over the words of every region, then over the regions of every word.
///
/// # Shapes
///
/// - `scores`: `[pairs, words, regions]`
/// - `padding`: `[pairs, words]`, true = padding
fn over_regions<B: Backend>(
    scores: Tensor<B, 3>,
    padding: Tensor<B, 2, Bool>,
    gamma: f64,
) -> Tensor<B, 3> {
    // One number per word: a sum in the order of memory, unlike a mask of all regions.
    let penalty = padding.float().unsqueeze_dim::<3>(2) * NEVER;
    let by_word = ops::softmax(scores + penalty, 1);
    ops::softmax(by_word * gamma, 2)
}

/// Every caption's words attend to its own image.
///
/// # Shapes
///
/// - `words`: `[batch, dim, words]`
/// - `padding`: `[batch, words]`, true = padding
/// - `regions`: `[batch, dim, height, width]`
pub fn attend<B: Backend>(
    words: Tensor<B, 3>,
    padding: Tensor<B, 2, Bool>,
    regions: Tensor<B, 4>,
    gamma: f64,
) -> Attended<B> {
    let regions = regions.flatten::<3>(2, 3);
    let scores = words.swap_dims(1, 2).matmul(regions.clone());
    let attention = over_regions(scores, padding, gamma);
    Attended {
        context: attention.clone().matmul(regions.swap_dims(1, 2)),
        attention,
    }
}

/// Word-level matching: every caption of the batch with every image.
///
/// # Shapes
///
/// - `words`: `[batch, dim, words]`
/// - `padding`: `[batch, words]`, true = padding; every caption has a word
/// - `regions`: `[batch, dim, height, width]`
/// - `classes`: `[batch]`
pub fn word_matching<B: Backend>(
    words: Tensor<B, 3>,
    padding: Tensor<B, 2, Bool>,
    regions: Tensor<B, 4>,
    classes: Option<&Tensor<B, 1, Int>>,
    gammas: &Gammas,
) -> Matching<B> {
    let [captions, dim, count] = words.dims();
    let regions = regions.flatten::<3>(2, 3);
    let [images, _, positions] = regions.dims();
    // All words of all captions, the same for every image.
    let words = words.swap_dims(1, 2).reshape([1, captions * count, dim]);
    let scores = words
        .clone()
        .expand([images, captions * count, dim])
        .matmul(regions.clone())
        .reshape([images * captions, count, positions]);
    let padded = padding.unsqueeze_dim::<3>(0);
    let padded = padded.expand([images, captions, count]);
    let attention = over_regions(
        scores.clone(),
        padded.clone().reshape([images * captions, count]),
        gammas.attention,
    );
    // <context, word> without going through all dimensions: the mean of <region, word>.
    let products = (attention.clone() * scores).sum_dim(2);
    let context = attention
        .reshape([images, captions * count, positions])
        .matmul(regions.swap_dims(1, 2));
    let norms = (squares(context) * squares(words) + TINY).sqrt();
    let cosine = products.reshape([images, captions * count]) / norms;
    let relevance = (cosine * gammas.relevance).reshape([images, captions, count]);
    let score = relevance.mask_fill(padded, NEVER).exp().sum_dim(2).log() * gammas.score;
    Matching::new(score.reshape([images, captions]), classes)
}

/// Sentence-level matching: every sentence of the batch with every image.
///
/// # Shapes
///
/// - `sentences`, `codes`: `[batch, dim]`
/// - `classes`: `[batch]`
pub fn sentence_matching<B: Backend>(
    sentences: Tensor<B, 2>,
    codes: Tensor<B, 2>,
    classes: Option<&Tensor<B, 1, Int>>,
    gammas: &Gammas,
) -> Matching<B> {
    let length = |x: &Tensor<B, 2>| (x.clone().square().sum_dim(1) + TINY).sqrt();
    let norms = length(&codes).matmul(length(&sentences).transpose());
    let scores = codes.matmul(sentences.transpose()) / norms;
    Matching::new(scores * gammas.score, classes)
}

/// Squared norms of vectors `[rows, count, dim]`, `[rows, count]`.
fn squares<B: Backend>(x: Tensor<B, 3>) -> Tensor<B, 2> {
    let [rows, count, _] = x.dims();
    x.square().sum_dim(2).reshape([rows, count])
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::Distribution;

    use super::*;

    type Training = Autodiff<Flex>;

    fn random<const D: usize>(shape: [usize; D]) -> Tensor<Training, D> {
        Tensor::random(
            shape,
            Distribution::Normal(0.0, 1.0),
            &burn_flex::FlexDevice,
        )
    }

    fn padding(lengths: &[usize], count: usize) -> Tensor<Training, 2, Bool> {
        crate::text::padding(lengths, count, &burn_flex::FlexDevice)
    }

    #[test]
    fn padded_words_change_nothing_and_have_no_gradient() {
        let (words, regions) = (random([3, 4, 5]), random([3, 4, 2, 2]));
        let words = words
            .slice_fill([0..3, 0..4, 2..5], 0.0)
            .detach()
            .require_grad();
        let cut = words.clone().slice([0..3, 0..4, 0..2]);
        let gammas = Gammas::default();
        let lengths = [2, 1, 2];

        let long = word_matching(
            words.clone(),
            padding(&lengths, 5),
            regions.clone(),
            None,
            &gammas,
        );
        let short = word_matching(cut, padding(&lengths, 2), regions, None, &gammas);

        let (long, short) = (long.sum(), short.sum());
        let difference = long.clone().into_scalar() - short.into_scalar();
        assert!(difference.abs() < 1e-5, "{difference}");
        let gradient = words.grad(&long.backward()).expect("the input is tracked");
        let padded = gradient.slice([0..3, 0..4, 2..5]).abs().max().into_scalar();
        assert_eq!(padded, 0.0);
    }

    #[test]
    fn rivals_of_the_same_class_are_left_out() {
        let device = burn_flex::FlexDevice;
        let codes = Tensor::<Training, 2>::ones([2, 3], &device);
        let classes = Tensor::from_ints([7, 7], &device);
        let gammas = Gammas::default();

        let apart = sentence_matching(codes.clone(), codes.clone(), None, &gammas);
        let together = sentence_matching(codes.clone(), codes, Some(&classes), &gammas);

        assert!((apart.caption.into_scalar() - 2.0_f32.ln()).abs() < 1e-5);
        assert!(together.image.into_scalar().abs() < 1e-5);
    }
}

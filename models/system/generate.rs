//! Making images.

use burn::prelude::Tensor;

use super::frozen::Frozen;
use crate::backend::Backend;
use crate::batch::Text;
use crate::noise::Noise;

/// What images are made from.
#[derive(Debug, Clone)]
pub struct Condition<B: Backend> {
    /// Captions; the first of every sample counts.
    pub text: Text<B>,
}

/// Pictures and what explains them.
#[derive(Debug, Clone)]
pub struct Generated<B: Backend> {
    /// `[batch, 3, size, size]`, range [-1, 1]; several entries where a system draws several images
    /// per caption (SDN's diverse heads) or several resolutions (last = final).
    pub images: Vec<Tensor<B, 4>>,
    /// Where every word was read, `[batch, words, side, side]` per stage that reads words; sums to 1
    /// over the words. Empty where a system reads none.
    pub attention: Vec<Tensor<B, 4>>,
    /// Where features are modulated by the caption, `[batch, 1, side, side]` per block, range [0, 1]. Empty where
    /// it modulates everywhere.
    pub masks: Vec<Tensor<B, 4>>,
}

impl<B: Backend> Generated<B> {
    /// Images without anything that explains them.
    pub const fn of(images: Vec<Tensor<B, 4>>) -> Self {
        Self {
            images,
            attention: Vec::new(),
            masks: Vec::new(),
        }
    }

    /// The images of the final resolution: one per head.
    pub fn finals(&self) -> impl Iterator<Item = &Tensor<B, 4>> {
        let side = |image: &Tensor<B, 4>| image.dims()[3];
        let last = self.images.last().map_or(0, side);
        self.images.iter().filter(move |image| side(image) == last)
    }
}

/// A maker of images with the networks that are handed to it.
#[derive(Clone, Copy)]
pub struct Pipeline<'a, B: Backend> {
    generator: &'a dyn Generate<B>,
    frozen: &'a Frozen,
}

impl<'a, B: Backend> Pipeline<'a, B> {
    /// `generator` and what its components name.
    pub const fn new(generator: &'a dyn Generate<B>, frozen: &'a Frozen) -> Self {
        Self { generator, frozen }
    }

    /// Images for the first caption of every sample of `text`.
    pub fn generate(&self, text: &Text<B>, noise: Noise) -> Generated<B> {
        let condition = Condition { text: text.clone() };
        self.generator.generate(&condition, self.frozen, noise)
    }

    /// Sentence embeddings of the first captions, see [`Generate::sentences`].
    pub fn sentences(&self, text: &Text<B>) -> Option<Tensor<B, 2>> {
        self.generator.sentences(text)
    }

    /// Whether other noise gives other images.
    pub fn draws_noise(&self) -> bool {
        self.generator.draws_noise()
    }

    /// Whether the image of a sample depends on the samples beside it.
    pub fn mixes_samples(&self) -> bool {
        self.generator.mixes_samples()
    }
}

/// A system that makes images from text; runs on inference backends.
pub trait Generate<B: Backend> {
    /// Images for every sample of `condition`; `frozen` holds the networks that are handed in and
    /// needed for it.
    fn generate(&self, condition: &Condition<B>, frozen: &Frozen, noise: Noise) -> Generated<B>;

    /// Embeddings of the first captions, `[batch, dim]`, of a system that encodes tokens and makes its
    /// images from the sentence alone: [`Self::generate`] takes text of such embeddings as well.
    fn sentences(&self, _text: &Text<B>) -> Option<Tensor<B, 2>> {
        None
    }

    /// Whether other noise gives other images.
    fn draws_noise(&self) -> bool {
        true
    }

    /// Whether the image of a sample depends on the samples beside it.
    fn mixes_samples(&self) -> bool {
        false
    }
}

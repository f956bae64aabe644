//! The staged generator.

use burn::module::Module;
use burn::prelude::Tensor;
use burn::tensor::activation::tanh;

use super::conditioning::{self, Conditioning, Gaussian};
use super::initial::{self, InitialStage, SIDE};
use super::word_module::{self, Caption, Trace, WordLayer, WordModule};
use crate::backend::Backend;
use crate::nn::conv::Conv2d;
use crate::nn::cost::Cost;
use crate::nn::gated::{GatedResidual, UpBlock, conv3x3, residual_cost, up_cost};
use crate::nn::word_attention::MaskMode;

/// Sizes of a [`Generator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneratorConfig {
    /// Channels of the maps between the stages.
    pub width: usize,
    /// Length of word and sentence features.
    pub text_dim: usize,
    /// Length of the conditioning vector.
    pub condition_dim: usize,
    /// Length of the noise.
    pub noise_dim: usize,
    /// Residual blocks per later stage.
    pub residuals: usize,
    /// Stages, 1 to 3: images of 64, 128 and 256 pixels.
    pub stages: usize,
    /// How later stages read the words.
    pub word_module: WordModule,
    /// Whose padding is left out.
    pub mask: MaskMode,
    /// Whether only the last stage generates (AttnDCGAN).
    pub has_last_image_only: bool,
}

/// Second or third stage: reads the words, refines, doubles the side.
#[derive(Module, Debug)]
pub struct Refinement<B: Backend> {
    reader: WordLayer<B>,
    residuals: Vec<GatedResidual<B>>,
    up: UpBlock<B>,
}

/// Generates in stages.
#[derive(Module, Debug)]
pub struct Generator<B: Backend> {
    conditioning: Conditioning<B>,
    initial: InitialStage<B>,
    refinements: Vec<Refinement<B>>,
    /// Maps to images; one per stage that generates.
    heads: Vec<Conv2d<B>>,
    #[module(skip)]
    mask: MaskMode,
}

/// Random numbers of a forward pass.
#[derive(Debug, Clone)]
pub struct Draw<B: Backend> {
    /// Standard normal, `[batch, noise_dim]`.
    pub z: Tensor<B, 2>,
    /// Standard normal, `[batch, condition_dim]`; zeros make the condition its mean.
    pub epsilon: Tensor<B, 2>,
}

/// What the generator made and how.
#[derive(Debug, Clone)]
pub struct Output<B: Backend> {
    /// `[batch, 3, side, side]` of every stage that generates, range [-1, 1].
    pub images: Vec<Tensor<B, 4>>,
    /// `[batch, words, side, side]` of every later stage, at the side it starts from.
    pub attention: Vec<Tensor<B, 4>>,
    /// Of every later stage with a memory.
    pub memories: Vec<Trace<B>>,
    /// Map after the first stage, `[batch, width, 64, 64]`.
    pub first_map: Tensor<B, 4>,
    /// Distribution of the condition.
    pub condition: Gaussian<B>,
}

/// Doublings from the first stage's images to those of `side` pixels.
pub const fn upsampling_steps(side: usize) -> usize {
    (side / SIDE).ilog2() as usize
}

impl GeneratorConfig {
    /// Side of the images of every stage that generates, ascending.
    pub fn sides(&self) -> Vec<usize> {
        let mut all = (0..self.stages).map(|i| SIDE << i);
        if self.has_last_image_only {
            all.next_back().into_iter().collect()
        } else {
            all.collect()
        }
    }

    /// Fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Generator<B> {
        let g = self.width;
        let refinement = |_| Refinement {
            reader: WordLayer::init(self.word_module, g, self.text_dim, device),
            residuals: (0..self.residuals)
                .map(|_| GatedResidual::init(2 * g, device))
                .collect(),
            up: UpBlock::init(2 * g, g, device),
        };
        Generator {
            conditioning: Conditioning::init(self.text_dim, self.condition_dim, device),
            initial: InitialStage::init(self.condition_dim + self.noise_dim, g, device),
            refinements: (1..self.stages).map(refinement).collect(),
            heads: self.sides().iter().map(|_| conv3x3(g, 3, device)).collect(),
            mask: self.mask,
        }
    }

    /// Size for captions of `words` words.
    pub fn cost(&self, words: usize) -> Cost {
        let g = self.width;
        let mut cost = conditioning::cost(self.text_dim, self.condition_dim)
            + initial::cost(self.condition_dim + self.noise_dim, g);
        for i in 1..self.stages {
            let side = SIDE << (i - 1);
            cost = cost + word_module::cost(self.word_module, g, self.text_dim, side, words);
            for _ in 0..self.residuals {
                cost = cost + residual_cost(2 * g, side);
            }
            cost = cost + up_cost(2 * g, g, 2 * side);
        }
        for side in self.sides() {
            cost = cost.conv_without_bias(3, g, 3, side);
        }
        cost
    }
}

impl<B: Backend> Generator<B> {
    /// # Shapes
    ///
    /// - `sentence`: `[batch, text_dim]`
    pub fn forward(
        &self,
        sentence: Tensor<B, 2>,
        caption: &Caption<B>,
        draw: Draw<B>,
    ) -> Output<B> {
        let condition = self.conditioning.forward(sentence);
        let first_map = self.initial.forward(condition.sample(draw.epsilon), draw.z);
        let mut maps = vec![first_map.clone()];
        let (mut attention, mut memories) = (Vec::new(), Vec::new());
        let mut h = first_map.clone();
        for refinement in &self.refinements {
            let attended = refinement.reader.forward(h, caption, self.mask);
            attention.push(attended.attention);
            memories.extend(attended.memory);
            let refined = refinement
                .residuals
                .iter()
                .fold(attended.map, |h, block| block.forward(h));
            h = refinement.up.forward(refined);
            maps.push(h.clone());
        }
        let image_maps = maps.split_off(maps.len() - self.heads.len());
        let images = image_maps
            .into_iter()
            .zip(&self.heads)
            .map(|(map, head)| tanh(head.forward(map)))
            .collect();
        Output {
            images,
            attention,
            memories,
            first_map,
            condition,
        }
    }
}

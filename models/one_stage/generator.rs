//! The one-stage generator.

use burn::module::Module;
use burn::prelude::Tensor;
use burn::tensor::activation::sigmoid;
use serde::{Deserialize, Serialize};

use super::block::{Block, BlockConfig, Fusing, MaskHead, keeping, mask_cost};
use crate::backend::Backend;
use crate::nn::activation::{leaky_relu, tanh};
use crate::nn::batch_norm::{BatchNorm, BatchNormConfig};
use crate::nn::conv::Conv2d;
use crate::nn::cost::Cost;
use crate::nn::linear::{Linear, LinearConfig};
use crate::nn::resize::{AlignCorners, bilinear};
use crate::nn::upsample::nearest_x2;

/// Side of the first map.
const FIRST_SIDE: usize = 4;
/// Largest factor on the width.
const MOST: usize = 8;
/// Negative slope before the image is generated.
const SLOPE: f64 = 0.2; // DF-GAN and SSA-GAN

/// Which published generator it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// SSA-GAN: affine maps of standardised maps under a mask.
    SsaGan,
    /// DF-GAN before June 2022: two affine maps in a row; residuals have a learned factor.
    #[serde(rename = "df-gan-2020")]
    DfGan2020,
    /// DF-GAN since: the noise is part of the condition; every block begins with a doubling.
    #[serde(rename = "df-gan-2022")]
    DfGan2022,
}

impl Architecture {
    /// Name in experiment files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SsaGan => "ssa-gan",
            Self::DfGan2020 => "df-gan-2020",
            Self::DfGan2022 => "df-gan-2022",
        }
    }

    /// Largest factor on the discriminator's width.
    pub const fn max_discriminator_factor(self) -> usize {
        match self {
            Self::SsaGan | Self::DfGan2020 => 16,
            Self::DfGan2022 => 8,
        }
    }

    const fn is_masked(self) -> bool {
        matches!(self, Self::SsaGan)
    }
}

/// Sizes of a [`Generator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneratorConfig {
    /// Which one.
    pub architecture: Architecture,
    /// Channels of the last map.
    pub width: usize,
    /// Hidden channels of the heads that predict masks.
    pub mask_width: usize,
    /// Length of the sentence.
    pub text_dim: usize,
    /// Length of the noise.
    pub noise_dim: usize,
    /// Side of the images in pixels, a power of two from 32 on.
    pub resolution: usize,
}

/// Generates an image.
#[derive(Module, Debug)]
pub struct Generator<B: Backend> {
    stem: Linear<B>,
    mask: Option<MaskHead<B>>,
    blocks: Vec<Block<B>>,
    norm: Option<BatchNorm<B>>,
    head: Conv2d<B>,
    #[module(skip)]
    architecture: Architecture,
}

/// What the generator made and where it was modulated by the sentence.
#[derive(Debug, Clone)]
pub struct Output<B: Backend> {
    /// `[batch, 3, side, side]`, range [-1, 1].
    pub image: Tensor<B, 4>,
    /// Mask of every block, `[batch, 1, side, side]`, range [0, 1]; empty where there are none.
    pub masks: Vec<Tensor<B, 4>>,
}

impl GeneratorConfig {
    /// Doublings from the first map to the image.
    const fn upsampling_steps(&self) -> usize {
        (self.resolution / FIRST_SIDE).ilog2() as usize
    }

    /// Channels of the map of `FIRST_SIDE << i` pixels.
    fn channels(&self, i: usize) -> usize {
        self.width * MOST.min(1 << (self.upsampling_steps() - i))
    }

    /// Blocks with the sides of their maps.
    fn blocks(&self) -> Vec<(BlockConfig, usize)> {
        let last = self.upsampling_steps();
        let is_masked = self.architecture.is_masked();
        let has_noise = self.architecture == Architecture::DfGan2022;
        let first = usize::from(has_noise);
        let block = |i: usize| {
            let config = BlockConfig {
                channels: [self.channels(i.saturating_sub(1)), self.channels(i)],
                fusing: if is_masked {
                    Fusing::Masked
                } else {
                    Fusing::Deep
                },
                condition: self.text_dim + if has_noise { self.noise_dim } else { 0 },
                hidden: (!has_noise).then_some(self.text_dim),
                has_gain: !has_noise,
                mask: (is_masked && i < last).then_some(self.mask_width),
            };
            (config, FIRST_SIDE << i)
        };
        (first..=last).map(block).collect()
    }

    /// Fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Generator<B> {
        let first = self.channels(0);
        let stem = LinearConfig::new(self.noise_dim, first * FIRST_SIDE * FIRST_SIDE);
        let is_masked = self.architecture.is_masked();
        let blocks = self.blocks();
        Generator {
            stem: stem.init(device),
            mask: is_masked.then(|| MaskHead::init(first, self.mask_width, device)),
            blocks: blocks.iter().map(|(block, _)| block.init(device)).collect(),
            norm: is_masked.then(|| BatchNormConfig::new(self.width).init(device)),
            head: keeping(3, self.width, 3, device),
            architecture: self.architecture,
        }
    }

    /// Size for one image.
    pub fn cost(&self) -> Cost {
        let first = self.channels(0);
        let mut cost = Cost::default().linear(self.noise_dim, first * FIRST_SIDE * FIRST_SIDE);
        if self.architecture.is_masked() {
            cost = cost + mask_cost(first, self.mask_width, FIRST_SIDE);
        }
        for (block, side) in self.blocks() {
            // The doubled map.
            cost = cost.map(block.channels[0], side) + block.cost(side);
        }
        if self.architecture.is_masked() {
            cost = cost.norm(self.width, self.resolution);
        }
        cost.map(self.width, self.resolution)
            .conv(3, self.width, 3, self.resolution)
            .map(3, self.resolution)
    }
}

impl<B: Backend> Generator<B> {
    /// # Shapes
    ///
    /// - `z`: `[batch, noise_dim]`
    /// - `sentence`: `[batch, text_dim]`
    pub fn forward(&self, z: Tensor<B, 2>, sentence: Tensor<B, 2>) -> Output<B> {
        let [batch, _] = z.dims();
        let has_noise = self.architecture == Architecture::DfGan2022;
        let condition = if has_noise {
            Tensor::cat(vec![z.clone(), sentence], 1)
        } else {
            sentence
        };
        let stem = self.stem.forward(z);
        let channels = stem.dims()[1] / (FIRST_SIDE * FIRST_SIDE);
        let mut h = stem.reshape([batch, channels, FIRST_SIDE, FIRST_SIDE]);
        let mut logits = self.mask.as_ref().map(|head| head.forward(h.clone()));
        let mut masks = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            if i > 0 || has_noise {
                h = nearest_x2(h);
            }
            let side = h.dims()[3];
            let mask =
                logits.map(|logits| sigmoid(bilinear(logits, [side; 2], AlignCorners::True)));
            let refined = block.forward(h, &condition, mask.as_ref());
            masks.extend(mask);
            (h, logits) = (refined.map, refined.mask);
        }
        if let Some(norm) = &self.norm {
            h = norm.forward(h);
        }
        let image = tanh(self.head.forward(leaky_relu(h, SLOPE)));
        Output { image, masks }
    }
}

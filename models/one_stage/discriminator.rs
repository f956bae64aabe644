//! The discriminator of the one-stage generators: no layer of it mixes samples, and it is piecewise
//! linear, so that its gradient can be penalised sample by sample.

use burn::module::{Initializer, Module, Param};
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::losses::gradient_penalty::{Critic, differentiate, on_second_layer};
use crate::nn::activation::leaky_relu;
use crate::nn::conv::{Conv2d, Conv2dConfig, to_vector};
use crate::nn::cost::Cost;
use crate::nn::resize::{halve, tile};

/// Negative slope of the activations.
pub const SLOPE: f64 = 0.2; // DF-GAN and SSA-GAN
/// Side of the last map.
const SIDE: usize = 4;

/// Sizes of a [`Discriminator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscriminatorConfig {
    /// Channels after the first convolution.
    pub width: usize,
    /// Largest factor on the width.
    pub most: usize,
    /// Length of the sentence.
    pub text_dim: usize,
    /// Side of the images in pixels, a power of two from 32 on.
    pub resolution: usize,
}

/// Halves the side: `shortcut(x) + gamma r(x)`.
#[derive(Module, Debug)]
pub struct DownsamplingBlock<B: Backend> {
    /// 4x4 with step 2, then 3x3; each followed by a leaky ReLU.
    pub residual: Vec<Conv2d<B>>,
    /// 1x1, before the averaging; where the number of channels changes.
    pub shortcut: Option<Conv2d<B>>,
    /// Factor of the residual, 0 at first.
    pub gamma: Param<Tensor<B, 1>>,
}

/// Discriminator of images with their sentences.
#[derive(Module, Debug)]
pub struct Discriminator<B: Backend> {
    /// No activation follows it.
    pub image: Conv2d<B>,
    /// No activation follows the last.
    pub blocks: Vec<DownsamplingBlock<B>>,
    /// Of features and sentence.
    pub joint: Conv2d<B>,
    /// As large as the map.
    pub logit: Conv2d<B>,
}

/// Kernel, step, padding, whether there is a bias.
fn conv<B: Backend>(
    channels: [usize; 2],
    [kernel, stride, padding]: [usize; 3],
    has_bias: bool,
    device: &B::Device,
) -> Conv2d<B> {
    Conv2dConfig::new(channels, [kernel; 2])
        .with_stride([stride; 2])
        .with_padding([padding; 2])
        .with_bias(has_bias)
        .init(device)
}

impl DiscriminatorConfig {
    /// Channels before the blocks and after each.
    fn channels(&self) -> Vec<usize> {
        let downsampling_steps = (self.resolution / SIDE).ilog2();
        (0..=downsampling_steps)
            .map(|i| self.width * self.most.min(1 << i))
            .collect()
    }

    /// Fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Discriminator<B> {
        let channels = self.channels();
        let halving = |pair: &[usize]| {
            let (inputs, outputs) = (pair[0], pair[1]);
            DownsamplingBlock {
                residual: vec![
                    conv([inputs, outputs], [4, 2, 1], false, device),
                    conv([outputs, outputs], [3, 1, 1], false, device),
                ],
                shortcut: (inputs != outputs)
                    .then(|| conv([inputs, outputs], [1, 1, 0], true, device)),
                gamma: Initializer::Zeros.init([1], device),
            }
        };
        let top = channels.last().copied().unwrap_or(self.width);
        let joint = 2 * self.width;
        Discriminator {
            image: conv([3, self.width], [3, 1, 1], true, device),
            blocks: channels.windows(2).map(halving).collect(),
            joint: conv([top + self.text_dim, joint], [3, 1, 1], false, device),
            logit: conv([joint, 1], [SIDE, 1, 0], false, device),
        }
    }

    /// Size for one image.
    pub fn cost(&self) -> Cost {
        let mut side = self.resolution;
        let channels = self.channels();
        let mut cost = Cost::default().conv(3, 3, self.width, side);
        for pair in channels.windows(2) {
            let (inputs, outputs) = (pair[0], pair[1]);
            if inputs != outputs {
                cost = cost + Cost::default().conv(1, inputs, outputs, side).unkept();
            }
            side /= 2;
            // Both are rectified where they lie; then their sum with the shortcut.
            cost = cost
                .conv_without_bias(4, inputs, outputs, side)
                .conv_without_bias(3, outputs, outputs, side)
                .map(outputs, side);
            cost.parameters += 1;
        }
        let top = channels.last().copied().unwrap_or(self.width);
        let joint = 2 * self.width;
        cost.conv_without_bias(3, top + self.text_dim, joint, side)
            .map(joint, side)
            .conv_without_bias(SIDE, joint, 1, 1)
    }
}

impl<B: Backend> Discriminator<B> {
    /// Features of images, before their sentence joins.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, side, side]`, range [-1, 1]
    /// - output: `[batch, channels, 4, 4]`
    pub fn features(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        let mut h = self.image.forward(images);
        for block in &self.blocks {
            let mut r = h.clone();
            for conv in &block.residual {
                r = leaky_relu(conv.forward(r), SLOPE);
            }
            let shortcut = match &block.shortcut {
                Some(conv) => conv.forward(h),
                None => h,
            };
            h = halve(shortcut) + r * block.gamma.val().reshape([1; 4]);
        }
        h
    }

    /// How real and matching pairs are, `[batch]`.
    ///
    /// # Shapes
    ///
    /// - `features`: `[batch, channels, 4, 4]`
    /// - `sentence`: `[batch, text_dim]`
    pub fn logits(&self, features: Tensor<B, 4>, sentence: Tensor<B, 2>) -> Tensor<B, 1> {
        let [_, _, height, width] = features.dims();
        let joint = Tensor::cat(vec![features, tile(sentence, [height, width])], 1);
        let joint = leaky_relu(self.joint.forward(joint), SLOPE);
        to_vector(&self.logit, joint).flatten(0, 1)
    }

    /// Sum of the biases. A penalty on the gradient does not depend on them; its published form
    /// gives them gradients of 0, which Adam counts as steps.
    pub fn biases(&self) -> Tensor<B, 1> {
        let shortcuts = self.blocks.iter().filter_map(|b| b.shortcut.as_ref());
        let sums = std::iter::once(&self.image)
            .chain(shortcuts)
            .filter_map(|conv| Some(conv.bias.as_ref()?.val().sum()));
        let sum = sums.reduce(|a, b| a + b);
        sum.expect("the first convolution has a bias")
    }
}

impl<B: Backend> Critic<B> for Discriminator<B> {
    type Input = (Tensor<B, 4>, Tensor<B, 2>);

    fn logits(&self, (images, sentence): Self::Input) -> Tensor<B, 1> {
        self.logits(self.features(images), sentence)
    }
}

/// What the discriminator says about images, and how that depends on them.
#[derive(Debug, Clone)]
pub struct CriticOutput<B: Backend> {
    /// Of the images alone, `[batch, channels, 4, 4]`.
    pub features: Tensor<B, 4>,
    /// With the sentence, `[batch]`.
    pub logits: Tensor<B, 1>,
    /// Gradients of the logits by images and sentences, which can be differentiated by the
    /// discriminator's parameters.
    pub gradients: (Tensor<B, 4>, Tensor<B, 2>),
}

/// Scores images with their sentences and differentiates by both, in one forward pass.
///
/// # Shapes
///
/// - `images`: `[batch, 3, side, side]`
/// - `sentence`: `[batch, text_dim]`
pub fn critic<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    images: Tensor<B, 4>,
    sentence: Tensor<B, 2>,
) -> CriticOutput<B> {
    let twice = on_second_layer(discriminator);
    let mut last_features = None;
    let (logits, gradients) = differentiate((images, sentence), |(images, sentence)| {
        let features = twice.features(images);
        last_features = Some(features.clone().inner());
        twice.logits(features, sentence)
    });
    CriticOutput {
        features: last_features.expect("the images were looked at"),
        logits,
        gradients,
    }
}

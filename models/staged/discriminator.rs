//! Discriminators of images of 64, 128 and 256 pixels, alone and with their sentence.

use burn::module::{Initializer, Module, Param};
use burn::prelude::Tensor;
use burn::tensor::activation::leaky_relu;
use burn::tensor::ops::ConvOptions;

use crate::backend::{Backend, ops};
use crate::nn::batch_norm::BatchNorm;
use crate::nn::conv::{Conv2d, Conv2dConfig, to_vector};
use crate::nn::cost::Cost;
use crate::nn::gated::norm;
use crate::nn::orthogonal::orthogonal;
use crate::nn::spectral::Spectral;

/// Negative slope of the activations.
const SLOPE: f64 = 0.2; // AttnGAN, model.py
/// Downsampling steps from 64 pixels to the map of the heads.
const DOWNSAMPLING_STEPS: usize = 4;
/// Side of that map.
const SIDE: usize = 4;

/// What keeps the discriminator in bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalization {
    /// Batch normalisation of all convolutions but the first (AttnGAN).
    BatchNorm,
    /// Spectral normalisation of all convolutions, which have biases (DM-GAN).
    Spectral,
}

/// Sizes of a [`Discriminator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscriminatorConfig {
    /// Channels after the first convolution.
    pub width: usize,
    /// Length of the sentence.
    pub text_dim: usize,
    /// Doublings of the image from 64 pixels.
    pub upsampling_steps: usize,
    /// Normalisation.
    pub normalization: Normalization,
    /// Whether there are logits of the image alone, too.
    pub is_joint: bool,
}

/// Convolution, normalisation, leaky ReLU.
#[derive(Module, Debug)]
pub struct Unit<B: Backend> {
    conv: Conv2d<B>,
    norm: Option<BatchNorm<B>>,
    spectral: Option<Spectral<B>>,
}

/// Kernel, stride and channels of a [`Unit`].
#[derive(Debug, Clone, Copy)]
struct Shape {
    halves: bool,
    inputs: usize,
    outputs: usize,
}

impl Shape {
    const fn kernel(self) -> usize {
        if self.halves { 4 } else { 3 }
    }
}

/// Step of a unit's convolution.
const fn stride(kernel: usize) -> usize {
    if kernel == 4 { 2 } else { 1 }
}

impl<B: Backend> Unit<B> {
    fn init(
        shape: Shape,
        normalization: Normalization,
        has_norm: bool,
        device: &B::Device,
    ) -> Self {
        let Shape {
            inputs, outputs, ..
        } = shape;
        let kernel = shape.kernel();
        let is_spectral = normalization == Normalization::Spectral;
        let mut conv: Conv2d<B> = Conv2dConfig::new([inputs, outputs], [kernel; 2])
            .with_stride([stride(kernel); 2])
            .with_padding([1, 1])
            .with_bias(is_spectral)
            .init(device);
        conv.weight = orthogonal([outputs, inputs, kernel, kernel], device);
        Self {
            conv,
            norm: (has_norm && !is_spectral).then(|| norm(outputs, device)),
            spectral: is_spectral
                .then(|| Spectral::init(outputs, inputs * kernel * kernel, device)),
        }
    }

    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let mut h = match &self.spectral {
            None => self.conv.forward(x),
            Some(spectral) => {
                let weight = spectral.normalise(self.conv.weight.val());
                let bias = self.conv.bias.as_ref().map(Param::val);
                let stride = stride(weight.dims()[2]);
                let options = ConvOptions::new([stride; 2], [1, 1], [1, 1], 1);
                ops::convolution(x, weight, bias, options)
            }
        };
        if let Some(norm) = &self.norm {
            h = norm.forward(h);
        }
        leaky_relu(h, SLOPE)
    }
}

/// Discriminator of images of one size.
#[derive(Module, Debug)]
pub struct Discriminator<B: Backend> {
    trunk: Vec<Unit<B>>,
    joint: Unit<B>,
    conditional: Conv2d<B>,
    unconditional: Option<Conv2d<B>>,
}

impl DiscriminatorConfig {
    /// Shapes of the convolutions before the heads.
    fn shapes(&self) -> Vec<Shape> {
        let d = self.width;
        let down = |inputs, outputs| Shape {
            halves: true,
            inputs,
            outputs,
        };
        let downsampling_steps = DOWNSAMPLING_STEPS + self.upsampling_steps;
        let mut shapes = vec![down(3, d)];
        shapes.extend((1..downsampling_steps).map(|i| down(d << (i - 1), d << i)));
        shapes.extend(
            (DOWNSAMPLING_STEPS..downsampling_steps)
                .rev()
                .map(|i| Shape {
                    halves: false,
                    inputs: d << i,
                    outputs: d << (i - 1),
                }),
        );
        shapes
    }

    fn joint(&self) -> Shape {
        let top = 8 * self.width;
        Shape {
            halves: false,
            inputs: top + self.text_dim,
            outputs: top,
        }
    }

    /// Fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Discriminator<B> {
        let shapes = self.shapes().into_iter().enumerate();
        let head = || {
            let top = 8 * self.width;
            let max = 1.0 / ((top * SIDE * SIDE) as f64).sqrt();
            let mut conv: Conv2d<B> = Conv2dConfig::new([top, 1], [SIDE; 2]).init(device);
            conv.weight = orthogonal([1, top, SIDE, SIDE], device);
            conv.bias = Some(Initializer::Uniform { min: -max, max }.init([1], device));
            conv
        };
        Discriminator {
            trunk: shapes
                .map(|(i, shape)| Unit::init(shape, self.normalization, i > 0, device))
                .collect(),
            joint: Unit::init(self.joint(), self.normalization, true, device),
            conditional: head(),
            unconditional: self.is_joint.then(head),
        }
    }

    /// Size for one image.
    pub fn cost(&self) -> Cost {
        let mut side = 64 << self.upsampling_steps;
        let mut cost = Cost::default();
        let unit = |cost: Cost, shape: Shape, side: usize, has_norm: bool| match self.normalization
        {
            Normalization::Spectral => cost
                .conv(shape.kernel(), shape.inputs, shape.outputs, side)
                .map(shape.outputs, side),
            Normalization::BatchNorm => {
                let conv =
                    cost.conv_without_bias(shape.kernel(), shape.inputs, shape.outputs, side);
                let normed = if has_norm {
                    conv.norm(shape.outputs, side)
                } else {
                    conv
                };
                normed.map(shape.outputs, side)
            }
        };
        for (i, shape) in self.shapes().into_iter().enumerate() {
            if shape.halves {
                side /= 2;
            }
            cost = unit(cost, shape, side, i > 0);
        }
        cost = unit(cost, self.joint(), side, true);
        let heads = if self.is_joint { 2 } else { 1 };
        (0..heads).fold(cost, |cost, _| cost.conv(SIDE, 8 * self.width, 1, 1))
    }
}

impl<B: Backend> Discriminator<B> {
    /// Features of images, before their sentence joins.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, side, side]`, range [-1, 1]
    /// - output: `[batch, 8 width, 4, 4]`
    pub fn features(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        self.trunk.iter().fold(images, |h, unit| unit.forward(h))
    }

    /// Log odds of "real", `[batch]`, where there are logits of the image alone.
    pub fn alone(&self, features: Tensor<B, 4>) -> Option<Tensor<B, 1>> {
        let head = self.unconditional.as_ref()?;
        Some(to_vector(head, features).flatten(0, 1))
    }

    /// Log odds of "real and matching", `[batch]`.
    ///
    /// # Shapes
    ///
    /// - `features`: `[batch, 8 width, 4, 4]`
    /// - `sentence`: `[batch, text_dim]`
    pub fn with_sentence(&self, features: Tensor<B, 4>, sentence: Tensor<B, 2>) -> Tensor<B, 1> {
        let [batch, _, height, width] = features.dims();
        let [_, dim] = sentence.dims();
        let tiled = sentence
            .reshape([batch, dim, 1, 1])
            .expand([batch, dim, height, width]);
        let joined = self.joint.forward(Tensor::cat(vec![features, tiled], 1));
        to_vector(&self.conditional, joined).flatten(0, 1)
    }
}

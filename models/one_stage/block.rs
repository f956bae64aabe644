//! Residual block into which the sentence is let twice.

use burn::module::{Initializer, Module, Param};
use burn::prelude::Tensor;

use super::affine::{Affine, AffineConfig};
use crate::backend::Backend;
use crate::nn::activation::{leaky_relu, relu};
use crate::nn::batch_norm::{BatchNorm, BatchNormConfig};
use crate::nn::conv::{Conv2d, Conv2dConfig};
use crate::nn::cost::Cost;
use crate::nn::standardization::{Standardization, StandardizationConfig};

/// How features are modulated by the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fusing {
    /// Two affine maps, each followed by a leaky ReLU (DF-GAN).
    Deep,
    /// One affine map of standardised maps where the mask lets it, then a ReLU (SSA-GAN).
    Masked,
}

/// Sizes of a [`Block`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockConfig {
    /// Channels in, channels out.
    pub channels: [usize; 2],
    /// How features are modulated by the sentence.
    pub fusing: Fusing,
    /// Length of the condition.
    pub condition: usize,
    /// Length of the hidden layers of the affine maps; their number of channels where absent.
    pub hidden: Option<usize>,
    /// Whether the residual has a learned factor, 0 at first.
    pub has_gain: bool,
    /// Hidden channels of the head that predicts the next mask, where there is one.
    pub mask: Option<usize>,
}

/// Lets the condition in and activates.
#[derive(Module, Debug)]
pub struct Fusion<B: Backend> {
    norm: Option<Standardization<B>>,
    affines: Vec<Affine<B>>,
    slope: f64,
}

impl BlockConfig {
    fn affine(&self, channels: usize) -> AffineConfig {
        AffineConfig {
            condition: self.condition,
            hidden: self.hidden.unwrap_or(channels),
            channels,
        }
    }

    const fn affines(&self) -> usize {
        match self.fusing {
            Fusing::Deep => 2,
            Fusing::Masked => 1,
        }
    }

    fn fusion<B: Backend>(&self, channels: usize, device: &B::Device) -> Fusion<B> {
        // Either way the sentence says nothing at first.
        let (start, slope) = match self.fusing {
            Fusing::Deep => (1.0, 0.2),
            Fusing::Masked => (0.0, 0.0),
        };
        let affine = |_| self.affine(channels).init(start, device);
        let is_masked = self.fusing == Fusing::Masked;
        Fusion {
            norm: is_masked.then(|| StandardizationConfig::new(channels).init(device)),
            affines: (0..self.affines()).map(affine).collect(),
            slope,
        }
    }

    fn fusion_cost(&self, channels: usize, side: usize) -> Cost {
        // Each is rectified where it lies.
        let affines = (0..self.affines()).fold(Cost::default(), |cost, _| {
            cost + self.affine(channels).cost(side)
        });
        match self.fusing {
            Fusing::Deep => affines,
            // Standardised before.
            Fusing::Masked => affines.map(channels, side),
        }
    }
}

impl<B: Backend> Fusion<B> {
    fn forward(
        &self,
        x: Tensor<B, 4>,
        condition: &Tensor<B, 2>,
        mask: Option<&Tensor<B, 4>>,
    ) -> Tensor<B, 4> {
        let mut h = match &self.norm {
            Some(norm) => norm.forward(x),
            None => x,
        };
        for affine in &self.affines {
            h = affine.forward(h, condition.clone(), mask.cloned());
            h = leaky_relu(h, self.slope);
        }
        h
    }
}

/// Predicts where the sentence may change the maps of the next block.
#[derive(Module, Debug)]
pub struct MaskHead<B: Backend> {
    conv: Conv2d<B>,
    norm: BatchNorm<B>,
    out: Conv2d<B>,
}

/// Convolution that keeps the side.
pub fn keeping<B: Backend>(
    kernel: usize,
    inputs: usize,
    outputs: usize,
    device: &B::Device,
) -> Conv2d<B> {
    Conv2dConfig::new([inputs, outputs], [kernel; 2])
        .with_padding([kernel / 2; 2])
        .init(device)
}

impl<B: Backend> MaskHead<B> {
    /// Fresh weights.
    pub fn init(inputs: usize, hidden: usize, device: &B::Device) -> Self {
        Self {
            conv: keeping(3, inputs, hidden, device),
            norm: BatchNormConfig::new(hidden).init(device),
            out: keeping(1, hidden, 1, device),
        }
    }

    /// Logits of the mask.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, inputs, height, width]`
    /// - output: `[batch, 1, height, width]`
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        self.out
            .forward(relu(self.norm.forward(self.conv.forward(x))))
    }
}

/// Size of a [`MaskHead`] for maps of `side` x `side` pixels.
pub fn mask_cost(inputs: usize, hidden: usize, side: usize) -> Cost {
    Cost::default()
        .conv(3, inputs, hidden, side)
        .norm(hidden, side)
        .map(hidden, side)
        .conv(1, hidden, 1, side)
}

/// `shortcut(x) + gamma r(x)`.
#[derive(Module, Debug)]
pub struct Block<B: Backend> {
    first: Fusion<B>,
    second: Fusion<B>,
    convs: Vec<Conv2d<B>>,
    /// Where the number of channels changes.
    shortcut: Option<Conv2d<B>>,
    gamma: Option<Param<Tensor<B, 1>>>,
    mask: Option<MaskHead<B>>,
}

/// What a block gives.
#[derive(Debug, Clone)]
pub struct Refined<B: Backend> {
    /// `[batch, outputs, height, width]`.
    pub map: Tensor<B, 4>,
    /// Logits of the next mask, `[batch, 1, height, width]`.
    pub mask: Option<Tensor<B, 4>>,
}

impl BlockConfig {
    /// Fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Block<B> {
        let [inputs, outputs] = self.channels;
        Block {
            first: self.fusion(inputs, device),
            second: self.fusion(outputs, device),
            convs: vec![
                keeping(3, inputs, outputs, device),
                keeping(3, outputs, outputs, device),
            ],
            shortcut: (inputs != outputs).then(|| keeping(1, inputs, outputs, device)),
            gamma: self.has_gain.then(|| Initializer::Zeros.init([1], device)),
            mask: self
                .mask
                .map(|hidden| MaskHead::init(outputs, hidden, device)),
        }
    }

    /// Size for maps of `side` x `side` pixels.
    pub fn cost(&self, side: usize) -> Cost {
        let [inputs, outputs] = self.channels;
        let conv = |kernel, inputs| Cost::default().conv(kernel, inputs, outputs, side);
        let mut cost = self.fusion_cost(inputs, side)
            + conv(3, inputs)
            + self.fusion_cost(outputs, side)
            + conv(3, outputs).unkept().map(outputs, side);
        if inputs != outputs {
            cost = cost + conv(1, inputs).unkept();
        }
        if self.has_gain {
            // What it multiplies.
            cost = cost.map(outputs, side);
            cost.parameters += 1;
        }
        match self.mask {
            Some(hidden) => cost + mask_cost(outputs, hidden, side),
            None => cost,
        }
    }
}

impl<B: Backend> Block<B> {
    /// # Shapes
    ///
    /// - `x`: `[batch, inputs, height, width]`
    /// - `condition`: `[batch, condition]`
    /// - `mask`: `[batch, 1, height, width]`, 0 where the condition changes nothing
    pub fn forward(
        &self,
        x: Tensor<B, 4>,
        condition: &Tensor<B, 2>,
        mask: Option<&Tensor<B, 4>>,
    ) -> Refined<B> {
        let h = self.first.forward(x.clone(), condition, mask);
        let h = self.convs[0].forward(h);
        let h = self.second.forward(h, condition, mask);
        let mut h = self.convs[1].forward(h);
        if let Some(gamma) = &self.gamma {
            h = h * gamma.val().reshape([1; 4]);
        }
        let shortcut = match &self.shortcut {
            Some(conv) => conv.forward(x),
            None => x,
        };
        let map = shortcut + h;
        let mask = self.mask.as_ref().map(|head| head.forward(map.clone()));
        Refined { map, mask }
    }
}

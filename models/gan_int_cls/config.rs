//! `[model]` table of GAN-INT-CLS.

use serde::{Deserialize, Serialize};

use crate::nn::cost::Cost;
use crate::system::{
    Classes, Component, Group, Needs, Optimizer, Phase, Plan, Problem, Sampling, Schedule,
    SmallestBatch, StagePlan, SystemConfig, TextForm, check,
};

/// Side of the images in pixels.
pub const IMAGE_SIZE: usize = 64;
/// Spread of initial weights and scales.
pub(super) const INIT_STD: f64 = 0.02; // main_cls_int.lua, weights_init
/// Negative slope of the activations.
pub(super) const SLOPE: f64 = 0.2; // main_cls_int.lua

/// Most captions whose embeddings are averaged.
const MOST_CAPTIONS: usize = 1000;

/// Which published networks and losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// The authors' (Torch7), with residual blocks.
    #[default]
    Reed,
    /// The widespread PyTorch port, a plain DCGAN with two more generator losses.
    Port,
}

/// Which of the paper's ideas are switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Neither.
    Gan,
    /// The discriminator sees real images with texts of another class.
    Cls,
    /// The generator also makes images of midpoints between texts.
    Int,
    /// Both.
    #[default]
    IntCls,
}

impl Variant {
    /// Whether real images with the wrong text are shown.
    pub const fn has_mismatched(self) -> bool {
        matches!(self, Self::Cls | Self::IntCls)
    }

    /// Whether images of midpoints between texts are made.
    pub const fn has_midpoints(self) -> bool {
        matches!(self, Self::Int | Self::IntCls)
    }
}

/// Configuration of GAN-INT-CLS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Networks and losses.
    pub architecture: Architecture,
    /// Ideas of the paper that are switched on.
    pub variant: Variant,
    /// Length of the sentence embedding.
    pub text_dim: usize,
    /// Length of the embedding after its projection.
    pub projection_dim: usize,
    /// Length of the noise.
    pub noise_dim: usize,
    /// Channels before the generator's last layer (128; port 64).
    pub generator_width: usize,
    /// Channels after the discriminator's first layer.
    pub discriminator_width: usize,
    /// Captions whose embeddings are averaged (4; port 1).
    pub captions: usize,
    /// Target of real images (1; port 0.9).
    pub real_label: f64,
    /// Authors' version: weight of mismatched images; fake ones get the rest of 1.
    pub mismatched_weight: f64,
    /// Authors' version: weight of a midpoint beside that of a text.
    pub interpolation_weight: f64,
    /// Port: weight of the squared distance of mean discriminator features.
    pub feature_weight: f64,
    /// Port: weight of the absolute distance to the real image.
    pub image_weight: f64,
}

impl Default for Config {
    /// The authors' settings for birds and flowers.
    fn default() -> Self {
        Self {
            architecture: Architecture::Reed,
            variant: Variant::IntCls,
            text_dim: 1024,
            projection_dim: 128,
            noise_dim: 100,
            generator_width: 128,
            discriminator_width: 64,
            captions: 4,
            real_label: 1.0,
            mismatched_weight: 0.5,
            interpolation_weight: 1.0,
            feature_weight: 100.0,
            image_weight: 50.0,
        }
    }
}

impl Config {
    /// The port as published.
    pub fn port() -> Self {
        Self {
            architecture: Architecture::Port,
            variant: Variant::Cls,
            generator_width: 64,
            captions: 1,
            real_label: 0.9,
            ..Self::default()
        }
    }

    /// Channels from the joined vector to the image.
    pub(super) const fn generator_channels(&self) -> [usize; 6] {
        let n = self.generator_width;
        let joined = self.noise_dim + self.projection_dim;
        [joined, 8 * n, 4 * n, 2 * n, n, 3]
    }

    /// Channels of the generator's residual blocks.
    pub(super) fn generator_blocks(&self) -> Vec<usize> {
        match self.architecture {
            Architecture::Reed => self.generator_channels()[1..3].to_vec(),
            Architecture::Port => Vec::new(),
        }
    }

    /// Channels from the image to the top of the discriminator.
    pub(super) const fn discriminator_channels(&self) -> [usize; 5] {
        let n = self.discriminator_width;
        [3, n, 2 * n, 4 * n, 8 * n]
    }

    /// Weights of mismatched and of fake images in the discriminator's loss.
    pub(super) fn negative_weights(&self) -> [f64; 2] {
        match self.architecture {
            Architecture::Reed if self.variant.has_mismatched() => {
                [self.mismatched_weight, 1.0 - self.mismatched_weight]
            }
            Architecture::Reed => [0.0, 1.0],
            Architecture::Port => [f64::from(u8::from(self.variant.has_mismatched())), 1.0],
        }
    }

    /// Images that the generator step makes per sample.
    fn generated_rows(&self) -> f64 {
        if self.variant.has_midpoints() {
            1.5
        } else {
            1.0
        }
    }

    fn generator_cost(&self) -> Cost {
        let has_bias = self.architecture == Architecture::Reed;
        let channels = self.generator_channels();
        let mut cost = Cost::default().linear(self.text_dim, self.projection_dim);
        if !has_bias {
            cost = cost.norm(self.projection_dim, 1);
        }
        // A transposed convolution of kernel 4 and stride 2 multiplies 2x2 weights per output; the
        // first one, on a 1x1 map, a single one.
        for i in 0..5 {
            let side = 4 << i;
            let reach = if i == 0 { 1 } else { 2 };
            cost = cost.transposed_conv(4, reach, [channels[i], channels[i + 1]], side);
            if has_bias {
                cost.parameters += channels[i + 1];
            }
            if i < 4 {
                cost = cost.norm(channels[i + 1], side);
            }
        }
        let blocks = self.generator_blocks();
        for (i, c) in blocks.into_iter().enumerate() {
            cost = cost + bottleneck(c, 4 << i);
        }
        cost
    }

    fn discriminator_cost(&self) -> Cost {
        let is_reed = self.architecture == Architecture::Reed;
        let channels = self.discriminator_channels();
        let top = channels[4];
        let joined = top + self.projection_dim;
        let mut cost = Cost::default()
            .linear(self.text_dim, self.projection_dim)
            .norm(self.projection_dim, 1)
            .map(joined, 4);
        let conv = |cost: Cost, kernel, inputs, outputs, side| {
            if is_reed {
                cost.conv(kernel, inputs, outputs, side)
            } else {
                cost.conv_without_bias(kernel, inputs, outputs, side)
            }
        };
        for (i, pair) in channels.windows(2).enumerate() {
            let side = IMAGE_SIZE >> (i + 1);
            cost = conv(cost, 4, pair[0], pair[1], side);
            if i > 0 {
                cost = cost.norm(pair[1], side);
            }
        }
        if !is_reed {
            return conv(cost, 4, joined, 1, 1);
        }
        let deep = bottleneck(top, 4).conv(1, joined, top, 4).norm(top, 4);
        conv(cost + deep, 4, top, 1, 1)
    }
}

/// Block whose inner width is a quarter of `channels`.
fn bottleneck(channels: usize, side: usize) -> Cost {
    let inner = channels / 4;
    Cost::default()
        .conv(1, channels, inner, side)
        .norm(inner, side)
        .conv(3, inner, inner, side)
        .norm(inner, side)
        .conv(3, inner, channels, side)
        .norm(channels, side)
}

impl SystemConfig for Config {
    fn validate(&self) -> Result<(), Problem> {
        check::counts(&[
            ("text_dim", self.text_dim),
            ("projection_dim", self.projection_dim),
            ("noise_dim", self.noise_dim),
            ("generator_width", self.generator_width),
            ("discriminator_width", self.discriminator_width),
        ])?;
        check::within("captions", self.captions, 1..=MOST_CAPTIONS)?;
        for (key, value) in [
            ("real_label", self.real_label),
            ("mismatched_weight", self.mismatched_weight),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Problem::new(key, "must be between 0 and 1"));
            }
        }
        check::weights(&[
            ("interpolation_weight", self.interpolation_weight),
            ("feature_weight", self.feature_weight),
            ("image_weight", self.image_weight),
        ])?;
        if self.architecture == Architecture::Port && self.variant.has_midpoints() {
            let message = "the port knows `gan` and `cls`; for `int` and `int-cls` set \
                           `architecture = \"reed\"`";
            return Err(Problem::new("variant", message));
        }
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs {
            image_sizes: vec![IMAGE_SIZE],
            has_mismatched: self.variant.has_mismatched(),
            text: TextForm::Embedding { dim: self.text_dim },
            captions: self.captions,
            sampling: match self.architecture {
                Architecture::Reed => Sampling::ClassUniform,
                Architecture::Port => Sampling::Pairs,
            },
            ..Needs::default()
        }
    }

    fn smallest_batch(&self) -> SmallestBatch {
        SmallestBatch::new(2, "the projected text is normalised over the batch")
    }

    fn classes(&self) -> Classes {
        if self.variant.has_mismatched() {
            Classes::Rivals
        } else {
            Classes::Unused
        }
    }

    fn plan(&self) -> Plan {
        let group = |name, prefix| Group {
            name,
            prefixes: vec![prefix],
            // main_cls_int.lua and the port's trainer.
            optimizer: Optimizer::Adam {
                lr: 2e-4,
                betas: [0.5, 0.999],
                eps: 1e-8,
            },
            schedule: match self.architecture {
                Architecture::Reed => Schedule::StepDecay {
                    every: 100,
                    factor: 0.5,
                },
                Architecture::Port => Schedule::Constant,
            },
            clip: None,
        };
        Plan {
            groups: vec![
                group("discriminator", "discriminator."),
                group("generator", "generator."),
            ],
            stages: vec![StagePlan::new(
                "adversarial",
                vec![
                    Phase::new("d", ["discriminator"]),
                    Phase::new("g", ["generator"]),
                ],
            )],
        }
    }

    fn components(&self) -> Vec<Component> {
        let scored = if self.variant.has_mismatched() {
            3.0
        } else {
            2.0
        };
        let of_real = match self.architecture {
            Architecture::Reed => 0.0,
            Architecture::Port => 1.0,
        };
        let generated_rows = self.generated_rows();
        vec![
            Component::own(
                "generator",
                self.generator_cost(),
                1.0 + 3.0 * generated_rows,
            ),
            Component::own(
                "discriminator",
                self.discriminator_cost(),
                3.0 * scored + 2.0 * generated_rows + of_real,
            )
            .for_training(),
        ]
    }
}

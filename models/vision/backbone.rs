//! The frozen network in front of DAMSM's image heads.

use burn::module::Module;
use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::nn::batch_norm::Mode;
use crate::nn::cost::Cost;
use crate::system::{Problem, check};
use crate::vision::inception::{self, Inception, InceptionConfig};
use crate::vision::vgg::{Depth, GROUPS, Layer, Vgg, VggConfig, spatial_mean};

/// Which network, and which of its layers are regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BackboneConfig {
    /// Layers of a VGG, handed in.
    Vgg(VggBackboneConfig),
    /// Inception-v3 as published; part of the system, because its statistics follow the data.
    Inception(InceptionBackboneConfig),
}

/// Layers of a VGG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VggBackboneConfig {
    /// 16 or 19.
    pub depth: Depth,
    /// Channels per group.
    pub widths: [usize; GROUPS],
    /// Layer whose places are the regions.
    pub regions: Layer,
}

impl Default for VggBackboneConfig {
    /// A narrow VGG19 as it is trained on built-in data.
    fn default() -> Self {
        Self {
            depth: Depth::Vgg19,
            widths: [16, 32, 64, 64, 64],
            regions: Layer::Conv { group: 4, index: 4 },
        }
    }
}

impl VggBackboneConfig {
    /// Layer whose mean is the whole image: the last convolution.
    fn top(&self) -> Layer {
        Layer::Conv {
            group: GROUPS,
            index: self.depth.convs()[GROUPS - 1],
        }
    }

    /// The VGG it is part of.
    pub fn config(&self) -> VggConfig {
        VggConfig {
            depth: self.depth,
            widths: self.widths,
            ..VggConfig::default()
        }
    }

    /// Checks that a VGG has these layers.
    ///
    /// # Errors
    ///
    /// Names those of both.
    pub fn check_vgg(&self, vgg: &VggConfig) -> Result<(), Problem> {
        if vgg.depth == self.depth && vgg.widths == self.widths {
            return Ok(());
        }
        let message = format!(
            "expects a VGG of depth {} with widths {:?}, `pretrained.vgg` has depth {} and {:?}",
            u32::from(self.depth),
            self.widths,
            u32::from(vgg.depth),
            vgg.widths
        );
        Err(Problem::new("trunk", message))
    }
}

/// Inception-v3: regions are those of `Mixed_6e`, the image is `pool3`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InceptionBackboneConfig {
    /// Every published width is divided by it: 1, or 8 and 16 in tests.
    pub divisor: usize,
    /// Statistics of its normalisations in pretraining.
    pub statistics: Statistics,
}

impl Default for InceptionBackboneConfig {
    fn default() -> Self {
        Self {
            divisor: 1,
            statistics: Statistics::Batch,
        }
    }
}

/// Statistics that normalise the backbone's maps while the heads are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// Those of the batch; the running ones follow the data (published).
    #[default]
    Batch,
    /// Those of the weights file, unchanged.
    Running,
}

impl InceptionBackboneConfig {
    /// The network.
    pub const fn config(&self) -> InceptionConfig {
        InceptionConfig {
            divisor: self.divisor,
            ..InceptionConfig::DAMSM
        }
    }

    /// Statistics of a forward pass in pretraining.
    pub const fn mode(&self) -> Mode {
        match self.statistics {
            Statistics::Batch => Mode::Auto,
            Statistics::Running => Mode::Running,
        }
    }
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self::Vgg(VggBackboneConfig::default())
    }
}

impl BackboneConfig {
    /// The wrong key, with what is accepted.
    ///
    /// # Errors
    ///
    /// If the network cannot take images of `image_size` pixels, or has no such layer.
    pub fn check(&self, image_size: usize) -> Result<(), Problem> {
        match self {
            Self::Vgg(vgg) => {
                check::counts(&vgg.widths.map(|width| ("trunk.widths", width)))?;
                if !vgg.depth.layers().contains(&vgg.regions) {
                    let message = "is no layer of a VGG of this depth";
                    return Err(Problem::new("trunk.regions", message));
                }
                check::side("image_size", image_size, 1 << GROUPS)
            }
            Self::Inception(inception) => {
                if ![1, 2, 4, 8, 16].contains(&inception.divisor) {
                    return Err(Problem::new("trunk.divisor", "must be 1, 2, 4, 8 or 16"));
                }
                if image_size < inception::SMALLEST {
                    let message = "must be at least 75 for Inception-v3";
                    return Err(Problem::new("image_size", message));
                }
                check::side("image_size", image_size, 1)
            }
        }
    }

    /// Channels of a region.
    pub fn region_channels(&self) -> usize {
        match self {
            Self::Vgg(vgg) => vgg.widths[vgg.regions.group() - 1],
            Self::Inception(inception) => 4 * (192 / inception.divisor),
        }
    }

    /// Length of the vector of the whole image.
    pub const fn pooled(&self) -> usize {
        match self {
            Self::Vgg(vgg) => vgg.widths[GROUPS - 1],
            Self::Inception(inception) => inception.config().features(),
        }
    }

    /// Regions per row for images of `size` pixels.
    pub const fn side(&self, size: usize) -> usize {
        match self {
            Self::Vgg(vgg) => size >> vgg.regions.downsampling_steps(),
            Self::Inception(_) => inception::regions(size),
        }
    }

    /// Size of the part that is used, for images of `size` pixels.
    pub fn cost(&self, size: usize) -> Cost {
        match self {
            Self::Vgg(vgg) => {
                let config = VggConfig {
                    depth: vgg.depth,
                    widths: vgg.widths,
                    ..VggConfig::default()
                };
                config.cost(size, vgg.top())
            }
            Self::Inception(inception) => inception.config().cost(size),
        }
    }
}

/// The network with its weights.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of it; boxed modules cannot be derived"
)]
#[derive(Module, Debug)]
pub enum Backbone<B: Backend> {
    /// See [`BackboneConfig::Vgg`].
    Vgg(Vgg<B>),
    /// See [`BackboneConfig::Inception`].
    Inception(Inception<B>),
}

impl<B: Backend> Backbone<B> {
    /// What the heads project of images; `mode` chooses the statistics of normalisations.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, height, width]`, range [-1, 1]
    /// - regions: `[batch, channels, rows, columns]`; whole image: `[batch, pooled]`
    ///
    /// # Panics
    ///
    /// If the network is not that of `config`.
    pub fn features(
        &self,
        config: &BackboneConfig,
        images: Tensor<B, 4>,
        mode: Mode,
    ) -> (Tensor<B, 4>, Tensor<B, 2>) {
        let mut taps = match (self, config) {
            (Self::Vgg(vgg), BackboneConfig::Vgg(layers)) => {
                let images = vgg.config().preprocessing.apply(images);
                vgg.taps(images, &[layers.regions, layers.top()])
            }
            // The weights expect [-1, 1], unlike torchvision's own preprocessing.
            (Self::Inception(inception), BackboneConfig::Inception(_)) => {
                use inception::Layer;
                inception.taps(images, &[Layer::MIXED_6E, Layer::MIXED_7C], mode)
            }
            _ => panic!("the backbone was checked when it was handed in"),
        };
        let top = taps.pop().expect("two layers were asked for");
        let regions = taps.pop().expect("two layers were asked for");
        (regions, spatial_mean(top))
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    #[test]
    fn sizes_are_those_of_the_features() {
        let device = Default::default();
        let images = Tensor::<Flex, 4>::ones([2, 3, 96, 96], &device);
        let vgg = VggBackboneConfig {
            widths: [2, 3, 4, 5, 6],
            ..VggBackboneConfig::default()
        };
        let inception = InceptionBackboneConfig {
            divisor: 16,
            ..InceptionBackboneConfig::default()
        };
        let layers = VggConfig {
            depth: vgg.depth,
            widths: vgg.widths,
            ..VggConfig::default()
        };
        for (backbone, config) in [
            (
                Backbone::Vgg(layers.init::<Flex>(&device)),
                BackboneConfig::Vgg(vgg),
            ),
            (
                Backbone::Inception(inception.config().init::<Flex>(&device)),
                BackboneConfig::Inception(inception),
            ),
        ] {
            assert_eq!(config.check(96), Ok(()));

            let (regions, pooled) = backbone.features(&config, images.clone(), Mode::Running);

            let side = config.side(96);
            assert_eq!(regions.dims(), [2, config.region_channels(), side, side]);
            assert_eq!(pooled.dims(), [2, config.pooled()]);
        }
    }

    #[test]
    fn the_published_backbone_has_the_published_sizes() {
        let config = BackboneConfig::Inception(InceptionBackboneConfig::default());

        assert_eq!(config.side(299), 17);
        assert_eq!(config.region_channels(), 768);
        assert_eq!(config.pooled(), 2048);
        assert_eq!(config.cost(299).parameters, 21_785_568);
    }
}

//! Learned perceptual image patch similarity (Zhang et al. 2018), version 0.1 of the weights.

use std::collections::BTreeMap;

use burn::module::{Initializer, Module, Param};
use burn::prelude::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::import::{ImportReport, Source, import_any};
use crate::state::drawn;
use crate::vision::alexnet::{AlexNet, AlexNetConfig, FEATURES};
use crate::vision::vgg::{Depth, GROUPS, Layer, Vgg, VggConfig, spatial_mean, torchvision_key};

/// Taps of either backbone.
pub const TAPS: usize = 5;

/// Which backbone the distance is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Net {
    /// AlexNet: what most papers report.
    Alex,
    /// VGG16.
    Vgg,
}

/// Configuration of [`Lpips`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LpipsConfig {
    /// The backbone.
    pub net: Net,
    /// Channels of its taps.
    pub widths: [usize; TAPS],
}

impl LpipsConfig {
    /// AlexNet with the published widths.
    pub const ALEX: Self = Self {
        net: Net::Alex,
        widths: [64, 192, 384, 256, 256],
    };
    /// VGG16 with the published widths.
    pub const VGG: Self = Self {
        net: Net::Vgg,
        widths: [64, 128, 256, 512, 512],
    };

    /// Frozen network with random weights on `device`; the heads are 0.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Lpips<B> {
        let widths = self.widths;
        let trunk = match self.net {
            Net::Alex => Backbone::Alex(AlexNetConfig { widths }.init(device)),
            Net::Vgg => Backbone::Vgg(
                VggConfig {
                    depth: Depth::Vgg16,
                    widths,
                    ..VggConfig::default()
                }
                .init(device),
            ),
        };
        let heads = widths.map(|width| Initializer::Zeros.init([1, width, 1, 1], device));
        drawn::<B, _>(Lpips {
            trunk,
            heads: heads.to_vec(),
        })
        .no_grad()
    }
}

/// One of two networks with five taps.
#[derive(Module, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one per distance, and Burn derives no module for a box"
)]
enum Backbone<B: Backend> {
    Alex(AlexNet<B>),
    Vgg(Vgg<B>),
}

/// Distance of two images as weighted distance of their features. Frozen; gradients flow to the
/// images.
#[derive(Module, Debug)]
pub struct Lpips<B: Backend> {
    trunk: Backbone<B>,
    heads: Vec<Param<Tensor<B, 4>>>,
}

impl<B: Backend> Lpips<B> {
    /// Distance of every pair.
    ///
    /// # Shapes
    ///
    /// - `x`, `y`: `[batch, 3, height, width]`, RGB, range [-1, 1]
    /// - output: `[batch]`
    pub fn forward(&self, x: Tensor<B, 4>, y: Tensor<B, 4>) -> Tensor<B, 1> {
        let layers = self.layers(x, y);
        layers
            .into_iter()
            .reduce(|sum, layer| sum + layer)
            .expect("there are five taps")
    }

    /// The addends of [`Self::forward`], shallow to deep.
    pub fn layers(&self, x: Tensor<B, 4>, y: Tensor<B, 4>) -> Vec<Tensor<B, 1>> {
        let batch = x.dims()[0];
        let pairs = self.taps(x).into_iter().zip(self.taps(y));
        pairs
            .zip(&self.heads)
            .map(|((x, y), head)| {
                let difference = (unit(x) - unit(y)).square();
                let weighted = (difference * head.val()).sum_dim(1);
                spatial_mean(weighted).reshape([batch])
            })
            .collect()
    }

    /// The backbone's five maps.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, 3, height, width]`, RGB, range [-1, 1]
    pub fn taps(&self, x: Tensor<B, 4>) -> Vec<Tensor<B, 4>> {
        let x = scaled(x);
        match &self.trunk {
            Backbone::Alex(alex) => alex.taps(x),
            Backbone::Vgg(vgg) => {
                let depths = vgg.config().depth.convs();
                let last: [Layer; GROUPS] = std::array::from_fn(|group| Layer::Conv {
                    group: group + 1,
                    index: depths[group],
                });
                vgg.taps(x, &last)
            }
        }
    }

    /// Replaces the weights by published ones: `net.slice1.0.weight` or torchvision's
    /// `features.0.weight` for the backbone, `lin0.model.1.weight` for the heads.
    pub fn load(self, arrays: &BTreeMap<String, TensorData>) -> (Self, ImportReport) {
        let (net, mut report) = import_any(self, arrays, sources);
        // Constants of the published module.
        report
            .unused
            .retain(|key| !key.starts_with("scaling_layer."));
        (net, report)
    }
}

/// Where to find our parameter `name`, alternatives in order.
fn sources(name: &str) -> Vec<Source> {
    let keys = keys(name).unwrap_or_default();
    keys.into_iter().map(Source::same).collect()
}

fn keys(name: &str) -> Option<Vec<String>> {
    if let Some(index) = name.strip_prefix("heads.") {
        return Some(vec![format!("lin{index}.model.1.weight")]);
    }
    let (slice, key) = if let Some(rest) = name.strip_prefix("trunk.Alex.convs.") {
        let (index, field) = rest.split_once('.')?;
        let index: usize = index.parse().ok()?;
        (index, format!("features.{}.{field}", FEATURES.get(index)?))
    } else {
        let rest = name.strip_prefix("trunk.Vgg.")?;
        let key = torchvision_key(Depth::Vgg16, rest)?;
        let index: usize = rest.split('.').nth(1)?.parse().ok()?;
        (group(index)?, key)
    };
    let slice = key.replacen("features", &format!("net.slice{}", slice + 1), 1);
    Some(vec![slice, key])
}

/// Group, from 0, of a convolution of VGG16.
fn group(conv: usize) -> Option<usize> {
    let mut end = 0;
    Depth::Vgg16.convs().into_iter().position(|count| {
        end += count;
        conv < end
    })
}

/// The published `(x - shift) / scale` per colour.
fn scaled<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let device = x.device();
    let colours = |values: [f32; 3]| {
        Tensor::<B, 4>::from_data(TensorData::new(values.to_vec(), [1, 3, 1, 1]), &device)
    };
    (x - colours([-0.030, -0.088, -0.188])) / colours([0.458, 0.448, 0.450]) // LPIPS 0.1
}

/// Length 1 over the channels; the published constant is added to the length. The one under the
/// root keeps the gradient finite where all channels are 0.
fn unit<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let length = (x.clone().square().sum_dim(1) + 1e-30).sqrt() + 1e-10;
    x / length
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::Distribution;

    use super::*;

    fn tiny(net: Net) -> LpipsConfig {
        LpipsConfig {
            net,
            widths: [2, 3, 4, 3, 2],
        }
    }

    #[test]
    fn equal_images_have_distance_0_and_finite_gradients() {
        type Training = Autodiff<Flex>;
        let device = Default::default();
        for net in [Net::Alex, Net::Vgg] {
            let lpips = tiny(net).init::<Training>(&device);
            let x = Tensor::<Training, 4>::random([1, 3, 64, 64], Distribution::Default, &device)
                .require_grad();

            let distance = lpips.forward(x.clone(), x.clone());
            let gradient = x.grad(&distance.clone().sum().backward()).expect("tracked");

            assert_eq!(distance.into_scalar(), 0.0);
            assert!(gradient.abs().max().into_scalar().is_finite());
        }
    }

    #[test]
    fn names_are_those_of_the_publisher() {
        let all = |name: &str| {
            let keys = sources(name).into_iter().map(|source| source.key);
            keys.collect::<Vec<_>>()
        };

        assert_eq!(all("heads.3"), ["lin3.model.1.weight"]);
        assert_eq!(
            all("trunk.Alex.convs.4.bias"),
            ["net.slice5.10.bias", "features.10.bias"]
        );
        assert_eq!(
            all("trunk.Vgg.convs.7.weight"),
            ["net.slice4.17.weight", "features.17.weight"]
        );
        assert_eq!(all("trunk.Vgg.convs.13.weight"), Vec::<String>::new());
    }
}

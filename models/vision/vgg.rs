//! VGG convolution stacks with all taps (Simonyan & Zisserman 2015), frozen.

mod keys;
mod layer;

use burn::module::Module;
use burn::nn::Linear;
use burn::prelude::{Tensor, TensorData};
use burn::tensor::module::{avg_pool2d, max_pool2d};
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, ops};
use crate::nn::activation::relu;
use crate::nn::conv::Conv2d;
use crate::nn::cost::Cost;
use crate::nn::init::{conv3x3, he_std, linear};
use crate::state::{LoadReport, drawn, load_named, transposed};
use crate::system::{Description, PretrainedNetwork};
use crate::vision::image_space::Preprocessing;

pub use keys::torchvision_key;
pub use layer::{Depth, GROUPS, Layer};

/// How each group is halved at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Mean of 2x2 (published SDN code).
    Average,
    /// Largest of 2x2 (the network as trained).
    #[default]
    Max,
}

impl Pooling {
    /// Halves height and width; `has_ceil` keeps the last row and column of odd sizes.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, channels, height, width]`
    /// - output: `[batch, channels, height / 2, width / 2]`
    pub fn forward<B: Backend>(self, x: Tensor<B, 4>, has_ceil: bool) -> Tensor<B, 4> {
        let [_, _, height, width] = x.dims();
        let has_rest = height % 2 == 1 || width % 2 == 1;
        match self {
            Self::Average if !(has_ceil && has_rest) => ops::sum_blocks(x, 0.25),
            // Without padding, `count_include_pad` only concerns overhanging windows; the variant
            // that counts them has a wrong gradient in Burn 0.21.
            Self::Average => avg_pool2d(x, [2, 2], [2, 2], [0, 0], false, has_ceil),
            Self::Max => max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], has_ceil),
        }
    }
}

/// Configuration of [`Vgg`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VggConfig {
    /// 16 or 19.
    pub depth: Depth,
    /// Channels per group.
    pub widths: [usize; GROUPS],
    /// Pooling at the end of each group.
    pub pooling: Pooling,
    /// Whether odd sizes are rounded up when halved (Caffe) and not down.
    pub has_ceil: bool,
    /// What the weights expect as input.
    pub preprocessing: Preprocessing,
    /// Width of the two linear layers, where their weights are to be had (4096).
    pub classifier: Option<usize>,
}

impl Default for VggConfig {
    /// The published VGG19 with torchvision's preprocessing, convolutions only.
    fn default() -> Self {
        Self {
            depth: Depth::Vgg19,
            widths: [64, 128, 256, 512, 512],
            pooling: Pooling::Max,
            has_ceil: false,
            preprocessing: Preprocessing::TORCHVISION,
            classifier: None,
        }
    }
}

/// Side of the map that the published linear layers see, for images of 224 pixels.
const CLASSIFIER_SIDE: usize = 7;

impl VggConfig {
    /// The VGG16 inside the published HED edge detector.
    pub fn hed() -> Self {
        Self {
            depth: Depth::Vgg16,
            has_ceil: true,
            preprocessing: Preprocessing::HED,
            ..Self::default()
        }
    }

    /// Frozen networks with random weights on `device`.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Vgg<B> {
        let convs = self.depth.channels(self.widths);
        let convs = convs
            .into_iter()
            .map(|[c, o]| conv3x3(c, o, he_std(c * 9), device))
            .collect();
        let classifier = self.classifier.map(|width| {
            let inputs = self.widths[GROUPS - 1] * CLASSIFIER_SIDE.pow(2);
            Classifier {
                fc6: linear(inputs, width, he_std(inputs), device),
                fc7: linear(width, width, he_std(width), device),
            }
        });
        drawn::<B, _>(Vgg {
            convs,
            classifier,
            config: *self,
        })
        .no_grad()
    }

    /// Cost of a square image of `size` pixels up to and including `deepest`.
    pub fn cost(&self, size: usize, deepest: Layer) -> Cost {
        let mut cost = Cost::default();
        let mut channels = self.depth.channels(self.widths).into_iter();
        for layer in self.depth.layers() {
            let side = size >> layer.downsampling_steps();
            match layer {
                Layer::Conv { .. } => {
                    let [inputs, outputs] = channels.next().expect("one entry per convolution");
                    cost = cost.conv(3, inputs, outputs, side);
                }
                Layer::Pool { group } => cost = cost.map(self.widths[group - 1], side),
            }
            if layer == deepest {
                break;
            }
        }
        cost
    }
}

/// The two linear layers before the class scores.
#[derive(Module, Debug)]
pub struct Classifier<B: Backend> {
    fc6: Linear<B>,
    fc7: Linear<B>,
}

/// Convolution stack of VGG16 or VGG19. Its parameters are frozen; gradients flow through it to its
/// input.
#[derive(Module, Debug)]
pub struct Vgg<B: Backend> {
    convs: Vec<Conv2d<B>>,
    classifier: Option<Classifier<B>>,
    #[module(skip)]
    config: VggConfig,
}

impl<B: Backend> Vgg<B> {
    /// A stack made of convolutions from elsewhere, in forward order.
    pub(crate) fn from_convs(convs: Vec<Conv2d<B>>, config: VggConfig) -> Self {
        Self {
            convs,
            classifier: None,
            config,
        }
        .no_grad()
    }

    /// What it was built from.
    pub const fn config(&self) -> &VggConfig {
        &self.config
    }

    /// The same weights with another pooling.
    #[must_use]
    pub fn with_pooling(mut self, pooling: Pooling) -> Self {
        self.config.pooling = pooling;
        self
    }

    /// Outputs of the `wanted` layers, in their order. Nothing is computed beyond the deepest one.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, 3, height, width]`, in the space of the weights
    ///   ([`VggConfig::preprocessing`])
    /// - outputs: `[batch, channels, height / 2^halvings, width / 2^halvings]`
    ///
    /// # Panics
    ///
    /// If the stack has no such layer.
    pub fn taps(&self, x: Tensor<B, 4>, wanted: &[Layer]) -> Vec<Tensor<B, 4>> {
        let mut taps = vec![None; wanted.len()];
        let mut convs = self.convs.iter();
        let mut h = x;
        for layer in self.config.depth.layers() {
            if taps.iter().all(Option::is_some) {
                break;
            }
            h = match layer {
                Layer::Conv { .. } => {
                    relu(convs.next().expect("one convolution per layer").forward(h))
                }
                Layer::Pool { .. } => self.config.pooling.forward(h, self.config.has_ceil),
            };
            for (tap, _) in taps.iter_mut().zip(wanted).filter(|(_, l)| **l == layer) {
                *tap = Some(h.clone());
            }
        }
        taps.into_iter()
            .map(|t| t.expect("callers ask for layers of this depth"))
            .collect()
    }

    /// A vector per image for nearest-neighbour search: `fc7` after its ReLU where the linear
    /// layers are there and the image has 224 pixels, else the last convolution averaged over
    /// space.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, 3, height, width]`, in the space of the weights
    /// - output: `[batch, dim]`
    pub fn features(&self, x: Tensor<B, 4>) -> Tensor<B, 2> {
        let depth = self.config.depth;
        let pool = Layer::Pool { group: GROUPS };
        let [_, _, height, width] = x.dims();
        let side = CLASSIFIER_SIDE << GROUPS;
        if let Some(classifier) = &self.classifier
            && [height, width] == [side, side]
        {
            let top = self.taps(x, &[pool]).remove(0).flatten(1, 3);
            let fc6 = relu(classifier.fc6.forward(top));
            return relu(classifier.fc7.forward(fc6));
        }
        let last = Layer::Conv {
            group: GROUPS,
            index: depth.convs()[GROUPS - 1],
        };
        spatial_mean(self.taps(x, &[last]).remove(0))
    }

    /// Replaces the weights by torchvision's. `lookup` gets a key (`features.0.weight`, with or
    /// without the `module.` of data-parallel files) and returns the tensor in torchvision's
    /// layout.
    pub fn load_torchvision(
        self,
        mut lookup: impl FnMut(&str) -> Option<TensorData>,
    ) -> (Self, LoadReport) {
        let depth = self.config.depth;
        load_named(self, |name, _| {
            let key = torchvision_key(depth, name)?;
            let data = lookup(&key).or_else(|| lookup(&format!("module.{key}")))?;
            let is_linear = name.starts_with("classifier.") && name.ends_with("weight");
            Some(if is_linear { transposed(data) } else { data })
        })
    }
}

/// Mean over height and width.
///
/// # Shapes
///
/// - `x`: `[batch, channels, height, width]`
/// - output: `[batch, channels]`
pub fn spatial_mean<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 2> {
    x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
}

impl Description for VggConfig {
    const KEY: &'static str = "vgg";
}

impl<B: Backend> PretrainedNetwork for Vgg<B> {
    type Description = VggConfig;

    fn describe(&self) -> VggConfig {
        *self.config()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestBackend = burn::backend::Flex;

    fn narrow() -> VggConfig {
        VggConfig {
            widths: [2, 3, 4, 5, 6],
            ..VggConfig::default()
        }
    }

    #[test]
    fn cost_counts_every_parameter() {
        let vgg = narrow().init::<TestBackend>(&Default::default());

        let cost = narrow().cost(64, Layer::Pool { group: GROUPS });

        assert_eq!(cost.parameters, vgg.num_params());
    }

    #[test]
    fn published_widths_have_the_published_number_of_parameters() {
        let cost = VggConfig::default().cost(224, Layer::Pool { group: GROUPS });

        assert_eq!(cost.parameters, 20_024_384);
    }

    #[test]
    fn ceil_pooling_keeps_the_last_row_of_an_odd_map() {
        let device = Default::default();
        let x = Tensor::<TestBackend, 4>::from_floats([[[[1.0, 2.0, 3.0]]]], &device);

        let max = Pooling::Max
            .forward(x.clone(), true)
            .into_data()
            .to_vec::<f32>();
        let average = Pooling::Average
            .forward(x, true)
            .into_data()
            .to_vec::<f32>();

        assert_eq!(max.expect("f32"), [2.0, 3.0]);
        assert_eq!(average.expect("f32"), [1.5, 3.0]);
    }

    #[test]
    fn features_average_the_top_map_unless_the_linear_layers_fit() {
        let device = Default::default();
        let vgg = VggConfig {
            classifier: Some(9),
            ..narrow()
        }
        .init::<TestBackend>(&device);

        let small = vgg.features(Tensor::ones([1, 3, 32, 32], &device));
        let full = vgg.features(Tensor::ones([1, 3, 224, 224], &device));

        assert_eq!(small.dims(), [1, 6]);
        assert_eq!(full.dims(), [1, 9]);
    }
}

//! The student: the teacher's convolution stack turned around, fed by a sentence embedding.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::nn::activation::relu;
use crate::nn::conv::Conv2d;
use crate::nn::init::{conv3x3, he_std, linear, mirror};
use crate::nn::upsample::nearest_x2;
use crate::noise::Noise;
use crate::sdn::config::{Config, DiverseFrom, Init};
use crate::state::drawn;
use crate::vision::vgg::{Depth, GROUPS, Layer};

/// Maps and images of one forward pass.
#[derive(Debug, Clone)]
pub struct Output<B: Backend> {
    /// The maps asked for, each of the shape of the teacher's layer it is compared with.
    pub maps: Vec<Tensor<B, 4>>,
    /// `[batch, 3 * heads, size, size]` in the input space of the teacher, not clamped.
    pub images: Tensor<B, 4>,
}

/// Text to image, mirror of a VGG stack (SDN, section 3.2).
#[derive(Module, Debug)]
pub struct Generator<B: Backend> {
    fc7: Linear<B>,
    fc6: Linear<B>,
    pool5: Linear<B>,
    /// From the deepest to the image.
    convs: Vec<Conv2d<B>>,
    #[module(skip)]
    depth: Depth,
    base: usize,
    heads: usize,
}

impl<B: Backend> Generator<B> {
    /// Fresh networks; all biases are 0.
    pub fn init(config: &Config, device: &B::Device) -> Self {
        let fc = |inputs, outputs| {
            let std = match config.init {
                Init::He | Init::LooksLinear => he_std(inputs),
                Init::Published => 0.1, // SDN code
            };
            linear(inputs, outputs, std, device)
        };
        let conv = |[inputs, outputs]: [usize; 2]| {
            let std = match config.init {
                Init::He | Init::LooksLinear => he_std(inputs * 9),
                Init::Published => 0.02, // SDN code
            };
            conv3x3(inputs, outputs, std, device)
        };
        let flat = config.base * config.base * config.widths[GROUPS - 1];
        let mut generator = Self {
            fc7: fc(config.text_dim, config.fc_width),
            fc6: fc(config.fc_width, config.fc_width),
            pool5: fc(config.fc_width, flat),
            convs: config.generator_channels().into_iter().map(conv).collect(),
            depth: config.depth,
            base: config.base,
            heads: config.heads,
        };
        if config.init == Init::LooksLinear {
            generator.pair_channels();
        }
        if config.diverse_from == DiverseFrom::Stage2 && config.heads > 1 {
            generator.tie_heads();
        }
        drawn::<B, _>(generator)
    }

    /// Gives every map between the text and the image channels in pairs of opposite sign.
    fn pair_channels(&mut self) {
        let positions = self.base * self.base;
        let linears = [
            (&mut self.fc7, false, 1),
            (&mut self.fc6, true, 1),
            (&mut self.pool5, true, positions),
        ];
        for (layer, has_paired_inputs, groups) in linears {
            let mut weight = mirror(layer.weight.val(), 1, groups);
            if has_paired_inputs {
                weight = mirror(weight, 0, 1);
            }
            layer.weight = Param::from_tensor(weight.detach());
        }
        let last = self.convs.len() - 1;
        for (i, layer) in self.convs.iter_mut().enumerate() {
            let mut weight = mirror(layer.weight.val(), 1, 1);
            if i < last {
                weight = mirror(weight, 0, 1);
            }
            layer.weight = Param::from_tensor(weight.detach());
        }
    }

    /// Gives every head the kernel of the first.
    fn tie_heads(&mut self) {
        let heads = self.heads;
        let image = self.image_layer();
        let first = image.weight.val().narrow(0, 0, 3).detach();
        image.weight = Param::from_tensor(Tensor::cat(vec![first; heads], 0));
    }

    fn image_layer(&mut self) -> &mut Conv2d<B> {
        self.convs.last_mut().expect("a VGG stack has convolutions")
    }

    /// Images of a batch of sentences and, on the way, the maps that correspond to the teacher's
    /// layers `wanted`: the output of the layer that inverts a layer of the teacher is compared
    /// with what that layer saw as its input.
    ///
    /// # Shapes
    ///
    /// - `text`: `[batch, text_dim]`
    /// - maps: those of the teacher's layers at the image size
    pub fn forward(&self, text: Tensor<B, 2>, wanted: &[Layer]) -> Output<B> {
        let mut maps = vec![None; wanted.len()];
        let mut keep = |layer: Layer, h: &Tensor<B, 4>| {
            if let Some(i) = wanted.iter().position(|w| *w == layer) {
                maps[i] = Some(h.clone());
            }
        };
        let [batch, _] = text.dims();
        let h = relu(self.fc7.forward(text));
        let h = relu(self.fc6.forward(h));
        let h = relu(self.pool5.forward(h));
        let channels = h.dims()[1] / (self.base * self.base);
        // The published code reads the vector as height, width, channels.
        let h = h.reshape([batch, self.base, self.base, channels]);
        let mut h = h.permute([0, 3, 1, 2]);
        keep(Layer::Pool { group: GROUPS }, &h);

        let mut convs = self.convs.iter();
        for group in (1..=GROUPS).rev() {
            let count = self.depth.convs()[group - 1];
            h = nearest_x2(h);
            keep(
                Layer::Conv {
                    group,
                    index: count,
                },
                &h,
            );
            for index in (1..=count).rev() {
                h = convs
                    .next()
                    .expect("one convolution per layer of the teacher")
                    .forward(h);
                let layer = match (group, index) {
                    (1, 1) => break, // the image, which has no activation
                    (_, 1) => Layer::Pool { group: group - 1 },
                    _ => Layer::Conv {
                        group,
                        index: index - 1,
                    },
                };
                h = relu(h);
                keep(layer, &h);
            }
        }
        let maps = maps
            .into_iter()
            .map(|m| m.expect("callers ask for layers of this depth"));
        Output {
            maps: maps.collect(),
            images: h,
        }
    }
}

impl<B: AutodiffBackend> Generator<B> {
    /// Parts heads that were tied by adding N(0, 0.02²) to their kernels.
    #[must_use]
    pub(crate) fn part_heads(mut self, noise: Noise) -> Self {
        const SPREAD: f64 = 0.02; // the initial spread of the published convolutions
        let image = self.image_layer();
        let weight = image.weight.clone();
        image.weight = weight.map(|weight| {
            let weight = weight.inner();
            let normal = noise.normal("sdn-heads", weight.dims(), &weight.device());
            Tensor::from_inner(weight + normal * SPREAD).require_grad()
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use burn_flex::Flex;

    use super::*;

    fn images(init: Init, text: Tensor<Flex, 2>) -> Tensor<Flex, 4> {
        let config = Config {
            text_dim: 5,
            depth: Depth::Vgg16,
            widths: [4, 6, 8, 10, 10],
            fc_width: 12,
            base: 1,
            init,
            ..Config::default()
        };
        let generator = Generator::<Flex>::init(&config, &text.device());
        generator.forward(text, &[]).images
    }

    /// Largest sum of the images of a sentence and its opposite, relative to the largest value.
    fn oddness(init: Init) -> f32 {
        let text = Noise::new(3, 0).normal::<Flex, 2>("text", [2, 5], &Default::default());
        let both = images(init, Tensor::cat(vec![text.clone(), -text], 0));
        let sum = both.clone().narrow(0, 0, 2) + both.clone().narrow(0, 2, 2);
        let [sum, size] = [sum, both].map(|x| x.abs().max().into_scalar());
        assert!(size > 1e-3, "the images are empty");
        sum / size
    }

    #[test]
    fn looks_linear_generator_makes_the_opposite_of_the_opposite() {
        assert!(oddness(Init::LooksLinear) < 1e-5);
        assert!(
            oddness(Init::He) > 0.1,
            "a generator with independent weights is not odd"
        );
    }
}

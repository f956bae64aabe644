//! A VGG with batch normalisation, trained as a classifier on the dataset at hand: a teacher for
//! SDN where ImageNet weights are not to be had, and a source of image features.

mod config;
mod keys;

use burn::module::Module;
use burn::nn::Linear;
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::losses::cross_entropy::cross_entropy;
use crate::nn::conv_norm::ConvNorm;
use crate::nn::init::linear;
use crate::published::Published;
use crate::state::drawn;
use crate::system::{self, Info, Iteration, LossTerms, Parts, Role, System, Train};
use crate::vision::vgg::{GROUPS, Layer, Vgg, spatial_mean};

pub use config::Config;

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "vgg",
        title: "VGG classifier of the dataset's own classes: teacher for SDN, image features",
        paper: "Simonyan & Zisserman, Very Deep Convolutional Networks for Large-Scale Image \
                Recognition, ICLR 2015",
        role: Role::Classifier,
    };

    type Config = Config;
    type System<B: Backend> = Classifier<B>;

    fn weights() -> Published<Config> {
        Published::Backbone {
            called: "a VGG",
            read: keys::backbone,
        }
    }
}

/// VGG convolutions with batch normalisation, the mean over the last map, class scores.
#[derive(Module, Debug)]
pub struct Classifier<B: Backend> {
    blocks: Vec<ConvNorm<B>>,
    head: Linear<B>,
    #[module(skip)]
    config: Config,
}

impl<B: Backend> Classifier<B> {
    /// A vector per image: the last pooling layer averaged over space.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, size, size]`, range [-1, 1]
    /// - output: `[batch, features_dim]`
    pub fn features(&self, images: Tensor<B, 4>) -> Tensor<B, 2> {
        let mut blocks = self.blocks.iter();
        let top = self
            .config
            .depth
            .layers()
            .into_iter()
            .fold(images, |h, layer| match layer {
                Layer::Conv { .. } => blocks.next().expect("one block per convolution").forward(h),
                Layer::Pool { .. } => self.config.pooling.forward(h, false),
            });
        spatial_mean(top)
    }

    /// Length of [`Self::features`].
    pub const fn features_dim(&self) -> usize {
        self.config.widths[GROUPS - 1]
    }

    /// Class scores, `[batch, classes]`, of `images` as for [`Self::features`].
    pub fn forward(&self, images: Tensor<B, 4>) -> Tensor<B, 2> {
        self.head.forward(self.features(images))
    }

    /// The convolution stack with its batch normalisation folded into plain convolutions, frozen.
    /// Pass the inference form (`module.valid()`), whose running statistics are up to date.
    pub fn fold(&self) -> Vgg<B> {
        let convs = self.blocks.iter().map(ConvNorm::fold).collect();
        Vgg::from_convs(convs, self.config.stack())
    }
}

impl<B: Backend> System<B> for Classifier<B> {
    type Config = Config;

    fn with_parts(config: &Config, _parts: Parts, device: &B::Device) -> Self {
        let channels = config.depth.channels(config.widths).into_iter();
        let top = config.widths[GROUPS - 1];
        drawn::<B, _>(Self {
            blocks: channels
                .map(|[c, o]| ConvNorm::init(c, o, device))
                .collect(),
            head: linear(top, config.classes, (1.0 / top as f64).sqrt(), device),
            config: config.clone(),
        })
    }
}

impl<B: AutodiffBackend> Train<B> for Classifier<B> {
    /// One phase has nothing to share.
    type Shared = ();

    fn begin(&self, _iteration: &Iteration<B>) {}

    fn losses(&self, _phase: &'static str, iteration: &Iteration<B>, _shared: &()) -> LossTerms<B> {
        let mut images = iteration.batch.real();
        if self.config.has_flip {
            images = flip_half(images, iteration);
        }
        let classes = iteration.batch.classes.clone();
        LossTerms::new().with("train/cross_entropy", 1.0, || {
            cross_entropy(self.forward(images), classes)
        })
    }
}

/// Mirrors every image with probability one half.
fn flip_half<B: AutodiffBackend>(images: Tensor<B, 4>, iteration: &Iteration<B>) -> Tensor<B, 4> {
    let [batch, ..] = images.dims();
    let draw =
        iteration
            .noise
            .uniform::<B, 4>("vgg-flip", [batch, 1, 1, 1], 0.0, 1.0, &images.device());
    let is_flipped = draw.lower_elem(0.5).float();
    images.clone() * (is_flipped.clone().neg() + 1.0) + images.flip([3]) * is_flipped
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::module::AutodiffModule;
    use burn::tensor::Tolerance;

    use super::*;
    use crate::noise::Noise;
    use crate::state::named_tensors;
    use crate::system::SystemConfig;

    type TestBackend = Autodiff<Flex>;

    fn narrow() -> Config {
        Config {
            widths: [2, 3, 3, 4, 5],
            image_size: 32,
            classes: 4,
            ..Config::default()
        }
    }

    fn images<B: Backend>() -> Tensor<B, 4> {
        Noise::new(1, 0).normal("images", [3, 3, 32, 32], &Default::default())
    }

    #[test]
    fn folded_stack_gets_what_the_classifier_gets() {
        let classifier = Classifier::<TestBackend>::init(&narrow(), &Default::default());
        for _ in 0..3 {
            classifier.forward(images()); // moves the running statistics
        }
        let classifier = classifier.valid();

        let folded = classifier.fold();

        let top = folded
            .taps(images(), &[Layer::Pool { group: GROUPS }])
            .remove(0);
        let expected = classifier.features(images());
        assert_eq!(expected.dims(), [3, classifier.features_dim()]);
        spatial_mean(top)
            .into_data()
            .assert_approx_eq::<f32>(&expected.into_data(), Tolerance::absolute(1e-5));
    }

    #[test]
    fn cost_counts_every_trained_parameter() {
        let classifier = Classifier::<Flex>::init(&narrow(), &Default::default());
        let trained = named_tensors(&classifier);
        let trained = trained
            .iter()
            .filter(|(name, _)| !name.contains("running_"));

        let count: usize = trained.map(|(_, data)| data.num_elements()).sum();

        assert_eq!(narrow().networks()[0].parameters, count);
    }
}

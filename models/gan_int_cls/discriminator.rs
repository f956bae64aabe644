//! Discriminator: does this image show what this text says?

use burn::module::{Initializer, Module};
use burn::prelude::Tensor;

use super::config::{Architecture, Config, INIT_STD, SLOPE};
use crate::backend::Backend;
use crate::nn::activation::leaky_relu;
use crate::nn::batch_norm::{BatchNorm, BatchNormConfig};
use crate::nn::conv::{Conv2d, Square, to_vector};
use crate::nn::linear::{Linear, LinearConfig};
use crate::nn::residual::{Bottleneck, BottleneckConfig};

/// Four convolutions, then a verdict on the map joined with the text.
#[derive(Module, Debug)]
pub struct Discriminator<B: Backend> {
    down: Vec<Conv2d<B>>,
    /// Of all convolutions but the first.
    norms: Vec<BatchNorm<B>>,
    text: Linear<B>,
    text_norm: BatchNorm<B>,
    /// Authors' version only.
    deep: Option<Deep<B>>,
    head: Conv2d<B>,
}

/// What the authors' version has beyond the port.
#[derive(Module, Debug)]
pub struct Deep<B: Backend> {
    block: Bottleneck<B>,
    join: Conv2d<B>,
    join_norm: BatchNorm<B>,
}

/// Output of the discriminator.
#[derive(Debug, Clone)]
pub struct Verdict<B: Backend> {
    /// Log odds of "real and matching", `[batch]`.
    pub logits: Tensor<B, 1>,
    /// Map before the text joins, `[batch, channels, 4, 4]`.
    pub features: Tensor<B, 4>,
}

impl<B: Backend> Discriminator<B> {
    pub(super) fn init(config: &Config, device: &B::Device) -> Self {
        let is_reed = config.architecture == Architecture::Reed;
        let gamma = Initializer::Normal {
            mean: 1.0,
            std: INIT_STD,
        };
        let norm = |c| BatchNormConfig::new(c).init_with_gamma(&gamma, device);
        let channels = config.discriminator_channels();
        let down =
            |pair: &[usize]| Square::resampling(is_reed, INIT_STD).conv(pair[0], pair[1], device);
        let top = channels[4];
        let joined = top + config.projection_dim;
        let deep = is_reed.then(|| Deep {
            block: BottleneckConfig::new(top, top / 4, SLOPE, INIT_STD).init(device),
            join: Square::keeping(1, true, INIT_STD).conv(joined, top, device),
            join_norm: norm(top),
        });
        let head_inputs = if is_reed { top } else { joined };
        Self {
            down: channels.windows(2).map(down).collect(),
            norms: channels[2..].iter().copied().map(norm).collect(),
            text: LinearConfig::new(config.text_dim, config.projection_dim).init(device),
            text_norm: norm(config.projection_dim),
            deep,
            head: Square::point(is_reed, INIT_STD).conv(head_inputs, 1, device),
        }
    }

    /// Discriminator of pairs of image and text.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, 64, 64]`, range [-1, 1]
    /// - `text`: `[batch, text_dim]`
    pub fn forward(&self, images: Tensor<B, 4>, text: Tensor<B, 2>) -> Verdict<B> {
        let features = self.features(images);
        let [batch, _, height, width] = features.dims();
        let text = leaky_relu(self.text_norm.forward(self.text.forward(text)), SLOPE);
        let [_, dim] = text.dims();
        let tiled = text
            .reshape([batch, dim, 1, 1])
            .expand([batch, dim, height, width]);
        let mut joined = Tensor::cat(vec![features.clone(), tiled], 1);
        if let Some(deep) = &self.deep {
            let h = deep.join_norm.forward(deep.join.forward(joined));
            joined = leaky_relu(h, SLOPE);
        }
        Verdict {
            logits: to_vector(&self.head, joined).reshape([batch]),
            features,
        }
    }

    fn features(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        let last = self.norms.len() - 1;
        let mut h = leaky_relu(self.down[0].forward(images), SLOPE);
        for (i, (conv, norm)) in self.down[1..].iter().zip(&self.norms).enumerate() {
            h = norm.forward(conv.forward(h));
            h = match &self.deep {
                Some(deep) if i == last => deep.block.forward(h),
                // The published code has no activation before its last down-sampling.
                Some(_) if i + 1 == last => h,
                _ => leaky_relu(h, SLOPE),
            };
        }
        h
    }
}

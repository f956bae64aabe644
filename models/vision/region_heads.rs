//! DAMSM's projections of image features into the space of words and sentences.

use burn::module::{Initializer, Module, Param};
use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::import::Source;
use crate::nn::cost::Cost;
use crate::nn::linear::{Linear, LinearConfig};

/// A matrix for regions and an affine map for the whole image.
#[derive(Module, Debug)]
pub struct RegionHeads<B: Backend> {
    /// `[dim, channels]`, torch's 1x1 convolution without bias.
    regions: Param<Tensor<B, 2>>,
    image: Linear<B>,
}

/// An image in the space of words and sentences.
#[derive(Debug, Clone)]
pub struct ImageCodes<B: Backend> {
    /// Of every region, `[batch, dim, height, width]`.
    pub regions: Tensor<B, 4>,
    /// Of the whole image, `[batch, dim]`.
    pub code: Tensor<B, 2>,
}

impl<B: Backend> RegionHeads<B> {
    /// Heads for regions of `channels` and a pooled vector of `pooled` numbers; weights from
    /// U(-0.1, 0.1), the bias as torch's.
    pub fn init(channels: usize, pooled: usize, dim: usize, device: &B::Device) -> Self {
        let uniform = Initializer::Uniform {
            min: -0.1, // AttnGAN, model.py init_trainable_weights
            max: 0.1,
        };
        let mut image = LinearConfig::new(pooled, dim).init(device);
        image.weight = uniform.init([pooled, dim], device);
        Self {
            regions: uniform.init([dim, channels], device),
            image,
        }
    }

    /// # Shapes
    ///
    /// - `features`: `[batch, channels, height, width]`
    /// - `pooled`: `[batch, pooled]`
    pub fn forward(&self, features: Tensor<B, 4>, pooled: Tensor<B, 2>) -> ImageCodes<B> {
        ImageCodes {
            regions: self.regions(features),
            code: self.code(pooled),
        }
    }

    /// `[batch, channels, height, width]` to `[batch, dim, height, width]`.
    pub fn regions(&self, features: Tensor<B, 4>) -> Tensor<B, 4> {
        let [batch, channels, height, width] = features.dims();
        let [dim, _] = self.regions.dims();
        let flat = features.reshape([batch, channels, height * width]);
        let weight = self.regions.val().unsqueeze_dim::<3>(0);
        weight
            .expand([batch, dim, channels])
            .matmul(flat)
            .reshape([batch, dim, height, width])
    }

    /// `[batch, pooled]` to `[batch, dim]`.
    pub fn code(&self, pooled: Tensor<B, 2>) -> Tensor<B, 2> {
        self.image.forward(pooled)
    }
}

/// Size of [`RegionHeads`] for a grid of `side` x `side` regions.
pub fn cost(channels: usize, pooled: usize, dim: usize, side: usize) -> Cost {
    Cost::default()
        .conv_without_bias(1, channels, dim, side)
        .linear(pooled, dim)
}

/// Name in `image_encoder*.pth`; the matrix of the regions is stored as a 1x1 convolution.
pub fn heads_key(name: &str) -> Option<Source> {
    match name {
        "regions" => Some(Source::pointwise("emb_features.weight")),
        "image.weight" | "image.bias" => {
            Source::linear("emb_cnn_code", name.strip_prefix("image.")?)
        }
        _ => None,
    }
}

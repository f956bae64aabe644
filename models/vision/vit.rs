//! Image tower of CLIP: a vision transformer (Dosovitskiy et al. 2021; Radford et al. 2021, published
//! `clip/model.py`).

use burn::module::{Initializer, Module, Param};
use burn::nn::LayerNorm;
use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::import::Source;
use crate::nn::conv::{Conv2d, Conv2dConfig};
use crate::nn::cost::Cost;
use crate::nn::transformer::{Block, BlockConfig, Start, norm};
use crate::text::clip::block_source;

/// Sizes of an [`ImageTower`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageTowerConfig {
    /// Side of the images in pixels.
    pub image_size: usize,
    /// Side of a patch in pixels, which divides that of the images.
    pub patch: usize,
    /// Blocks.
    pub layers: usize,
    /// Their sizes.
    pub block: BlockConfig,
    /// Length of an embedding.
    pub embedding: usize,
}

/// Images to embeddings, by way of a token for every patch and one for the whole.
#[derive(Module, Debug)]
pub struct ImageTower<B: Backend> {
    patches: Conv2d<B>,
    /// The token of the whole image, `[width]`.
    class: Param<Tensor<B, 1>>,
    /// `[1 + patches, width]`.
    positions: Param<Tensor<B, 2>>,
    first_norm: LayerNorm<B>,
    blocks: Vec<Block<B>>,
    last_norm: LayerNorm<B>,
    /// `[width, embedding]`.
    projection: Param<Tensor<B, 2>>,
}

impl ImageTowerConfig {
    /// Patches along a side of the image.
    pub const fn grid(&self) -> usize {
        self.image_size / self.patch
    }

    /// Tokens: one for every patch and one for the whole.
    pub const fn tokens(&self) -> usize {
        1 + self.grid() * self.grid()
    }

    /// Initial weights of the published code.
    pub fn init<B: Backend>(&self, device: &B::Device) -> ImageTower<B> {
        let width = self.block.width;
        let normal = Initializer::Normal {
            mean: 0.0,
            std: (width as f64).powf(-0.5), // clip/model.py, `scale`
        };
        ImageTower {
            patches: Conv2dConfig::new([3, width], [self.patch; 2])
                .with_stride([self.patch; 2])
                .with_bias(false)
                .init(device),
            class: normal.init([width], device),
            positions: normal.init([self.tokens(), width], device),
            first_norm: norm(width, device),
            blocks: (0..self.layers)
                .map(|_| self.block.init(Start::Torch, device))
                .collect(),
            last_norm: norm(width, device),
            projection: normal.init([width, self.embedding], device),
        }
    }

    /// Cost of one image.
    pub fn cost(&self) -> Cost {
        let (width, tokens) = (self.block.width, self.tokens());
        let outside = Cost {
            parameters: (1 + tokens + 4) * width,
            macs: 0.0,
            activations: (4 * tokens * width) as f64,
        }
        .conv_without_bias(self.patch, 3, width, self.grid());
        let projection = Cost {
            parameters: width * self.embedding,
            macs: (width * self.embedding) as f64,
            activations: self.embedding as f64,
        };
        let blocks = std::iter::repeat_n(self.block.cost(tokens), self.layers);
        blocks.fold(outside + projection, |sum, block| sum + block)
    }
}

impl<B: Backend> ImageTower<B> {
    /// Embeddings of images, of any length.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, image_size, image_size]`, in the space that the tower expects
    /// - output: `[batch, embedding]`
    pub fn forward(&self, images: Tensor<B, 4>) -> Tensor<B, 2> {
        let tokens = self.tokens(self.patches(images));
        let seen = self.blocks.iter();
        self.embedding(seen.fold(tokens, |x, block| block.forward(x, None)))
    }

    /// A vector for every patch.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, image_size, image_size]`
    /// - output: `[batch, width, grid, grid]`
    pub fn patches(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        self.patches.forward(images)
    }

    /// Tokens as they enter the first block, that of the whole image before those of the patches.
    ///
    /// # Shapes
    ///
    /// - `patches`: `[batch, width, grid, grid]`
    /// - output: `[batch, 1 + grid^2, width]`
    pub fn tokens(&self, patches: Tensor<B, 4>) -> Tensor<B, 3> {
        let [batch, width, height, columns] = patches.dims();
        let each = patches
            .reshape([batch, width, height * columns])
            .swap_dims(1, 2);
        let class = self.class.val().reshape([1, 1, width]);
        let tokens = Tensor::cat(vec![class.expand([batch, 1, width]), each], 1);
        self.first_norm
            .forward(tokens + self.positions.val().unsqueeze_dim::<3>(0))
    }

    /// Its blocks.
    pub fn blocks(&self) -> &[Block<B>] {
        &self.blocks
    }

    /// Embedding of what left the last block.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[batch, 1 + grid^2, width]`
    /// - output: `[batch, embedding]`
    pub fn embedding(&self, tokens: Tensor<B, 3>) -> Tensor<B, 2> {
        let [batch, _, width] = tokens.dims();
        let class = tokens.narrow(1, 0, 1).reshape([batch, width]);
        self.last_norm.forward(class).matmul(self.projection.val())
    }
}

/// Where OpenAI's files have the parameter `name` of the tower, which they call `tower` (`visual.`).
pub fn source(tower: &str, name: &str) -> Option<Source> {
    let of = |key: &str| Source::same(format!("{tower}{key}"));
    match name {
        "patches.weight" => return Some(of("conv1.weight")),
        "class" => return Some(of("class_embedding")),
        "positions" => return Some(of("positional_embedding")),
        "projection" => return Some(of("proj")),
        _ => {}
    }
    let (part, field) = name.split_once('.')?;
    match part {
        "first_norm" => Source::norm(&format!("{tower}ln_pre"), field),
        "last_norm" => Source::norm(&format!("{tower}ln_post"), field),
        "blocks" => block_source(tower, field),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;
    use crate::state::{named_tensors, parameter_count};

    #[test]
    fn cost_counts_every_parameter_and_each_has_a_published_name() {
        let config = ImageTowerConfig {
            image_size: 12,
            patch: 4,
            layers: 2,
            block: BlockConfig { width: 6, heads: 2 },
            embedding: 5,
        };

        let tower = config.init::<Flex>(&burn_flex::FlexDevice);

        assert_eq!(config.cost().parameters, parameter_count::<Flex, _>(&tower));
        for (name, _) in named_tensors::<Flex, _>(&tower) {
            assert!(source("visual.", &name).is_some(), "{name}");
        }
    }
}

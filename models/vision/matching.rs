//! Pretrained encoders that match words with regions and sentences with images.

use burn::module::Module;
use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::nn::batch_norm::Mode;
use crate::nn::resize::{AlignCorners, bilinear};
use crate::system::{Description, PretrainedNetwork};
use crate::text::lstm::{Dimensions, Encoder};
use crate::vision::backbone::{Backbone, BackboneConfig};
use crate::vision::region_heads::{ImageCodes, RegionHeads};

/// Text encoder and image encoder of one pretraining.
#[derive(Module, Debug)]
pub struct Damsm<B: Backend> {
    /// Reads captions.
    pub text: Encoder<B>,
    heads: RegionHeads<B>,
    backbone: Backbone<B>,
    #[module(skip)]
    backbone_config: BackboneConfig,
    image_size: usize,
}

/// Sizes of a [`Damsm`] that others have to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DamsmSizes {
    /// Of the text encoder.
    pub text: Dimensions,
    /// Of the image encoder; `None` where the text encoder alone is at hand.
    pub image: Option<ImageSizes>,
}

/// What an image encoder gives before its projections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSizes {
    /// Channels of the regions' maps.
    pub regions: usize,
    /// Length of the vector of a whole image.
    pub whole: usize,
}

impl Description for DamsmSizes {
    const KEY: &'static str = "damsm";
}

impl<B: Backend> PretrainedNetwork for Damsm<B> {
    type Description = DamsmSizes;

    fn describe(&self) -> DamsmSizes {
        DamsmSizes {
            text: self.dimensions(),
            image: Some(ImageSizes {
                regions: self.region_dim(),
                whole: self.whole_dim(),
            }),
        }
    }
}

/// An image as the encoder gives it.
#[derive(Debug, Clone)]
pub struct EncodedImage<B: Backend> {
    /// In the space of words and sentences.
    pub codes: ImageCodes<B>,
    /// Mean features of the whole image, before their projection, `[batch, dim]`.
    pub whole: Tensor<B, 2>,
}

impl<B: Backend> Damsm<B> {
    /// A pair, trained on images of `image_size` pixels, whose parameters are frozen; gradients
    /// flow through the image encoder to its input.
    pub fn new(
        text: Encoder<B>,
        heads: RegionHeads<B>,
        backbone: Backbone<B>,
        backbone_config: BackboneConfig,
        image_size: usize,
    ) -> Self {
        Self {
            text,
            heads,
            backbone,
            backbone_config,
            image_size,
        }
        .no_grad()
    }

    /// Codes of images, `[batch, 3, height, width]`, range [-1, 1]; they are brought to the size
    /// that the encoder was trained with.
    pub fn image_codes(&self, images: Tensor<B, 4>, align_corners: AlignCorners) -> ImageCodes<B> {
        self.encode(images, align_corners).codes
    }

    /// [`Self::image_codes`] and the vectors they were made from.
    pub fn encode(&self, images: Tensor<B, 4>, align_corners: AlignCorners) -> EncodedImage<B> {
        let (regions, whole) = self.features(images, align_corners);
        EncodedImage {
            codes: self.heads.forward(regions, whole.clone()),
            whole,
        }
    }

    /// The backbone's features that [`Self::encode`] projects: maps whose positions are the regions,
    /// `[batch, channels, height, width]`, and a vector of the whole image, `[batch, dim]`.
    pub fn features(
        &self,
        images: Tensor<B, 4>,
        align_corners: AlignCorners,
    ) -> (Tensor<B, 4>, Tensor<B, 2>) {
        let images = bilinear(images, [self.image_size; 2], align_corners);
        self.backbone
            .features(&self.backbone_config, images, Mode::Running)
    }

    /// Its projections, frozen.
    pub const fn heads(&self) -> &RegionHeads<B> {
        &self.heads
    }

    /// The same pair with other projections, which it freezes.
    #[must_use]
    pub fn with_heads(self, heads: RegionHeads<B>) -> Self {
        Self {
            heads: heads.no_grad(),
            ..self
        }
    }

    /// Channels of the regions' maps.
    pub fn region_dim(&self) -> usize {
        self.backbone_config.region_channels()
    }

    /// Length of [`EncodedImage::whole`].
    pub const fn whole_dim(&self) -> usize {
        self.backbone_config.pooled()
    }

    /// Side of the images that the image encoder was trained with.
    pub const fn image_size(&self) -> usize {
        self.image_size
    }

    /// Sizes of its text encoder.
    pub fn dimensions(&self) -> Dimensions {
        self.text.dimensions()
    }
}

//! CLIP: a tower for images and one for captions, whose embeddings lie close together where the two
//! belong together (Radford et al., Learning Transferable Visual Models From Natural Language
//! Supervision, ICML 2021).

use burn::module::{Module, Param};
use burn::prelude::{Int, Tensor, TensorData};

use crate::backend::Backend;
use crate::import::Source;
use crate::system::{Description, PretrainedNetwork};
use crate::text::clip::{self, TextTower, TextTowerConfig};
use crate::vision::image_space::Preprocessing;
use crate::vision::vit::{self, ImageTower, ImageTowerConfig};

/// Logarithm of the factor of similarities before the first step.
const FIRST_SCALE: f64 = 2.659_260_036_932_778; // clip/model.py, `np.log(1 / 0.07)`

/// Sizes of a [`Clip`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipConfig {
    /// Of the image tower.
    pub image: ImageTowerConfig,
    /// Of the text tower, whose embeddings are as long.
    pub text: TextTowerConfig,
}

/// Both towers and the temperature that they were trained with.
#[derive(Module, Debug)]
pub struct Clip<B: Backend> {
    /// Reads captions.
    pub text: TextTower<B>,
    /// Sees images.
    pub image: ImageTower<B>,
    /// How much similarities count.
    pub temperature: Temperature<B>,
    #[module(skip)]
    config: ClipConfig,
}

/// Learnt temperature of the contrast.
#[derive(Module, Debug)]
pub struct Temperature<B: Backend> {
    /// Logarithm of the factor of similarities, `[1]`.
    pub scale: Param<Tensor<B, 1>>,
}

impl Description for ClipConfig {
    const KEY: &'static str = "clip";
}

impl<B: Backend> PretrainedNetwork for Clip<B> {
    type Description = ClipConfig;

    fn describe(&self) -> ClipConfig {
        self.config
    }
}

impl ClipConfig {
    /// Initial weights of the published code.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Clip<B> {
        let scale = TensorData::from([FIRST_SCALE as f32]);
        Clip {
            text: self.text.init(device),
            image: self.image.init(device),
            temperature: Temperature {
                scale: Param::from_tensor(Tensor::from_data(scale, device)),
            },
            config: *self,
        }
    }
}

impl<B: Backend> Clip<B> {
    /// Embeddings of images, of any length.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, image_size, image_size]`, range [-1, 1]
    /// - output: `[batch, embedding]`
    pub fn encode_images(&self, images: Tensor<B, 4>) -> Tensor<B, 2> {
        self.image.forward(Preprocessing::CLIP.apply(images))
    }

    /// Embeddings of captions, of any length.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[batch, tokens]`
    /// - `lengths`: ids up to the end of each caption, that included
    /// - output: `[batch, embedding]`
    pub fn encode_captions(&self, ids: Tensor<B, 2, Int>, lengths: &[usize]) -> Tensor<B, 2> {
        self.text.forward(ids, lengths).sentence
    }

    /// Its sizes.
    pub const fn config(&self) -> &ClipConfig {
        &self.config
    }
}

/// Where OpenAI's files have our parameter `name`.
pub fn published_key(name: &str) -> Option<Source> {
    match name.split_once('.') {
        Some(("image", field)) => vit::source("visual.", field),
        Some(("text", field)) => clip::source(field),
        Some(("temperature", "scale")) => Some(Source::same("logit_scale")),
        _ => None,
    }
}

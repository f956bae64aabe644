//! Joint embedding of images and texts, which trains the char-CNN-RNN text encoder (Reed et al.,
//! CVPR 2016).

mod config;
mod keys;

use burn::module::Module;

use crate::backend::{AutodiffBackend, Backend};
use crate::losses::sje::sje;
use crate::published::Published;
use crate::state::drawn;
use crate::system::{self, Info, Iteration, LossTerms, Parts, Role, System, Train};
use crate::text::char_cnn_rnn::CharCnnRnn;

pub use config::Config;

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "char-cnn-rnn",
        title: "char-CNN-RNN: texts embedded beside the features of their images",
        paper: "Reed et al., Learning Deep Representations of Fine-Grained Visual Descriptions, \
                CVPR 2016",
        role: Role::TextEncoder,
    };

    type Config = Config;
    type System<B: Backend> = JointEmbedding<B>;

    fn weights() -> Published<Config> {
        Published::Networks(&keys::Files)
    }
}

/// Text encoder; the image side are precomputed features.
#[derive(Module, Debug)]
pub struct JointEmbedding<B: Backend> {
    /// Embeds texts.
    pub encoder: CharCnnRnn<B>,
    #[module(skip)]
    config: Config,
}

impl<B: Backend> System<B> for JointEmbedding<B> {
    type Config = Config;

    fn with_parts(config: &Config, _parts: Parts, device: &B::Device) -> Self {
        drawn::<B, _>(Self {
            encoder: config.encoder().init(device),
            config: config.clone(),
        })
    }
}

impl<B: AutodiffBackend> Train<B> for JointEmbedding<B> {
    /// One phase has nothing to share.
    type Shared = ();

    fn begin(&self, _iteration: &Iteration<B>) {}

    fn losses(&self, _phase: &'static str, iteration: &Iteration<B>, _shared: &()) -> LossTerms<B> {
        let batch = &iteration.batch;
        let tokens = batch.text.tokens.clone();
        let tokens = tokens.expect("the loader fills tokens when Needs::text asks for characters");
        let [samples, _, length] = tokens.dims();
        let first = tokens
            .slice([0..samples, 0..1, 0..length])
            .reshape([samples, length]);
        let features = batch.features.clone();
        let features = features.expect("the loader fills features when Needs::features asks");
        let loss = sje(features, self.encoder.encode(first), self.config.margin);
        LossTerms::new()
            .with("e/text-given-image", self.config.text_weight, || {
                loss.text_given_image
            })
            .with("e/image-given-text", self.config.image_weight, || {
                loss.image_given_text
            })
    }
}

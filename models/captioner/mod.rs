//! A captioner, trained on real images, that tells whether generated images show their captions
//! ("The Right Losses", Dash et al.).

mod config;

use burn::module::Module;
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::state::drawn;
use crate::system::{self, Info, Iteration, LossTerms, Parts, Role, System, Train};
use crate::text::captioner::Captioner;
use crate::vision::matching::Damsm;

pub use config::Config;

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "captioner",
        title: "Captions of images word by word: the re-captioning loss of painted ones",
        paper: "Dash et al., The Right Losses for the Right Gains",
        role: Role::Captioner,
    };

    type Config = Config;
    type System<B: Backend> = Captioning<B>;
}

/// The captioner, as far as it belongs to the run.
#[derive(Module, Debug)]
pub struct Captioning<B: Backend> {
    /// Predicts captions.
    pub decoder: Captioner<B>,
    #[module(skip)]
    config: Config,
}

impl<B: Backend> System<B> for Captioning<B> {
    type Config = Config;

    fn with_parts(config: &Config, _parts: Parts, device: &B::Device) -> Self {
        let decoder = &config.decoder;
        drawn::<B, _>(Self {
            decoder: decoder.init(config.image_dim, config.vocabulary, device),
            config: config.clone(),
        })
    }
}

impl<B: AutodiffBackend> Train<B> for Captioning<B> {
    /// The pretrained image encoder's features of the real images, `[batch, image_dim]`.
    type Shared = Tensor<B, 2>;

    fn begin(&self, iteration: &Iteration<B>) -> Tensor<B, 2> {
        let damsm = iteration.frozen.get::<Damsm<B>>();
        let encoded = damsm.encode(iteration.batch.real(), self.config.align_corners);
        encoded.whole.detach()
    }

    fn losses(
        &self,
        _phase: &'static str,
        iteration: &Iteration<B>,
        encoded: &Tensor<B, 2>,
    ) -> LossTerms<B> {
        let (ids, lengths) = iteration.batch.text.caption(0);
        LossTerms::new().with("c/words", 1.0, || {
            let noise = Some(iteration.noise);
            self.decoder.loss(encoded.clone(), ids, &lengths, noise)
        })
    }
}

//! DAMSM: a text and an image encoder learn to match words with regions and sentences with images
//! (published AttnGAN code), with a contrastive loss between captions (T2I_CL) or labels where asked.

mod config;
mod keys;
mod objective;

use burn::module::Module;
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::nn::batch_norm::Mode;
use crate::published::Published;
use crate::state::drawn;
use crate::system::{self, Frozen, Info, Iteration, LossTerms, Parts, Role, System, Train};
use crate::text::lstm::Encoder;
use crate::vision::backbone::{Backbone, BackboneConfig};
use crate::vision::inception::Inception;
use crate::vision::matching::Damsm;
use crate::vision::region_heads::RegionHeads;
use crate::vision::vgg::Vgg;

pub use config::Config;
pub use keys::published_key;
pub use objective::terms;

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "damsm",
        title: "DAMSM: words matched with image regions, sentences with images",
        paper: "Xu et al., AttnGAN, CVPR 2018",
        role: Role::Encoders,
    };

    type Config = Config;
    type System<B: Backend> = Pretraining<B>;

    fn weights() -> Published<Config> {
        Published::Networks(&keys::Files)
    }
}

/// Both encoders, as far as they belong to the run.
#[derive(Module, Debug)]
pub struct Pretraining<B: Backend> {
    /// Reads captions.
    pub text: Encoder<B>,
    /// Projects the backbone's features.
    pub heads: RegionHeads<B>,
    /// The backbone whose statistics follow the data; its parameters are not trained.
    pub trunk: Option<Inception<B>>,
    #[module(skip)]
    config: Config,
}

impl<B: Backend> Pretraining<B> {
    /// The pair that a GAN learns from; `None` where its backbone is a VGG and there is none.
    pub fn into_pair(self, vgg: Option<Vgg<B>>) -> Option<Damsm<B>> {
        let network = match self.trunk {
            Some(inception) => Backbone::Inception(inception),
            None => Backbone::Vgg(vgg?),
        };
        let Config {
            backbone,
            image_size,
            ..
        } = self.config;
        Some(Damsm::new(
            self.text, self.heads, network, backbone, image_size,
        ))
    }
}

impl<B: Backend> System<B> for Pretraining<B> {
    type Config = Config;

    fn with_parts(config: &Config, _parts: Parts, device: &B::Device) -> Self {
        let backbone = &config.backbone;
        let (channels, pooled) = (backbone.region_channels(), backbone.pooled());
        drawn::<B, _>(Self {
            text: config.text.init(device),
            heads: RegionHeads::init(channels, pooled, config.text.encoder.dim, device),
            trunk: match backbone {
                BackboneConfig::Vgg(_) => None,
                BackboneConfig::Inception(inception) => Some(inception.config().init(device)),
            },
            config: config.clone(),
        })
    }
}

/// The backbone's features of the real images.
#[derive(Debug, Clone)]
pub struct Shared<B: Backend> {
    /// `[batch, channels, rows, columns]`.
    pub regions: Tensor<B, 4>,
    /// `[batch, pooled]`.
    pub pooled: Tensor<B, 2>,
}

impl<B: AutodiffBackend> Train<B> for Pretraining<B> {
    type Shared = Shared<B>;

    fn begin(&self, iteration: &Iteration<B>) -> Shared<B> {
        let own = (&self.trunk, &self.config.backbone);
        let (backbone, mode) = if let (Some(inception), BackboneConfig::Inception(settings)) = own {
            // Its statistics are shared with the clone, whose weights need no gradient.
            let inception = inception.clone().no_grad();
            (Backbone::Inception(inception), settings.mode())
        } else {
            let vgg = iteration.frozen.get::<Vgg<B>>();
            (Backbone::Vgg(vgg.clone()), Mode::Running)
        };
        let images = iteration.batch.real();
        let (regions, pooled) = backbone.features(&self.config.backbone, images, mode);
        Shared {
            regions: regions.detach(),
            pooled: pooled.detach(),
        }
    }

    fn losses(
        &self,
        _phase: &'static str,
        iteration: &Iteration<B>,
        shared: &Shared<B>,
    ) -> LossTerms<B> {
        let batch = &iteration.batch;
        let image = self
            .heads
            .forward(shared.regions.clone(), shared.pooled.clone());
        let captions = (0..self.config.contrastive.num_views()).map(|view| {
            let (ids, lengths) = batch.text.caption(view);
            let purpose = format!("dropout/{view}");
            self.text
                .encode_with(ids, &lengths, iteration.noise, &purpose)
        });
        let captions: Vec<_> = captions.collect();
        terms(
            &self.config,
            &image,
            captions,
            &batch.classes,
            batch.labels.clone(),
        )
    }

    fn initialise_from(self, frozen: &Frozen) -> Self {
        let pretrained = frozen.find::<Inception<B>>();
        let fresh = self.trunk;
        Self {
            trunk: fresh.map(|fresh| pretrained.cloned().unwrap_or(fresh)),
            ..self
        }
    }
}

//! DAMSM: a text and an image encoder learn to match words with regions and sentences with images
//! (published AttnGAN code), with contrast between captions (T2I_CL) or labels where asked.

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
use crate::vision::inception::Inception;
use crate::vision::matching::Damsm;
use crate::vision::region_heads::RegionHeads;
use crate::vision::trunk::{Backbone, Trunk};
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
    /// Projects what the trunk sees.
    pub heads: RegionHeads<B>,
    /// The trunk whose statistics follow the data; its parameters are not trained.
    pub trunk: Option<Inception<B>>,
    #[module(skip)]
    config: Config,
}

impl<B: Backend> Pretraining<B> {
    /// The pair that a GAN learns from; `None` where it looks through a VGG and there is none.
    pub fn into_pair(self, vgg: Option<Vgg<B>>) -> Option<Damsm<B>> {
        let Config {
            trunk, image_size, ..
        } = self.config;
        let backbone = match self.trunk {
            Some(inception) => Backbone::Inception(inception),
            None => Backbone::Vgg(vgg?),
        };
        Some(Damsm::new(
            self.text, self.heads, backbone, trunk, image_size,
        ))
    }
}

impl<B: Backend> System<B> for Pretraining<B> {
    type Config = Config;

    fn with_parts(config: &Config, _parts: Parts, device: &B::Device) -> Self {
        let trunk = &config.trunk;
        let (channels, pooled) = (trunk.region_channels(), trunk.pooled());
        drawn::<B, _>(Self {
            text: config.text.init(device),
            heads: RegionHeads::init(channels, pooled, config.text.encoder.dim, device),
            trunk: match trunk {
                Trunk::Vgg(_) => None,
                Trunk::Inception(inception) => Some(inception.config().init(device)),
            },
            config: config.clone(),
        })
    }
}

/// What the trunk sees of the real images.
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
        let own = (&self.trunk, &self.config.trunk);
        let (backbone, mode) = if let (Some(inception), Trunk::Inception(trunk)) = own {
            // Its statistics are shared with the clone, whose weights need no gradient.
            let inception = inception.clone().no_grad();
            (Backbone::Inception(inception), trunk.mode())
        } else {
            let vgg = iteration.frozen.get::<Vgg<B>>();
            (Backbone::Vgg(vgg.clone()), Mode::Running)
        };
        let images = iteration.batch.real();
        let (regions, pooled) = backbone.features(&self.config.trunk, images, mode);
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
        let captions = (0..self.config.contrastive.branches()).map(|branch| {
            let (ids, lengths) = batch.text.caption(branch);
            let purpose = format!("dropout/{branch}");
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
        let trunk = self.trunk;
        Self {
            trunk: trunk.map(|fresh| pretrained.cloned().unwrap_or(fresh)),
            ..self
        }
    }
}

//! AttnGAN (Xu et al., CVPR 2018): three stages, the later ones with attention over words.

use std::marker::PhantomData;

use crate::backend::Backend;
use crate::published::Published;
use crate::staged::config::{self, Variant};
use crate::staged::discriminator::Normalization;
use crate::staged::published::Files;
use crate::staged::system::Staged;
use crate::staged::word_module::WordModule;
use crate::system::{self, Info, Role};

/// The family: attention over words; batch normalisation in the discriminators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Family;

/// `[model]` table.
pub type Config = config::Config<Family>;
/// Generator, discriminator and text encoder.
pub type AttnGan<B> = Staged<B, Family>;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "attngan",
        title: "AttnGAN: three stages that attend to words",
        paper: "Xu et al., AttnGAN, CVPR 2018",
        role: Role::Generator,
    };

    type Config = Config;
    type System<B: Backend> = AttnGan<B>;

    fn weights() -> Published<Config> {
        Published::Networks(&Files {
            base: "attngan-cub",
            family: PhantomData::<Self>,
        })
    }
}

impl Variant for Family {
    const WORDS: WordModule = WordModule::Attention;
    const NORMALIZATION: Normalization = Normalization::BatchNorm;

    /// `cfg/bird_attn2.yml`.
    fn published() -> Config {
        Config::of_birds()
    }
}

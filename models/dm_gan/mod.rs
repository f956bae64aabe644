//! DM-GAN (Zhu et al., CVPR 2019): three stages, the later ones with a dynamic memory of words.

use std::marker::PhantomData;

use crate::backend::Backend;
use crate::published::Published;
use crate::staged::config::{self, Variant};
use crate::staged::discriminator::Normalization;
use crate::staged::published::Files;
use crate::staged::system::Staged;
use crate::staged::word_module::WordModule;
use crate::system::{self, Info, Role};

/// The family: memory of words; spectral normalisation in the discriminators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Family;

/// `[model]` table.
pub type Config = config::Config<Family>;
/// Generator, discriminator and text encoder.
pub type DmGan<B> = Staged<B, Family>;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "dm-gan",
        title: "DM-GAN: three stages with a dynamic memory of words",
        paper: "Zhu et al., DM-GAN, CVPR 2019",
        role: Role::Generator,
    };

    type Config = Config;
    type System<B: Backend> = DmGan<B>;

    fn weights() -> Published<Config> {
        Published::Networks(&Files {
            base: "dm-gan-cub",
            family: PhantomData::<Self>,
        })
    }
}

impl Variant for Family {
    const WORDS: WordModule = WordModule::Memory;
    const NORMALIZATION: Normalization = Normalization::Spectral;

    /// `cfg/bird_DMGAN.yml`.
    fn published() -> Config {
        Config {
            generator_width: 64,
            discriminator_width: 32,
            ..Config::of_birds()
        }
    }
}

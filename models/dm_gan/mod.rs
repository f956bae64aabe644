//! DM-GAN (Zhu et al., CVPR 2019): three stages, the later ones with a dynamic memory of words.

use crate::backend::Backend;
use crate::staged::config::{self, Flavour};
use crate::staged::discriminator::Bounds;
use crate::staged::reader::ReaderKind;
use crate::staged::system::Staged;
use crate::system::{self, Info, Role};

/// Facts about the family.
pub const INFO: Info = Info {
    name: "dm-gan",
    title: "DM-GAN: three stages with a dynamic memory of words",
    paper: "Zhu et al., DM-GAN, CVPR 2019",
    role: Role::Generator,
};

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

/// Memory of words; spectral normalisation in the discriminators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remembering;

/// `[model]` table.
pub type Config = config::Config<Remembering>;
/// Both players and the text encoder.
pub type DmGan<B> = Staged<B, Remembering>;

impl system::Family for Family {
    type Config = Config;
    type System<B: Backend> = DmGan<B>;
}

impl Flavour for Remembering {
    const INFO: Info = INFO;
    const READER: ReaderKind = ReaderKind::Memory;
    const BOUNDS: Bounds = Bounds::Spectral;

    /// `cfg/bird_DMGAN.yml`.
    fn published() -> Config {
        Config {
            generator_width: 64,
            discriminator_width: 32,
            ..Config::of_birds()
        }
    }
}

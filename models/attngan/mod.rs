//! AttnGAN (Xu et al., CVPR 2018): three stages, the later ones with attention over words.

use crate::backend::Backend;
use crate::staged::config::{self, Flavour};
use crate::staged::discriminator::Bounds;
use crate::staged::reader::ReaderKind;
use crate::staged::system::Staged;
use crate::system::{self, Info, Role};

/// Facts about the family.
pub const INFO: Info = Info {
    name: "attngan",
    title: "AttnGAN: three stages that attend to words",
    paper: "Xu et al., AttnGAN, CVPR 2018",
    role: Role::Generator,
};

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

/// Attention over words; batch normalisation in the discriminators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attentional;

/// `[model]` table.
pub type Config = config::Config<Attentional>;
/// Both players and the text encoder.
pub type AttnGan<B> = Staged<B, Attentional>;

impl system::Family for Family {
    type Config = Config;
    type System<B: Backend> = AttnGan<B>;
}

impl Flavour for Attentional {
    const INFO: Info = INFO;
    const READER: ReaderKind = ReaderKind::Attention;
    const BOUNDS: Bounds = Bounds::BatchNorm;

    /// `cfg/bird_attn2.yml`.
    fn published() -> Config {
        Config::of_birds()
    }
}

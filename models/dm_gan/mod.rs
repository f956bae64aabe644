//! DM-GAN (Zhu et al., CVPR 2019): three stages, the later ones with a dynamic memory of words.

use std::marker::PhantomData;

use crate::backend::Backend;
use crate::losses::contrast::Contrast;
use crate::losses::damsm::Gammas;
use crate::nn::resize::Corners;
use crate::nn::word_attention::MaskMode;
use crate::staged::config::{self, Flavour};
use crate::staged::discriminator::Bounds;
use crate::staged::reader::ReaderKind;
use crate::staged::system::Staged;
use crate::system::{self, Info};
use crate::text::lstm::EncoderConfig;

/// Facts about the family.
pub const INFO: Info = Info {
    name: "dm-gan",
    title: "DM-GAN: three stages with a dynamic memory of words",
    paper: "Zhu et al., DM-GAN, CVPR 2019",
    makes_images: true,
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
            stages: 3,
            has_last_image_only: false,
            generator_width: 64,
            discriminator_width: 32,
            residuals: 2,
            noise_dim: 100,
            condition_dim: 100,
            encoder: EncoderConfig::default(),
            vocabulary: 5450,
            words: 18,
            mask: MaskMode::Own,
            damsm_weight: 5.0,
            caption_weight: 0.0,
            corners: Corners::Aligned, // PyTorch before 0.4; DM-GAN, model.py
            kl_weight: 1.0,            // miscc/losses.py KL_loss
            gammas: Gammas::default(),
            contrast: Contrast::default(),
            ema: 0.999, // trainer.py
            flavour: PhantomData,
        }
    }
}

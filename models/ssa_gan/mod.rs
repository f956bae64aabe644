//! SSA-GAN (Liao et al., CVPR 2022): one stage, in which predicted masks say where the sentence may
//! change the maps.

use std::marker::PhantomData;

use crate::backend::Backend;
use crate::losses::contrast::Contrast;
use crate::losses::damsm::Gammas;
use crate::losses::gradient_penalty::Penalty;
use crate::nn::resize::Corners;
use crate::one_stage::config::{self, Flavour};
use crate::one_stage::generator::Architecture;
use crate::one_stage::objective::Mismatched;
use crate::one_stage::system::OneStage;
use crate::one_stage::tuning::Tuning;
use crate::system::{self, Info};
use crate::text::lstm::EncoderConfig;

/// Facts about the family.
pub const INFO: Info = Info {
    name: "ssa-gan",
    title: "SSA-GAN: one stage, masks say where the sentence is let in",
    paper: "Liao et al., SSA-GAN, CVPR 2022",
    makes_images: true,
};

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

/// Affine maps under masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Masked;

/// `[model]` table.
pub type Config = config::Config<Masked>;
/// Both players and the text encoder.
pub type SsaGan<B> = OneStage<B, Masked>;

impl system::Family for Family {
    type Config = Config;
    type System<B: Backend> = SsaGan<B>;
}

impl Flavour for Masked {
    const INFO: Info = INFO;
    const ARCHITECTURES: &'static [Architecture] = &[Architecture::SsaGan];

    /// `cfg/bird.yml`.
    fn published() -> Config {
        Config {
            architecture: Architecture::SsaGan,
            resolution: 256,
            generator_width: 64,
            discriminator_width: 64,
            mask_width: 100, // model.py conv_mask
            noise_dim: 100,
            truncation: 0.0,
            encoder: EncoderConfig::default(),
            vocabulary: 5450,
            words: 18,
            mismatched: Mismatched::Successor,
            penalty: Penalty::default(),
            damsm_weight: 0.05, // main.py
            caption_weight: 0.0,
            tuning: Tuning::default(),
            corners: Corners::Edges,
            gammas: Gammas {
                attention: 5.0, // miscc/config.py GAMMA1
                ..Gammas::default()
            },
            contrast: Contrast::default(),
            ema: 0.0,
            flavour: PhantomData,
        }
    }
}

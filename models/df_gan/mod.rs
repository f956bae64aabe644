//! DF-GAN (Tao et al., CVPR 2022): one stage, into which the sentence is let by affine maps.

use std::marker::PhantomData;

use crate::backend::Backend;
use crate::losses::contrast::Contrast;
use crate::losses::damsm::Gammas;
use crate::losses::gradient_penalty::{Penalty, PenaltyStep};
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
    name: "df-gan",
    title: "DF-GAN: one stage, affine maps let the sentence in",
    paper: "Tao et al., DF-GAN, CVPR 2022",
    makes_images: true,
};

/// The family in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Family;

/// Affine maps of both published versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deep;

/// `[model]` table.
pub type Config = config::Config<Deep>;
/// Both players and the text encoder.
pub type DfGan<B> = OneStage<B, Deep>;

impl system::Family for Family {
    type Config = Config;
    type System<B: Backend> = DfGan<B>;
}

impl Flavour for Deep {
    const INFO: Info = INFO;
    const ARCHITECTURES: &'static [Architecture] =
        &[Architecture::DfGan2022, Architecture::DfGan2020];

    /// `code/cfg/bird.yml` since June 2022.
    fn published() -> Config {
        Config {
            architecture: Architecture::DfGan2022,
            resolution: 256,
            generator_width: 32,
            discriminator_width: 32,
            mask_width: 100,
            noise_dim: 100,
            truncation: 0.88, // lib/utils.py truncated_noise
            encoder: EncoderConfig::default(),
            vocabulary: 5450,
            words: 18,
            mismatched: Mismatched::Cyclic,
            penalty: Penalty {
                step: PenaltyStep::Joint,
                ..Penalty::default()
            },
            damsm_weight: 0.0,
            caption_weight: 0.0,
            tuning: Tuning::default(),
            corners: Corners::Edges,
            gammas: Gammas::default(),
            contrast: Contrast::default(),
            ema: 0.0,
            flavour: PhantomData,
        }
    }
}

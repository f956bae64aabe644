//! DF-GAN (Tao et al., CVPR 2022): one stage, into which the sentence is let by affine maps.

use std::marker::PhantomData;

use crate::auxiliary::{AuxiliaryLosses, TextInput};
use crate::backend::Backend;
use crate::losses::gradient_penalty::{Penalty, PenaltyStep};
use crate::one_stage::config::{self, Variant};
use crate::one_stage::fine_tuning::FineTuning;
use crate::one_stage::generator::Architecture;
use crate::one_stage::objective::Mismatched;
use crate::one_stage::published::Files;
use crate::one_stage::system::OneStage;
use crate::published::Published;
use crate::system::{self, Info, Role};

/// The family: affine maps of both published versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Family;

/// `[model]` table.
pub type Config = config::Config<Family>;
/// Generator, discriminator and text encoder.
pub type DfGan<B> = OneStage<B, Family>;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "df-gan",
        title: "DF-GAN: one stage, modulated by the sentence",
        paper: "Tao et al., DF-GAN, CVPR 2022",
        role: Role::Generator,
    };

    type Config = Config;
    type System<B: Backend> = DfGan<B>;

    fn weights() -> Published<Config> {
        Published::Networks(&Files {
            base: "df-gan-cub",
            discriminator: "of files before June 2022: once or not at all",
            family: PhantomData::<Self>,
        })
    }
}

impl Variant for Family {
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
            text: TextInput::default(),
            mismatched: Mismatched::Cyclic,
            penalty: Penalty {
                step: PenaltyStep::Joint,
                ..Penalty::default()
            },
            auxiliary: AuxiliaryLosses::default(),
            fine_tuning: FineTuning::default(),
            ema: 0.0,
            variant: PhantomData,
        }
    }
}

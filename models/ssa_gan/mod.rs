//! SSA-GAN (Liao et al., CVPR 2022): one stage, in which predicted masks say where the sentence may
//! change the maps.

use std::marker::PhantomData;

use crate::auxiliary::{AuxiliaryLosses, TextInput};
use crate::backend::Backend;
use crate::losses::damsm::Gammas;
use crate::losses::gradient_penalty::Penalty;
use crate::one_stage::config::{self, Variant};
use crate::one_stage::fine_tuning::FineTuning;
use crate::one_stage::generator::Architecture;
use crate::one_stage::objective::Mismatched;
use crate::one_stage::published::Files;
use crate::one_stage::system::OneStage;
use crate::published::Published;
use crate::system::{self, Info, Role};

/// The family: affine maps under masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Family;

/// `[model]` table.
pub type Config = config::Config<Family>;
/// Generator, discriminator and text encoder.
pub type SsaGan<B> = OneStage<B, Family>;

impl system::Family for Family {
    const INFO: Info = Info {
        name: "ssa-gan",
        title: "SSA-GAN: one stage, masks say where the sentence modulates",
        paper: "Liao et al., SSA-GAN, CVPR 2022",
        role: Role::Generator,
    };

    type Config = Config;
    type System<B: Backend> = SsaGan<B>;

    fn weights() -> Published<Config> {
        Published::Networks(&Files {
            base: "ssa-gan-cub",
            discriminator: "once or not at all",
            family: PhantomData::<Self>,
        })
    }
}

impl Variant for Family {
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
            text: TextInput::default(),
            mismatched: Mismatched::Successor,
            penalty: Penalty::default(),
            auxiliary: AuxiliaryLosses {
                damsm_weight: 0.05, // main.py
                gammas: Gammas {
                    attention: 5.0, // miscc/config.py GAMMA1
                    ..Gammas::default()
                },
                ..AuxiliaryLosses::default()
            },
            fine_tuning: FineTuning::default(),
            ema: 0.0,
            variant: PhantomData,
        }
    }
}

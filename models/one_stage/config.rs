//! `[model]` table of the one-stage systems.

use std::fmt::Debug;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::discriminator::DiscriminatorConfig;
use super::generator::{Architecture, GeneratorConfig};
use super::objective::Mismatched;
use super::tuning::Tuning;
use crate::guidance::{Guidance, check_damsm, check_reader, check_same};
use crate::losses::contrast::{Contrast, is_zero};
use crate::losses::damsm::Gammas;
use crate::losses::gradient_penalty::{Penalty, PenaltyStep};
use crate::nn::resize::Corners;
use crate::system::{
    AidKind, Classes, Group, Info, Needs, NetworkCost, Optimizer, Phase, Plan, Problem, Schedule,
    SmallestBatch, StagePlan, SystemConfig, check,
};
use crate::text::lstm::{Dimensions, EncoderConfig};

/// Step of the pretrained encoders, where they are trained.
pub const ENCODERS: &str = "encoders";
/// Step of the hinge loss.
pub const HINGE: &str = "d";
/// Step of the penalty, where it has its own.
pub const PENALTY: &str = "penalty";
/// Step of the generator.
pub const GENERATOR: &str = "g";

/// What tells one family from another.
pub trait Flavour: Debug + Clone + Copy + Default + PartialEq + Send + Sync + 'static {
    /// Facts about the family.
    const INFO: Info;
    /// Its generators.
    const ARCHITECTURES: &'static [Architecture];

    /// Published settings.
    fn published() -> Config<Self>;
}

/// Configuration of a one-stage system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "F: Flavour")]
pub struct Config<F: Flavour> {
    /// Which published networks.
    pub architecture: Architecture,
    /// Side of the images in pixels, a power of two from 32 on.
    pub resolution: usize,
    /// Channels of the generator's last map.
    pub generator_width: usize,
    /// Channels after the discriminator's first convolution.
    pub discriminator_width: usize,
    /// Hidden channels of the heads that predict masks (`ssa-gan`).
    pub mask_width: usize,
    /// Length of the noise.
    pub noise_dim: usize,
    /// Factor of the noise of painted images, drawn within two standard deviations; 0 takes the
    /// noise of training.
    pub truncation: f64,
    /// Text encoder; that of the pretraining named by `text.encoder`.
    pub encoder: EncoderConfig,
    /// Ids of the text encoder, as in its pretraining.
    pub vocabulary: usize,
    /// Words read of a caption.
    pub words: usize,
    /// Which pairs are called mismatched.
    pub mismatched: Mismatched,
    /// Penalty on the discriminator's gradient.
    pub penalty: Penalty,
    /// Weight of matching the image with words and sentence.
    pub damsm_weight: f64,
    /// Weight of telling the caption from the image; with it, `aids.captioner` names who does.
    #[serde(skip_serializing_if = "is_zero")]
    pub caption_weight: f64,
    /// Training of the pretrained encoders.
    #[serde(skip_serializing_if = "Tuning::is_default")]
    pub tuning: Tuning,
    /// How the image is brought to the size of the image encoder.
    pub corners: Corners,
    /// Sharpness of attention and scores of the matching.
    pub gammas: Gammas,
    /// Contrast between the images of two captions (`nt-xent`), with real images, or of images and
    /// sentences.
    pub contrast: Contrast,
    /// Decay of the generator's averaged parameters; 0 keeps none.
    pub ema: f64,
    /// The family.
    #[serde(skip)]
    pub flavour: PhantomData<F>,
}

impl<F: Flavour> Default for Config<F> {
    fn default() -> Self {
        F::published()
    }
}

impl<F: Flavour> Config<F> {
    /// Sizes of the generator.
    pub const fn generator(&self) -> GeneratorConfig {
        GeneratorConfig {
            architecture: self.architecture,
            width: self.generator_width,
            mask_width: self.mask_width,
            text_dim: self.encoder.dim,
            noise_dim: self.noise_dim,
            resolution: self.resolution,
        }
    }

    /// Sizes of the discriminator.
    pub const fn discriminator(&self) -> DiscriminatorConfig {
        DiscriminatorConfig {
            width: self.discriminator_width,
            most: self.architecture.most_judged(),
            text_dim: self.encoder.dim,
            resolution: self.resolution,
        }
    }

    /// What frozen encoders say about the image.
    pub const fn guidance(&self) -> Guidance<'_> {
        Guidance {
            damsm_weight: self.damsm_weight,
            caption_weight: self.caption_weight,
            corners: self.corners,
            gammas: &self.gammas,
            contrast: &self.contrast,
        }
    }

    fn sizes(&self) -> Result<(), Problem> {
        if !F::ARCHITECTURES.contains(&self.architecture) {
            let names: Vec<&str> = F::ARCHITECTURES.iter().map(|a| a.name()).collect();
            let message = format!("is of another family; expected `{}`", names.join("` or `"));
            return Err(Problem::new("architecture", message));
        }
        let sides = 32..=check::LARGEST_SIDE;
        if !sides.contains(&self.resolution) || !self.resolution.is_power_of_two() {
            let message = format!("must be a power of two from 32 on, at most {}", sides.end());
            return Err(Problem::new("resolution", message));
        }
        check::counts(&[
            ("generator_width", self.generator_width),
            ("discriminator_width", self.discriminator_width),
            ("mask_width", self.mask_width),
            ("noise_dim", self.noise_dim),
        ])?;
        check_reader(&self.encoder, self.vocabulary, self.words)
    }
}

impl<F: Flavour> SystemConfig for Config<F> {
    fn validate(&self) -> Result<(), Problem> {
        self.sizes()?;
        self.guidance().check()?;
        check::weights(&[("truncation", self.truncation)])?;
        self.penalty.check()?;
        self.tuning.check()?;
        check::share("ema", self.ema)
    }

    fn needs(&self) -> Needs {
        Needs {
            captions: self.contrast.branches(),
            has_distinct_captions: self.contrast.distinct_captions,
            ..Needs::of_words(vec![self.resolution], self.words, self.vocabulary)
        }
    }

    fn aids(&self) -> Vec<AidKind> {
        let aids = self.guidance().aids().into_iter();
        let is_tuned = self.tuning.is_on();
        aids.map(|kind| match kind {
            // Its image encoder is trained, too.
            AidKind::TextEncoder if is_tuned => AidKind::Damsm,
            other => other,
        })
        .collect()
    }

    fn check_damsm(&self, damsm: &Dimensions) -> Result<(), Problem> {
        check_damsm(&self.encoder, self.vocabulary, damsm)
    }

    fn contrast(&self) -> Option<&Contrast> {
        Some(&self.contrast)
    }

    fn check_eyes(&self, lengths: [usize; 2]) -> Result<(), Problem> {
        if !self.tuning.is_on() {
            return Ok(());
        }
        let [channels, pooled] = lengths;
        check_same(&[
            ("tuning.channels", self.tuning.channels, channels),
            ("tuning.pooled", self.tuning.pooled, pooled),
        ])
    }

    fn smallest_batch(&self) -> SmallestBatch {
        self.contrast.smallest_batch(SmallestBatch::MISMATCHED)
    }

    fn classes(&self) -> Classes {
        if self.tuning.is_on() {
            return Classes::Rivals;
        }
        self.guidance().classes()
    }

    fn looks(&self) -> f64 {
        let real = f64::from(u8::from(self.tuning.is_on()));
        self.guidance().looks() + real
    }

    fn plan(&self) -> Plan {
        let group = |name, prefixes, lr| Group {
            name,
            prefixes,
            optimizer: Optimizer::Adam {
                lr,
                betas: [0.0, 0.9], // DF-GAN and SSA-GAN, main.py
                eps: 1e-8,
            },
            schedule: Schedule::Constant,
            clip: None,
        };
        let mut groups = vec![
            group("d", vec!["discriminator."], 4e-4), // DF-GAN and SSA-GAN, main.py
            group("g", vec!["generator."], 1e-4),     // DF-GAN and SSA-GAN, main.py
        ];
        let mut phases = Vec::new();
        if self.tuning.is_on() {
            // SSA-GAN, main_finetune.py
            groups.push(group(ENCODERS, vec!["text.", "heads."], 4e-5));
            phases.push(Phase::new(ENCODERS, [ENCODERS]));
        }
        phases.push(Phase::new(HINGE, ["d"]));
        if self.penalty.is_on(PenaltyStep::Separate) {
            phases.push(Phase::new(PENALTY, ["d"]));
        }
        phases.push(Phase::new(GENERATOR, ["g"]));
        Plan {
            groups,
            stages: vec![StagePlan::new("adversarial", phases)],
            ema: Vec::from_iter((self.ema > 0.0).then_some(("generator.", self.ema))),
        }
    }

    fn networks(&self) -> Vec<NetworkCost> {
        let branches = self.contrast.branches() as f64;
        let full = self.contrast.full_branches() as f64;
        // Real images and fakes with weights, then the fakes without; the penalty differentiates a
        // forward pass by its input, and the result by the weights. Joint with the hinge loss it
        // shares the forward pass of the real images.
        let kind = self.penalty.kind;
        let is_shared = self.penalty.is_on(PenaltyStep::Joint) && kind.is_at_real();
        let penalty = match self.penalty {
            Penalty { weight: 0.0, .. } => 0.0,
            _ => 4.0 * kind.places() as f64 - f64::from(u8::from(is_shared)),
        };
        // Of real images and of fakes, or of a pass and of its derivative.
        let maps = if self.penalty.weight == 0.0 {
            2
        } else {
            2 * kind.places()
        } as f64;
        let text = self.encoder.cost(self.vocabulary, self.words);
        // Read for the players and, where it is trained, once more for that.
        let text = if self.tuning.is_on() {
            NetworkCost::new("text", text, branches + 3.0 * full)
        } else {
            NetworkCost::new("text", text, branches).frozen()
        };
        let generator = NetworkCost::new("generator", self.generator().cost(), 3.0 * branches);
        let judged = self.discriminator().cost();
        let judged = NetworkCost::new("discriminator", judged, (8.0 + penalty) * full);
        vec![generator.kept(branches), judged.kept(maps * full), text]
    }
}

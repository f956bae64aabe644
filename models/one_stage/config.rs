//! `[model]` table of the one-stage systems.

use std::fmt::Debug;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::discriminator::DiscriminatorConfig;
use super::fine_tuning::FineTuning;
use super::generator::{Architecture, GeneratorConfig};
use super::objective::Mismatched;
use crate::auxiliary::{AuxiliaryLosses, TextInput, check_same, image_encoder};
use crate::losses::gradient_penalty::{Penalty, PenaltyStep};
use crate::system::{
    BatchFacts, Classes, Component, Family, Group, Needs, Optimizer, Part, Phase, Plan, Problem,
    Schedule, SmallestBatch, StagePlan, SystemConfig, check,
};

/// Step of the pretrained encoders, where they are trained.
pub const ENCODERS: &str = "encoders";
/// Step of the hinge loss.
pub const HINGE: &str = "d";
/// Step of the penalty, where it has its own.
pub const PENALTY: &str = "penalty";
/// Step of the generator.
pub const GENERATOR: &str = "g";

/// What tells one family from another.
pub trait Variant:
    Family<Config = Config<Self>> + Debug + Clone + Copy + Default + PartialEq + Send + Sync
{
    /// Its generators.
    const ARCHITECTURES: &'static [Architecture];

    /// Published settings.
    fn published() -> Config<Self>;
}

/// Configuration of a one-stage system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "F: Variant")]
pub struct Config<F: Variant> {
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
    /// Factor of the noise of generated images, drawn within two standard deviations; 0 takes the
    /// noise of training.
    pub truncation: f64,
    /// Text encoder and what it reads.
    pub text: TextInput,
    /// Which pairs are called mismatched.
    pub mismatched: Mismatched,
    /// Penalty on the discriminator's gradient.
    pub penalty: Penalty,
    /// What frozen encoders say about the image.
    pub auxiliary: AuxiliaryLosses,
    /// Training of the pretrained encoders.
    #[serde(skip_serializing_if = "FineTuning::is_default")]
    pub fine_tuning: FineTuning,
    /// Decay of the generator's averaged parameters; 0 keeps none.
    pub ema: f64,
    /// The family.
    #[serde(skip)]
    pub variant: PhantomData<F>,
}

impl<F: Variant> Default for Config<F> {
    fn default() -> Self {
        F::published()
    }
}

impl<F: Variant> Config<F> {
    /// Sizes of the generator.
    pub const fn generator(&self) -> GeneratorConfig {
        GeneratorConfig {
            architecture: self.architecture,
            width: self.generator_width,
            mask_width: self.mask_width,
            text_dim: self.text.encoder.dim,
            noise_dim: self.noise_dim,
            resolution: self.resolution,
        }
    }

    /// Sizes of the discriminator.
    pub const fn discriminator(&self) -> DiscriminatorConfig {
        DiscriminatorConfig {
            width: self.discriminator_width,
            most: self.architecture.max_discriminator_factor(),
            text_dim: self.text.encoder.dim,
            resolution: self.resolution,
        }
    }

    /// Text encoder, its pretraining, and what else is handed in.
    fn encoders(&self) -> Vec<Component> {
        let (text, auxiliary) = (&self.text, &self.auxiliary);
        if !self.fine_tuning.is_on() {
            return auxiliary.components(text);
        }
        let (channels, pooled) = (self.fine_tuning.channels, self.fine_tuning.pooled);
        // Its image encoder is trained, too.
        let pair = text.pretrained_pair(move |found| {
            found.image.map_or(Ok(()), |image| {
                check_same(&[
                    ("fine_tuning.channels", channels, image.regions),
                    ("fine_tuning.pooled", pooled, image.whole),
                ])
            })
        });
        let contrastive = &auxiliary.contrastive;
        let (views, full) = (contrastive.num_views(), contrastive.num_full_views());
        // Read for generator and discriminator and once more to be trained.
        let passes = views as f64 + 3.0 * full as f64;
        // The real images are encoded, too.
        let encodings = auxiliary.encodings() + 1.0;
        let heads = image_encoder(pair.clone(), &["heads"], encodings);
        let mut components = vec![
            Component::own("text", text.cost(), passes).initialised_from(pair.clone()),
            Component {
                path: "heads.".to_owned(),
                ..heads.initialised_from(pair.clone())
            },
            image_encoder(pair, &["trunk"], encodings),
        ];
        components.extend(auxiliary.captioner());
        components
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
        self.text.validate()
    }
}

impl<F: Variant> SystemConfig for Config<F> {
    const PARTS: &'static [Part] = &[TextInput::PART, AuxiliaryLosses::PART];

    fn validate(&self) -> Result<(), Problem> {
        self.sizes()?;
        self.auxiliary.check()?;
        check::weights(&[("truncation", self.truncation)])?;
        self.penalty.check()?;
        self.fine_tuning.check()?;
        check::share("ema", self.ema)
    }

    fn needs(&self) -> Needs {
        Needs {
            captions: self.auxiliary.contrastive.num_views(),
            has_distinct_captions: self.auxiliary.contrastive.distinct_captions,
            ..Needs::of_words(vec![self.resolution], self.text.words, self.text.vocabulary)
        }
    }

    fn check_batch(&self, batch: &BatchFacts) -> Result<(), Problem> {
        self.auxiliary.contrastive.check_batch(batch)
    }

    fn smallest_batch(&self) -> SmallestBatch {
        self.auxiliary
            .contrastive
            .smallest_batch(SmallestBatch::MISMATCHED)
    }

    fn classes(&self) -> Classes {
        if self.fine_tuning.is_on() {
            return Classes::Rivals;
        }
        self.auxiliary.classes()
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
        if self.fine_tuning.is_on() {
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
        }
    }

    fn components(&self) -> Vec<Component> {
        let views = self.auxiliary.contrastive.num_views() as f64;
        let full = self.auxiliary.contrastive.num_full_views() as f64;
        // Real images and fakes with weights, then the fakes without; the penalty differentiates a
        // forward pass by its input, and the result by the weights. Joint with the hinge loss it
        // shares the forward pass of the real images.
        let kind = self.penalty.kind;
        let is_shared = self.penalty.is_on(PenaltyStep::Joint) && kind.is_at_real();
        let penalty = match self.penalty {
            Penalty { weight: 0.0, .. } => 0.0,
            _ => 4.0 * kind.images_per_sample() as f64 - f64::from(u8::from(is_shared)),
        };
        // Of real images and of fakes, or of a pass and of its derivative.
        let maps = if self.penalty.weight == 0.0 {
            2
        } else {
            2 * kind.images_per_sample()
        } as f64;
        let generator = self.generator().cost();
        let generator = Component::own("generator", generator, 3.0 * views)
            .kept(views)
            .averaged(self.ema);
        let discriminator = self.discriminator().cost();
        let discriminator = Component::own("discriminator", discriminator, (8.0 + penalty) * full)
            .kept(maps * full)
            .for_training();
        let mut components = vec![generator, discriminator];
        components.extend(self.encoders());
        components
    }
}

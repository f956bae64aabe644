//! `[model]` table of the staged systems.

use std::fmt::Debug;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::discriminator::{DiscriminatorConfig, Normalization};
use super::generator::{self, GeneratorConfig};
use super::word_module::WordModule;
use crate::auxiliary::{AuxiliaryLosses, TextInput};
use crate::nn::resize::AlignCorners;
use crate::nn::word_attention::MaskMode;
use crate::system::{
    BatchFacts, Classes, Component, Family, Group, Needs, Optimizer, Part, Phase, Plan, Problem,
    Schedule, SmallestBatch, StagePlan, SystemConfig, check,
};

/// What tells one family from another.
pub trait Variant:
    Family<Config = Config<Self>> + Debug + Clone + Copy + Default + PartialEq + Send + Sync
{
    /// How later stages read the words.
    const WORDS: WordModule;
    /// Normalisation of the discriminators.
    const NORMALIZATION: Normalization;

    /// Published settings.
    fn published() -> Config<Self>;
}

/// Configuration of a staged system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "F: Variant")]
pub struct Config<F: Variant> {
    /// Stages, 1 to 3: images of 64, 128 and 256 pixels.
    pub stages: usize,
    /// Whether only the last stage generates and has a discriminator, always with its sentence (AttnDCGAN).
    pub has_last_image_only: bool,
    /// Channels of the generator's maps between the stages.
    pub generator_width: usize,
    /// Channels after the discriminators' first convolution.
    pub discriminator_width: usize,
    /// Residual blocks per later stage.
    pub residuals: usize,
    /// Length of the noise.
    pub noise_dim: usize,
    /// Length of the conditioning vector.
    pub condition_dim: usize,
    /// Text encoder and what it reads.
    pub text: TextInput,
    /// Whose padding the later stages leave out.
    pub mask: MaskMode,
    /// What frozen encoders say about the final image.
    pub auxiliary: AuxiliaryLosses,
    /// Weight of the condition's divergence from the standard normal.
    pub kl_weight: f64,
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
    /// What the published code of AttnGAN and of DM-GAN has in common: `cfg/bird_attn2.yml` and
    /// `cfg/bird_DMGAN.yml`, of which the widths are those of the former.
    pub fn of_birds() -> Self {
        Self {
            stages: 3,
            has_last_image_only: false,
            generator_width: 32,
            discriminator_width: 64,
            residuals: 2,
            noise_dim: 100,
            condition_dim: 100,
            text: TextInput::default(),
            mask: MaskMode::Own,
            auxiliary: AuxiliaryLosses {
                damsm_weight: 5.0,
                align_corners: AlignCorners::True, // PyTorch before 0.4; DM-GAN, model.py
                ..AuxiliaryLosses::default()
            },
            kl_weight: 1.0, // miscc/losses.py KL_loss
            ema: 0.999,     // trainer.py
            variant: PhantomData,
        }
    }

    /// Sizes of the generator.
    pub const fn generator(&self) -> GeneratorConfig {
        GeneratorConfig {
            width: self.generator_width,
            text_dim: self.text.encoder.dim,
            condition_dim: self.condition_dim,
            noise_dim: self.noise_dim,
            residuals: self.residuals,
            stages: self.stages,
            word_module: F::WORDS,
            mask: self.mask,
            has_last_image_only: self.has_last_image_only,
        }
    }

    /// Sizes of the discriminators, one per generated size.
    pub fn discriminators(&self) -> Vec<DiscriminatorConfig> {
        let sides = self.generator().sides();
        let one = |side: &usize| DiscriminatorConfig {
            width: self.discriminator_width,
            text_dim: self.text.encoder.dim,
            upsampling_steps: generator::upsampling_steps(*side),
            normalization: F::NORMALIZATION,
            is_joint: !self.has_last_image_only,
        };
        sides.iter().map(one).collect()
    }

    fn sizes(&self) -> Result<(), Problem> {
        check::counts(&[
            ("generator_width", self.generator_width),
            ("discriminator_width", self.discriminator_width),
            ("noise_dim", self.noise_dim),
            ("condition_dim", self.condition_dim),
        ])?;
        check::within("residuals", self.residuals, 0..=MOST_RESIDUALS)?;
        if !(1..=PHASES.len()).contains(&self.stages) {
            return Err(Problem::new("stages", "must be 1, 2 or 3"));
        }
        self.text.validate()
    }
}

/// Most residual blocks of a stage.
const MOST_RESIDUALS: usize = 1000;

/// Steps of the discriminators by stage, with their parameters.
const PHASES: [(&str, &str); 3] = [
    ("d64", "discriminators.0."),
    ("d128", "discriminators.1."),
    ("d256", "discriminators.2."),
];

impl<F: Variant> SystemConfig for Config<F> {
    const PARTS: &'static [Part] = &[TextInput::PART, AuxiliaryLosses::PART];

    fn validate(&self) -> Result<(), Problem> {
        self.sizes()?;
        self.auxiliary.check()?;
        check::weights(&[("kl_weight", self.kl_weight)])?;
        check::share("ema", self.ema)
    }

    fn needs(&self) -> Needs {
        Needs {
            captions: self.auxiliary.contrastive.num_views(),
            has_distinct_captions: self.auxiliary.contrastive.distinct_captions,
            ..Needs::of_words(
                self.generator().sides(),
                self.text.words,
                self.text.vocabulary,
            )
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
        self.auxiliary.classes()
    }

    fn plan(&self) -> Plan {
        let group = |name, prefix| Group {
            name,
            prefixes: vec![prefix],
            optimizer: Optimizer::Adam {
                lr: 2e-4,            // AttnGAN and DM-GAN, cfg/*.yml
                betas: [0.5, 0.999], // AttnGAN and DM-GAN, trainer.py
                eps: 1e-8,
            },
            schedule: Schedule::Constant,
            clip: None,
        };
        let phase = |name| Phase::new(name, [name]);
        let names: Vec<&'static str> = self
            .generator()
            .sides()
            .into_iter()
            .map(|side| PHASES[generator::upsampling_steps(side)].0)
            .collect();
        let mut groups: Vec<Group> = names
            .iter()
            .zip(PHASES)
            .map(|(&name, (_, prefix))| group(name, prefix))
            .collect();
        groups.push(group("g", "generator."));
        let mut phases: Vec<Phase> = names.into_iter().map(phase).collect();
        phases.push(phase("g"));
        Plan {
            groups,
            stages: vec![StagePlan::new("adversarial", phases)],
        }
    }

    fn components(&self) -> Vec<Component> {
        let views = self.auxiliary.contrastive.num_views() as f64;
        let full = self.auxiliary.contrastive.num_full_views() as f64;
        let generator = self.generator().cost(self.text.words);
        let generator = Component::own("generator", generator, 3.0 * views);
        let mut components = vec![generator.kept(views).averaged(self.ema)];
        for (i, discriminator) in self.discriminators().iter().enumerate() {
            let name = format!("discriminators.{i}");
            // Real image and fake with weights, then the fake without.
            // The generator's step holds the maps of all of them.
            let component = Component::own(name, discriminator.cost(), 8.0 * full);
            components.push(component.kept(full).for_training());
        }
        components.extend(self.auxiliary.components(&self.text));
        components
    }
}

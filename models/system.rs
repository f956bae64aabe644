//! The contract between a published system and the one training loop.
//!
//! A family describes itself: what it needs from the data, which frozen networks help it, in which
//! stages it trains, which optimiser steps make up an iteration, and which named loss terms each
//! step minimises. The loop never asks which family it runs.

pub mod check;
mod needs;
mod plan;
mod step;

use std::fmt::Debug;
use std::sync::Arc;

use burn::module::{AutodiffModule, Module};
use burn::prelude::Tensor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{AutodiffBackend, Backend};
use crate::batch::{Batch, Text};
use crate::losses::contrast::Contrast;
use crate::nn::cost::Cost;
use crate::noise::Noise;
use crate::text::captioner::Captioner;
use crate::text::lstm::{Dimensions, Encoder};
use crate::vision::inception::{Inception, InceptionConfig};
use crate::vision::matching::Damsm;
use crate::vision::vgg::{Vgg, VggConfig};

pub use check::Problem;
pub use needs::{Classes, Needs, Partner, Sampling, SmallestBatch, TextForm};
pub use plan::{Group, Optimizer, Phase, Plan, Schedule, StagePlan, slowing};
pub use step::{PhaseLosses, TermValues, by_group};

/// Facts about a family that do not depend on its configuration.
#[derive(Debug, Clone, Copy)]
pub struct Info {
    /// Name in experiment files.
    pub name: &'static str,
    /// One line for `wordpaint list`.
    pub title: &'static str,
    /// Paper or published code it follows.
    pub paper: &'static str,
    /// Whether [`System::generator`] gives something.
    pub makes_images: bool,
}

/// Size of one network, for `wordpaint show`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkCost {
    /// Field name of the network (`generator`).
    pub name: String,
    /// Number of parameters.
    pub parameters: usize,
    /// Multiply-accumulates of one forward pass of one image (or caption).
    pub macs: f64,
    /// Values kept for the backward pass of one image, all feature maps summed.
    pub activations: f64,
    /// Forward-equivalents of this network in one training iteration per sample (a backward pass
    /// counts as two, a backward pass to the input only as one).
    pub passes: f64,
    /// How often its feature maps are held at a time, for the backward pass or, where there is none,
    /// the part of them that is.
    pub kept: f64,
    /// Whether it is not trained.
    pub is_frozen: bool,
}

impl NetworkCost {
    /// Cost of a network whose layers sum to `cost`.
    pub fn new(name: &str, cost: Cost, passes: f64) -> Self {
        Self {
            name: name.to_owned(),
            parameters: cost.parameters,
            macs: cost.macs,
            activations: cost.activations,
            passes,
            kept: 1.0,
            is_frozen: false,
        }
    }

    /// The same network, whose feature maps are held `times` times.
    #[must_use]
    pub fn kept(self, times: f64) -> Self {
        Self {
            kept: times,
            ..self
        }
    }

    /// The same network, not trained.
    #[must_use]
    pub fn frozen(self) -> Self {
        Self {
            is_frozen: true,
            ..self
        }
    }
}

/// The frozen networks a system may be handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AidKind {
    /// VGG convolution stack (`aids.vgg`).
    Vgg,
    /// Inception-v3 (`aids.inception`).
    Inception,
    /// Text encoder of a pretraining (`text.encoder`).
    TextEncoder,
    /// Text encoder and image encoder that were pretrained to match (`text.encoder`).
    Damsm,
    /// Says what is in an image (`aids.captioner`).
    Captioner,
}

impl AidKind {
    /// Whether it comes from a pretraining of encoders, as does the vocabulary then.
    pub const fn is_pretrained(self) -> bool {
        matches!(self, Self::TextEncoder | Self::Damsm)
    }
}

/// `[model]` table of a family.
pub trait SystemConfig:
    Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static
{
    /// Checks ranges and contradictions.
    fn validate(&self) -> Result<(), Problem>;

    /// What the data pipeline has to deliver.
    fn needs(&self) -> Needs;

    /// Fewest samples of a batch from which it learns.
    fn smallest_batch(&self) -> SmallestBatch {
        SmallestBatch::ONE
    }

    /// What the classes of the data are to it.
    fn classes(&self) -> Classes {
        Classes::Unused
    }

    /// Frozen networks without which it cannot train.
    fn aids(&self) -> Vec<AidKind> {
        Vec::new()
    }

    /// Checks that a frozen VGG of this configuration fits; called before any training.
    fn check_vgg(&self, vgg: &VggConfig) -> Result<(), Problem> {
        let _ = vgg;
        Ok(())
    }

    /// The Inception-v3 that a file has to hold, where [`AidKind::Inception`] is asked for.
    fn inception(&self) -> InceptionConfig {
        InceptionConfig::DAMSM
    }

    /// Checks that the pretrained text encoder fits; called before any training.
    fn check_damsm(&self, damsm: &Dimensions) -> Result<(), Problem> {
        let _ = damsm;
        Ok(())
    }

    /// The contrast that experiments may add; `None` of families that know none.
    fn contrast(&self) -> Option<&Contrast> {
        None
    }

    /// Checks that the pretrained image encoder, which describes a region by the first number of
    /// values and a whole image by the second, fits; called before any training.
    fn check_eyes(&self, lengths: [usize; 2]) -> Result<(), Problem> {
        let _ = lengths;
        Ok(())
    }

    /// Forward-equivalents of the pretrained image encoder in one iteration per sample; a painted
    /// image counts as two, because gradients go back to it.
    fn looks(&self) -> f64 {
        0.0
    }

    /// Stages, phases and parameter groups.
    fn plan(&self) -> Plan;

    /// Sizes of its networks, including the frozen ones it runs.
    fn networks(&self) -> Vec<NetworkCost>;
}

/// A composite module: every network that is trained, checkpointed and loaded together.
pub trait System<B: Backend>: Module<B> + Debug + Send + Sync {
    /// Its `[model]` table.
    type Config: SystemConfig;

    /// Facts about the family.
    const INFO: Info;

    /// Module prefixes of networks that only training needs (`discriminator.`).
    const JUDGES: &'static [&'static str] = &[];

    /// Fresh networks, all numbers drawn. The caller seeds the backend before.
    fn init(config: &Self::Config, device: &B::Device) -> Self;

    /// The same without [`Self::JUDGES`]: it makes images and cannot be trained.
    fn init_without_judges(config: &Self::Config, device: &B::Device) -> Self {
        Self::init(config, device)
    }

    /// The system as a maker of images, for those that are one: `Some(self)`.
    fn generator(&self) -> Option<&dyn Generate<B>> {
        None
    }
}

/// A family: a name for its system over all backends.
pub trait Family {
    /// Its `[model]` table.
    type Config: SystemConfig;
    /// Its composite module.
    type System<B: Backend>: System<B, Config = Self::Config>;
}

/// Frozen networks, passed in: neither optimised nor saved with the system.
#[derive(Debug, Clone)]
pub struct Aids<B: Backend> {
    /// VGG convolution stack with the image space its weights expect.
    pub vgg: Option<Vgg<B>>,
    /// Inception-v3 for images in [-1, 1].
    pub inception: Option<Inception<B>>,
    /// Text encoder of a pretraining whose image encoder is not needed.
    pub text: Option<Encoder<B>>,
    /// Encoders that match words with regions and sentences with images.
    pub damsm: Option<Damsm<B>>,
    /// Says what is in an image that the pretrained image encoder sees.
    pub captioner: Option<Captioner<B>>,
}

impl<B: Backend> Default for Aids<B> {
    fn default() -> Self {
        Self {
            vgg: None,
            inception: None,
            text: None,
            damsm: None,
            captioner: None,
        }
    }
}

impl<B: Backend> Aids<B> {
    /// The text encoder of the pretraining.
    pub fn text_encoder(&self) -> Option<&Encoder<B>> {
        let of_pair = self.damsm.as_ref().map(|pair| &pair.text);
        self.text.as_ref().or(of_pair)
    }

    /// The text encoder of the pretraining; `own` where there is none.
    pub fn text_encoder_or(&self, own: Encoder<B>) -> Encoder<B> {
        self.text_encoder().cloned().unwrap_or(own)
    }
}

/// What is known to every phase of one iteration.
#[derive(Debug, Clone)]
pub struct Iteration<B: Backend> {
    /// The batch.
    pub batch: Batch<B>,
    /// Frozen networks.
    pub aids: Arc<Aids<B>>,
    /// Random numbers of this iteration.
    pub noise: Noise,
    /// Iterations of the run before this one, in all stages and also before the run was resumed:
    /// weights ramp and intervals are decided by it.
    pub step: u64,
    /// Name of the running stage.
    pub stage: &'static str,
}

/// One named, weighted loss value.
#[derive(Debug, Clone)]
pub struct Term<B: Backend> {
    /// Name in logs (`g/image`).
    pub name: String,
    /// Factor in the total.
    pub weight: f64,
    /// Unweighted value, `[1]`.
    pub value: Tensor<B, 1>,
}

/// The terms one phase minimises.
#[derive(Debug, Clone)]
pub struct LossTerms<B: Backend> {
    terms: Vec<Term<B>>,
}

impl<B: Backend> Default for LossTerms<B> {
    fn default() -> Self {
        Self { terms: Vec::new() }
    }
}

impl<B: Backend> LossTerms<B> {
    /// No term yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a term; a weight of 0 switches it off and its value is never computed.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        weight: f64,
        value: impl FnOnce() -> Tensor<B, 1>,
    ) -> Self {
        if weight != 0.0 {
            self.terms.push(Term {
                name: name.into(),
                weight,
                value: value(),
            });
        }
        self
    }

    /// The terms in order.
    pub fn terms(&self) -> &[Term<B>] {
        &self.terms
    }

    /// Weighted sum, `[1]`; `None` when every term is switched off.
    pub fn total(&self) -> Option<Tensor<B, 1>> {
        self.terms
            .iter()
            .map(|t| t.value.clone() * t.weight)
            .reduce(|a, b| a + b)
    }
}

/// Training of a system, on a backend that records gradients.
pub trait Train<B: AutodiffBackend>:
    System<B> + AutodiffModule<B, InnerModule: System<B::InnerBackend, Config = Self::Config>>
{
    /// What the phases of one iteration have in common, typically one generator forward.
    type Shared: Clone + Send + 'static;

    /// Computes what the phases share; runs once per iteration, before the first phase.
    fn begin(&self, iteration: &Iteration<B>) -> Self::Shared;

    /// Loss terms of `phase`, on the networks as the earlier phases left them.
    fn losses(
        &self,
        phase: &'static str,
        iteration: &Iteration<B>,
        shared: &Self::Shared,
    ) -> LossTerms<B>;

    /// Takes over what it needs from the frozen networks when a run begins, before the first step.
    #[must_use]
    fn adopt(self, aids: &Aids<B>) -> Self {
        let _ = aids;
        self
    }

    /// Constraint applied after the optimiser step of `phase` (weight clipping, zeroed biases).
    #[must_use]
    fn constrain(self, phase: &'static str) -> Self {
        let _ = phase;
        self
    }

    /// Adapts the networks when `stage` begins (SDN grows its image heads here).
    #[must_use]
    fn enter_stage(self, stage: &'static str, noise: Noise) -> Self {
        let _ = (stage, noise);
        self
    }
}

/// Pictures and what explains them.
#[derive(Debug, Clone)]
pub struct Generated<B: Backend> {
    /// `[batch, 3, size, size]`, range [-1, 1]; several entries where a system draws several images
    /// per caption (SDN's diverse heads) or several resolutions (last = final).
    pub images: Vec<Tensor<B, 4>>,
    /// Where every word was read, `[batch, words, side, side]` per stage that reads words; sums to 1
    /// over the words. Empty where a system reads none.
    pub attention: Vec<Tensor<B, 4>>,
    /// Where the caption was let in, `[batch, 1, side, side]` per block, range [0, 1]. Empty where
    /// it is let in everywhere.
    pub masks: Vec<Tensor<B, 4>>,
}

impl<B: Backend> Generated<B> {
    /// Images without anything that explains them.
    pub const fn of(images: Vec<Tensor<B, 4>>) -> Self {
        Self {
            images,
            attention: Vec::new(),
            masks: Vec::new(),
        }
    }

    /// The images of the final resolution: one per head.
    pub fn finals(&self) -> impl Iterator<Item = &Tensor<B, 4>> {
        let side = |image: &Tensor<B, 4>| image.dims()[3];
        let last = self.images.last().map_or(0, side);
        self.images.iter().filter(move |image| side(image) == last)
    }
}

/// A system that makes images from text; runs on inference backends.
pub trait Generate<B: Backend> {
    /// Images for every first caption of `text`.
    fn generate(&self, text: &Text<B>, noise: Noise) -> Generated<B>;

    /// Whether other noise gives other images.
    fn draws_noise(&self) -> bool {
        true
    }
}

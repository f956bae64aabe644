//! The contract between a published system and the one training loop.
//!
//! A family describes itself: what it needs from the data, which frozen networks help it, in which
//! stages it trains, which optimiser steps make up an iteration, and which named loss terms each
//! step minimises. The loop never asks which family it runs.

pub mod check;
mod component;
mod frozen;
mod generate;
mod losses;
mod needs;
mod plan;
mod step;

use std::fmt::Debug;

use burn::module::{AutodiffModule, Module};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{AutodiffBackend, Backend};
use crate::batch::Batch;
use crate::noise::Noise;
use crate::published::Published;

pub use check::Problem;
pub use component::{Component, Description, NetworkCost, Origin, Pretrained, Size};
pub use frozen::{Frozen, PretrainedNetwork};
pub use generate::{Condition, Generate, Generated, Pipeline};
pub use losses::{LossTerms, Term};
pub use needs::{
    Annotations, BatchFacts, Classes, Needs, Positive, Sampling, SmallestBatch, TextForm, Tokens,
};
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
    /// What its runs are to others.
    pub role: Role,
}

impl Info {
    /// Whether [`System::generator`] gives something.
    pub fn makes_images(&self) -> bool {
        self.role == Role::Generator
    }
}

/// What the trained networks of a family are good for; decides how they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Makes images of texts.
    Generator,
    /// Encoders of texts and of images that match.
    Encoders,
    /// Embeds texts.
    TextEncoder,
    /// Says what is in an image.
    Captioner,
    /// Tells the classes of images.
    Classifier,
    /// Reads attributes off images, for the evaluation of others.
    Probe,
}

/// Settings of `[model]` that several families share: a struct of their own in the configuration, no
/// table for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Field of the configuration.
    pub field: &'static str,
    /// Keys of the struct, which stand in `[model]` itself.
    pub keys: &'static [&'static str],
}

/// `[model]` table of a family. Keys that are not given have the values of the default.
pub trait SystemConfig:
    Serialize + DeserializeOwned + Default + Clone + Debug + Send + Sync + 'static
{
    /// Fields whose keys stand in the table itself.
    const PARTS: &'static [Part] = &[];

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

    /// Checks that it can learn from such batches.
    fn check_batch(&self, batch: &BatchFacts) -> Result<(), Problem> {
        let _ = batch;
        Ok(())
    }

    /// Its networks, those that are handed in included.
    fn components(&self) -> Vec<Component>;

    /// Stages, phases and parameter groups.
    fn plan(&self) -> Plan;

    /// Cost of the networks whose sizes the configuration knows.
    fn networks(&self) -> Vec<NetworkCost> {
        NetworkCost::known(&self.components(), &self.plan())
    }
}

/// Which networks of a system are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// All of its own.
    All,
    /// Those that make images; the system cannot be trained.
    ForGeneration,
}

/// A composite module: every network that is trained, checkpointed and loaded together.
pub trait System<B: Backend>: Module<B> + Debug + Send + Sync {
    /// Its `[model]` table.
    type Config: SystemConfig;

    /// Fresh networks, all numbers drawn. The caller seeds the backend before.
    fn with_parts(config: &Self::Config, parts: Parts, device: &B::Device) -> Self;

    /// All of them.
    fn init(config: &Self::Config, device: &B::Device) -> Self {
        Self::with_parts(config, Parts::All, device)
    }

    /// The system as a maker of images, for those that are one: `Some(self)`.
    fn generator(&self) -> Option<&dyn Generate<B>> {
        None
    }
}

/// A family: one type that stands for its system over all backends and, where several families share
/// an implementation, for what tells it from the others.
pub trait Family: Sized + 'static {
    /// Facts about it.
    const INFO: Info;

    /// Its `[model]` table.
    type Config: SystemConfig;
    /// Its composite module.
    type System<B: Backend>: System<B, Config = Self::Config>;

    /// The weights that its authors published.
    fn weights() -> Published<Self::Config> {
        Published::Unknown
    }
}

/// What is known to every phase of one iteration.
#[derive(Debug, Clone)]
pub struct Iteration<B: Backend> {
    /// The batch.
    pub batch: Batch<B>,
    /// Networks that are handed in.
    pub frozen: Frozen,
    /// Random numbers of this iteration.
    pub noise: Noise,
    /// Iterations of the run before this one, in all stages and also before the run was resumed:
    /// weights ramp and intervals are decided by it.
    pub step: u64,
    /// Name of the running stage.
    pub stage: &'static str,
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

    /// Takes over the networks that are [`Origin::InitialisedFrom`] pretrained ones, when a run
    /// begins, before the first step.
    #[must_use]
    fn initialise_from(self, frozen: &Frozen) -> Self {
        let _ = frozen;
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

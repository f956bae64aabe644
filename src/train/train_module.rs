//! The system in the shape burn-train wants: one step computes the gradients of one phase.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor};
use burn::optim::{GradientsParams, Optimizer};
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::system::{Iteration, Phase, TermValues, Train};

/// Work for one step: an iteration, of which the phase that [`CurrentPhase`] names is wanted.
pub struct Task<B: Backend, H> {
    /// Batch, frozen networks and noise.
    pub iteration: Iteration<B>,
    /// What the phases share; computed by the step when absent.
    pub shared: Option<H>,
}

/// Loss terms of one phase, still on the device.
#[derive(Clone)]
pub struct PhaseOutcome<B: Backend> {
    /// Phase name.
    pub phase: &'static str,
    /// Its terms and what they came to.
    pub values: TermValues<B>,
}

/// A phase's weighted total, read from the device.
#[derive(Debug, Clone)]
pub struct PhaseTerms {
    /// Phase.
    pub phase: &'static str,
    /// Weighted sum of its terms.
    pub total: f64,
}

impl<B: Backend> ItemLazy for PhaseOutcome<B> {
    type ItemSync = PhaseTerms;

    fn sync(self) -> Self::ItemSync {
        let terms = self.values.terms.iter().zip(self.values.read());
        PhaseTerms {
            phase: self.phase,
            total: terms.map(|((_, weight), value)| weight * value).sum(),
        }
    }
}

/// A system with the phases of its running stage.
pub struct TrainModule<B: Backend, S> {
    /// The networks.
    pub system: S,
    /// Phases of the running stage, shared with the strategy that advances them.
    pub current: Arc<CurrentPhase>,
    backend: PhantomData<B>,
}

impl<B: Backend, S> TrainModule<B, S> {
    /// Wraps `system`.
    pub const fn new(system: S, current: Arc<CurrentPhase>) -> Self {
        Self {
            system,
            current,
            backend: PhantomData,
        }
    }
}

/// Which phase runs; read by both halves of a step, the second of which sees gradients only.
#[derive(Debug, Default)]
pub struct CurrentPhase {
    phase: AtomicUsize,
    phases: std::sync::RwLock<Vec<Phase>>,
}

impl CurrentPhase {
    /// Sets the phases of a stage.
    pub fn set_phases(&self, phases: &[Phase]) {
        *self
            .phases
            .write()
            .expect("no code panics while it holds the phases") = phases.to_vec();
        self.phase.store(0, Ordering::Relaxed);
    }

    /// Says that phase `index` runs.
    pub fn enter(&self, index: usize) {
        self.phase.store(index, Ordering::Relaxed);
    }

    /// The running phase.
    ///
    /// # Panics
    ///
    /// If it was never said which one.
    pub fn phase(&self) -> Phase {
        let phases = self
            .phases
            .read()
            .expect("no code panics while it holds the phases");
        let phase = phases.get(self.phase.load(Ordering::Relaxed));
        phase.expect("a phase is entered before a step").clone()
    }
}

impl<B: Backend, S: Clone> Clone for TrainModule<B, S> {
    fn clone(&self) -> Self {
        Self::new(self.system.clone(), Arc::clone(&self.current))
    }
}

impl<B: Backend, S: fmt::Debug> fmt::Debug for TrainModule<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.system.fmt(f)
    }
}

impl<B: Backend, S: fmt::Debug> fmt::Display for TrainModule<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.system.fmt(f)
    }
}

// Burn's derive does not cover a wrapper over a module type; everything is handed on.
impl<B: Backend, S: Module<B>> Module<B> for TrainModule<B, S> {
    type Record = S::Record;

    fn collect_devices(&self, devices: Vec<B::Device>) -> Vec<B::Device> {
        self.system.collect_devices(devices)
    }

    fn fork(self, device: &B::Device) -> Self {
        Self::new(self.system.fork(device), self.current)
    }

    fn to_device(self, device: &B::Device) -> Self {
        Self::new(self.system.to_device(device), self.current)
    }

    fn visit<V: ModuleVisitor<B>>(&self, visitor: &mut V) {
        self.system.visit(visitor);
    }

    fn map<M: ModuleMapper<B>>(self, mapper: &mut M) -> Self {
        Self::new(self.system.map(mapper), self.current)
    }

    fn load_record(self, record: Self::Record) -> Self {
        Self::new(self.system.load_record(record), self.current)
    }

    fn into_record(self) -> Self::Record {
        self.system.into_record()
    }
}

impl<B: AutodiffBackend, S: AutodiffModule<B>> AutodiffModule<B> for TrainModule<B, S> {
    type InnerModule = TrainModule<B::InnerBackend, S::InnerModule>;

    fn valid(&self) -> Self::InnerModule {
        TrainModule::new(self.system.valid(), Arc::clone(&self.current))
    }

    fn from_inner(module: Self::InnerModule) -> Self {
        Self::new(S::from_inner(module.system), module.current)
    }
}

impl<B: AutodiffBackend, S: Train<B> + 'static> TrainStep for TrainModule<B, S> {
    type Input = Task<B, S::Shared>;
    type Output = PhaseOutcome<B::InnerBackend>;

    fn step(&self, task: Self::Input) -> TrainOutput<Self::Output> {
        let shared = task
            .shared
            .unwrap_or_else(|| self.system.begin(&task.iteration));
        let phase = self.current.phase();
        let losses = phase.losses(&self.system, &task.iteration, shared);
        let (grads, values) = losses.backward(&self.system);
        let item = PhaseOutcome {
            phase: phase.name,
            values,
        };
        TrainOutput { grads, item }
    }

    fn optimize<AB, O>(self, optim: &mut O, lr: f64, grads: GradientsParams) -> Self
    where
        AB: burn::tensor::backend::AutodiffBackend,
        O: Optimizer<Self, AB>,
        Self: AutodiffModule<AB>,
    {
        let stepped = optim.step(lr, self, grads);
        let phase = stepped.current.phase();
        Self::new(stepped.system.constrain(phase.name), stepped.current)
    }
}

/// burn-train asks for a validation step; held-out quality is measured by `evaluate` on generated
/// images, so training runs without a validation loader and this is never given an item.
impl<B: Backend, S: Module<B>> InferenceStep for TrainModule<B, S> {
    type Input = Never;
    type Output = Never;

    fn step(&self, item: Self::Input) -> Self::Output {
        item
    }
}

/// A value that does not exist.
pub enum Never {}

impl ItemLazy for Never {
    type ItemSync = Self;

    fn sync(self) -> Self::ItemSync {
        self
    }
}

//! The system in the shape burn-train wants: one step computes the gradients of one phase.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor};
use burn::optim::{GradientsParams, Optimizer};
use burn::prelude::Tensor;
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::system::{Iteration, Phase, Train};

/// Work for one step: an iteration, and the phase whose losses are wanted.
pub struct Task<B: Backend, H> {
    /// Batch, frozen networks and noise.
    pub iteration: Iteration<B>,
    /// Phase of the running stage; the one entered last when absent.
    pub phase: Option<&'static str>,
    /// What the phases share; computed by the step when absent.
    pub shared: Option<H>,
}

/// Loss terms of one phase, still on the device.
#[derive(Clone)]
pub struct PhaseOutcome<B: Backend> {
    /// Phase name.
    pub phase: &'static str,
    /// Term names with their weights.
    pub terms: Vec<(String, f64)>,
    /// Term values in the same order, `[terms]`; `None` without any term.
    pub values: Option<Tensor<B, 1>>,
    /// Parameters that received a gradient.
    pub gradients: usize,
}

impl<B: Backend> PhaseOutcome<B> {
    /// Reads the values (waits for the device).
    pub fn read(&self) -> Vec<f64> {
        self.values
            .as_ref()
            .map_or_else(Vec::new, |v| v.to_data().iter::<f64>().collect())
    }
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
        let values = self.read();
        let total = self
            .terms
            .iter()
            .zip(values)
            .map(|((_, weight), v)| weight * v)
            .sum();
        PhaseTerms {
            phase: self.phase,
            total,
        }
    }
}

/// A system with the phases of its running stage.
pub struct Trainee<B: Backend, S> {
    /// The networks.
    pub system: S,
    /// Phases of the running stage, shared with the strategy that advances them.
    pub current: Arc<Current>,
    backend: PhantomData<B>,
}

impl<B: Backend, S> Trainee<B, S> {
    /// Wraps `system`.
    pub const fn new(system: S, current: Arc<Current>) -> Self {
        Self {
            system,
            current,
            backend: PhantomData,
        }
    }
}

/// Which phase runs; read by [`TrainStep::optimize`], which sees gradients only.
#[derive(Debug, Default)]
pub struct Current {
    phase: AtomicUsize,
    phases: std::sync::RwLock<Vec<Phase>>,
}

impl Current {
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

    /// Name of the running phase.
    pub fn phase(&self) -> Option<&'static str> {
        let phases = self
            .phases
            .read()
            .expect("no code panics while it holds the phases");
        phases
            .get(self.phase.load(Ordering::Relaxed))
            .map(|phase| phase.name)
    }
}

impl<B: Backend, S: Clone> Clone for Trainee<B, S> {
    fn clone(&self) -> Self {
        Self::new(self.system.clone(), Arc::clone(&self.current))
    }
}

impl<B: Backend, S: fmt::Debug> fmt::Debug for Trainee<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.system.fmt(f)
    }
}

impl<B: Backend, S: fmt::Debug> fmt::Display for Trainee<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.system.fmt(f)
    }
}

// Burn's derive does not cover a wrapper over a module type; everything is handed on.
impl<B: Backend, S: Module<B>> Module<B> for Trainee<B, S> {
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

impl<B: AutodiffBackend, S: AutodiffModule<B>> AutodiffModule<B> for Trainee<B, S> {
    type InnerModule = Trainee<B::InnerBackend, S::InnerModule>;

    fn valid(&self) -> Self::InnerModule {
        Trainee::new(self.system.valid(), Arc::clone(&self.current))
    }

    fn from_inner(module: Self::InnerModule) -> Self {
        Self::new(S::from_inner(module.system), module.current)
    }
}

impl<B: AutodiffBackend, S: Train<B> + 'static> TrainStep for Trainee<B, S> {
    type Input = Task<B, S::Shared>;
    type Output = PhaseOutcome<B::InnerBackend>;

    fn step(&self, task: Self::Input) -> TrainOutput<Self::Output> {
        let shared = task
            .shared
            .unwrap_or_else(|| self.system.begin(&task.iteration));
        let phase = task
            .phase
            .or_else(|| self.current.phase())
            .unwrap_or_default();
        let losses = self.system.losses(phase, &task.iteration, &shared);
        // The graph of the shared forward must stay alive for later phases only.
        drop(shared);
        let names = losses
            .terms()
            .iter()
            .map(|t| (t.name.clone(), t.weight))
            .collect();
        let values: Vec<_> = losses
            .terms()
            .iter()
            .map(|t| t.value.clone().inner())
            .collect();
        let grads = losses.total().map_or_else(GradientsParams::new, |total| {
            GradientsParams::from_grads(total.backward(), &self.system)
        });
        let item = PhaseOutcome {
            phase,
            terms: names,
            values: (!values.is_empty()).then(|| Tensor::cat(values, 0)),
            gradients: grads.len(),
        };
        TrainOutput { grads, item }
    }

    fn optimize<AB, O>(self, optim: &mut O, lr: f64, grads: GradientsParams) -> Self
    where
        AB: burn::tensor::backend::AutodiffBackend,
        O: Optimizer<Self, AB>,
        Self: AutodiffModule<AB>,
    {
        let current = Arc::clone(&self.current);
        let stepped = optim.step(lr, self, grads);
        match current.phase() {
            Some(phase) => Self::new(stepped.system.constrain(phase), current),
            None => stepped,
        }
    }
}

/// burn-train asks for a validation step; held-out quality is measured by `evaluate` on generated
/// images, so training runs without a validation loader and this is never given an item.
impl<B: Backend, S: Module<B>> InferenceStep for Trainee<B, S> {
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

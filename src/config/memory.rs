//! Memory of a training, estimated from layer sizes.

use wordpaint_models::system::{Component, Group, NetworkCost, Optimizer, Size};

use super::family::Facts;
use super::schema::Experiment;

/// Bytes of a 32-bit float.
pub(super) const FLOAT: f64 = 4.0;
/// Feature maps are held once for the backward pass; gradients and scratch take room beside the few
/// that are in work.
const SCRATCH: f64 = 1.25;
/// The program itself with its threads and buffers, in bytes.
const PROGRAM: f64 = 64.0 * 1024.0 * 1024.0;

/// Numbers that a training holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemoryEstimate {
    /// Trained weights.
    trained: f64,
    /// The optimisers' moments.
    moments: f64,
    /// Averaged weights.
    averaged: f64,
    /// Weights that are not trained, those of networks that are handed in included.
    frozen: f64,
    /// Gradients of the dearest phase.
    gradients: f64,
    /// Feature maps of a batch.
    maps: f64,
    /// Images that are read, wait, and are in work.
    images: f64,
}

/// Batches that wait for a step, beside those in the hands of the workers, and the one it works on.
const WAITING: usize = 3;

/// Numbers of the images between the disk and a step.
fn images(experiment: &Experiment, facts: &Facts) -> f64 {
    let area = |side: f64| 3.0 * side * side;
    let sizes = &facts.needs.image_sizes;
    let mut sample: f64 = sizes.iter().map(|side| area(*side as f64)).sum();
    if facts.needs.has_mismatched {
        sample *= 2.0;
    }
    let workers = match experiment.data.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let batches = (workers + WAITING) as f64;
    // Before and after resizing, one byte per value.
    let decoded = workers as f64 * 2.0 * area(f64::from(experiment.data.load_size)) / FLOAT;
    batches * experiment.train.batch_size as f64 * sample + decoded
}

impl MemoryEstimate {
    /// Of an experiment with these `networks`.
    pub(super) fn of(experiment: &Experiment, facts: &Facts, networks: &[NetworkCost]) -> Self {
        let batch = experiment.train.batch_size as f64;
        let trained = parameters(facts, |component| component.is_trained(&facts.plan));
        let moments = facts.plan.groups.iter().map(|group| {
            let over = experiment.train.optimizer.get(group.name);
            let optimizer = over.and_then(|over| over.optimizer.as_ref());
            kept(optimizer.unwrap_or(&group.optimizer)) * of_group(facts, group)
        });
        let averaged = parameters(facts, |component| component.ema.is_some());
        let phases = facts.plan.stages.iter().flat_map(|stage| &stage.phases);
        let gradients = phases.map(|phase| {
            let groups = facts.plan.groups.iter();
            let groups = groups.filter(|group| phase.groups.contains(&group.name));
            groups.map(|group| of_group(facts, group)).sum::<f64>()
        });
        Self {
            trained,
            moments: moments.sum(),
            averaged,
            frozen: networks
                .iter()
                .filter(|network| network.is_frozen)
                .map(|network| network.parameters as f64)
                .sum(),
            gradients: gradients.fold(0.0, f64::max),
            maps: networks
                .iter()
                .map(|network| network.activations * network.kept * batch)
                .sum(),
            images: images(experiment, facts),
        }
    }

    /// The most that is held at a time, in bytes: in a step, while a checkpoint is put together, or
    /// while frozen networks are read.
    pub(super) fn peak(&self) -> f64 {
        let held = self.trained + self.moments + self.averaged + self.frozen;
        let step = held + self.gradients + SCRATCH * self.maps + self.images;
        let saving = held + self.saving();
        // Beside the network: the file, its arrays, and the fresh weights they take the place of.
        let reading = self.trained + 4.0 * self.frozen;
        PROGRAM + FLOAT * step.max(saving).max(reading)
    }

    /// A file of a checkpoint before it is written: copies of its tensors, and these as bytes.
    const fn saving(&self) -> f64 {
        2.0 * self.moments.max(self.trained).max(self.averaged)
    }

    /// One checkpoint on disk, in bytes.
    pub(super) const fn checkpoint(&self) -> f64 {
        FLOAT * (self.trained + self.moments + self.averaged)
    }
}

/// Parameters of the components that `is_meant`, as far as the configuration knows their sizes.
fn parameters(facts: &Facts, is_meant: impl Fn(&Component) -> bool) -> f64 {
    let components = facts
        .components
        .iter()
        .filter(|component| is_meant(component));
    let sizes = components.filter_map(|component| match component.size {
        Size::Layers(cost) => Some(cost.parameters as f64),
        Size::Of(_) => None,
    });
    sizes.sum()
}

/// Parameters of a group.
fn of_group(facts: &Facts, group: &Group) -> f64 {
    parameters(facts, |component| component.is_of(group))
}

/// Numbers that an optimiser keeps per parameter.
fn kept(optimizer: &Optimizer) -> f64 {
    match optimizer {
        Optimizer::Adam { .. } => 2.0,
        Optimizer::Rmsprop { .. } => 1.0,
        Optimizer::Sgd { momentum, .. } => f64::from(u8::from(*momentum != 0.0)),
    }
}

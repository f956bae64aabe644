//! How a system is trained: optimisers, their schedules, and the steps of its stages.

use serde::Serialize;

/// Optimiser of a parameter group. `eps` and betas are always explicit because Burn's defaults
/// differ from those of the published code.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Adam without decoupled weight decay.
    Adam {
        /// Learning rate.
        lr: f64,
        /// First and second moment decay.
        betas: [f32; 2],
        /// Added to the root of the second moment.
        eps: f32,
    },
    /// RMSprop (Torch's: no momentum, not centred).
    Rmsprop {
        /// Learning rate.
        lr: f64,
        /// Smoothing constant.
        alpha: f32,
        /// Added to the root.
        eps: f32,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Momentum, 0 for none.
        momentum: f64,
    },
}

/// Learning-rate factor as a function of the epoch (0-based).
#[derive(Debug, Clone, PartialEq, Default, Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Factor 1.
    #[default]
    Constant,
    /// Multiplied by `factor` after every `every` epochs.
    StepDecay {
        /// Epochs between two decays.
        every: usize,
        /// Factor of one decay.
        factor: f64,
    },
    /// Multiplied by `factor` after every epoch that began above `floor`.
    DecayTo {
        /// Factor of one decay.
        factor: f64,
        /// Share of the base rate below which nothing decays any more.
        floor: f64,
    },
}

impl Schedule {
    /// Factor on the base rate in `epoch` (0-based).
    pub fn factor(&self, epoch: usize) -> f64 {
        match *self {
            Self::Constant => 1.0,
            Self::StepDecay { every, factor } => factor.powi((epoch / every.max(1)) as i32),
            Self::DecayTo { factor, floor } => {
                let mut rate = 1.0;
                for _ in 0..epoch {
                    if rate <= floor {
                        break;
                    }
                    rate *= factor;
                }
                rate
            }
        }
    }
}

/// Parameters that share one optimiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name in experiment files (`train.optimizer.NAME`).
    pub name: &'static str,
    /// Module paths it covers: a parameter belongs to it when its path starts with one of these.
    pub prefixes: Vec<&'static str>,
    /// Default settings, as published.
    pub optimizer: Optimizer,
    /// Default schedule, as published.
    pub schedule: Schedule,
    /// Longest norm of all its gradients together; longer ones are shortened.
    pub clip: Option<f64>,
}

/// One optimiser step of an iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Name, prefix of its loss terms (`d`, `g`).
    pub name: &'static str,
    /// Groups it updates. The same parameters may appear in two groups of two phases, each with its
    /// own moments.
    pub groups: Vec<&'static str>,
    /// Runs in every n-th iteration.
    pub every: usize,
}

/// A part of training with its own phases; the optimiser starts afresh in each.
#[derive(Debug, Clone, PartialEq)]
pub struct StagePlan {
    /// Name in experiment files (`[[train.stages]]`).
    pub name: &'static str,
    /// Steps of an iteration in order.
    pub phases: Vec<Phase>,
    /// Whether the optimiser state is thrown away at the start of each epoch (DAMSM).
    pub has_fresh_optimizer_per_epoch: bool,
}

/// Everything the loop has to know about the training of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Parameter groups.
    pub groups: Vec<Group>,
    /// The stages this family can train, in published order; an experiment lists which it runs.
    pub stages: Vec<StagePlan>,
}

impl Plan {
    /// Phases that train discriminators alone: all their parameters are in modules called so.
    pub fn discriminators(&self) -> Vec<&'static str> {
        let is_judge = |name: &&'static str| {
            let mut groups = self.groups.iter().filter(|group| group.name == *name);
            groups.any(|group| {
                group
                    .prefixes
                    .iter()
                    .all(|p| p.starts_with("discriminator"))
            })
        };
        let phases = self.stages.iter().flat_map(|stage| &stage.phases);
        let phases = phases.filter(|phase| phase.groups.iter().all(is_judge));
        phases.map(|phase| phase.name).collect()
    }

    /// One stage of one phase, which trains all of `group`.
    pub fn single(stage: &'static str, phase: &'static str, group: Group) -> Self {
        Self {
            stages: vec![StagePlan {
                name: stage,
                phases: vec![Phase {
                    name: phase,
                    groups: vec![group.name],
                    every: 1,
                }],
                has_fresh_optimizer_per_epoch: false,
            }],
            groups: vec![group],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decaying_rate_stops_below_its_floor() {
        let schedule = Schedule::DecayTo {
            factor: 0.98,
            floor: 0.1,
        };

        // DAMSM: 114 decays from 0.002, then 1.9990e-4.
        assert_eq!(schedule.factor(0), 1.0);
        assert!((schedule.factor(1) - 0.98).abs() < 1e-12);
        assert!((0.002 * schedule.factor(114) - 1.9990e-4).abs() < 1e-8);
        assert_eq!(schedule.factor(114), schedule.factor(600));
    }
}

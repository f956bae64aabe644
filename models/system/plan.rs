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

impl Optimizer {
    /// The optimiser for parameters that get more steps than there are iterations: the rate is
    /// multiplied by `ratio`, and every decay is taken to that power, so that both stay what they
    /// are per iteration. With a ratio of 1 nothing changes.
    #[must_use]
    pub fn slowed(&self, ratio: f64) -> Self {
        // StyleGAN3, training/training_loop.py: `lr * mb_ratio`, `beta ** mb_ratio`.
        let decay = |beta: f32| f64::from(beta).powf(ratio) as f32;
        match *self {
            Self::Adam { lr, betas, eps } => Self::Adam {
                lr: lr * ratio,
                betas: betas.map(decay),
                eps,
            },
            Self::Rmsprop { lr, alpha, eps } => Self::Rmsprop {
                lr: lr * ratio,
                alpha: decay(alpha),
                eps,
            },
            Self::Sgd { lr, momentum } => Self::Sgd {
                lr: lr * ratio,
                momentum: momentum.powf(ratio),
            },
        }
    }
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

impl Group {
    /// Whether the parameter at `path` belongs to it.
    pub fn covers(&self, path: &str) -> bool {
        self.prefixes.iter().any(|prefix| path.starts_with(prefix))
    }
}

/// One optimiser step of an iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Name, prefix of its loss terms (`d`, `g`).
    pub name: &'static str,
    /// Groups it updates. The same parameters may appear in two groups of two phases, each with its
    /// own moments.
    pub groups: Vec<&'static str>,
    /// Runs in every n-th iteration of its stage, from the first on; at least 1.
    pub every: usize,
    /// Whether it stands for n runs (lazy regularisation): its loss counts n times, and the
    /// optimisers of its groups are slowed by [`slowing`].
    pub is_lazy: bool,
}

impl Phase {
    /// A step of every iteration that updates `groups`.
    pub fn new<const N: usize>(name: &'static str, groups: [&'static str; N]) -> Self {
        Self {
            name,
            groups: groups.to_vec(),
            every: 1,
            is_lazy: false,
        }
    }

    /// The same in every n-th iteration alone.
    #[must_use]
    pub fn every(self, iterations: usize) -> Self {
        Self {
            every: iterations,
            ..self
        }
    }

    /// The same in every n-th iteration in place of all of them: a regularisation that is costly and
    /// need not be exact in each.
    #[must_use]
    pub fn lazy(self, iterations: usize) -> Self {
        Self {
            every: iterations,
            is_lazy: true,
            ..self
        }
    }

    /// Whether it runs in the iteration after `done` ones of its stage.
    pub fn is_due(&self, done: u64) -> bool {
        done.is_multiple_of(self.every.max(1) as u64)
    }

    /// Factor on its loss.
    pub const fn gain(&self) -> f64 {
        if self.is_lazy {
            self.every as f64 // StyleGAN3, training/training_loop.py: `gain=phase.interval`
        } else {
            1.0
        }
    }
}

/// By how much the optimiser of `group` is slowed ([`Optimizer::slowed`]) in a stage of `phases`:
/// n / (n + 1) with a lazy phase in every n-th iteration, 1 without.
pub fn slowing(phases: &[Phase], group: &str) -> f64 {
    let lazy = phases
        .iter()
        .filter(|phase| phase.is_lazy && phase.groups.contains(&group));
    // StyleGAN3, training/training_loop.py: `mb_ratio`.
    lazy.fold(1.0, |ratio, phase| {
        let n = phase.every.max(1) as f64;
        ratio * n / (n + 1.0)
    })
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

impl StagePlan {
    /// A stage whose iterations consist of `phases`; the optimiser state is kept from epoch to epoch.
    pub const fn new(name: &'static str, phases: Vec<Phase>) -> Self {
        Self {
            name,
            phases,
            has_fresh_optimizer_per_epoch: false,
        }
    }
}

/// Everything the loop has to know about the training of a family.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Parameter groups.
    pub groups: Vec<Group>,
    /// The stages this family can train, in published order; an experiment lists which it runs.
    pub stages: Vec<StagePlan>,
}

impl Plan {
    /// Phases that train discriminators alone: all their parameters are in modules called so.
    pub fn discriminators(&self) -> Vec<&'static str> {
        let is_discriminator = |name: &&'static str| {
            let mut groups = self.groups.iter().filter(|group| group.name == *name);
            groups.any(|group| {
                group
                    .prefixes
                    .iter()
                    .all(|p| p.starts_with("discriminator"))
            })
        };
        let phases = self.stages.iter().flat_map(|stage| &stage.phases);
        let phases = phases.filter(|phase| phase.groups.iter().all(is_discriminator));
        phases.map(|phase| phase.name).collect()
    }

    /// One stage of one phase, which trains all of `group`.
    pub fn single(stage: &'static str, phase: &'static str, group: Group) -> Self {
        let phase = Phase::new(phase, [group.name]);
        Self {
            stages: vec![StagePlan::new(stage, vec![phase])],
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

    #[test]
    fn a_lazy_phase_slows_the_optimisers_of_its_groups_and_counts_for_the_iterations_it_skips() {
        let adam = Optimizer::Adam {
            lr: 0.002,
            betas: [0.0, 0.99],
            eps: 1e-8,
        };
        let phases = [
            Phase::new("d", ["discriminator"]),
            Phase::new("r1", ["discriminator"]).lazy(16),
            Phase::new("g", ["generator"]).every(3),
        ];

        let ratio = slowing(&phases, "discriminator");

        assert_eq!(ratio, 16.0 / 17.0);
        let Optimizer::Adam { lr, betas, eps } = adam.slowed(ratio) else {
            panic!("it stays Adam")
        };
        assert_eq!((lr, betas[0], eps), (0.002 * 16.0 / 17.0, 0.0, 1e-8));
        let expected = 0.99_f64.powf(16.0 / 17.0);
        assert!((f64::from(betas[1]) - expected).abs() < 1e-7, "{betas:?}");
        // Nothing else is changed, to the last bit.
        assert_eq!(slowing(&phases, "generator"), 1.0);
        assert_eq!(adam.slowed(1.0), adam);
        assert_eq!(phases.each_ref().map(Phase::gain), [1.0, 16.0, 1.0]);
        let due = |phase: &Phase| {
            (0..33)
                .filter(|&done| phase.is_due(done))
                .collect::<Vec<_>>()
        };
        assert_eq!(due(&phases[1]), [0, 16, 32]);
        assert_eq!(due(&phases[2])[..3], [0, 3, 6]);
        assert_eq!(due(&phases[0]).len(), 33);
    }
}

//! One optimiser step of an iteration, from the losses of its phase to gradients by group.
//!
//! The training loop, the timing of steps and the tests of systems are made of the same parts:
//! [`Phase::losses`], [`PhaseLosses::backward`], [`by_group`], an optimiser, [`Train::constrain`].
//! With several copies of a system the first two run once per copy, on its own device and its share
//! of the batch, and what follows once, on the mean of their gradients.

use std::collections::BTreeMap;

use burn::module::{AutodiffModule, Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::prelude::Tensor;

use super::{Iteration, Phase, Term, Train};
use crate::backend::{AutodiffBackend, Backend};

/// Values of a phase's loss terms, still on the device.
#[derive(Debug, Clone)]
pub struct TermValues<B: Backend> {
    /// Names with their weights.
    pub terms: Vec<(String, f64)>,
    /// Unweighted values in the same order, `[terms]`; `None` without any term.
    pub values: Option<Tensor<B, 1>>,
}

impl<B: Backend> TermValues<B> {
    /// Reads the values (waits for the device).
    pub fn read(&self) -> Vec<f64> {
        self.values
            .as_ref()
            .map_or_else(Vec::new, |v| v.to_data().iter::<f64>().collect())
    }
}

/// Losses of a phase, before the way back.
#[derive(Debug)]
pub struct PhaseLosses<B: AutodiffBackend> {
    values: TermValues<B::InnerBackend>,
    total: Option<Tensor<B, 1>>,
}

impl Phase {
    /// Computes the losses of the phase. With the last handle on `shared`, its graph is freed by the
    /// way back.
    pub fn losses<B: AutodiffBackend, S: Train<B>>(
        &self,
        system: &S,
        iteration: &Iteration<B>,
        shared: S::Shared,
    ) -> PhaseLosses<B> {
        let losses = system.losses(self.name, iteration, &shared);
        drop(shared);
        let name = |term: &Term<B>| (term.name.clone(), term.weight);
        let value = |term: &Term<B>| term.value.clone().inner();
        let values: Vec<_> = losses.terms().iter().map(value).collect();
        let total = losses.total();
        PhaseLosses {
            values: TermValues {
                terms: losses.terms().iter().map(name).collect(),
                values: (!values.is_empty()).then(|| Tensor::cat(values, 0)),
            },
            total: match total {
                Some(total) if self.is_lazy => Some(total * self.gain()),
                total => total,
            },
        }
    }
}

impl<B: AutodiffBackend> PhaseLosses<B> {
    /// Gradients by the parameters of `module`, and what the terms were. Without any term there are
    /// no gradients.
    pub fn backward<M: AutodiffModule<B>>(
        self,
        module: &M,
    ) -> (GradientsParams, TermValues<B::InnerBackend>) {
        let gradients = self.total.map_or_else(GradientsParams::new, |total| {
            GradientsParams::from_grads(total.backward(), module)
        });
        (gradients, self.values)
    }
}

struct Distribute<'a, F> {
    names: &'a BTreeMap<ParamId, String>,
    group_of: F,
    from: &'a mut GradientsParams,
    to: Vec<GradientsParams>,
}

impl<B: AutodiffBackend, F: Fn(&str) -> Option<usize>> ModuleVisitor<B> for Distribute<'_, F> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Some(group) = self.names.get(&param.id).and_then(|n| (self.group_of)(n)) else {
            return;
        };
        if let Some(gradient) = self.from.remove::<B::InnerBackend, D>(param.id) {
            self.to[group].register(param.id, gradient);
        }
    }
}

/// Distributes `gradients` over `count` groups; `group_of` tells the group of a parameter from its
/// name in `names`. Gradients of parameters without a group stay.
pub fn by_group<B: AutodiffBackend, M: Module<B>>(
    module: &M,
    names: &BTreeMap<ParamId, String>,
    count: usize,
    group_of: impl Fn(&str) -> Option<usize>,
    gradients: &mut GradientsParams,
) -> Vec<GradientsParams> {
    let mut distribute = Distribute {
        names,
        group_of,
        from: gradients,
        to: (0..count).map(|_| GradientsParams::new()).collect(),
    };
    module.visit(&mut distribute);
    distribute.to
}

//! Several optimisers behind the one that burn-train's learner holds.
//!
//! Groups are chosen by module path. The state lives behind a shared handle, so that the training
//! strategy can say which phase runs and can save the moments while the learner owns the optimiser.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use burn::module::{AutodiffModule, Module, ModuleVisitor, Param, ParamId};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::momentum::MomentumConfig;
use burn::optim::record::AdaptorRecord;
use burn::optim::{
    GradientsParams, LearningRate, MultiGradientsParams, Optimizer, RmsProp, RmsPropConfig, Sgd,
    SgdConfig,
};
use burn::prelude::{ElementConversion, Tensor};
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::grad_clip::clip_norm;
use wordpaint_models::state::param_ids;
use wordpaint_models::system::{self, Phase, Schedule, by_group, slowing};

use super::adam::Adam;
use super::moments;

/// Settings of one group after the experiment's overrides.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSettings {
    /// Name in experiment files and logs.
    pub name: String,
    /// Module paths it covers.
    pub prefixes: Vec<String>,
    /// Optimiser and base learning rate.
    pub optimizer: system::Optimizer,
    /// Learning-rate factor by epoch.
    pub schedule: Schedule,
    /// Longest norm of the group's gradients together.
    pub clip: Option<f64>,
}

impl GroupSettings {
    /// Learning rate in `epoch` (0-based within the stage).
    pub fn lr(&self, epoch: usize) -> f64 {
        self.base_rate() * self.schedule.factor(epoch)
    }

    const fn base_rate(&self) -> f64 {
        match self.optimizer {
            system::Optimizer::Adam { lr, .. }
            | system::Optimizer::Rmsprop { lr, .. }
            | system::Optimizer::Sgd { lr, .. } => lr,
        }
    }

    /// The group's gradients within its norm.
    fn clipped<M: Module<B>, B: AutodiffBackend>(
        &self,
        module: &M,
        grads: GradientsParams,
    ) -> GradientsParams {
        match self.clip {
            Some(limit) => clip_norm::<B, M>(module, grads, limit).0,
            None => grads,
        }
    }

    fn covers(&self, path: &str) -> bool {
        self.prefixes
            .iter()
            .any(|prefix| path.starts_with(prefix.as_str()))
    }
}

/// One of the optimisers.
#[derive(Clone)]
enum Inner<M: AutodiffModule<B>, B: AutodiffBackend> {
    Adam(OptimizerAdaptor<Adam, M, B>),
    Rmsprop(OptimizerAdaptor<RmsProp, M, B>),
    Sgd(OptimizerAdaptor<Sgd<B::InnerBackend>, M, B>),
}

impl<M: AutodiffModule<B>, B: AutodiffBackend> Inner<M, B> {
    fn new(settings: &system::Optimizer) -> Self {
        match *settings {
            system::Optimizer::Adam { betas, eps, .. } => Self::Adam(Adam::new(betas, eps).into()),
            system::Optimizer::Rmsprop { alpha, eps, .. } => Self::Rmsprop(
                RmsPropConfig::new()
                    .with_alpha(alpha)
                    .with_epsilon(eps)
                    .with_momentum(0.0)
                    .with_centered(false)
                    .init(),
            ),
            system::Optimizer::Sgd { momentum, .. } => {
                let config = SgdConfig::new();
                let config = if momentum == 0.0 {
                    config
                } else {
                    config.with_momentum(Some(
                        MomentumConfig::new()
                            .with_momentum(momentum)
                            .with_dampening(0.0)
                            .with_nesterov(false),
                    ))
                };
                Self::Sgd(config.init())
            }
        }
    }

    /// Its moments in an optimiser of the same kind with other settings.
    fn with(&self, settings: Self) -> Self {
        match (self, settings) {
            (Self::Adam(own), Self::Adam(to)) => Self::Adam(to.load_record(own.to_record())),
            (Self::Rmsprop(own), Self::Rmsprop(to)) => {
                Self::Rmsprop(to.load_record(own.to_record()))
            }
            (Self::Sgd(own), Self::Sgd(to)) => Self::Sgd(to.load_record(own.to_record())),
            (_, settings) => settings,
        }
    }

    fn step(&mut self, lr: LearningRate, module: M, grads: GradientsParams) -> M {
        match self {
            Self::Adam(optimizer) => optimizer.step(lr, module, grads),
            Self::Rmsprop(optimizer) => optimizer.step(lr, module, grads),
            Self::Sgd(optimizer) => optimizer.step(lr, module, grads),
        }
    }

    fn step_multi(&mut self, lr: LearningRate, module: M, grads: MultiGradientsParams) -> M {
        match self {
            Self::Adam(optimizer) => optimizer.step_multi(lr, module, grads),
            Self::Rmsprop(optimizer) => optimizer.step_multi(lr, module, grads),
            Self::Sgd(optimizer) => optimizer.step_multi(lr, module, grads),
        }
    }
}

/// Moments of one optimiser by parameter name.
type Named<O, B> = Vec<(String, AdaptorRecord<O, B>)>;
/// Moments of a group: of whichever optimiser it has, the other lists are empty.
type GroupRecord<B> = (
    Named<Adam, B>,
    Named<RmsProp, B>,
    Named<Sgd<<B as burn::tensor::backend::AutodiffBackend>::InnerBackend>, B>,
);

struct State<M: AutodiffModule<B>, B: AutodiffBackend> {
    settings: Vec<GroupSettings>,
    inner: Vec<Inner<M, B>>,
    /// Name of each parameter.
    names: BTreeMap<ParamId, String>,
    /// By how much each group is slowed in the running stage.
    slowing: Vec<f64>,
    /// Groups the running phase updates, by position.
    active: Vec<usize>,
    /// Epoch of the running stage, for schedules.
    epoch: usize,
    /// Parameters updated by the last step.
    updated: usize,
}

/// The optimiser handed to the learner; clones share their state.
pub struct GroupOptimizer<M: AutodiffModule<B>, B: AutodiffBackend> {
    state: Arc<Mutex<State<M, B>>>,
}

impl<M: AutodiffModule<B>, B: AutodiffBackend> Clone for GroupOptimizer<M, B> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
        }
    }
}

impl<M: AutodiffModule<B>, B: AutodiffBackend> GroupOptimizer<M, B> {
    /// Fresh optimisers for `module`.
    pub fn new(settings: Vec<GroupSettings>, module: &M) -> Self {
        let names = param_ids::<B, M>(module)
            .into_iter()
            .map(|(name, id)| (id, name))
            .collect();
        let inner = settings
            .iter()
            .map(|group| Inner::new(&group.optimizer))
            .collect();
        let state = State {
            slowing: vec![1.0; settings.len()],
            settings,
            inner,
            names,
            active: Vec::new(),
            epoch: 0,
            updated: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<M, B>> {
        self.state
            .lock()
            .expect("no optimiser step panics while it holds the state")
    }

    /// Throws all moments away.
    pub fn reset(&self) {
        let mut state = self.lock();
        state.inner = (0..state.settings.len()).map(|i| state.fresh(i)).collect();
    }

    /// Says of which phases the iterations of the running stage consist; moments stay as they are.
    pub fn set_phases(&self, phases: &[Phase]) {
        let mut state = self.lock();
        for i in 0..state.settings.len() {
            state.slowing[i] = slowing(phases, &state.settings[i].name);
            state.inner[i] = state.inner[i].with(state.fresh(i));
        }
    }

    /// Says which phase runs next, and in which epoch of the stage it falls.
    pub fn enter(&self, phase: &Phase, epoch: usize) {
        let mut state = self.lock();
        let position = |name: &&str| state.settings.iter().position(|group| group.name == **name);
        state.active = phase.groups.iter().filter_map(position).collect();
        state.epoch = epoch;
    }

    /// Parameters the last step updated; missing gradients are silent in Burn.
    pub fn updated(&self) -> usize {
        self.lock().updated
    }

    /// Name of the first parameter of `module` whose second moment in Adam is not finite: it would
    /// never change again.
    pub fn overflown(&self, module: &M) -> Option<String> {
        let state = self.lock();
        state.inner.iter().find_map(|inner| {
            let Inner::Adam(optimizer) = inner else {
                return None;
            };
            let mut search = Search::<B> {
                records: optimizer.to_record().into_iter().collect(),
                found: None,
            };
            module.visit(&mut search);
            state.names.get(&search.found?).cloned()
        })
    }

    /// Learning rate of every group before its schedule.
    pub fn base_rates(&self) -> BTreeMap<String, f64> {
        let state = self.lock();
        let rate = |group: &GroupSettings| (group.name.clone(), group.base_rate());
        state.settings.iter().map(rate).collect()
    }

    /// What is wrong with the first moments that have another shape than their parameter of
    /// `module`; a step would fail on them.
    pub fn misshapen(&self, module: &M) -> Option<String> {
        let state = self.lock();
        let found = state.inner.iter().find_map(|inner| match inner {
            Inner::Adam(o) => moments::misshapen(module, o.to_record()),
            Inner::Rmsprop(o) => moments::misshapen(module, o.to_record()),
            Inner::Sgd(o) => moments::misshapen(module, o.to_record()),
        })?;
        let name = state.names.get(&found.param).map_or("", String::as_str);
        Some(format!(
            "`{name}` has the shape {:?}, its moments have {}; they belong to another \
             configuration",
            found.expected, found.found
        ))
    }

    /// Learning rate of every group in `epoch`.
    pub fn learning_rates(&self, epoch: usize) -> BTreeMap<String, f64> {
        let state = self.lock();
        let rate = |(i, group): (usize, &GroupSettings)| (group.name.clone(), state.lr(i, epoch));
        state.settings.iter().enumerate().map(rate).collect()
    }
}

impl<M: AutodiffModule<B>, B: AutodiffBackend> State<M, B> {
    /// The optimiser of a group without moments.
    fn fresh(&self, group: usize) -> Inner<M, B> {
        let settings = &self.settings[group].optimizer;
        Inner::new(&settings.slowed(self.slowing[group]))
    }

    /// Learning rate of a group in `epoch`.
    fn lr(&self, group: usize, epoch: usize) -> f64 {
        self.settings[group].lr(epoch) * self.slowing[group]
    }

    /// Distributes gradients over the active groups.
    fn split(&self, module: &M, grads: &mut GradientsParams) -> Vec<GradientsParams> {
        let group_of = |name: &str| {
            let mut active = self.active.iter();
            active.position(|&group| self.settings[group].covers(name))
        };
        by_group::<B, M>(module, &self.names, self.active.len(), group_of, grads)
    }
}

/// Looks for second moments that are not finite.
struct Search<B: AutodiffBackend> {
    records: BTreeMap<ParamId, AdaptorRecord<Adam, B>>,
    found: Option<ParamId>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Search<B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Some(record) = self.records.remove(&param.id) else {
            return;
        };
        let moment = record.into_state::<D>().momentum.moment_2;
        let sum: f64 = moment.sum().into_scalar().elem();
        if !sum.is_finite() && self.found.is_none() {
            self.found = Some(param.id);
        }
    }
}

impl<M: AutodiffModule<B>, B: AutodiffBackend> Optimizer<M, B> for GroupOptimizer<M, B> {
    type Record = Vec<(String, GroupRecord<B>)>;

    fn step(&mut self, lr: LearningRate, mut module: M, mut grads: GradientsParams) -> M {
        let mut state = self.lock();
        let parts = state.split(&module, &mut grads);
        let (active, epoch) = (state.active.clone(), state.epoch);
        state.updated = parts.iter().map(GradientsParams::len).sum();
        for (group, part) in active.into_iter().zip(parts) {
            if !part.is_empty() {
                let rate = lr * state.lr(group, epoch);
                let part = state.settings[group].clipped::<M, B>(&module, part);
                module = state.inner[group].step(rate, module, part);
            }
        }
        module
    }

    fn step_multi(&mut self, lr: LearningRate, mut module: M, grads: MultiGradientsParams) -> M {
        let mut state = self.lock();
        let mut parts: Vec<MultiGradientsParams> = state
            .active
            .iter()
            .map(|_| MultiGradientsParams::default())
            .collect();
        for (mut grads, device) in grads.grads {
            for (part, own) in parts.iter_mut().zip(state.split(&module, &mut grads)) {
                part.grads.push((own, device));
            }
        }
        let (active, epoch) = (state.active.clone(), state.epoch);
        state.updated = parts
            .iter()
            .flat_map(|part| &part.grads)
            .map(|(g, _)| g.len())
            .sum();
        for (group, mut part) in active.into_iter().zip(parts) {
            let rate = lr * state.lr(group, epoch);
            for (grads, _) in &mut part.grads {
                let own = std::mem::take(grads);
                *grads = state.settings[group].clipped::<M, B>(&module, own);
            }
            module = state.inner[group].step_multi(rate, module, part);
        }
        module
    }

    fn to_record(&self) -> Self::Record {
        let state = self.lock();
        let group = |(settings, inner): (&GroupSettings, &Inner<M, B>)| {
            let record = match inner {
                Inner::Adam(o) => (named(o.to_record(), &state.names), Vec::new(), Vec::new()),
                Inner::Rmsprop(o) => (Vec::new(), named(o.to_record(), &state.names), Vec::new()),
                Inner::Sgd(o) => (Vec::new(), Vec::new(), named(o.to_record(), &state.names)),
            };
            (settings.name.clone(), record)
        };
        state.settings.iter().zip(&state.inner).map(group).collect()
    }

    fn load_record(self, record: Self::Record) -> Self {
        {
            let mut state = self.lock();
            let ids: BTreeMap<String, ParamId> = state
                .names
                .iter()
                .map(|(id, name)| (name.clone(), *id))
                .collect();
            for (name, (adam, rmsprop, sgd)) in record {
                let Some(group) = state.settings.iter().position(|g| g.name == name) else {
                    continue;
                };
                let fresh = state.fresh(group);
                state.inner[group] = match fresh {
                    Inner::Adam(o) => Inner::Adam(o.load_record(by_id(adam, &ids))),
                    Inner::Rmsprop(o) => Inner::Rmsprop(o.load_record(by_id(rmsprop, &ids))),
                    Inner::Sgd(o) => Inner::Sgd(o.load_record(by_id(sgd, &ids))),
                };
            }
        }
        self
    }
}

/// Moments by name, sorted, so that equal states give equal bytes.
fn named<R>(
    record: impl IntoIterator<Item = (ParamId, R)>,
    names: &BTreeMap<ParamId, String>,
) -> Vec<(String, R)> {
    let mut list: Vec<(String, R)> = record
        .into_iter()
        .filter_map(|(id, moments)| Some((names.get(&id)?.clone(), moments)))
        .collect();
    list.sort_by(|a, b| a.0.cmp(&b.0));
    list
}

fn by_id<R, C: FromIterator<(ParamId, R)>>(
    record: Vec<(String, R)>,
    ids: &BTreeMap<String, ParamId>,
) -> C {
    record
        .into_iter()
        .filter_map(|(name, moments)| Some((*ids.get(&name)?, moments)))
        .collect()
}

#[cfg(test)]
mod tests;

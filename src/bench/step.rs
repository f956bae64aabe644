//! One iteration of training on random numbers, made of the parts the training loop runs.

use std::sync::Arc;
use std::time::Instant;

use burn::train::TrainStep;
use serde::{Deserialize, Serialize};
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{
    Family, Iteration, Optimizer, Phase, StagePlan, System, SystemConfig, Train,
};
use wordpaint_models::vision::vgg::VggConfig;

use wordpaint_models::state::parameter_count;

use super::step_inputs::{batch, teacher};
use super::{Case, Kind, Parameters, Prepared, Section};
use crate::config::{self, Experiment};
use crate::launch::LaunchError;
use crate::setup::{Dirs, pretrained};
use crate::train::group_settings;
use crate::train::optimizer::GroupOptimizer;
use crate::train::train_module::{CurrentPhase, TrainModule};

/// A training step of an experiment, with all that a program without its file has to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Name of the experiment.
    pub experiment: String,
    /// Whether in its quick form.
    pub is_quick: bool,
    /// Family.
    pub family: String,
    /// Stage of training.
    pub stage: String,
    /// Samples.
    pub batch: usize,
    /// Resolved `[model]` table.
    pub model: serde_json::Value,
    /// The frozen VGG, where there is one.
    pub vgg: Option<VggConfig>,
    /// Optimisers of the parameter groups.
    pub optimizers: Vec<(String, Optimizer)>,
}

impl Step {
    /// The step of `stage` on `batch` samples as a case.
    pub(super) fn case(
        experiment: &Experiment,
        stage: &str,
        batch: usize,
    ) -> Result<Case, LaunchError> {
        let facts = experiment.family_facts()?;
        let networks = facts.networks();
        let operations: f64 = networks
            .iter()
            .map(|network| 2.0 * network.macs * network.passes * batch as f64)
            .sum();
        // Families state the passes of the stage that an experiment ends with.
        let is_last = experiment
            .train
            .stages
            .last()
            .is_some_and(|last| last.name == stage);
        let form = if experiment.quick { "quick" } else { "full" };
        let vgg = teacher(experiment, &facts)?;
        Ok(Case {
            name: format!("step: {} {form}, {stage}, {batch} samples", experiment.name),
            operations: is_last.then_some(operations),
            kind: Kind::Step(Self {
                experiment: experiment.name.clone(),
                is_quick: experiment.quick,
                family: experiment.family.clone(),
                stage: stage.to_owned(),
                batch,
                model: serde_json::to_value(&facts.model).expect("a table of plain values"),
                vgg,
                optimizers: group_settings(&facts.plan, &experiment.train)
                    .into_iter()
                    .map(|group| (group.name, group.optimizer))
                    .collect(),
            }),
        })
    }

    /// Networks, optimiser state and inputs.
    pub(super) fn prepare<F, B>(&self, device: &B::Device) -> Result<Prepared, LaunchError>
    where
        F: Family,
        B: AutodiffBackend,
        F::System<B>: Train<B> + 'static,
    {
        let experiment = config::load(&self.experiment, &[], self.is_quick)?;
        let config = experiment.config_of::<F>()?;
        let plan = config.plan();
        let stage = plan.stages.iter().find(|stage| stage.name == self.stage);
        let stage = stage.cloned().ok_or_else(|| {
            LaunchError::Request(format!("`{}` has no stage `{}`", self.family, self.stage))
        })?;
        B::seed(device, experiment.train.seed);
        let system = F::System::<B>::init(&config, device);
        let trained = parameter_count::<B, _>(&system);
        let system = system.enter_stage(stage.name, Noise::new(0, 0));
        let dirs = Dirs::from_environment();
        let (networks, frozen) =
            pretrained::random::<B>(&experiment, &config.components(), device, &dirs)?;
        let current = Arc::new(CurrentPhase::default());
        current.set_phases(&stage.phases);
        let train_module = TrainModule::new(system, Arc::clone(&current));
        let optimizer =
            GroupOptimizer::new(group_settings(&plan, &experiment.train), &train_module);
        optimizer.set_phases(&stage.phases);
        let attributes = self.model["values"].as_array().map_or(0, Vec::len);
        let iteration = Iteration {
            batch: batch::<B>(&config.needs(), attributes, self.batch, device),
            frozen: networks,
            noise: Noise::new(0, 1),
            step: 1,
            stage: stage.name,
        };
        let mut running = Running {
            train_module: Some(train_module),
            optimizer,
            current,
            iteration,
            stage,
            device: device.clone(),
        };
        Ok(Prepared {
            call: Box::new(move || Ok(running.step())),
            parameters: Some(Parameters { trained, frozen }),
        })
    }
}

struct Running<B: AutodiffBackend, S: Train<B> + 'static> {
    /// There between two steps.
    train_module: Option<TrainModule<B, S>>,
    optimizer: GroupOptimizer<TrainModule<B, S>, B>,
    current: Arc<CurrentPhase>,
    iteration: Iteration<B>,
    stage: StagePlan,
    device: B::Device,
}

impl<B: AutodiffBackend, S: Train<B> + 'static> Running<B, S> {
    fn step(&mut self) -> Vec<Section> {
        let mut clock = Clock::<B>::new(&self.device);
        let train_module = self.train_module.take().expect("put back by every step");
        let shared = train_module.system.begin(&self.iteration);
        clock.lap("shared");
        let phases = self.stage.phases.clone();
        let stepped = phases
            .iter()
            .enumerate()
            .fold(train_module, |train_module, (i, phase)| {
                self.current.enter(i);
                self.phase(train_module, phase, shared.clone(), &mut clock)
            });
        self.train_module = Some(stepped);
        clock.sections
    }

    /// A step of the training loop, with a look at the clock between its parts.
    fn phase(
        &mut self,
        train_module: TrainModule<B, S>,
        phase: &Phase,
        shared: S::Shared,
        clock: &mut Clock<B>,
    ) -> TrainModule<B, S> {
        let name = phase.name;
        self.optimizer.enter(phase, 0);
        let losses = phase.losses(&train_module.system, &self.iteration, shared);
        clock.lap(&format!("{name}, forward"));
        let (gradients, values) = losses.backward(&train_module.system);
        clock.lap(&format!("{name}, backward"));
        let train_module = train_module.optimize::<B, _>(&mut self.optimizer, 1.0, gradients);
        values.read();
        clock.lap(&format!("{name}, optimiser"));
        train_module
    }
}

struct Clock<B: AutodiffBackend> {
    device: B::Device,
    last: Instant,
    sections: Vec<Section>,
}

impl<B: AutodiffBackend> Clock<B> {
    fn new(device: &B::Device) -> Self {
        Self {
            device: device.clone(),
            last: Instant::now(),
            sections: Vec::new(),
        }
    }

    /// Waits for the device and books the time since the last call under `name`.
    fn lap(&mut self, name: &str) {
        B::sync(&self.device).expect("the device answered before");
        let now = Instant::now();
        self.sections.push(Section {
            name: name.to_owned(),
            seconds: (now - self.last).as_secs_f64(),
        });
        self.last = now;
    }
}

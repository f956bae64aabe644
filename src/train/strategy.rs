//! The loop: stages, epochs, phases. burn-train's learner owns the networks and the optimiser; this
//! strategy decides what runs when.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use burn::data::dataloader::Progress;
use burn::module::AutodiffModule;
use burn::train::{
    EventProcessorTraining, Interrupter, Learner, LearnerEvent, LearningComponentsTypes,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents,
    ValidLoader,
};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Iteration, Phase, Train};

use super::TrainError;
use super::ema::Ema;
use super::events::{self, Events};
use super::guard::Observation;
use super::optimizer::GroupOptimizer;
use super::preview::Preview;
use super::saving::Place;
use super::signals::Signals;
use super::task_loader::{LoaderPosition, TaskLoader};
use super::train_module::{CurrentPhase, PhaseOutcome, Task, TrainModule};
use super::watch::{Warning, Watch};
use crate::config::guard::Action;
use crate::config::schema;
use crate::run::folder::RunFolder;

/// One stage with its length.
#[derive(Debug, Clone, PartialEq)]
pub struct StageRun {
    /// Name of the stage.
    pub name: &'static str,
    /// Optimiser steps of an iteration.
    pub phases: Vec<Phase>,
    /// Whether moments are thrown away each epoch.
    pub has_fresh_optimizer_per_epoch: bool,
    /// Iterations.
    pub steps: u64,
}

/// Prints one line for people who watch a pipe.
pub type StatusOutput = Arc<dyn Fn(&str) + Send + Sync>;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingEnd {
    /// All stages are done.
    Finished,
    /// A signal or the dashboard stopped it after saving; the code to exit with.
    Stopped(u8),
}

/// Everything the loop works with.
pub struct Session<B: AutodiffBackend, S: Train<B>> {
    /// Run on disk.
    pub run: RunFolder,
    /// Frozen experiment as text, copied into every checkpoint.
    pub resolved: String,
    /// `[train]`.
    pub train: schema::Train,
    /// Stages in order.
    pub stages: Vec<StageRun>,
    /// Batches with everything an iteration needs.
    pub tasks: TaskLoader<B>,
    /// Handle on the optimiser's state.
    pub optimizer: GroupOptimizer<TrainModule<B, S>, B>,
    /// Phase shared with the trainee.
    pub current: Arc<CurrentPhase>,
    /// Averaged weights, where the system has them.
    pub ema: Mutex<Option<Ema<B::InnerBackend>>>,
    /// Sample grids, where the system makes images.
    pub preview: Option<Preview<B::InnerBackend>>,
    /// Sees whether losses and sample grids make sense.
    pub watch: Mutex<Watch>,
    /// What happens when they do not.
    pub on: Action,
    /// Where training stands.
    pub place: Place,
    /// Stop signals.
    pub signals: Signals,
    /// Status lines; `None` under the dashboard.
    pub sink: Option<StatusOutput>,
    /// How it ended, for the caller.
    pub ending: Mutex<Option<Result<TrainingEnd, TrainError>>>,
}

/// The strategy handed to burn-train.
pub struct Stages<B: AutodiffBackend, S: Train<B>>(pub Arc<Session<B, S>>);

impl<B, S, LC> SupervisedLearningStrategy<LC> for Stages<B, S>
where
    B: AutodiffBackend,
    S: Train<B> + 'static,
    LC: LearningComponentsTypes<
            Backend = B,
            TrainingModel = TrainModule<B, S>,
            InferenceModel = TrainModule<B::InnerBackend, S::InnerModule>,
        >,
{
    fn fit(
        &self,
        components: TrainingComponents<LC>,
        learner: Learner<LC>,
        train: TrainLoader<LC>,
        _valid: ValidLoader<LC>,
        _start: usize,
    ) -> (TrainModule<B, S>, SupervisedTrainingEventProcessor<LC>) {
        let mut run = Running::<B, S, LC> {
            session: &self.0,
            learner,
            train,
            events: components.event_processor,
            interrupter: components.interrupter,
            place: self.0.place,
            window: Vec::new(),
            observed: Vec::new(),
            alarm: None,
            since: (Instant::now(), self.0.place.step),
            started: (Instant::now(), self.0.place.step),
        };
        let ending = run.run();
        *self
            .0
            .ending
            .lock()
            .expect("only this thread writes the ending") = Some(ending);
        (run.learner.model(), run.events)
    }
}

/// Outcomes of one step that have not been read from the device yet.
pub(super) struct Pending<B: Backend> {
    pub(super) step: u64,
    pub(super) indices: Vec<usize>,
    pub(super) outcomes: Vec<PhaseOutcome<B>>,
}

pub(super) struct Running<'a, B: AutodiffBackend, S: Train<B>, LC: LearningComponentsTypes> {
    pub(super) session: &'a Session<B, S>,
    pub(super) learner: Learner<LC>,
    train: TrainLoader<LC>,
    pub(super) events: SupervisedTrainingEventProcessor<LC>,
    interrupter: Interrupter,
    pub(super) place: Place,
    pub(super) window: Vec<Pending<B::InnerBackend>>,
    /// The newest step that has been read, phase by phase.
    pub(super) observed: Vec<Observation>,
    /// What the run is to be stopped for.
    pub(super) alarm: Option<Warning>,
    /// Time and step of the last logged line.
    pub(super) since: (Instant, u64),
    /// Time and step at which this process began.
    pub(super) started: (Instant, u64),
}

impl<B, S, LC> Running<'_, B, S, LC>
where
    B: AutodiffBackend,
    S: Train<B> + 'static,
    LC: LearningComponentsTypes<
            Backend = B,
            TrainingModel = TrainModule<B, S>,
            InferenceModel = TrainModule<B::InnerBackend, S::InnerModule>,
        >,
{
    fn run(&mut self) -> Result<TrainingEnd, TrainError> {
        let path = self.session.run.join("events.jsonl");
        let mut log = Events::open(&path, self.place.step)?;
        if self.place.step > 0 {
            self.recall(&path);
            log.note("resume", self.place.step, "continued from a checkpoint")?;
        }
        while let Some(stage) = self.session.stages.get(self.place.stage) {
            self.session.current.set_phases(&stage.phases);
            self.session.optimizer.set_phases(&stage.phases);
            if self.place.stage_step == 0 {
                self.enter_stage(stage);
            }
            let ending = self.run_stage(stage, &mut log);
            let ending = ending.or_else(|error| self.rescue(error, &mut log))?;
            if ending != TrainingEnd::Finished {
                return Ok(ending);
            }
        }
        log.note("finished", self.place.step, "all stages are done")?;
        Ok(TrainingEnd::Finished)
    }

    /// Hands the watch what it knew before the run was stopped.
    fn recall(&self, path: &Path) {
        if let Some(stage) = self.session.stages.get(self.place.stage) {
            let mut watch = self.session.watch.lock().expect("one thread trains");
            watch.recall(&events::read(path), stage.name);
        }
    }

    fn enter_stage(&mut self, stage: &StageRun) {
        let watch = &self.session.watch;
        watch.lock().expect("one thread trains").enter_stage();
        self.session.optimizer.reset();
        let noise = Noise::new(self.session.train.seed, self.place.step);
        let system = self.learner.model().system.enter_stage(stage.name, noise);
        self.learner.load_model(system.into_record());
    }

    fn run_stage(&mut self, stage: &StageRun, log: &mut Events) -> Result<TrainingEnd, TrainError> {
        let session = self.session;
        let per_epoch = session.tasks.loader().batches_per_epoch() as u64;
        while self.place.stage_step < stage.steps {
            let epoch = (self.place.stage_step / per_epoch) as usize;
            let start = (self.place.stage_step % per_epoch) as usize;
            if start == 0 && epoch > 0 && stage.has_fresh_optimizer_per_epoch {
                session.optimizer.reset();
            }
            session.tasks.set_position(LoaderPosition {
                order_epoch: order_epoch(self.place.stage, epoch),
                start,
                step: self.place.step,
                stage: stage.name,
            });
            let train = Arc::clone(&self.train);
            let mut tasks = train.iter();
            while self.place.stage_step < stage.steps {
                let Some(task) = tasks.next() else { break };
                self.step(stage, epoch, task.iteration)?;
                self.after_step(stage, epoch, tasks.progress(), log)?;
                self.stop_if_alarmed(log)?;
                if let Some(ending) = self.stop_requested(log)? {
                    return Ok(ending);
                }
            }
            drop(tasks);
            session.tasks.take_error().map_or(Ok(()), Err)?;
            self.events.process_train(LearnerEvent::EndEpoch(epoch + 1));
        }
        self.place.stage += 1;
        self.place.stage_step = 0;
        self.place.is_finished = self.place.stage == session.stages.len();
        self.drain(log, None)?;
        self.draw(stage, log)?;
        self.save(log)?;
        match self.alarm.take() {
            Some(warning) => Err(TrainError::Guarded(warning)),
            None => Ok(TrainingEnd::Finished),
        }
    }

    fn step(
        &mut self,
        stage: &StageRun,
        epoch: usize,
        iteration: Iteration<B>,
    ) -> Result<(), TrainError> {
        let session = self.session;
        let indices = iteration.batch.indices.clone();
        self.learner.lr_step();
        let due: Vec<usize> = (0..stage.phases.len())
            .filter(|&i| stage.phases[i].is_due(self.place.stage_step))
            .collect();
        let mut shared = Some(self.learner.model().system.begin(&iteration));
        let mut outcomes = Vec::with_capacity(due.len());
        for (k, &index) in due.iter().enumerate() {
            let phase = &stage.phases[index];
            session.current.enter(index);
            session.optimizer.enter(phase, epoch);
            let is_last = k + 1 == due.len();
            // The last phase takes the shared forward with it, so that its graph is freed.
            let shared = if is_last {
                shared.take()
            } else {
                shared.clone()
            };
            let task = Task {
                iteration: iteration.clone(),
                shared,
            };
            let output = self.learner.train_step(task);
            self.learner.optimizer_step(output.grads);
            if self.place.stage_step == 0 && session.optimizer.updated() == 0 {
                return Err(TrainError::NoGradient {
                    phase: phase.name,
                    stage: stage.name,
                });
            }
            outcomes.push(output.item);
        }
        if let Some(ema) = session.ema.lock().expect("one thread trains").as_mut() {
            ema.update(&self.learner.model().valid());
        }
        self.place.step += 1;
        self.place.stage_step += 1;
        self.window.push(Pending {
            step: self.place.step,
            indices,
            outcomes,
        });
        Ok(())
    }

    fn after_step(
        &mut self,
        stage: &StageRun,
        epoch: usize,
        progress: Progress,
        log: &mut Events,
    ) -> Result<(), TrainError> {
        let train = &self.session.train;
        let is_due = |every: usize| every > 0 && self.place.step.is_multiple_of(every as u64);
        // The end of a stage logs, draws and saves by itself.
        let is_end = self.place.stage_step == stage.steps;
        let (is_logged, is_drawn, is_saved) = (
            is_due(train.log_every),
            is_due(train.sample_every),
            is_due(train.checkpoint_every),
        );
        if is_logged || is_end {
            self.drain(log, Some((stage, epoch, progress)))?;
        }
        if is_drawn && !is_end {
            // Nothing is drawn with weights behind a loss that is no number.
            self.drain(log, None)?;
            self.draw(stage, log)?;
        }
        if is_saved && !is_end {
            self.drain(log, None)?;
            self.save(log)?;
        }
        Ok(())
    }

    /// Tells of something wrong, in the log and to whoever looks on.
    pub(super) fn warn(&mut self, warning: Warning, log: &mut Events) -> Result<(), TrainError> {
        log.warning(&warning)?;
        if let Some(sink) = &self.session.sink {
            sink(&format!("warning at step {}: {warning}", warning.step));
        }
        if self.session.on == Action::Stop {
            self.alarm.get_or_insert(warning);
        }
        Ok(())
    }

    /// Saves and ends the run, when something is wrong and that is asked for.
    fn stop_if_alarmed(&mut self, log: &mut Events) -> Result<(), TrainError> {
        let Some(warning) = self.alarm.take() else {
            return Ok(());
        };
        self.drain(log, None)?;
        self.save(log)?;
        let message = format!("{warning}; stopped after saving");
        log.note("stop", self.place.step, &message)?;
        Err(TrainError::Guarded(warning))
    }

    /// Saves what was trained before data turned out to be unreadable; any error stays what it is.
    fn rescue(&mut self, error: TrainError, log: &mut Events) -> Result<TrainingEnd, TrainError> {
        if matches!(error, TrainError::Data(_)) && self.place.step > 0 {
            let saved = self.drain(log, None).and_then(|()| self.save(log));
            let message = match saved {
                Ok(_) => format!("{error}; stopped after saving"),
                Err(reason) => format!("{error}; could not be saved: {reason}"),
            };
            // The run ends with the error of the data; a full disk must not hide it.
            let _ = log.note("stop", self.place.step, &message);
            if let Some(sink) = &self.session.sink {
                sink(&message);
            }
        }
        Err(error)
    }

    /// Saves and says how to exit when a signal or the dashboard asks for a stop.
    fn stop_requested(&mut self, log: &mut Events) -> Result<Option<TrainingEnd>, TrainError> {
        let code = match self.session.signals.exit_code() {
            Some(code) => code,
            None if self.interrupter.should_stop() => 130,
            None => return Ok(None),
        };
        self.drain(log, None)?;
        self.save(log)?;
        log.note("stop", self.place.step, "stopped on request after saving")?;
        Ok(Some(TrainingEnd::Stopped(code)))
    }
}

/// Epoch number that keys the sample order: stages never repeat each other's order.
const fn order_epoch(stage: usize, epoch: usize) -> usize {
    stage * 1_000_000 + epoch
}

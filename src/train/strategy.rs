//! The loop: stages, epochs, phases. burn-train's learner owns the networks and the optimiser; this
//! strategy decides what runs when.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use burn::data::dataloader::Progress;
use burn::module::AutodiffModule;
use burn::prelude::TensorData;
use burn::train::{
    EventProcessorTraining, Interrupter, Learner, LearnerEvent, LearningComponentsTypes,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents,
    TrainingItem, ValidLoader,
};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::noise::Noise;
use wordpaint_models::state::named_tensors;
use wordpaint_models::system::{Iteration, Phase, Train};

use super::TrainError;
use super::ema::Ema;
use super::events::{self, Events, StepFacts};
use super::feed::{Feed, Seek};
use super::guard::{self, Observation, Overflown};
use super::optimizer::GroupOptimizer;
use super::preview::Preview;
use super::saving::{Place, save};
use super::signals::Signals;
use super::status;
use super::trainee::{Current, PhaseOutcome, Task, Trainee};
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
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
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
    pub frozen: String,
    /// `[train]`.
    pub train: schema::Train,
    /// Stages in order.
    pub stages: Vec<StageRun>,
    /// Batches with everything an iteration needs.
    pub feed: Feed<B>,
    /// Handle on the optimiser's state.
    pub optimizer: GroupOptimizer<Trainee<B, S>, B>,
    /// Phase shared with the trainee.
    pub current: Arc<Current>,
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
    pub sink: Option<Sink>,
    /// How it ended, for the caller.
    pub ending: Mutex<Option<Result<Ending, TrainError>>>,
}

/// The strategy handed to burn-train.
pub struct Stages<B: AutodiffBackend, S: Train<B>>(pub Arc<Session<B, S>>);

impl<B, S, LC> SupervisedLearningStrategy<LC> for Stages<B, S>
where
    B: AutodiffBackend,
    S: Train<B> + 'static,
    LC: LearningComponentsTypes<
            Backend = B,
            TrainingModel = Trainee<B, S>,
            InferenceModel = Trainee<B::InnerBackend, S::InnerModule>,
        >,
{
    fn fit(
        &self,
        components: TrainingComponents<LC>,
        learner: Learner<LC>,
        train: TrainLoader<LC>,
        _valid: ValidLoader<LC>,
        _start: usize,
    ) -> (Trainee<B, S>, SupervisedTrainingEventProcessor<LC>) {
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
struct Pending<B: Backend> {
    step: u64,
    indices: Vec<usize>,
    outcomes: Vec<PhaseOutcome<B>>,
}

struct Running<'a, B: AutodiffBackend, S: Train<B>, LC: LearningComponentsTypes> {
    session: &'a Session<B, S>,
    learner: Learner<LC>,
    train: TrainLoader<LC>,
    events: SupervisedTrainingEventProcessor<LC>,
    interrupter: Interrupter,
    place: Place,
    window: Vec<Pending<B::InnerBackend>>,
    /// The newest step that has been read, phase by phase.
    observed: Vec<Observation>,
    /// What the run is to be stopped for.
    alarm: Option<Warning>,
    /// Time and step of the last logged line.
    since: (Instant, u64),
    /// Time and step at which this process began.
    started: (Instant, u64),
}

impl<B, S, LC> Running<'_, B, S, LC>
where
    B: AutodiffBackend,
    S: Train<B> + 'static,
    LC: LearningComponentsTypes<
            Backend = B,
            TrainingModel = Trainee<B, S>,
            InferenceModel = Trainee<B::InnerBackend, S::InnerModule>,
        >,
{
    fn run(&mut self) -> Result<Ending, TrainError> {
        let path = self.session.run.join("events.jsonl");
        let mut log = Events::open(&path, self.place.step)?;
        if self.place.step > 0 {
            self.recall(&path);
            log.note("resume", self.place.step, "continued from a checkpoint")?;
        }
        while let Some(stage) = self.session.stages.get(self.place.stage) {
            self.session.current.set_phases(&stage.phases);
            if self.place.stage_step == 0 {
                self.enter_stage(stage);
            }
            let ending = self.run_stage(stage, &mut log);
            let ending = ending.or_else(|error| self.rescue(error, &mut log))?;
            if ending != Ending::Finished {
                return Ok(ending);
            }
        }
        log.note("finished", self.place.step, "all stages are done")?;
        Ok(Ending::Finished)
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

    fn run_stage(&mut self, stage: &StageRun, log: &mut Events) -> Result<Ending, TrainError> {
        let session = self.session;
        let per_epoch = session.feed.loader().batches_per_epoch() as u64;
        while self.place.stage_step < stage.steps {
            let epoch = (self.place.stage_step / per_epoch) as usize;
            let start = (self.place.stage_step % per_epoch) as usize;
            if start == 0 && epoch > 0 && stage.has_fresh_optimizer_per_epoch {
                session.optimizer.reset();
            }
            session.feed.seek(Seek {
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
            session.feed.take_error().map_or(Ok(()), Err)?;
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
            None => Ok(Ending::Finished),
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
        let due = |phase: &Phase| {
            self.place
                .stage_step
                .is_multiple_of(phase.every.max(1) as u64)
        };
        let due: Vec<usize> = (0..stage.phases.len())
            .filter(|&i| due(&stage.phases[i]))
            .collect();
        let mut shared = Some(self.learner.model().system.begin(&iteration));
        let mut outcomes = Vec::with_capacity(due.len());
        for (k, &index) in due.iter().enumerate() {
            let phase = &stage.phases[index];
            session.current.enter(index);
            session.optimizer.enter(&phase.groups, epoch);
            let is_last = k + 1 == due.len();
            // The last phase takes the shared forward with it, so that its graph is freed.
            let shared = if is_last {
                shared.take()
            } else {
                shared.clone()
            };
            let task = Task {
                iteration: iteration.clone(),
                phase: Some(phase.name),
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

    /// Reads what the device has computed, refuses values that are not finite and, with `line`,
    /// logs the newest step.
    fn drain(
        &mut self,
        log: &mut Events,
        line: Option<(&StageRun, usize, Progress)>,
    ) -> Result<(), TrainError> {
        let dataset = Arc::clone(&self.session.feed.loader().source().dataset);
        let mut newest = Vec::new();
        let window = std::mem::take(&mut self.window);
        let last = window.len().saturating_sub(1);
        for (i, pending) in window.into_iter().enumerate() {
            newest.clear();
            for outcome in &pending.outcomes {
                let values = outcome.read();
                let terms = outcome.terms.iter().zip(values);
                let observation = Observation {
                    step: pending.step,
                    phase: outcome.phase,
                    terms: terms
                        .map(|((name, w), value)| (name.clone(), *w, value))
                        .collect(),
                    indices: pending.indices.clone(),
                };
                guard::check(&observation, dataset.as_ref()).map_err(|mut error| {
                    error.advice = guard::lower_rate(self.session, error.phase);
                    // The run ends with this error; a full disk must not hide it.
                    let _ = log.note("stop", pending.step, &error.to_string());
                    error
                })?;
                newest.push(observation);
            }
            let warnings = {
                let mut watch = self.session.watch.lock().expect("one thread trains");
                watch.step(&newest)
            };
            self.log_starts(log)?;
            for warning in warnings {
                self.warn(warning, log)?;
            }
            if i == last
                && let Some((stage, epoch, progress)) = &line
            {
                self.log(log, stage, *epoch, progress, &newest, pending.outcomes)?;
            }
        }
        if !newest.is_empty() {
            self.observed = newest;
        }
        Ok(())
    }

    /// Logs where losses began, for a process that continues the run.
    fn log_starts(&self, log: &mut Events) -> Result<(), TrainError> {
        let starts = {
            let mut watch = self.session.watch.lock().expect("one thread trains");
            watch.starts()
        };
        if let (false, Some(stage)) = (starts.is_empty(), self.session.stages.get(self.place.stage))
        {
            log.starts(self.place.step, stage.name, &starts)?;
        }
        Ok(())
    }

    /// Tells of something wrong, in the log and to whoever looks on.
    fn warn(&mut self, warning: Warning, log: &mut Events) -> Result<(), TrainError> {
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
    fn rescue(&mut self, error: TrainError, log: &mut Events) -> Result<Ending, TrainError> {
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

    fn log(
        &mut self,
        log: &mut Events,
        stage: &StageRun,
        epoch: usize,
        progress: &Progress,
        observations: &[Observation],
        outcomes: Vec<PhaseOutcome<B::InnerBackend>>,
    ) -> Result<(), TrainError> {
        let session = self.session;
        let steps = (self.place.step - self.since.1).max(1);
        let seconds = self.since.0.elapsed().as_secs_f64() / steps as f64;
        self.since = (Instant::now(), self.place.step);
        let batch_size = session.feed.loader().batch_size();
        let facts = StepFacts {
            step: self.place.step,
            epoch: epoch + 1,
            stage: stage.name,
            lr: session.optimizer.learning_rates(epoch),
            seconds_per_step: seconds,
            images_per_second: batch_size as f64 / seconds.max(1e-9),
            samples: self.place.step * batch_size as u64,
        };
        log.step(&facts, observations)?;
        if let Some(sink) = &session.sink {
            let total = session.stages.iter().map(|stage| stage.steps).sum();
            let done = facts.step - self.started.1;
            let pace = self.started.0.elapsed().as_secs_f64() / done.max(1) as f64;
            sink(&status::line(&facts, observations, total, pace));
        }
        let epochs = stage
            .steps
            .div_ceil(session.feed.loader().batches_per_epoch() as u64)
            as usize;
        for outcome in outcomes {
            self.events
                .process_train(LearnerEvent::ProcessedItem(TrainingItem::new(
                    outcome,
                    progress.clone(),
                    Progress::new(epoch + 1, epochs),
                    Some(self.place.step as usize),
                    Some(self.learner.lr_current()),
                )));
        }
        Ok(())
    }

    /// Draws a sample grid and measures it.
    fn draw(&mut self, stage: &StageRun, log: &mut Events) -> Result<(), TrainError> {
        let session = self.session;
        let Some(preview) = &session.preview else {
            return Ok(());
        };
        let path = session
            .run
            .join(&format!("samples/step-{}.png", self.place.step));
        let reading = {
            let ema = session.ema.lock().expect("one thread trains");
            let system = self.learner.model().valid().system;
            let training = self.started.0.elapsed();
            preview.draw::<S::InnerModule>(system, ema.as_ref(), &path, training)
        };
        let reading = match reading {
            Err(TrainError::Grid { .. }) => {
                // Usually the weights are none either, and say more.
                self.check_weights(log)?;
                let error = TrainError::Grid {
                    step: self.place.step,
                };
                // The run ends with this error; a full disk must not hide it.
                let _ = log.note("stop", self.place.step, &error.to_string());
                return Err(error);
            }
            reading => reading?,
        };
        let Some(reading) = reading else {
            return Ok(());
        };
        log.monitor(self.place.step, &reading)?;
        let warning = {
            let mut watch = session.watch.lock().expect("one thread trains");
            watch.grid(self.place.step, &reading)
        };
        if let Some(warning) = warning {
            self.warn(warning, log)?;
        }
        if let Some(sink) = &session.sink {
            sink(&format!(
                "{}  step {}  {reading}",
                stage.name, self.place.step
            ));
        }
        for outcome in reading.outcomes(session.feed.device()) {
            let (done, all) = (self.place.stage_step as usize, stage.steps as usize);
            self.events
                .process_train(LearnerEvent::ProcessedItem(TrainingItem::new(
                    outcome,
                    Progress::new(done, all),
                    Progress::new(self.place.stage + 1, session.stages.len()),
                    Some(self.place.step as usize),
                    Some(self.learner.lr_current()),
                )));
        }
        Ok(())
    }

    /// The networks as they are to be saved; refused where weights or moments are no longer numbers.
    fn check_weights(&self, log: &mut Events) -> Result<Vec<(String, TensorData)>, TrainError> {
        let session = self.session;
        let model = self.learner.model();
        let networks = named_tensors::<B::InnerBackend, _>(&model.valid().system);
        let weights = guard::not_finite(&networks).map(|name| ("the value", name.to_owned()));
        let moments = || Some(("the second moment", session.optimizer.overflown(&model)?));
        if let Some(found) = weights.or_else(moments) {
            let dataset = Arc::clone(&session.feed.loader().source().dataset);
            let mut error = Overflown::after(&self.observed, found, dataset.as_ref());
            error.advice = guard::lower_rate(session, error.phase);
            // The run ends with this error; a full disk must not hide it.
            let _ = log.note("stop", self.place.step, &error.to_string());
            return Err(Box::new(error).into());
        }
        Ok(networks)
    }

    /// Saves the run, unless its weights or moments are no longer numbers.
    fn save(&mut self, log: &mut Events) -> Result<PathBuf, TrainError> {
        let session = self.session;
        let networks = self.check_weights(log)?;
        let ema = session.ema.lock().expect("one thread trains");
        let path = save::<B, S>(
            &session.run,
            &session.frozen,
            networks,
            &session.optimizer,
            ema.as_ref(),
            self.place,
            session.train.keep_checkpoints,
        )?;
        log.note(
            "checkpoint",
            self.place.step,
            &format!("step-{}", self.place.step),
        )?;
        Ok(path)
    }

    /// Saves and says how to exit when a signal or the dashboard asks for a stop.
    fn stop_requested(&mut self, log: &mut Events) -> Result<Option<Ending>, TrainError> {
        let code = match self.session.signals.exit_code() {
            Some(code) => code,
            None if self.interrupter.should_stop() => 130,
            None => return Ok(None),
        };
        self.drain(log, None)?;
        self.save(log)?;
        log.note("stop", self.place.step, "stopped on request after saving")?;
        Ok(Some(Ending::Stopped(code)))
    }
}

/// Epoch number that keys the sample order: stages never repeat each other's order.
const fn order_epoch(stage: usize, epoch: usize) -> usize {
    stage * 1_000_000 + epoch
}

//! What the loop tells and leaves behind: log lines, sample grids, checkpoints.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use burn::data::dataloader::Progress;
use burn::module::AutodiffModule;
use burn::prelude::TensorData;
use burn::train::{EventProcessorTraining, LearnerEvent, LearningComponentsTypes, TrainingItem};
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::state::named_tensors;
use wordpaint_models::system::Train;

use super::TrainError;
use super::events::{Events, StepFacts};
use super::guard::{self, Observation, Overflown};
use super::saving::save;
use super::status;
use super::strategy::{Running, StageRun};
use super::train_module::{PhaseOutcome, TrainModule};

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
    /// Reads what the device has computed, refuses values that are not finite and, with `line`,
    /// logs the newest step.
    pub(super) fn drain(
        &mut self,
        log: &mut Events,
        line: Option<(&StageRun, usize, Progress)>,
    ) -> Result<(), TrainError> {
        let dataset = Arc::clone(&self.session.tasks.loader().source().dataset);
        let mut newest = Vec::new();
        let window = std::mem::take(&mut self.window);
        let last = window.len().saturating_sub(1);
        for (i, pending) in window.into_iter().enumerate() {
            newest.clear();
            for outcome in &pending.outcomes {
                let terms = outcome.values.terms.iter().zip(outcome.values.read());
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
        let batch_size = session.tasks.loader().batch_size();
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
            .div_ceil(session.tasks.loader().batches_per_epoch() as u64)
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
    pub(super) fn draw(&mut self, stage: &StageRun, log: &mut Events) -> Result<(), TrainError> {
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
        for outcome in reading.outcomes(session.tasks.device()) {
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
            let dataset = Arc::clone(&session.tasks.loader().source().dataset);
            let mut error = Overflown::after(&self.observed, found, dataset.as_ref());
            error.advice = guard::lower_rate(session, error.phase);
            // The run ends with this error; a full disk must not hide it.
            let _ = log.note("stop", self.place.step, &error.to_string());
            return Err(Box::new(error).into());
        }
        Ok(networks)
    }

    /// Saves the run, unless its weights or moments are no longer numbers.
    pub(super) fn save(&mut self, log: &mut Events) -> Result<PathBuf, TrainError> {
        let session = self.session;
        let networks = self.check_weights(log)?;
        let ema = session.ema.lock().expect("one thread trains");
        let path = save::<B, S>(
            &session.run,
            &session.resolved,
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
}

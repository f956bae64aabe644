//! What a checkpoint of a run holds, and how it comes back.

use std::path::PathBuf;

use burn::module::AutodiffModule;
use burn::optim::Optimizer;
use burn::prelude::TensorData;
use burn::record::{FullPrecisionSettings, NamedMpkBytesRecorder, Recorder};
use serde::{Deserialize, Serialize};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::system::Train;

use super::TrainError;

use super::ema::Ema;
use super::optimizer::GroupOptimizer;

use super::strategy::StageRun;
use super::train_module::TrainModule;
use crate::run::checkpoint::{self, Checkpoint, CheckpointError};
use crate::run::folder::RunFolder;
use crate::run::manifest::{self, CONFIG};
use crate::run::weights::{AVERAGE, MODEL, mismatch, tensors, to_safetensors};

const OPTIMIZER: &str = "optimizer.mpk";
const PLACE: &str = "place.json";

/// Makes the content of a file.
type Content<'a> = Box<dyn FnOnce() -> Result<Vec<u8>, TrainError> + 'a>;

/// Where training stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Steps done in all stages.
    pub step: u64,
    /// Running stage, by position.
    pub stage: usize,
    /// Steps done in it.
    pub stage_step: u64,
    /// Whether all stages are done.
    pub is_finished: bool,
}

impl Place {
    /// The same in a run of `stages`. A run that was finished goes on where its last stage has become
    /// longer.
    ///
    /// # Errors
    ///
    /// If there is no such place.
    fn within(self, stages: &[StageRun]) -> Result<Self, String> {
        let Self {
            step,
            stage,
            stage_step,
            is_finished,
        } = self;
        if is_finished && step == 0 {
            // An import was never trained.
            return Ok(self);
        }
        let Some(running) = stages.get(stage) else {
            let is_end = stage == stages.len() && is_finished && stage_step == 0;
            let Some((last, before)) = stages.split_last().filter(|_| is_end) else {
                return Err(format!(
                    "says stage {stage} with {stage_step} steps; the run has {} stages",
                    stages.len()
                ));
            };
            let before: u64 = before.iter().map(|stage| stage.steps).sum();
            if step >= before + last.steps {
                return Ok(self);
            }
            let done = step.checked_sub(before);
            let stage_step = done.ok_or_else(|| {
                format!(
                    "says that all is done after {step} steps; {before} come before the last stage"
                )
            })?;
            return Ok(Self {
                step,
                stage: stage - 1,
                stage_step,
                is_finished: false,
            });
        };
        if stage_step > running.steps {
            return Err(format!(
                "says step {stage_step} of stage `{}`, which has {} steps",
                running.name, running.steps
            ));
        }
        let is_possible = if stage == 0 {
            step == stage_step
        } else {
            step > stage_step
        };
        if is_finished || !is_possible {
            return Err(format!(
                "says step {step}, which is not step {stage_step} of stage `{}`",
                running.name
            ));
        }
        Ok(self)
    }
}

/// Saves networks (their tensors by name), moments, averages and place of a run.
///
/// # Errors
///
/// If the checkpoint cannot be written.
pub fn save<B: AutodiffBackend, S: Train<B> + 'static>(
    run: &RunFolder,
    resolved: &str,
    networks: Vec<(String, TensorData)>,
    optimizer: &GroupOptimizer<TrainModule<B, S>, B>,
    ema: Option<&Ema<B::InnerBackend>>,
    place: Place,
    keep: usize,
) -> Result<PathBuf, TrainError> {
    let weights = move || Ok(to_safetensors(&networks));
    let moments = || {
        let record = Optimizer::<TrainModule<B, S>, B>::to_record(optimizer);
        let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::new();
        Recorder::<B>::record(&recorder, record, ())
            .map_err(|error| TrainError::Moments(error.to_string()))
    };
    let place_json = || Ok(serde_json::to_vec_pretty(&place).expect("a place is plain data"));
    let mut files: Vec<(_, Content)> = vec![
        (MODEL, Box::new(weights)),
        (OPTIMIZER, Box::new(moments)),
        (PLACE, Box::new(place_json)),
        (CONFIG, Box::new(|| Ok(resolved.as_bytes().to_vec()))),
    ];
    if let Some(ema) = ema {
        files.push((AVERAGE, Box::new(|| Ok(to_safetensors(&ema.tensors())))));
    }
    if let Some(copy) = manifest::copy(run)? {
        files.push((manifest::COPY, Box::new(|| Ok(copy))));
    }
    let files = files
        .into_iter()
        .map(|(name, content)| Ok((name, content()?)));
    checkpoint::save(&run.checkpoints(), place.step, files, keep)
}

/// Puts saved moments into the `optimizer` of `train_module`.
///
/// # Errors
///
/// If the file cannot be read, or they are of other parameters.
pub fn load_optimizer<B: AutodiffBackend, S: Train<B> + 'static>(
    checkpoint: &Checkpoint,
    optimizer: GroupOptimizer<TrainModule<B, S>, B>,
    train_module: &TrainModule<B, S>,
    device: &B::Device,
) -> Result<GroupOptimizer<TrainModule<B, S>, B>, CheckpointError>
where
    TrainModule<B, S>: AutodiffModule<B>,
{
    let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::new();
    let record = Recorder::<B>::load(&recorder, checkpoint.file(OPTIMIZER)?.to_vec(), device)
        .map_err(|error| mismatch(checkpoint, OPTIMIZER, error.to_string()))?;
    let optimizer = Optimizer::<TrainModule<B, S>, B>::load_record(optimizer, record);
    match optimizer.misshapen(train_module) {
        None => Ok(optimizer),
        Some(message) => Err(mismatch(checkpoint, OPTIMIZER, message)),
    }
}

/// Puts saved averages into `ema`.
///
/// # Errors
///
/// If the checkpoint has none, or they are of other networks.
pub fn load_average<B: Backend>(
    checkpoint: &Checkpoint,
    ema: &mut Ema<B>,
) -> Result<(), CheckpointError> {
    let loaded = ema.load(tensors(checkpoint, AVERAGE)?);
    loaded.map_err(|message| mismatch(checkpoint, AVERAGE, message))
}

/// Where training stood when the checkpoint was written, in a run of `stages`.
///
/// # Errors
///
/// If the file is not valid, or says a place that the run does not have.
pub fn place(checkpoint: &Checkpoint, stages: &[StageRun]) -> Result<Place, CheckpointError> {
    let wrong = |message: String| mismatch(checkpoint, PLACE, message);
    let place: Place = serde_json::from_slice(checkpoint.file(PLACE)?)
        .map_err(|error| wrong(error.to_string()))?;
    if place.step != checkpoint.step {
        let (says, is) = (place.step, checkpoint.step);
        return Err(wrong(format!(
            "says step {says} in the checkpoint of step {is}"
        )));
    }
    place.within(stages).map_err(|message| {
        wrong(format!(
            "{message}; take the settings it was trained with, or another checkpoint"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(lengths: &[u64]) -> Vec<StageRun> {
        let stage = |&steps| StageRun {
            name: "a",
            phases: Vec::new(),
            has_fresh_optimizer_per_epoch: false,
            steps,
        };
        lengths.iter().map(stage).collect()
    }

    const fn at(step: u64, stage: usize, stage_step: u64, is_finished: bool) -> Place {
        Place {
            step,
            stage,
            stage_step,
            is_finished,
        }
    }

    #[test]
    fn places_within_a_run_stay_as_they_are() {
        let stages = stages(&[4, 6]);
        for place in [
            at(0, 0, 0, false),
            at(3, 0, 3, false),
            at(4, 1, 0, false),
            at(9, 1, 5, false),
            at(10, 2, 0, true),
            at(0, 0, 0, true),
        ] {
            assert_eq!(place.within(&stages), Ok(place));
        }
    }

    #[test]
    fn places_that_a_run_does_not_have_are_refused() {
        let stages = stages(&[4, 6]);
        for place in [
            at(5, 0, 5, false),
            at(3, 0, 2, false),
            at(3, 0, 3, true),
            at(0, 1, 0, false),
            at(10, 2, 0, false),
            at(10, 2, 3, true),
            at(10, 7, 0, true),
            at(3, 2, 0, true),
        ] {
            assert!(place.within(&stages).is_err(), "{place:?}");
        }
    }

    #[test]
    fn a_finished_run_goes_on_in_its_last_stage_when_that_is_longer() {
        let longer = stages(&[4, 9]);
        assert_eq!(at(10, 2, 0, true).within(&longer), Ok(at(10, 1, 6, false)));
    }
}

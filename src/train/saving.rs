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

use super::trainee::Trainee;
use crate::run::checkpoint::{self, Checkpoint, CheckpointError};
use crate::run::folder::RunFolder;
use crate::run::weights::{AVERAGE, MODEL, mismatch, tensors, to_safetensors};

const OPTIMIZER: &str = "optimizer.mpk";
const PLACE: &str = "place.json";
const CONFIG: &str = "config.toml";

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

/// Saves networks (their tensors by name), moments, averages and place of a run.
///
/// # Errors
///
/// If the checkpoint cannot be written.
pub fn save<B: AutodiffBackend, S: Train<B> + 'static>(
    run: &RunFolder,
    frozen: &str,
    networks: Vec<(String, TensorData)>,
    optimizer: &GroupOptimizer<Trainee<B, S>, B>,
    ema: Option<&Ema<B::InnerBackend>>,
    place: Place,
    keep: usize,
) -> Result<PathBuf, TrainError> {
    let weights = move || Ok(to_safetensors(&networks));
    let moments = || {
        let record = Optimizer::<Trainee<B, S>, B>::to_record(optimizer);
        let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::new();
        Recorder::<B>::record(&recorder, record, ())
            .map_err(|error| TrainError::Moments(error.to_string()))
    };
    let place_json = || Ok(serde_json::to_vec_pretty(&place).expect("a place is plain data"));
    let mut files: Vec<(_, Content)> = vec![
        (MODEL, Box::new(weights)),
        (OPTIMIZER, Box::new(moments)),
        (PLACE, Box::new(place_json)),
        (CONFIG, Box::new(|| Ok(frozen.as_bytes().to_vec()))),
    ];
    if let Some(ema) = ema {
        files.push((AVERAGE, Box::new(|| Ok(to_safetensors(&ema.tensors())))));
    }
    let files = files
        .into_iter()
        .map(|(name, content)| Ok((name, content()?)));
    checkpoint::save(&run.checkpoints(), place.step, files, keep)
}

/// Puts saved moments into the `optimizer` of `trainee`.
///
/// # Errors
///
/// If the file cannot be read, or they are of other parameters.
pub fn load_optimizer<B: AutodiffBackend, S: Train<B> + 'static>(
    checkpoint: &Checkpoint,
    optimizer: GroupOptimizer<Trainee<B, S>, B>,
    trainee: &Trainee<B, S>,
    device: &B::Device,
) -> Result<GroupOptimizer<Trainee<B, S>, B>, CheckpointError>
where
    Trainee<B, S>: AutodiffModule<B>,
{
    let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::new();
    let record = Recorder::<B>::load(&recorder, checkpoint.file(OPTIMIZER)?.to_vec(), device)
        .map_err(|error| mismatch(checkpoint, OPTIMIZER, error.to_string()))?;
    let optimizer = Optimizer::<Trainee<B, S>, B>::load_record(optimizer, record);
    match optimizer.misshapen(trainee) {
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

/// Where training stood when the checkpoint was written.
///
/// # Errors
///
/// If the file is not valid.
pub fn place(checkpoint: &Checkpoint) -> Result<Place, CheckpointError> {
    serde_json::from_slice(checkpoint.file(PLACE)?)
        .map_err(|error| mismatch(checkpoint, PLACE, error.to_string()))
}

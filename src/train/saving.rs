//! What a checkpoint of a run holds, and how it comes back.

use std::path::PathBuf;

use burn::module::AutodiffModule;
use burn::optim::Optimizer;
use burn::prelude::TensorData;
use burn::record::{FullPrecisionSettings, NamedMpkBytesRecorder, Recorder};
use burn::tensor::DType;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::state::{load_named, named_tensors};
use wordpaint_models::system::{System, Train};

use super::TrainError;
use super::checkpoint::{self, Checkpoint, CheckpointError};
use super::ema::Ema;
use super::optimizer::GroupOptimizer;
use super::run_folder::RunFolder;
use super::trainee::Trainee;

const MODEL: &str = "model.safetensors";
const AVERAGE: &str = "average.safetensors";
const OPTIMIZER: &str = "optimizer.mpk";
const PLACE: &str = "place.json";
const CONFIG: &str = "config.toml";

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

/// Serialises named tensors as safetensors, sorted by name.
pub fn to_safetensors(tensors: &[(String, TensorData)]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, data)| {
        debug_assert_eq!(data.dtype, DType::F32);
        let view = TensorView::new(Dtype::F32, data.shape.to_vec(), data.as_bytes())
            .expect("a tensor has as many values as its shape says");
        (name.as_str(), view)
    });
    safetensors::serialize(views, None).expect("names are unique module paths")
}

/// Reads what [`to_safetensors`] wrote.
///
/// # Errors
///
/// If the bytes are not safetensors of 32-bit floats.
pub fn from_safetensors(bytes: &[u8]) -> Result<Vec<(String, TensorData)>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    file.tensors()
        .into_iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                return Err(format!(
                    "`{name}` has type {:?}, expected F32",
                    view.dtype()
                ));
            }
            let values: Vec<f32> = view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            Ok((name, TensorData::new(values, view.shape().to_vec())))
        })
        .collect()
}

/// Saves networks, moments, averages and place of a run.
///
/// # Errors
///
/// If the checkpoint cannot be written.
pub fn save<B: AutodiffBackend, S: Train<B>>(
    run: &RunFolder,
    frozen: &str,
    system: &S::InnerModule,
    optimizer: &GroupOptimizer<Trainee<B, S>, B>,
    ema: Option<&Ema<B::InnerBackend>>,
    place: Place,
    keep: usize,
) -> Result<PathBuf, TrainError>
where
    S: 'static,
{
    let moments = NamedMpkBytesRecorder::<FullPrecisionSettings>::new();
    let record = Optimizer::<Trainee<B, S>, B>::to_record(optimizer);
    let moments = Recorder::<B>::record(&moments, record, ())
        .map_err(|error| TrainError::Moments(error.to_string()))?;
    let place_json = serde_json::to_vec_pretty(&place).expect("a place is plain data");
    let mut files = vec![
        (
            MODEL,
            to_safetensors(&named_tensors::<B::InnerBackend, _>(system)),
        ),
        (OPTIMIZER, moments),
        (PLACE, place_json),
        (CONFIG, frozen.as_bytes().to_vec()),
    ];
    if let Some(ema) = ema {
        files.push((AVERAGE, to_safetensors(&ema.tensors())));
    }
    Ok(checkpoint::save(
        &run.checkpoints(),
        place.step,
        &files,
        keep,
    )?)
}

fn mismatch(checkpoint: &Checkpoint, file: &str, message: String) -> CheckpointError {
    CheckpointError::Mismatch {
        path: checkpoint.path.join(file),
        message,
    }
}

fn tensors(
    checkpoint: &Checkpoint,
    file: &str,
) -> Result<Vec<(String, TensorData)>, CheckpointError> {
    from_safetensors(checkpoint.file(file)?).map_err(|m| mismatch(checkpoint, file, m))
}

/// Puts saved weights into `system`. With `has_average`, averaged weights take the place of the last
/// ones where the checkpoint has them (for generation, not for resuming).
///
/// # Errors
///
/// If names or shapes do not fit.
pub fn load_system<B: Backend, S: System<B>>(
    checkpoint: &Checkpoint,
    system: S,
    has_average: bool,
) -> Result<S, CheckpointError> {
    let mut values = tensors(checkpoint, MODEL)?;
    if has_average && checkpoint.has(AVERAGE) {
        for (name, data) in tensors(checkpoint, AVERAGE)? {
            if let Some(value) = values.iter_mut().find(|(n, _)| *n == name) {
                value.1 = data;
            }
        }
    }
    let mut values: std::collections::BTreeMap<_, _> = values.into_iter().collect();
    let (system, report) = load_named::<B, S>(system, |name, _| values.remove(name));
    if !report.is_complete() || !values.is_empty() {
        let problems: Vec<String> = report
            .mismatched
            .into_iter()
            .chain(
                report
                    .missing
                    .into_iter()
                    .map(|name| format!("{name}: not in the file")),
            )
            .chain(
                values
                    .into_keys()
                    .map(|name| format!("{name}: not in the network")),
            )
            .take(5)
            .collect();
        return Err(mismatch(
            checkpoint,
            MODEL,
            format!(
                "does not fit the networks of its configuration: {}",
                problems.join("; ")
            ),
        ));
    }
    Ok(system)
}

/// Puts saved moments into `optimizer`.
///
/// # Errors
///
/// If the file cannot be read.
pub fn load_optimizer<B: AutodiffBackend, S: Train<B> + 'static>(
    checkpoint: &Checkpoint,
    optimizer: GroupOptimizer<Trainee<B, S>, B>,
    device: &B::Device,
) -> Result<GroupOptimizer<Trainee<B, S>, B>, CheckpointError>
where
    Trainee<B, S>: AutodiffModule<B>,
{
    let recorder = NamedMpkBytesRecorder::<FullPrecisionSettings>::new();
    let record = Recorder::<B>::load(&recorder, checkpoint.file(OPTIMIZER)?.to_vec(), device)
        .map_err(|error| mismatch(checkpoint, OPTIMIZER, error.to_string()))?;
    Ok(Optimizer::<Trainee<B, S>, B>::load_record(
        optimizer, record,
    ))
}

/// Puts saved averages into `ema`.
///
/// # Errors
///
/// If the checkpoint has none.
pub fn load_average<B: Backend>(
    checkpoint: &Checkpoint,
    ema: &mut Ema<B>,
) -> Result<(), CheckpointError> {
    ema.load(&tensors(checkpoint, AVERAGE)?);
    Ok(())
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

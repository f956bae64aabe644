//! Weights of a checkpoint, by name.

use burn::prelude::TensorData;
use burn::tensor::DType;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use wordpaint_models::backend::Backend;
use wordpaint_models::state::load_named;
use wordpaint_models::system::System;

use super::checkpoint::{Checkpoint, CheckpointError};

/// File of the networks as training left them.
pub const MODEL: &str = "model.safetensors";
/// File of the averaged weights, where a system has them.
pub const AVERAGE: &str = "average.safetensors";

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

/// The error of a `file` that does not fit.
pub fn mismatch(checkpoint: &Checkpoint, file: &str, message: String) -> CheckpointError {
    CheckpointError::Mismatch {
        path: checkpoint.path.join(file),
        message,
    }
}

/// Named tensors of a `file`.
///
/// # Errors
///
/// If it is missing or not valid.
pub fn tensors(
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

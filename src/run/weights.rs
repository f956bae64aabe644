//! Weights of a checkpoint, by name.

use std::collections::{BTreeMap, HashMap};

use burn::module::Module;
use burn::prelude::TensorData;
use burn::tensor::DType;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use wordpaint_models::backend::Backend;
use wordpaint_models::state::load_named;
use wordpaint_models::system::{Component, Parts, System, SystemConfig};

use super::checkpoint::{Checkpoint, CheckpointError};

/// File of the networks as training left them.
pub const MODEL: &str = "model.safetensors";
/// File of the averaged weights, where a system has them.
pub const AVERAGE: &str = "average.safetensors";

type Values = BTreeMap<String, TensorData>;

/// Serialises named tensors as safetensors, sorted by name.
pub fn to_safetensors(tensors: &[(String, TensorData)]) -> Vec<u8> {
    to_safetensors_with(tensors, None)
}

/// The same with a `note`, a key and a text, in the header.
pub fn to_safetensors_with(
    tensors: &[(String, TensorData)],
    note: Option<(&str, String)>,
) -> Vec<u8> {
    let views = tensors.iter().map(|(name, data)| {
        debug_assert_eq!(data.dtype, DType::F32);
        let view = TensorView::new(Dtype::F32, data.shape.to_vec(), data.as_bytes())
            .expect("a tensor has as many values as its shape says");
        (name.as_str(), view)
    });
    let note = note.map(|(key, text)| HashMap::from([(key.to_owned(), text)]));
    safetensors::serialize(views, note).expect("names are unique module paths")
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

/// Puts saved weights into `system`, as training left them.
///
/// # Errors
///
/// If names or shapes do not fit.
pub fn load_system<B: Backend, S: System<B>>(
    checkpoint: &Checkpoint,
    system: S,
) -> Result<S, CheckpointError> {
    let values = tensors(checkpoint, MODEL)?;
    fill(checkpoint, system, values.into_iter().collect())
}

/// A trained system to be used: with averaged weights where the checkpoint has them, and without
/// the networks that only training needs.
///
/// # Errors
///
/// If names or shapes do not fit.
pub fn trained<B: Backend, S: System<B>>(
    checkpoint: &Checkpoint,
    config: &S::Config,
    device: &B::Device,
) -> Result<S, CheckpointError> {
    let values = for_generation(checkpoint, &config.components())?;
    let system = S::with_parts(config, Parts::ForGeneration, device);
    fill(checkpoint, system, values)
}

/// Saved values of those of a system's networks that generating needs, by name; averaged ones take the
/// place of the last ones where there are any.
///
/// # Errors
///
/// If a file is missing or not valid.
pub fn for_generation(
    checkpoint: &Checkpoint,
    components: &[Component],
) -> Result<BTreeMap<String, TensorData>, CheckpointError> {
    let mut values = averaged(checkpoint)?;
    let unneeded = components.iter().filter(|one| !one.is_for_generation);
    let unneeded: Vec<&str> = unneeded.map(|one| one.path.as_str()).collect();
    values.retain(|name, _| !unneeded.iter().any(|path| name.starts_with(path)));
    Ok(values)
}

/// The network at `path` of a trained system, in the place of `fresh`, as [`trained`].
///
/// # Errors
///
/// If names or shapes do not fit.
pub fn trained_part<B: Backend, M: Module<B>>(
    checkpoint: &Checkpoint,
    path: &str,
    fresh: M,
) -> Result<M, CheckpointError> {
    let inside = averaged(checkpoint)?
        .into_iter()
        .filter_map(|(name, data)| {
            let rest = name.strip_prefix(path)?.strip_prefix('.')?;
            Some((rest.to_owned(), data))
        });
    fill(checkpoint, fresh, inside.collect())
}

/// Saved values by name; averaged ones take the place of the last ones where there are any.
fn averaged(checkpoint: &Checkpoint) -> Result<Values, CheckpointError> {
    let mut values: Values = tensors(checkpoint, MODEL)?.into_iter().collect();
    if checkpoint.has(AVERAGE) {
        for (name, data) in tensors(checkpoint, AVERAGE)? {
            if let Some(value) = values.get_mut(&name) {
                *value = data;
            }
        }
    }
    Ok(values)
}

/// `network` with `values`; every parameter has one, and every value belongs to one.
fn fill<B: Backend, M: Module<B>>(
    checkpoint: &Checkpoint,
    network: M,
    mut values: Values,
) -> Result<M, CheckpointError> {
    let (network, report) = load_named::<B, M>(network, |name, _| values.remove(name));
    if report.is_complete() && values.is_empty() {
        return Ok(network);
    }
    let missing = report.missing.into_iter();
    let problems: Vec<String> = report
        .mismatched
        .into_iter()
        .chain(missing.map(|name| format!("{name}: not in the file")))
        .chain(
            values
                .into_keys()
                .map(|name| format!("{name}: not in the network")),
        )
        .take(5)
        .collect();
    let message = format!(
        "does not fit the networks of its configuration: {}",
        problems.join("; ")
    );
    Err(mismatch(checkpoint, MODEL, message))
}

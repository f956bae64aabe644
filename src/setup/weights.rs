//! Weights files: safetensors, PyTorch state dictionaries and variables saved by numpy, read without
//! executing anything.

use std::collections::BTreeMap;
use std::path::Path;

use burn::prelude::TensorData;
use burn_store::{ModuleStore, SafetensorsStore};
use wordpaint_data::DataError;
use wordpaint_data::formats::{npz, torch};

use super::SetupError;

/// All tensors of a weights file by name, as 32-bit floats in the layout of the file.
///
/// # Errors
///
/// If the file is neither safetensors, nor a PyTorch state dictionary, nor `.npz`.
pub fn read(path: &Path) -> Result<BTreeMap<String, TensorData>, SetupError> {
    let fail = |message: String| SetupError::Weights {
        path: path.to_path_buf(),
        message,
    };
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    match extension {
        "safetensors" => {
            let mut store = SafetensorsStore::from_file(path);
            collect(&mut store).map_err(|error| {
                fail(format!(
                    "not a readable safetensors file ({error}); fetch it again"
                ))
            })
        }
        "pth" | "pt" | "tar" => {
            let arrays = torch::read(path).map_err(|error| match error {
                DataError::Format { message, .. } => fail(format!(
                    "not a readable PyTorch state dictionary: {message}"
                )),
                other => fail(other.to_string()),
            })?;
            let tensor = |array: torch::Array| TensorData::new(array.values, array.shape);
            Ok(arrays
                .into_iter()
                .map(|(name, array)| (name, tensor(array)))
                .collect())
        }
        "npz" => {
            let arrays = npz::read(path)?.into_iter();
            let named = arrays.map(|(name, array)| {
                let data = TensorData::new(array.values, array.shape);
                (variable(&name), data)
            });
            Ok(named.collect())
        }
        other => Err(fail(format!(
            "unknown ending `.{other}`; expected .safetensors, .pth, .pt or .npz"
        ))),
    }
}

/// SHA-256 of a weights file in the record beside it, which `cargo xtask fetch` and `wordpaint import`
/// write.
pub fn recorded(path: &Path) -> Option<String> {
    let record = std::fs::read(path.with_extension("json")).ok()?;
    let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
    Some(record["sha256"].as_str()?.to_owned())
}

/// What to say of a file with the digest `found` where another was `recorded`.
pub fn is_another(recorded: &str, found: &str) -> String {
    format!(
        "is damaged or another file: the record beside it says SHA-256 {recorded}, found {found}; \
         fetch or import it again"
    )
}

/// A variable of TensorFlow or Keras without its output number (`:0`) and without the layer's name
/// said twice (`conv2d_1/conv2d_1/kernel`).
fn variable(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    match name.split_once('/') {
        Some((layer, rest)) if rest.split('/').next() == Some(layer) => rest.to_owned(),
        _ => name.to_owned(),
    }
}

fn collect<S: ModuleStore>(store: &mut S) -> Result<BTreeMap<String, TensorData>, String>
where
    S::Error: std::fmt::Display,
{
    let names = store.keys().map_err(|error| error.to_string())?;
    let mut tensors = BTreeMap::new();
    for name in names {
        let snapshot = store
            .get_snapshot(&name)
            .map_err(|error| error.to_string())?;
        let Some(snapshot) = snapshot else { continue };
        let data = snapshot
            .to_data()
            .map_err(|error| format!("`{name}`: {error:?}"))?;
        if data.dtype.is_float() {
            tensors.insert(name, data.convert::<f32>());
        }
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_lose_what_only_their_tools_need() {
        assert_eq!(variable("conv2d_1/conv2d_1/kernel:0"), "conv2d_1/kernel");
        assert_eq!(
            variable("mixed/conv/conv2d_params"),
            "mixed/conv/conv2d_params"
        );
        assert_eq!(variable("mu"), "mu");
    }
}

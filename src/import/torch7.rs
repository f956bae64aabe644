//! Arrays of a Torch7 file.

use std::path::Path;

use burn::prelude::TensorData;
use wordpaint_data::formats::t7::{Item, T7};
use wordpaint_models::published::{Arrays, Torch7};

use crate::setup::SetupError;

/// The arrays of the file at `path` that are asked for, under their places below the network.
pub(super) fn torch7(path: &Path, network: &Torch7) -> Result<Arrays, SetupError> {
    let file = T7::open(path).map_err(|error| SetupError::Weights {
        path: path.to_path_buf(),
        message: error.to_string(),
    })?;
    let root = file.root();
    let at = |way: &&[&str]| {
        let mut fields = way.iter();
        fields.try_fold(root, |item: Item, field| file.get(item, field))
    };
    let top = network.ways.iter().find_map(at).unwrap_or(root);
    let lookup = |key: &str| -> Option<TensorData> {
        let item =
            key.split('.')
                .try_fold(top, |item: Item, part| match part.parse::<usize>() {
                    Ok(index) => file.element(item, index).ok(),
                    Err(_) => file.get(item, part),
                })?;
        let tensor = file.tensor(item).ok()?;
        Some(TensorData::new(tensor.to_f32(), tensor.shape().to_vec()))
    };
    let keys = (network.keys)(&|key| lookup(key).is_some());
    let arrays = keys.into_iter().filter_map(|key| {
        let data = lookup(&key)?;
        Some((key, data))
    });
    Ok(arrays.collect())
}

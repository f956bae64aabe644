//! The published char-CNN-RNN text encoders.

use std::path::Path;

use burn::prelude::TensorData;
use wordpaint_data::formats::t7::{Item, T7};
use wordpaint_models::backend::Backend;
use wordpaint_models::char_cnn_rnn;
use wordpaint_models::text::char_cnn_rnn::{self as encoder, Variant};

use super::{Arrays, Import, Imported, find, setting, size};
use crate::launch::LaunchError;
use crate::setup::SetupError;

impl Import {
    /// The text encoder, from the PyTorch port or from Torch7.
    pub(super) fn encoder<B: Backend>(&self, device: &B::Device) -> Result<Imported, LaunchError> {
        let is_torch7 = self.file.extension().is_some_and(|e| e == "t7");
        let (arrays, variant) = if is_torch7 {
            let (arrays, variant) = torch7(&self.file)?;
            self.check_finite(&self.file, &arrays)?;
            (arrays, variant)
        } else {
            let arrays = self.read(&self.file)?;
            let is_gated = find(&arrays, "rnn.i2h_update.weight").is_some();
            let variant = if is_gated {
                Variant::Gru18
            } else {
                Variant::Rnn8
            };
            (arrays, variant)
        };
        let translate = |name: &str| {
            let name = name.strip_prefix("encoder.")?;
            if is_torch7 {
                encoder::torch7_key(variant, name)
            } else {
                encoder::port_key(name)
            }
        };
        let size = |name: &str, axis: usize| size(&arrays, &translate(name)?.key, axis);
        let mut settings = vec![format!(
            "model.variant={}",
            match variant {
                Variant::Rnn8 => "rnn8",
                Variant::Gru18 => "gru18",
            }
        )];
        if let (Some(first), Some(second)) = (
            size("encoder.conv1.weight", 0),
            size("encoder.conv2.weight", 0),
        ) {
            settings.push(format!("model.conv_channels=[{first}, {second}]"));
        }
        setting(&mut settings, "cnn_dim", size("encoder.conv3.weight", 0));
        setting(
            &mut settings,
            "embedding_dim",
            size("encoder.projection.weight", 0),
        );
        self.run_of::<char_cnn_rnn::Family, B>(
            "char-cnn-rnn-cub",
            settings,
            &arrays,
            translate,
            device,
        )
    }
}

/// Arrays of a Torch7 text encoder under their places below `enc_doc`, and its recurrence.
fn torch7(path: &Path) -> Result<(Arrays, Variant), LaunchError> {
    let not_ours = |message: String| SetupError::Weights {
        path: path.to_path_buf(),
        message,
    };
    let file = T7::open(path).map_err(|error| not_ours(error.to_string()))?;
    let root = file.root();
    let held = file
        .get(root, "protos")
        .and_then(|protos| file.get(protos, "enc_doc"));
    let top = held.or_else(|| file.get(root, "enc_doc")).unwrap_or(root);
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
    let is_gated = lookup("modules.3.modules.14.modules.0.weight").is_some();
    let variant = if is_gated {
        Variant::Gru18
    } else {
        Variant::Rnn8
    };
    let sides = ["candidate", "gates.update", "gates.reset"]
        .into_iter()
        .flat_map(|pair| ["input", "state"].map(|side| format!("recurrent.{pair}.{side}")));
    let arrays = ["conv1", "conv2", "conv3", "projection"]
        .map(str::to_owned)
        .into_iter()
        .chain(sides)
        .flat_map(|layer| ["weight", "bias"].map(|field| format!("{layer}.{field}")))
        .filter_map(|name| encoder::torch7_key(variant, &name))
        .filter_map(|source| Some((source.key.clone(), lookup(&source.key)?)))
        .collect();
    Ok((arrays, variant))
}

//! Names of published weights.
//!
//! # Key mapping
//!
//! | PyTorch port | Torch7, below `enc_doc` | ours |
//! |---|---|---|
//! | `conv1.*`, `conv2.*`, `conv3.*` | `modules.1.modules.{0, 3, 6}.*` | `encoder.conv1.*`, ... |
//! | `rnn.i2h*.*`, `rnn.h2h*.*` | `modules.3.modules.*.modules.0.*` | `encoder.recurrent.*` |
//! | `emb_proj.*` | `modules.5.*` | `encoder.projection.*` |

use super::config::Config;
use crate::import::Source;
use crate::published::{
    Arrays, Companion, PublishedFiles, PublishedNetworks, Torch7, find, setting, size,
};
use crate::text::char_cnn_rnn::{Variant, port_key, torch7_key};

/// What only the gated recurrence has in a Torch7 file.
const GATED: &str = "modules.3.modules.14.modules.0.weight";

/// The text encoder, from the PyTorch port or from Torch7.
pub(super) struct Files;

impl PublishedFiles for Files {
    fn base(&self) -> &'static str {
        "char-cnn-rnn-cub"
    }

    fn first(&self) -> &'static str {
        "text encoder"
    }

    fn companions(&self) -> Vec<Companion> {
        Vec::new()
    }

    fn torch7(&self) -> Option<Torch7> {
        Some(Torch7 {
            ways: &[&["protos", "enc_doc"], &["enc_doc"]],
            keys: |has| torch7_keys(variant(has(GATED))),
        })
    }

    fn settings(&self, arrays: &Arrays) -> Vec<String> {
        let size = |name: &str, axis: usize| size(arrays, &key(name, arrays)?.key, axis);
        let name = match variant_of(arrays) {
            Variant::Rnn8 => "rnn8",
            Variant::Gru18 => "gru18",
        };
        let mut settings = vec![format!("model.variant={name}")];
        if let (Some(first), Some(second)) = (size("conv1.weight", 0), size("conv2.weight", 0)) {
            settings.push(format!("model.conv_channels=[{first}, {second}]"));
        }
        setting(&mut settings, "cnn_dim", size("conv3.weight", 0));
        let dim = size("projection.weight", 0);
        setting(&mut settings, "embedding_dim", dim);
        settings
    }
}

impl PublishedNetworks<Config> for Files {
    fn key(&self, name: &str, _config: &Config, arrays: &Arrays) -> Option<Source> {
        key(name.strip_prefix("encoder.")?, arrays)
    }
}

/// Where a parameter of the encoder is among the arrays of either file.
fn key(name: &str, arrays: &Arrays) -> Option<Source> {
    if is_torch7(arrays) {
        torch7_key(variant_of(arrays), name)
    } else {
        port_key(name)
    }
}

fn is_torch7(arrays: &Arrays) -> bool {
    arrays.keys().any(|key| key.starts_with("modules."))
}

fn variant_of(arrays: &Arrays) -> Variant {
    let gated = if is_torch7(arrays) {
        GATED
    } else {
        "rnn.i2h_update.weight"
    };
    variant(find(arrays, gated).is_some())
}

const fn variant(is_gated: bool) -> Variant {
    if is_gated {
        Variant::Gru18
    } else {
        Variant::Rnn8
    }
}

/// Places of all parameters in a Torch7 file.
fn torch7_keys(variant: Variant) -> Vec<String> {
    let sides = ["candidate", "gates.update", "gates.reset"]
        .into_iter()
        .flat_map(|pair| ["input", "state"].map(|side| format!("recurrent.{pair}.{side}")));
    ["conv1", "conv2", "conv3", "projection"]
        .map(str::to_owned)
        .into_iter()
        .chain(sides)
        .flat_map(|layer| ["weight", "bias"].map(|field| format!("{layer}.{field}")))
        .filter_map(|name| Some(torch7_key(variant, &name)?.key))
        .collect()
}

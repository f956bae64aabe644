//! Names of published weights.

use super::Variant;
use crate::import::{Layout, Source};

/// Name in the PyTorch port's state dict.
pub fn port_key(name: &str) -> Option<Source> {
    let (layer, field) = name.rsplit_once('.')?;
    match layer {
        "conv1" | "conv2" | "conv3" => Some(Source::same(name)),
        "projection" => Source::linear("emb_proj", field),
        _ => {
            let (pair, side) = recurrent(layer)?;
            let side = match side {
                Side::Input => "i2h",
                Side::State => "h2h",
            };
            Source::linear(&format!("rnn.{side}{}", pair.suffix()), field)
        }
    }
}

/// Path below `enc_doc` in a Torch7 checkpoint: field names and positions, counted from 0, joined
/// with dots (`modules.1.modules.0.weight`).
pub fn torch7_key(variant: Variant, name: &str) -> Option<Source> {
    let (layer, field) = name.rsplit_once('.')?;
    let conv = |position: usize| {
        Some(Source {
            key: format!("modules.1.modules.{position}.{field}"),
            layout: if field == "weight" {
                Layout::KernelMajor
            } else {
                Layout::Same
            },
        })
    };
    match layer {
        "conv1" => conv(0),
        "conv2" => conv(3),
        "conv3" => conv(6),
        "projection" => Source::linear("modules.5", field),
        _ => {
            let position = match (recurrent(layer)?, variant) {
                ((Matrix::Candidate, Side::Input), _) => 1,
                ((Matrix::Candidate, Side::State), Variant::Rnn8)
                | ((Matrix::Update, Side::State), Variant::Gru18) => 5,
                ((Matrix::Update, Side::Input), Variant::Gru18) => 4,
                ((Matrix::Reset, Side::Input), Variant::Gru18) => 9,
                ((Matrix::Reset, Side::State), Variant::Gru18) => 10,
                ((Matrix::Candidate, Side::State), Variant::Gru18) => 14,
                (_, Variant::Rnn8) => return None,
            };
            Source::linear(&format!("modules.3.modules.{position}.modules.0"), field)
        }
    }
}

#[derive(Clone, Copy)]
enum Matrix {
    Candidate,
    Update,
    Reset,
}

impl Matrix {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Candidate => "",
            Self::Update => "_update",
            Self::Reset => "_reset",
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Input,
    State,
}

/// What a linear layer of the recurrence is for.
fn recurrent(layer: &str) -> Option<(Matrix, Side)> {
    let (pair, side) = layer.strip_prefix("recurrent.")?.rsplit_once('.')?;
    let pair = match pair {
        "candidate" => Matrix::Candidate,
        "gates.update" => Matrix::Update,
        "gates.reset" => Matrix::Reset,
        _ => return None,
    };
    let side = match side {
        "input" => Side::Input,
        "state" => Side::State,
        _ => return None,
    };
    Some((pair, side))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use burn::backend::Flex;

    use super::super::CharCnnRnnConfig;
    use super::*;
    use crate::state::param_ids;

    fn names(variant: Variant) -> Vec<String> {
        let config = CharCnnRnnConfig {
            variant,
            conv_channels: [2, 2],
            cnn_dim: 2,
            embedding_dim: 2,
        };
        let encoder = config.init::<Flex>(&burn_flex::FlexDevice);
        param_ids::<Flex, _>(&encoder).into_keys().collect()
    }

    #[test]
    fn every_parameter_has_its_own_published_names() {
        for (variant, count) in [(Variant::Rnn8, 12), (Variant::Gru18, 20)] {
            let names = names(variant);
            let port: BTreeSet<String> = names
                .iter()
                .filter_map(|n| Some(port_key(n)?.key))
                .collect();
            let torch7: BTreeSet<String> = names
                .iter()
                .filter_map(|n| Some(torch7_key(variant, n)?.key))
                .collect();

            assert_eq!(names.len(), count);
            assert_eq!(port.len(), count);
            assert_eq!(torch7.len(), count);
        }
    }

    #[test]
    fn torch7_names_follow_the_tree() {
        let key = |variant, name| torch7_key(variant, name).map(|s| (s.key, s.layout));

        assert_eq!(
            key(Variant::Gru18, "conv2.weight"),
            Some(("modules.1.modules.3.weight".into(), Layout::KernelMajor))
        );
        assert_eq!(
            key(Variant::Gru18, "recurrent.gates.reset.state.weight"),
            Some((
                "modules.3.modules.10.modules.0.weight".into(),
                Layout::Transposed
            ))
        );
        assert_eq!(
            key(Variant::Rnn8, "recurrent.candidate.state.bias"),
            Some(("modules.3.modules.5.modules.0.bias".into(), Layout::Same))
        );
    }
}

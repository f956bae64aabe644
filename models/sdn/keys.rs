//! Names of the variables in the published SDN code.
//!
//! # Key mapping
//!
//! | published, with `_W` and `_b` | ours |
//! |---|---|
//! | `g_fc7`, `g_fc6`, `g_pool5` | `generator.fc7.*`, `generator.fc6.*`, `generator.pool5.*` |
//! | `g_conv5_3` down to `g_img`: the layer of the teacher that the output is compared with | `generator.convs.I.*` |

use crate::vision::vgg::{Depth, Layer};

/// Why there is nothing to import.
pub(super) const NO_WEIGHTS: &str =
    "its authors published no weights of SDN; train it: `cargo xtask reproduce sdn-cub`";

/// Variable of the published TensorFlow code that holds one of our parameters, without the suffix
/// `_W` or `_b`: `generator.convs.0.weight` is `g_conv5_3`, because that code names each layer after
/// the teacher's layer its output is compared with. `None` for an unknown name.
///
/// Linear weights are `[inputs, outputs]` there as here; convolutions are height, width, inputs,
/// outputs.
pub fn published_layer(depth: Depth, name: &str) -> Option<String> {
    let (layer, _) = name.strip_prefix("generator.")?.rsplit_once('.')?;
    let Some(index) = layer.strip_prefix("convs.") else {
        return matches!(layer, "fc7" | "fc6" | "pool5").then(|| format!("g_{layer}"));
    };
    let layers = depth.layers();
    let convs = layers
        .iter()
        .enumerate()
        .filter(|(_, l)| matches!(l, Layer::Conv { .. }));
    let (position, _) = convs.rev().nth(index.parse().ok()?)?;
    let compared = position
        .checked_sub(1)
        .map_or("img".to_owned(), |p| layers[p].to_string());
    Some(format!("g_{compared}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_bear_the_name_of_what_they_are_compared_with() {
        let name = |i: usize| published_layer(Depth::Vgg19, &format!("generator.convs.{i}.weight"));

        assert_eq!(name(0).as_deref(), Some("g_conv5_3"));
        assert_eq!(name(3).as_deref(), Some("g_pool4"));
        assert_eq!(name(15).as_deref(), Some("g_img"));
        assert_eq!(name(16), None);
    }
}

//! Names of published VGG weights.

use super::layer::{Depth, Layer};

/// Torchvision's name (`features.N.weight`, `classifier.N.weight`) of one of our parameters
/// (`convs.3.weight`, `classifier.fc6.bias`); `None` for an unknown name.
///
/// MatConvNet's files count their layers in the same way.
pub fn torchvision_key(depth: Depth, name: &str) -> Option<String> {
    let (layer, field) = name.rsplit_once('.')?;
    if let Some(index) = layer.strip_prefix("convs.") {
        let position = *features_positions(depth).get(index.parse::<usize>().ok()?)?;
        return Some(format!("features.{position}.{field}"));
    }
    let position = match layer {
        "classifier.fc6" => 0,
        "classifier.fc7" => 3,
        _ => return None,
    };
    Some(format!("classifier.{position}.{field}"))
}

/// Index of every convolution in torchvision's `features`, where each ReLU and each pooling layer
/// takes a number of its own.
fn features_positions(depth: Depth) -> Vec<usize> {
    let mut next = 0;
    let mut positions = Vec::new();
    for layer in depth.layers() {
        match layer {
            Layer::Conv { .. } => {
                positions.push(next);
                next += 2;
            }
            Layer::Pool { .. } => next += 1,
        }
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_torchvision() {
        assert_eq!(
            features_positions(Depth::Vgg16),
            [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
        );
        let deepest = torchvision_key(Depth::Vgg19, "convs.15.bias");
        assert_eq!(deepest.as_deref(), Some("features.34.bias"));
        let fc7 = torchvision_key(Depth::Vgg16, "classifier.fc7.weight");
        assert_eq!(fc7.as_deref(), Some("classifier.3.weight"));
        assert_eq!(torchvision_key(Depth::Vgg16, "convs.13.bias"), None);
    }
}

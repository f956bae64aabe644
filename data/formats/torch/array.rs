//! From the bytes of a storage to the numbers of a tensor.

use std::path::Path;

use half::{bf16, f16};

use super::DAMAGED;
use crate::DataError;
use crate::formats::pickle::{Element, TensorView};

/// A tensor's numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f32>,
}

/// The numbers that `tensor` shows of `storage`.
pub(super) fn view(
    path: &Path,
    name: &str,
    tensor: &TensorView<'_>,
    storage: &[u8],
) -> Result<Array, DataError> {
    let size = tensor.storage.element.size();
    let fail = |why: String| DataError::format(path, format!("`{name}`: {why}: {DAMAGED}"));
    if storage.len() as u128 != tensor.storage.count as u128 * size as u128 {
        return Err(fail(format!(
            "its storage has {} bytes, {} numbers of {size} were announced",
            storage.len(),
            tensor.storage.count
        )));
    }
    let extents = tensor.shape.iter().zip(tensor.strides);
    let end = extents
        .clone()
        .try_fold(tensor.offset, |end, (&extent, &stride)| {
            end.checked_add(extent.saturating_sub(1).checked_mul(stride)?)
        });
    let count = tensor
        .shape
        .iter()
        .try_fold(1_usize, |n, &extent| n.checked_mul(extent));
    let count = count.ok_or_else(|| fail("it has more numbers than there is memory".into()))?;
    if count > 0 && end.is_none_or(|end| end >= tensor.storage.count) {
        return Err(fail("it reaches beyond its storage".into()));
    }
    let at = |position: usize| &storage[position * size..][..size];
    let number = decoder(tensor.storage.element).expect("only tensors of floats are read");
    let values = if is_contiguous(tensor) {
        (0..count).map(|i| number(at(tensor.offset + i))).collect()
    } else {
        (0..count)
            .map(|i| number(at(tensor.offset + offset(tensor, i))))
            .collect()
    };
    Ok(Array {
        shape: tensor.shape.to_vec(),
        values,
    })
}

fn is_contiguous(tensor: &TensorView<'_>) -> bool {
    let mut expected = 1_usize;
    tensor
        .shape
        .iter()
        .zip(tensor.strides)
        .rev()
        .all(|(&extent, &stride)| {
            let fits = extent == 1 || stride == expected;
            // Too large a product belongs to an empty tensor.
            expected = expected.saturating_mul(extent);
            fits
        })
}

/// Offset of the element with row-major index `index`.
fn offset(tensor: &TensorView<'_>, index: usize) -> usize {
    let mut rest = index;
    let dimensions = tensor.shape.iter().zip(tensor.strides).rev();
    dimensions
        .map(|(&extent, &stride)| {
            let position = rest % extent;
            rest /= extent;
            position * stride
        })
        .sum()
}

/// How a little-endian float is read; `None` for integers.
fn decoder(element: Element) -> Option<fn(&[u8]) -> f32> {
    Some(match element {
        Element::F16 => |b| f16::from_le_bytes([b[0], b[1]]).to_f32(),
        Element::Bf16 => |b| bf16::from_le_bytes([b[0], b[1]]).to_f32(),
        Element::F32 => |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        Element::F64 => {
            |b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_numbers_are_read() {
        let read = decoder(Element::F16).expect("a float");
        let half = |bits: u16| read(&bits.to_le_bytes());
        for (bits, expected) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), expected, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}

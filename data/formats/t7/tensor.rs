//! Tensors and the storages they look into.

use super::Item;

/// Element type of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Scalar {
    F32,
    F64,
    U8,
    I8,
    I16,
    I32,
    I64,
}

impl Scalar {
    /// From the middle of `torch.XTensor`; GPU classes hold the same numbers.
    pub(super) fn parse(name: &[u8]) -> Option<Self> {
        let name = match name.strip_prefix(b"Cuda") {
            Some(b"") => b"Float",
            Some(rest) => rest,
            None => name,
        };
        Some(match name {
            b"Float" => Self::F32,
            b"Double" => Self::F64,
            b"Byte" => Self::U8,
            b"Char" => Self::I8,
            b"Short" => Self::I16,
            b"Int" => Self::I32,
            b"Long" => Self::I64,
            _ => return None,
        })
    }

    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    /// Element `index` of `data`, which must hold it.
    fn read(self, data: &[u8], index: usize) -> f64 {
        fn at<const N: usize>(data: &[u8], index: usize) -> [u8; N] {
            data.as_chunks::<N>().0[index]
        }
        match self {
            Self::F32 => f32::from_le_bytes(at(data, index)).into(),
            Self::F64 => f64::from_le_bytes(at(data, index)),
            Self::U8 => data[index].into(),
            Self::I8 => i8::from_le_bytes(at(data, index)).into(),
            Self::I16 => i16::from_le_bytes(at(data, index)).into(),
            Self::I32 => i32::from_le_bytes(at(data, index)).into(),
            Self::I64 => i64::from_le_bytes(at(data, index)) as f64,
        }
    }
}

/// A tensor as it stands in the file.
#[derive(Debug, Clone)]
pub(super) struct TensorNode {
    /// Where it stands, for messages.
    pub(super) position: usize,
    pub(super) scalar: Scalar,
    pub(super) sizes: Vec<i64>,
    pub(super) strides: Vec<i64>,
    /// 1-based, in elements.
    pub(super) offset: i64,
    pub(super) storage: Item,
}

/// A tensor whose every element is known to lie inside its storage.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    shape: Vec<usize>,
    strides: Vec<usize>,
    start: usize,
    scalar: Scalar,
    data: &'a [u8],
}

impl<'a> Tensor<'a> {
    pub(super) fn new(
        node: &TensorNode,
        (scalar, data): (Scalar, &'a [u8]),
        max_elements: usize,
    ) -> Result<Self, String> {
        let damaged = |what: &str| {
            let TensorNode {
                position,
                sizes,
                strides,
                offset,
                ..
            } = node;
            format!(
                "tensor at byte {position} (sizes {sizes:?}, strides {strides:?}, offset {offset}) \
                 {what}: the file is damaged"
            )
        };
        let counts = |values: &[i64]| -> Option<Vec<usize>> {
            values.iter().map(|&v| usize::try_from(v).ok()).collect()
        };
        let (Some(mut shape), Some(strides)) = (counts(&node.sizes), counts(&node.strides)) else {
            return Err(damaged("has negative sizes or strides"));
        };
        if shape.is_empty() {
            // Torch7 has no scalars: a tensor without dimensions is empty.
            shape.push(0);
            return Ok(Self {
                shape,
                strides: vec![1],
                start: 0,
                scalar,
                data,
            });
        }
        let count = shape.iter().try_fold(1usize, |n, &s| n.checked_mul(s));
        let Some(count) = count.filter(|&n| n <= max_elements) else {
            return Err(damaged("has more elements than the file has bytes"));
        };
        if count == 0 {
            return Ok(Self {
                shape,
                strides,
                start: 0,
                scalar,
                data,
            });
        }
        let start = usize::try_from(node.offset)
            .ok()
            .and_then(|o| o.checked_sub(1));
        let last = shape
            .iter()
            .zip(&strides)
            .try_fold(start.unwrap_or(usize::MAX), |at, (s, t)| {
                at.checked_add((s - 1).checked_mul(*t)?)
            });
        let elements = data.len() / scalar.size();
        match (start, last) {
            (Some(start), Some(last)) if last < elements => Ok(Self {
                shape,
                strides,
                start,
                scalar,
                data,
            }),
            _ => Err(damaged(&format!(
                "leaves its storage of {elements} elements"
            ))),
        }
    }

    /// Extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Element type.
    pub const fn scalar(&self) -> Scalar {
        self.scalar
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// All elements in row-major order.
    pub fn to_f64(&self) -> Vec<f64> {
        self.positions()
            .map(|i| self.scalar.read(self.data, i))
            .collect()
    }

    /// All elements in row-major order.
    pub fn to_f32(&self) -> Vec<f32> {
        self.positions()
            .map(|i| self.scalar.read(self.data, i) as f32)
            .collect()
    }

    /// Storage positions of all elements in row-major order.
    fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.count()).map(|index| {
            let mut rest = index;
            let mut at = self.start;
            for (&extent, &stride) in self.shape.iter().zip(&self.strides).rev() {
                at += (rest % extent) * stride;
                rest /= extent;
            }
            at
        })
    }
}

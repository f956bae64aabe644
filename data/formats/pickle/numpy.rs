//! The four numpy names that published pickles use, as plain data.

use super::Value;

/// Allow-listed global names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `numpy.core.multiarray._reconstruct`
    Reconstruct,
    /// `numpy.core.multiarray.scalar`
    Scalar,
    /// `numpy.ndarray`
    Ndarray,
    /// `numpy.dtype`
    Dtype,
}

impl Global {
    pub(super) fn find(module: &[u8], name: &[u8]) -> Option<Self> {
        match (module, name) {
            (b"numpy.core.multiarray", b"_reconstruct") => Some(Self::Reconstruct),
            (b"numpy.core.multiarray", b"scalar") => Some(Self::Scalar),
            (b"numpy", b"ndarray") => Some(Self::Ndarray),
            (b"numpy", b"dtype") => Some(Self::Dtype),
            _ => None,
        }
    }
}

/// Element type of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Scalar {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Scalar {
    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    fn parse(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"b1" => Self::Bool,
            b"i1" => Self::I8,
            b"u1" => Self::U8,
            b"i2" => Self::I16,
            b"u2" => Self::U16,
            b"i4" => Self::I32,
            b"u4" => Self::U32,
            b"i8" => Self::I64,
            b"u8" => Self::U64,
            b"f4" => Self::F32,
            b"f8" => Self::F64,
            _ => return None,
        })
    }
}

/// A numpy type: element type and byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dtype {
    scalar: Scalar,
    is_big_endian: bool,
}

impl Dtype {
    /// From the string given to `numpy.dtype`; the byte order follows in the state.
    pub(super) fn parse(name: &[u8]) -> Option<Self> {
        let (order, name) = match name.split_first() {
            Some((b'<' | b'=' | b'|', rest)) => (false, rest),
            Some((b'>', rest)) => (true, rest),
            _ => (false, name),
        };
        Some(Self {
            scalar: Scalar::parse(name)?,
            is_big_endian: order,
        })
    }

    pub(super) fn with_order(self, order: &[u8]) -> Option<Self> {
        match order {
            // `=` is the order of the machine that wrote the file; all published ones are little.
            b"<" | b"|" | b"=" => Some(Self {
                is_big_endian: false,
                ..self
            }),
            b">" => Some(Self {
                is_big_endian: true,
                ..self
            }),
            _ => None,
        }
    }

    pub(super) const fn size(self) -> usize {
        self.scalar.size()
    }

    /// Decodes one element; `None` if `bytes` has another length.
    pub(super) fn value(self, bytes: &[u8]) -> Option<Value> {
        if bytes.len() != self.size() {
            return None;
        }
        Some(match self.scalar {
            Scalar::Bool => Value::Bool(bytes[0] != 0),
            Scalar::F32 | Scalar::F64 => Value::Float(self.f64(bytes)),
            _ => Value::Int(self.i64(bytes)?),
        })
    }

    fn bits(self, bytes: &[u8]) -> u64 {
        let push = |acc: u64, &b: &u8| (acc << 8) | u64::from(b);
        if self.is_big_endian {
            bytes.iter().fold(0, push)
        } else {
            bytes.iter().rev().fold(0, push)
        }
    }

    fn f64(self, bytes: &[u8]) -> f64 {
        let bits = self.bits(bytes);
        match self.scalar {
            Scalar::F32 => f64::from(f32::from_bits(bits as u32)),
            Scalar::F64 => f64::from_bits(bits),
            Scalar::U64 => bits as f64,
            _ => self.i64(bytes).unwrap_or_default() as f64,
        }
    }

    fn i64(self, bytes: &[u8]) -> Option<i64> {
        let bits = self.bits(bytes);
        match self.scalar {
            Scalar::Bool => Some(i64::from(bits != 0)),
            Scalar::I8 => Some(i64::from(bits as i8)),
            Scalar::I16 => Some(i64::from(bits as i16)),
            Scalar::I32 => Some(i64::from(bits as i32)),
            Scalar::I64 => Some(bits as i64),
            Scalar::U8 | Scalar::U16 | Scalar::U32 | Scalar::U64 => i64::try_from(bits).ok(),
            Scalar::F32 | Scalar::F64 => None,
        }
    }
}

/// An array while it is being read and afterwards.
#[derive(Debug, Clone)]
pub(super) enum ArrayNode {
    /// Made by `_reconstruct`, without state.
    Empty,
    Built {
        shape: Vec<usize>,
        dtype: Dtype,
        fortran: bool,
        /// Arena slot of the string with the raw data.
        data: u32,
    },
}

/// A numpy array inside a [`super::Pickle`]; the number of bytes has been checked.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    pub(super) shape: &'a [usize],
    pub(super) dtype: Dtype,
    pub(super) fortran: bool,
    pub(super) data: &'a [u8],
}

impl<'a> Array<'a> {
    /// Extents, outermost first.
    pub const fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// Element type.
    pub const fn scalar(&self) -> Scalar {
        self.dtype.scalar
    }

    /// Raw bytes in row-major order if the elements are bytes, for images.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        (self.dtype.scalar == Scalar::U8 && !self.fortran).then_some(self.data)
    }

    /// All elements in row-major order; integers are converted.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.data.len() / self.dtype.size());
        self.extend_f32(&mut out);
        out
    }

    /// Appends all elements in row-major order.
    pub fn extend_f32(&self, out: &mut Vec<f32>) {
        if self.dtype.scalar == Scalar::F32 && !self.dtype.is_big_endian && !self.fortran {
            let (words, _) = self.data.as_chunks::<4>();
            out.extend(words.iter().map(|&b| f32::from_le_bytes(b)));
        } else {
            let dtype = self.dtype;
            out.extend(self.elements().map(|bytes| dtype.f64(bytes) as f32));
        }
    }

    /// All elements in row-major order; `None` for floats and integers beyond `i64`.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        self.elements().map(|bytes| self.dtype.i64(bytes)).collect()
    }

    fn elements(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        let size = self.dtype.size();
        let count = self.data.len() / size;
        (0..count).map(move |i| {
            let at = if self.fortran {
                column_major_offset(self.shape, i)
            } else {
                i
            };
            &self.data[at * size..][..size]
        })
    }
}

/// Position in column-major storage of the element with row-major index `index`.
pub(in crate::formats) fn column_major_offset(shape: &[usize], index: usize) -> usize {
    let mut rest = index;
    let mut offset = 0;
    let mut stride: usize = shape.iter().product();
    for &extent in shape.iter().rev() {
        stride /= extent;
        offset += (rest % extent) * stride;
        rest /= extent;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_major_arrays_are_read_in_row_major_order() {
        let array = Array {
            shape: &[2, 3],
            dtype: Dtype {
                scalar: Scalar::U8,
                is_big_endian: false,
            },
            fortran: true,
            data: &[1, 4, 2, 5, 3, 6],
        };
        assert_eq!(array.to_i64(), Some(vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(array.as_bytes(), None);
    }

    #[test]
    fn byte_order_and_sign_are_honoured() {
        let dtype = Dtype::parse(b"i2")
            .and_then(|d| d.with_order(b">"))
            .expect("valid");
        assert_eq!(dtype.value(&[0xff, 0xfe]), Some(Value::Int(-2)));
        assert_eq!(dtype.value(&[0xff]), None);
        assert_eq!(Dtype::parse(b"O"), None);
    }
}

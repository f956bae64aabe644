//! One array in numpy's `.npy` format.

use std::cmp::Ordering;

use super::cursor::{Cursor, Truncated};
use super::pickle::column_major_offset;

/// Largest header; numpy's own are below 300 bytes.
const LARGEST_HEADER: u64 = 1 << 16;

/// An array as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Type in numpy's notation (`<f4`).
    pub descr: String,
    /// Sizes of the axes, outermost first.
    pub shape: Vec<usize>,
    is_column_major: bool,
    data: Vec<u8>,
}

impl Array {
    /// Reads an array from its magic number to its last value.
    ///
    /// # Errors
    ///
    /// If this is no `.npy` file, is shorter or longer than its header says, or is of a type that
    /// numpy would have to execute.
    pub fn parse(mut bytes: Vec<u8>) -> Result<Self, String> {
        let mut input = Cursor::new(&bytes);
        let cut = |e: Truncated| format!("is truncated: {e}");
        let head = input.array::<8>().map_err(cut)?;
        if !head.starts_with(b"\x93NUMPY") {
            return Err("is not in .npy format".into());
        }
        // Version 1 states the header's length in two bytes, later ones in four.
        let length = match head[6] {
            1 => u64::from(input.u16().map_err(cut)?),
            _ => u64::from(input.u32().map_err(cut)?),
        };
        if length > LARGEST_HEADER {
            return Err("has a header of impossible length".into());
        }
        let header = input.take(length).map_err(cut)?;
        let header = String::from_utf8_lossy(header).into_owned();
        let descr = quoted(&header, "descr").ok_or("has no type")?;
        if descr.trim_start_matches('|') == "O" {
            return Err("holds Python objects, which are never executed".into());
        }
        let width = width(&descr).ok_or_else(|| format!("has an unknown type `{descr}`"))?;
        let shape = shape(&header).ok_or("has no shape")?;
        let size = shape
            .iter()
            .try_fold(width, |size: usize, &side| size.checked_mul(side))
            .ok_or("has a shape beyond all bounds")?;
        let (start, left) = (input.position(), input.left());
        match left.cmp(&size) {
            Ordering::Equal => {}
            Ordering::Less => {
                return Err(format!(
                    "is truncated: {size} bytes expected, {left} left; export it again"
                ));
            }
            Ordering::Greater => {
                return Err(format!(
                    "has {left} bytes of values where its shape needs {size}; export it again"
                ));
            }
        }
        bytes.drain(..start);
        let is_fortran = after(&header, "fortran_order").is_some_and(|v| v.starts_with("True"));
        Ok(Self {
            is_column_major: is_fortran && shape.len() > 1,
            descr,
            shape,
            data: bytes,
        })
    }

    /// Values in row-major order; `None` if they are not floats of 32 or 64 bits.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        match self.descr.as_str() {
            "<f4" => Some(self.ordered(f32::from_le_bytes)),
            "<f8" => Some(self.ordered(|bytes| f64::from_le_bytes(bytes) as f32)),
            _ => None,
        }
    }

    /// The same in 64 bits.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        match self.descr.as_str() {
            "<f4" => Some(self.ordered(|bytes| f64::from(f32::from_le_bytes(bytes)))),
            "<f8" => Some(self.ordered(f64::from_le_bytes)),
            _ => None,
        }
    }

    /// A single whole number of 64 bits that is not negative.
    pub fn count(&self) -> Option<u64> {
        let (&[bytes], []) = self.data.as_chunks::<8>() else {
            return None;
        };
        let number = i64::from_le_bytes(bytes);
        u64::try_from(number).ok().filter(|_| self.descr == "<i8")
    }

    /// A text.
    pub fn text(&self) -> Option<String> {
        self.descr.starts_with("<U").then_some(())?;
        let (letters, _) = self.data.as_chunks::<4>();
        letters
            .iter()
            .map(|&letter| u32::from_le_bytes(letter))
            .filter(|&letter| letter != 0)
            .map(char::from_u32)
            .collect()
    }

    fn ordered<const N: usize, T>(&self, value: impl Fn([u8; N]) -> T) -> Vec<T> {
        let (words, _) = self.data.as_chunks::<N>();
        if self.is_column_major {
            let at = |i| words[column_major_offset(&self.shape, i)];
            (0..words.len()).map(|i| value(at(i))).collect()
        } else {
            words.iter().map(|&word| value(word)).collect()
        }
    }
}

/// What follows `'key':` in a header.
fn after<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(header: &str, key: &str) -> Option<String> {
    let rest = after(header, key)?;
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    rest[1..].split_once(quote).map(|(text, _)| text.to_owned())
}

/// Sizes of a tuple: `()`, `(3,)`, `(2, 3)`.
fn shape(header: &str) -> Option<Vec<usize>> {
    let inside = after(header, "shape")?
        .strip_prefix('(')?
        .split_once(')')?
        .0;
    let sides = inside.split(',').map(str::trim);
    sides
        .filter(|side| !side.is_empty())
        .map(|side| side.parse().ok())
        .collect()
}

/// Bytes per value.
fn width(descr: &str) -> Option<usize> {
    let kind = descr.trim_start_matches(['<', '>', '|', '=']);
    let mut letters = kind.chars();
    let letter = letters.next()?;
    let number: usize = letters.as_str().parse().ok()?;
    match letter {
        'U' => number.checked_mul(4),
        'f' | 'i' | 'u' | 'S' | 'b' | 'c' => Some(number),
        _ => None,
    }
}

/// An array of version 1.0, for tests of readers.
#[cfg(test)]
pub(super) fn encode(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(descr: &str, order: &str, shape: &str, data: &[u8]) -> Result<Array, String> {
        Array::parse(encode(descr, order, shape, data))
    }

    #[test]
    fn values_of_every_kind_come_back() {
        let floats: Vec<u8> = [1.0_f32, -2.0].map(f32::to_le_bytes).concat();
        let pair = read("<f4", "False", "(1, 2)", &floats).expect("floats");
        let tiny = read("<f8", "False", "()", &1e-300_f64.to_le_bytes()).expect("a float");
        let count = read("<i8", "False", "()", &7_i64.to_le_bytes()).expect("a number");
        let text = read("<U2", "False", "()", b"a\0\0\0\0\0\0\0").expect("a text");

        assert_eq!(
            (pair.shape.clone(), pair.to_f32()),
            (vec![1, 2], Some(vec![1.0, -2.0]))
        );
        assert_eq!(tiny.to_f64(), Some(vec![1e-300]));
        assert_eq!(tiny.to_f32(), Some(vec![0.0]));
        assert_eq!((count.count(), count.to_f32()), (Some(7), None));
        assert_eq!((text.text(), text.count()), (Some("a".to_owned()), None));
    }

    #[test]
    fn arrays_stored_by_columns_are_read_in_rows() {
        let stored: Vec<u8> = [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0]
            .map(f32::to_le_bytes)
            .concat();

        let array = read("<f4", "True", "(2, 3)", &stored).expect("valid");

        assert_eq!(array.to_f32(), Some(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    }

    #[test]
    fn damage_is_named() {
        for (descr, shape, expected) in [
            ("<f4", "(3,)", "truncated"),
            ("<f4", "(1,)", "8 bytes of values where its shape needs 4"),
            ("<f8", "(99999999999, 99999999999)", "bounds"),
            ("|O", "(3,)", "never executed"),
            ("O", "(3,)", "never executed"),
            ("<M8[ns]", "(1,)", "unknown type"),
            ("<f4", "[3]", "no shape"),
        ] {
            let error = read(descr, "False", shape, &[0; 8]).expect_err(expected);
            assert!(error.contains(expected), "{descr} {shape}: {error}");
        }
        for (bytes, expected) in [
            (&b"\x93NUM"[..], "truncated"),
            (b"other   ", "not in .npy format"),
            (b"\x93NUMPY\x02\0\xff\xff\xff\xff", "impossible length"),
        ] {
            let error = Array::parse(bytes.to_vec()).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(
            header in "[{}'a-zU<0-9:,() |]{0,60}",
            data in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = b"\x93NUMPY\x01\0".to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            bytes.extend(data);
            if let Ok(array) = Array::parse(bytes) {
                let _ = (array.to_f32(), array.to_f64(), array.count(), array.text());
            }
        }
    }
}

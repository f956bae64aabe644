//! Reader for the subset of MATLAB 5 files that Oxford-102 uses: real numeric matrices,
//! compressed or not, little-endian.

use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::cursor::{Cursor, Truncated};
use crate::DataError;
use crate::input;

/// Most bytes that the variables of one file may inflate to (`setid.mat` needs 66 kB).
const MAX_INFLATED: u64 = 16 << 20;

/// A named real matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Variable name.
    pub name: String,
    /// Extents; MATLAB has at least two.
    pub dims: Vec<usize>,
    /// Elements in column-major order.
    pub values: Vec<f64>,
}

impl Matrix {
    /// The elements as integers, or `None` if one is not whole.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        let whole = |&v: &f64| (v.fract() == 0.0 && v.abs() < 9e15).then_some(v as i64);
        self.values.iter().map(whole).collect()
    }
}

/// Reads every numeric matrix of a file.
pub fn open(path: &Path) -> Result<Vec<Matrix>, DataError> {
    let data = input::read(path, input::ARRAYS).map_err(|e| DataError::io("read", path, e))?;
    parse(&data).map_err(|message| DataError::format(path, message))
}

/// The matrix called `name` in the file at `path`, as integers.
pub fn integers(path: &Path, name: &str) -> Result<Vec<i64>, DataError> {
    let matrices = open(path)?;
    let Some(matrix) = matrices.iter().find(|m| m.name == name) else {
        let found: Vec<_> = matrices.iter().map(|m| m.name.as_str()).collect();
        let message = format!("no variable `{name}`; the file holds: {}", found.join(", "));
        return Err(DataError::format(path, message));
    };
    matrix.to_i64().ok_or_else(|| {
        DataError::format(
            path,
            format!("variable `{name}` holds values that are not whole"),
        )
    })
}

/// Decodes the bytes of a file; the error is a message for people.
pub fn parse(data: &[u8]) -> Result<Vec<Matrix>, String> {
    let mut input = Cursor::new(data);
    let header = input.array::<128>().map_err(|_| {
        "shorter than the 128-byte header: not a MATLAB 5 file, or truncated".to_string()
    })?;
    match &header[124..] {
        [0, 1, b'I', b'M'] => {}
        [_, _, b'M', b'I'] => {
            return Err("big-endian MATLAB file; save it again on a little-endian machine".into());
        }
        _ => {
            return Err(
                "not a MATLAB 5 file (no version 0x0100 and endian mark at byte 124); \
                 save it with `save -v6` or `-v7`"
                    .into(),
            );
        }
    }
    let mut matrices = Vec::new();
    let mut budget = MAX_INFLATED;
    while input.left() > 0 {
        let offset = input.position();
        let at = |message: String| format!("element at byte {offset}: {message}");
        let (kind, body) = element(&mut input).map_err(|e| at(e.to_string()))?;
        let found = match kind {
            14 => matrix(body),
            15 => inflate(body, &mut budget).and_then(|inner| {
                let mut inner = Cursor::new(&inner);
                let (kind, body) = element(&mut inner).map_err(|e| e.to_string())?;
                match (kind, inner.left()) {
                    (14, 0) => matrix(body),
                    (14, left) => Err(format!("{left} bytes behind a compressed matrix")),
                    _ => Err(format!("compressed element of type {kind}, expected 14")),
                }
            }),
            _ => Ok(None),
        };
        matrices.extend(found.map_err(at)?);
    }
    Ok(matrices)
}

/// One data element: type and content. Compressed ones (type 15) are not padded.
fn element<'a>(input: &mut Cursor<'a>) -> Result<(u32, &'a [u8]), Truncated> {
    let tag = input.u32()?;
    if tag >> 16 != 0 {
        let content = input.array_ref::<4>()?;
        return Ok((tag & 0xffff, &content[..((tag >> 16) as usize).min(4)]));
    }
    let count = input.u32()?;
    let content = input.take(count.into())?;
    if tag != 15 {
        // Some writers leave out the padding behind the last element.
        let padding = (8 - u64::from(count) % 8) % 8;
        input.take(padding.min(input.left() as u64))?;
    }
    Ok((tag, content))
}

fn inflate(body: &[u8], budget: &mut u64) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut decoder = ZlibDecoder::new(body);
    let read = decoder.by_ref().take(*budget + 1).read_to_end(&mut out);
    read.map_err(|e| format!("compressed data are damaged ({e}); download the file again"))?;
    *budget = budget.checked_sub(out.len() as u64).ok_or_else(|| {
        format!(
            "the file inflates to more than {} MiB; refused",
            MAX_INFLATED >> 20
        )
    })?;
    Ok(out)
}

/// Bit of the flag byte that marks a matrix with an imaginary part.
const COMPLEX: u8 = 0x08;

/// A numeric matrix; `None` for cells, structures, sparse, complex and text arrays.
fn matrix(body: &[u8]) -> Result<Option<Matrix>, String> {
    let mut input = Cursor::new(body);
    let mut part = |what: &str, expected: Option<u32>| {
        let (kind, content) = element(&mut input).map_err(|e| format!("{what}: {e}"))?;
        match expected {
            Some(e) if e != kind => Err(format!("{what}: type {kind} found, {e} expected")),
            _ => Ok((kind, content)),
        }
    };
    let (_, flags) = part("array flags", Some(6))?;
    let (Some(&class), Some(&flag_bits)) = (flags.first(), flags.get(1)) else {
        return Err("array flags: fewer than 8 bytes".into());
    };
    if !(6..=13).contains(&class) || flag_bits & COMPLEX != 0 {
        return Ok(None);
    }
    let (_, dims) = part("dimensions", Some(5))?;
    let (extents, _) = dims.as_chunks::<4>();
    let dims: Option<Vec<usize>> = extents
        .iter()
        .map(|&b| usize::try_from(i32::from_le_bytes(b)).ok())
        .collect();
    let dims = dims.ok_or("dimensions: a negative extent")?;
    let (_, name) = part("name", Some(1))?;
    let name = String::from_utf8_lossy(name).into_owned();
    let (kind, content) = part("data", None)?;
    let values = numbers(kind, content).ok_or_else(|| {
        format!(
            "variable `{name}`: data of type {kind} with {} bytes",
            content.len()
        )
    })?;
    let expected = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    if expected != Some(values.len()) {
        return Err(format!(
            "variable `{name}`: {} values for dimensions {dims:?}",
            values.len()
        ));
    }
    Ok(Some(Matrix { name, dims, values }))
}

/// Numbers as stored, which may be narrower than the class of the matrix.
fn numbers(kind: u32, content: &[u8]) -> Option<Vec<f64>> {
    fn decode<const N: usize>(content: &[u8], read: fn([u8; N]) -> f64) -> Option<Vec<f64>> {
        let (chunks, rest) = content.as_chunks::<N>();
        rest.is_empty()
            .then(|| chunks.iter().map(|&b| read(b)).collect())
    }
    match kind {
        1 => decode(content, |b| i8::from_le_bytes(b).into()),
        2 => decode(content, |b| u8::from_le_bytes(b).into()),
        3 => decode(content, |b| i16::from_le_bytes(b).into()),
        4 => decode(content, |b| u16::from_le_bytes(b).into()),
        5 => decode(content, |b| i32::from_le_bytes(b).into()),
        6 => decode(content, |b| u32::from_le_bytes(b).into()),
        7 => decode(content, |b| f32::from_le_bytes(b).into()),
        9 => decode(content, f64::from_le_bytes),
        12 => decode(content, |b| i64::from_le_bytes(b) as f64),
        13 => decode(content, |b| u64::from_le_bytes(b) as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn tagged(kind: u32, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(kind.to_le_bytes());
        out.extend((content.len() as u32).to_le_bytes());
        out.extend(content);
        out.resize(out.len().next_multiple_of(8), 0);
        out
    }

    /// A double matrix `x` of extents 1 x 3 whose values are stored as bytes.
    fn narrow_matrix() -> Vec<u8> {
        let mut body = tagged(6, &[6, 0, 0, 0, 0, 0, 0, 0]);
        body.extend(tagged(5, &[1, 0, 0, 0, 3, 0, 0, 0]));
        body.extend([1, 0, 1, 0, b'x', 0, 0, 0]); // small element: type 1, 1 byte
        body.extend([2, 0, 3, 0, 7, 8, 9, 0]); // small element: type 2, 3 bytes
        tagged(14, &body)
    }

    fn file(elements: &[u8]) -> Vec<u8> {
        let mut out = vec![b' '; 124];
        out.extend([0, 1, b'I', b'M']);
        out.extend(elements);
        out
    }

    fn compressed() -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&narrow_matrix()).expect("memory");
        let packed = encoder.finish().expect("memory");
        let mut out = 15u32.to_le_bytes().to_vec();
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend(packed);
        file(&out)
    }

    #[test]
    fn values_stored_narrower_than_their_class_are_widened() {
        for data in [file(&narrow_matrix()), compressed()] {
            let matrices = parse(&data).expect("valid");
            assert_eq!(matrices.len(), 1);
            assert_eq!(
                (matrices[0].name.as_str(), &matrices[0].dims[..]),
                ("x", &[1, 3][..])
            );
            assert_eq!(matrices[0].values, [7.0, 8.0, 9.0]);
        }
    }

    #[test]
    fn damage_is_described() {
        assert!(
            parse(b"PK")
                .expect_err("refused")
                .contains("128-byte header")
        );
        assert!(
            parse(&[0; 200])
                .expect_err("refused")
                .contains("not a MATLAB 5 file")
        );
        let whole = file(&narrow_matrix());
        let error = parse(&whole[..whole.len() - 9]).expect_err("refused");
        assert!(
            error.contains("byte 128") && error.contains("truncated"),
            "{error}"
        );
        let mut wrong = whole.clone();
        *wrong.iter_mut().rev().nth(27).expect("inside") = 4; // second extent
        assert!(
            parse(&wrong)
                .expect_err("refused")
                .contains("3 values for dimensions")
        );
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            pack in any::<bool>(),
        ) {
            let mut data = if pack { compressed() } else { file(&narrow_matrix()) };
            for (at, byte) in edits {
                let at = at.index(data.len());
                data[at] = byte;
            }
            let _ = parse(&data);
        }

        #[test]
        fn random_elements_never_panic(data in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&file(&data));
        }
    }
}

//! Arrays of floats in `.npz` files: what `numpy.savez` writes of a checkpoint's variables.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use zip::ZipArchive;

use super::cursor;
use crate::DataError;

/// Array in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// Values.
    pub values: Vec<f32>,
}

/// Largest contents of one member. The sizes that an archive claims are not believed beyond it.
const LARGEST: u64 = 1 << 32;

/// All arrays of 32- and 64-bit floats by name, without the ending `.npy`; other arrays (counters,
/// text) are left out.
///
/// # Errors
///
/// If the file is no archive or a member is damaged.
pub fn read(path: &Path) -> Result<BTreeMap<String, Array>, DataError> {
    let bytes = std::fs::read(path).map_err(|e| DataError::io("read", path, e))?;
    parse(bytes).map_err(|message| DataError::format(path, message))
}

fn parse(bytes: Vec<u8>) -> Result<BTreeMap<String, Array>, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|e| format!("not an .npz archive ({e}); write it with `numpy.savez`"))?;
    let mut arrays = BTreeMap::new();
    for index in 0..archive.len() {
        let member = archive
            .by_index(index)
            .map_err(|e| format!("member {index}: {e}"))?;
        let Some(name) = member.name().strip_suffix(".npy").map(str::to_owned) else {
            continue;
        };
        let mut contents = Vec::new();
        member
            .take(LARGEST)
            .read_to_end(&mut contents)
            .map_err(|e| format!("`{name}`: {e}; export it again"))?;
        if let Some(array) = array(&contents).map_err(|e| format!("`{name}`: {e}"))? {
            arrays.insert(name, array);
        }
    }
    Ok(arrays)
}

/// One `.npy` member; `None` where it holds no floats.
fn array(contents: &[u8]) -> Result<Option<Array>, String> {
    let mut cursor = cursor::Cursor::new(contents);
    let cut = |e: cursor::Truncated| e.to_string();
    let magic = cursor.take(8).map_err(cut)?;
    if !magic.starts_with(b"\x93NUMPY") {
        return Err("not in .npy format".into());
    }
    // Version 1 states the header's length in two bytes, later ones in four.
    let bytes = cursor
        .take(if magic[6] == 1 { 2 } else { 4 })
        .map_err(cut)?;
    let length = bytes
        .iter()
        .rev()
        .fold(0, |length, &byte| length << 8 | u64::from(byte));
    let header = String::from_utf8_lossy(cursor.take(length).map_err(cut)?).into_owned();
    let width = match field(&header, "'descr'")? {
        kind if kind.starts_with("'<f4'") => 4,
        kind if kind.starts_with("'<f8'") => 8,
        _ => return Ok(None),
    };
    let shape = shape(field(&header, "'shape'")?)?;
    if field(&header, "'fortran_order'")?.starts_with("True") && shape.len() > 1 {
        return Err("stored column by column; save `numpy.ascontiguousarray(a)`".into());
    }
    let count = shape
        .iter()
        .try_fold(width as u64, |n, &size| n.checked_mul(size as u64))
        .ok_or("a shape beyond all bounds")?;
    let data = cursor.take(count).map_err(cut)?;
    let values = if width == 4 {
        let (words, _) = data.as_chunks::<4>();
        words.iter().map(|&b| f32::from_le_bytes(b)).collect()
    } else {
        let (words, _) = data.as_chunks::<8>();
        words
            .iter()
            .map(|&b| f64::from_le_bytes(b) as f32)
            .collect()
    };
    Ok(Some(Array { shape, values }))
}

/// Text after `key:` in the header's dictionary.
fn field<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    let (_, rest) = header
        .split_once(key)
        .ok_or_else(|| format!("the header has no {key}"))?;
    Ok(rest.trim_start_matches([' ', ':']))
}

/// Sizes of a tuple: `()`, `(3,)`, `(2, 3)`.
fn shape(text: &str) -> Result<Vec<usize>, String> {
    let inner = text
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .ok_or("the header has no shape")?
        .0;
    let sizes = inner.split(',').map(str::trim).filter(|s| !s.is_empty());
    sizes
        .map(|size| size.parse().map_err(|_| format!("`{size}` is no size")))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            zip.start_file(*name, SimpleFileOptions::default())
                .expect("in memory");
            zip.write_all(bytes).expect("in memory");
        }
        zip.finish().expect("in memory").into_inner()
    }

    #[test]
    fn floats_of_both_widths_are_read_and_other_arrays_left_out() {
        let floats: Vec<u8> = [1.0_f32, -2.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let bytes = npz(&[
            ("conv/weights.npy", npy("<f4", "False", "(1, 2)", &floats)),
            (
                "scale.npy",
                npy("<f8", "False", "()", &0.5_f64.to_le_bytes()),
            ),
            ("step.npy", npy("<i8", "False", "()", &[0; 8])),
        ]);

        let arrays = parse(bytes).expect("valid");

        assert_eq!(arrays.len(), 2);
        assert_eq!(arrays["conv/weights"].shape, [1, 2]);
        assert_eq!(arrays["conv/weights"].values, [1.0, -2.0]);
        assert_eq!(arrays["scale"].values, [0.5]);
    }

    #[test]
    fn damage_is_an_error_that_names_the_array() {
        for (member, expected) in [
            (npy("<f4", "False", "(3,)", &[0; 8]), "truncated"),
            (
                npy("<f4", "False", "(4294967296, 4294967296)", &[]),
                "bounds",
            ),
            (npy("<f4", "True", "(1, 2)", &[0; 8]), "column"),
            (b"\x93NUM".to_vec(), "truncated"),
            (b"other   ".to_vec(), "not in .npy format"),
        ] {
            let error = parse(npz(&[("a.npy", member)])).expect_err(expected);

            assert!(error.contains("`a`") && error.contains(expected), "{error}");
        }
        assert!(parse(b"PK".to_vec()).is_err());
    }
}

//! `.npz` files: what `numpy.savez` writes, one `.npy` member per array.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::{archive, npy};
use crate::DataError;
use crate::input;

/// An open archive.
pub struct Archive {
    path: PathBuf,
    zip: archive::Archive<BufReader<File>>,
}

impl Archive {
    /// Opens `path`; `holds` says what it should hold, for the message when it is not there.
    ///
    /// # Errors
    ///
    /// If the file is not there or is no archive.
    pub fn open(path: &Path, holds: &str) -> Result<Self, DataError> {
        let file = input::open(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => DataError::missing(path, holds),
            _ => DataError::io("read", path, e),
        })?;
        let zip = archive::Archive::open(BufReader::new(file)).map_err(|e| {
            let message = format!("is no .npz archive ({e}); write it with `numpy.savez`");
            DataError::format(path, message)
        })?;
        Ok(Self {
            path: path.to_path_buf(),
            zip,
        })
    }

    /// Names of the arrays, without the ending `.npy`.
    pub fn names(&self) -> Vec<String> {
        let names = self.zip.names().filter_map(|n| n.strip_suffix(".npy"));
        names.map(str::to_owned).collect()
    }

    /// The array called `name`; `None` where there is none.
    ///
    /// # Errors
    ///
    /// If it is damaged.
    pub fn array(&mut self, name: &str) -> Result<Option<npy::Array>, DataError> {
        let member = self.zip.member(&format!("{name}.npy"), u64::MAX);
        let array = member
            .map_err(|e| format!("cannot be read ({e}); export it again"))
            .and_then(|bytes| bytes.map(npy::Array::parse).transpose());
        array.map_err(|message| DataError::format(&self.path, format!("array `{name}` {message}")))
    }
}

/// Floats in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Floats {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// Values.
    pub values: Vec<f32>,
}

/// All arrays of 32- and 64-bit floats by name: a checkpoint's variables. Other arrays (counters,
/// text) are left out.
///
/// # Errors
///
/// If the file is no archive or a member is damaged.
pub fn read(path: &Path) -> Result<BTreeMap<String, Floats>, DataError> {
    let mut archive = Archive::open(path, "arrays written with `numpy.savez`")?;
    let mut found = BTreeMap::new();
    for name in archive.names() {
        let Some(array) = archive.array(&name)? else {
            continue;
        };
        if let Some(values) = array.to_f32() {
            let shape = array.shape;
            found.insert(name, Floats { shape, values });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::formats::npy::encode;

    fn npz(members: &[(&str, Vec<u8>)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut zip = ZipWriter::new(file.as_file());
        for (name, bytes) in members {
            zip.start_file(*name, SimpleFileOptions::default())
                .expect("writable");
            zip.write_all(bytes).expect("writable");
        }
        zip.finish().expect("writable");
        file
    }

    #[test]
    fn floats_of_both_widths_are_read_and_other_arrays_left_out() {
        let floats: Vec<u8> = [1.0_f32, -2.0].map(f32::to_le_bytes).concat();
        let file = npz(&[
            (
                "conv/weights.npy",
                encode("<f4", "False", "(1, 2)", &floats),
            ),
            (
                "scale.npy",
                encode("<f8", "False", "()", &0.5_f64.to_le_bytes()),
            ),
            ("step.npy", encode("<i8", "False", "()", &[0; 8])),
            ("notes.txt", b"other".to_vec()),
        ]);

        let arrays = read(file.path()).expect("valid");

        assert_eq!(arrays.len(), 2);
        assert_eq!(arrays["conv/weights"].shape, [1, 2]);
        assert_eq!(arrays["conv/weights"].values, [1.0, -2.0]);
        assert_eq!(arrays["scale"].values, [0.5]);
    }

    #[test]
    fn damage_is_an_error_that_names_the_array() {
        let cut = npz(&[("a.npy", encode("<f4", "False", "(3,)", &[0; 8]))]);
        let error = read(cut.path()).expect_err("truncated").to_string();
        assert!(error.contains("`a` is truncated"), "{error}");

        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("b.npz");
        let error = read(&path).expect_err("not there").to_string();
        assert!(error.contains("b.npz is missing"), "{error}");
        std::fs::write(&path, b"PK").expect("writable");
        let error = read(&path).expect_err("no archive").to_string();
        assert!(error.contains("no .npz archive"), "{error}");
    }
}

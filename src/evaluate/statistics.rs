//! `.npz` files with `mu` and `sigma`, as the common FID tools write and read them.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use wordpaint_data::DataError;
use wordpaint_data::formats::npy::Array;
use wordpaint_data::formats::npz::Archive;
use wordpaint_files::{Action, FileError};
use wordpaint_metrics::{Gaussian, check_covariance};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::extract::Instrument;
use crate::run::folder::{RunError, write_atomic};

/// Mean and covariance with what they were measured by.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// `mu` and `sigma`.
    pub gaussian: Gaussian,
    /// Fingerprint of the instrument; `None` in files of other tools, which do not tell.
    pub instrument: Option<String>,
}

/// What a statistics file says of its instrument, and what another must say to be comparable.
pub fn signature(instrument: &Instrument) -> String {
    let weights = instrument.weights.get(..16).unwrap_or(&instrument.weights);
    format!(
        "{}; weights {weights}; {}",
        instrument.id, instrument.preprocessing
    )
}

/// Refuses statistics that say to be of another instrument; returns a warning where they say
/// nothing.
///
/// # Errors
///
/// If the file names another instrument.
pub fn check_instrument(
    path: &Path,
    statistics: &Statistics,
    instrument: &Instrument,
) -> Result<Option<String>, DataError> {
    let own = signature(instrument);
    match &statistics.instrument {
        Some(theirs) if *theirs == own => Ok(None),
        Some(theirs) => Err(DataError::format(
            path,
            format!(
                "holds statistics of another instrument (`{theirs}`) than `{own}`; their distance \
                 would mean nothing. Choose the network with `--network`, or compute them anew \
                 with `wordpaint evaluate stats`"
            ),
        )),
        None => Ok(Some(format!(
            "{} does not say by which network it was made; taken for `{}`",
            path.display(),
            instrument.id
        ))),
    }
}

/// Writes `mu`, `sigma`, `count` and `instrument`.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write(path: &Path, gaussian: &Gaussian, instrument: &Instrument) -> Result<(), RunError> {
    let dims = gaussian.dims();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let floats = |values: &[f64]| {
        values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let text = signature(instrument);
    let utf32 = text
        .chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect::<Vec<_>>();
    let arrays = [
        (
            "mu",
            "<f8".to_owned(),
            format!("({dims},)"),
            floats(&gaussian.mean),
        ),
        (
            "sigma",
            "<f8".to_owned(),
            format!("({dims}, {dims})"),
            floats(&gaussian.covariance),
        ),
        (
            "count",
            "<i8".to_owned(),
            "()".into(),
            gaussian.count.to_le_bytes().to_vec(),
        ),
        (
            "instrument",
            format!("<U{}", text.chars().count()),
            "()".into(),
            utf32,
        ),
    ];
    let write = |zip: &mut ZipWriter<Cursor<Vec<u8>>>| -> std::io::Result<()> {
        for (name, descr, shape, data) in &arrays {
            // numpy refuses members above 4 GB without the large-file form.
            let options = SimpleFileOptions::default()
                .compression_method(zip::CompressionMethod::Stored)
                .large_file(true);
            zip.start_file(format!("{name}.npy"), options)?;
            zip.write_all(&header(descr, shape))?;
            zip.write_all(data)?;
        }
        Ok(())
    };
    let failed = |error: std::io::Error| FileError::new(Action::Write, path, error);
    write(&mut zip).map_err(failed)?;
    let bytes = zip.finish().map_err(|e| failed(e.into()))?.into_inner();
    write_atomic(path, &bytes)
}

/// Header of a version 1.0 `.npy` file, padded so that the data begin at a multiple of 64.
fn header(descr: &str, shape: &str) -> Vec<u8> {
    let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let length = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(dict.bytes());
    bytes.resize(10 + length - 1, b' ');
    bytes.push(b'\n');
    bytes
}

/// Reads `mu` and `sigma` in 32 or 64 bits, and what else is there of [`write()`].
///
/// # Errors
///
/// If the file is no such archive, the arrays do not fit each other, hold NaN or are no mean and
/// covariance.
pub fn read(path: &Path) -> Result<Statistics, DataError> {
    let wrong = |message: String| DataError::format(path, message);
    let mut archive = Archive::open(path, "statistics (`mu` and `sigma`)")?;
    let required = |array: Option<Array>, name: &str| {
        array.ok_or_else(|| {
            wrong(format!(
                "has no array `{name}`; statistics hold `mu` and `sigma`"
            ))
        })
    };
    let mu = required(archive.array("mu")?, "mu")?;
    let sigma = required(archive.array("sigma")?, "sigma")?;
    let &[dims] = mu.shape.as_slice() else {
        return Err(wrong(format!(
            "array `mu` has the shape {:?}; expected one axis, a mean per feature",
            mu.shape
        )));
    };
    if dims == 0 || sigma.shape != [dims, dims] {
        return Err(wrong(format!(
            "array `sigma` has the shape {:?}; `mu` has {dims} features, so {dims} x {dims} are \
             expected",
            sigma.shape
        )));
    }
    let floats = |array: &Array, name: &str| {
        let values = array.to_f64().ok_or_else(|| {
            wrong(format!(
                "array `{name}` holds `{}`, not f4 or f8",
                array.descr
            ))
        })?;
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(wrong(format!(
                "array `{name}` holds values that are not finite"
            )))
        }
    };
    let (mean, covariance) = (floats(&mu, "mu")?, floats(&sigma, "sigma")?);
    check_covariance(&covariance, dims).map_err(|problem| {
        wrong(format!(
            "array `sigma` {problem}; no images have such statistics, so compute them anew"
        ))
    })?;
    let count = archive.array("count")?.map(|array| {
        let count = array.count();
        count.ok_or_else(|| wrong("array `count` is no number of images (one i8)".into()))
    });
    let instrument = archive.array("instrument")?.map(|array| {
        let text = array.text();
        text.ok_or_else(|| wrong("array `instrument` is no text".into()))
    });
    let (count, instrument) = (count.transpose()?.unwrap_or(0), instrument.transpose()?);
    let gaussian = Gaussian {
        count,
        mean,
        covariance,
    };
    Ok(Statistics {
        gaussian,
        instrument,
    })
}

/// Whether `path` names statistics, not a folder of images.
pub fn is_statistics(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("npz"))
}

/// Where the statistics of a folder would be written.
pub fn default_path(folder: &Path, instrument: &Instrument) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.npz", instrument.id));
    folder.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::extract::Extractor;
    use crate::evaluate::instrument::Thumbnails;

    fn gaussian() -> Gaussian {
        Gaussian {
            count: 7,
            mean: vec![0.5, -1.0],
            covariance: vec![2.0, 0.0, 0.0, 1e-300],
        }
    }

    #[test]
    fn statistics_survive_writing_and_reading() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.npz");
        let instrument = Thumbnails::default().instrument().clone();
        write(&path, &gaussian(), &instrument).expect("writable");
        let read = read(&path).expect("readable");
        assert_eq!(read.gaussian, gaussian());
        assert_eq!(
            check_instrument(&path, &read, &instrument).expect("its own"),
            None
        );
        let other = Instrument {
            weights: "ff".repeat(32),
            ..instrument
        };
        let error = check_instrument(&path, &read, &other).expect_err("another");
        assert!(error.to_string().contains("another instrument"), "{error}");
    }

    #[test]
    fn broken_archives_are_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.npz");
        assert!(read(&path).is_err(), "missing");
        std::fs::write(&path, b"not a zip").expect("writable");
        assert!(
            read(&path)
                .expect_err("no archive")
                .to_string()
                .contains(".npz")
        );
        let instrument = Thumbnails::default().instrument().clone();
        for (mean, covariance, expected) in [
            (vec![1.0], vec![f64::NAN], "`sigma` holds values"),
            (vec![f64::INFINITY], vec![1.0], "`mu` holds values"),
            (vec![1.0, 2.0], vec![1.0], "`sigma`"),
            (vec![], vec![], "`sigma` has the shape"),
            (
                vec![0.0; 2],
                vec![1.0, 0.5, -0.5, 1.0],
                "`sigma` is not symmetric",
            ),
            (
                vec![0.0; 2],
                vec![1.0, 3.0, 3.0, 1.0],
                "`sigma` is not positive",
            ),
        ] {
            let gaussian = Gaussian {
                count: 2,
                mean,
                covariance,
            };
            write(&path, &gaussian, &instrument).expect("writable");
            let error = read(&path).expect_err(expected).to_string();
            assert!(
                error.contains(expected) && error.contains("a.npz"),
                "{error}"
            );
        }
    }
}

//! `.npz` files with `mu` and `sigma`, as the common FID tools write and read them.

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use wordpaint_data::DataError;
use wordpaint_metrics::Gaussian;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

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
        instrument.id, instrument.front_end
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
    let failed = |source: std::io::Error| RunError::Io {
        action: "write",
        path: path.to_path_buf(),
        source,
    };
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
/// If the file is no such archive, the arrays do not fit each other or hold NaN.
pub fn read(path: &Path) -> Result<Statistics, DataError> {
    let file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => DataError::missing(path, "statistics (`mu` and `sigma`)"),
        _ => DataError::io("read", path, e),
    })?;
    let wrong = |message: String| DataError::format(path, message);
    let mut zip = ZipArchive::new(file).map_err(|e| wrong(format!("is no .npz archive ({e})")))?;
    let mut array = |name: &str| -> Result<Option<Array>, DataError> {
        let index = zip.index_for_name(&format!("{name}.npy"));
        let Some(index) = index else {
            return Ok(None);
        };
        let broken = |message: &dyn std::fmt::Display| wrong(format!("array `{name}`: {message}"));
        let member = zip.by_index(index).map_err(|e| broken(&e))?;
        Array::read(member).map(Some).map_err(|e| broken(&e))
    };
    let required = |array: Option<Array>, name: &str| {
        array.ok_or_else(|| {
            wrong(format!(
                "has no array `{name}`; statistics hold `mu` and `sigma`"
            ))
        })
    };
    let mu = required(array("mu")?, "mu")?;
    let sigma = required(array("sigma")?, "sigma")?;
    let dims = mu.shape.iter().product::<usize>();
    if dims == 0 || sigma.shape != [dims, dims] {
        let message = format!(
            "`mu` {:?} and `sigma` {:?} do not fit",
            mu.shape, sigma.shape
        );
        return Err(wrong(message));
    }
    let floats = |array: &Array, name: &str| {
        let values = array.floats().ok_or_else(|| {
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
    let gaussian = Gaussian {
        mean: floats(&mu, "mu")?,
        covariance: floats(&sigma, "sigma")?,
        count: array("count")?.and_then(|a| a.integer()).unwrap_or(0),
    };
    let instrument = array("instrument")?.and_then(|a| a.text());
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

/// One `.npy` member.
struct Array {
    descr: String,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Array {
    /// Largest array that is read: 16384 x 16384 in 64 bits.
    const LIMIT: usize = 16384 * 16384 * 8;

    fn read(mut from: impl Read) -> Result<Self, String> {
        let mut take = |count: usize| -> Result<Vec<u8>, String> {
            let mut bytes = Vec::new();
            let read = from.by_ref().take(count as u64).read_to_end(&mut bytes);
            read.map_err(|e| e.to_string())?;
            (bytes.len() == count)
                .then_some(bytes)
                .ok_or_else(|| "is cut off".into())
        };
        let head = take(8)?;
        if !head.starts_with(b"\x93NUMPY") {
            return Err("is not in .npy format".into());
        }
        let length = if head[6] == 1 {
            let bytes = take(2)?;
            usize::from(u16::from_le_bytes([bytes[0], bytes[1]]))
        } else {
            let bytes = take(4)?;
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
        };
        if length > 1 << 16 {
            return Err("has a header of impossible length".into());
        }
        let dict = String::from_utf8_lossy(&take(length)?).into_owned();
        let descr = quoted(&dict, "descr").ok_or("has no type")?;
        if descr.starts_with('|') && descr.ends_with('O') || descr == "O" {
            return Err("holds Python objects, which are never executed".into());
        }
        let is_fortran = after(&dict, "fortran_order").is_some_and(|v| v.starts_with("True"));
        let shape = shape(&dict).ok_or("has no shape")?;
        let width = width(&descr).ok_or_else(|| format!("has an unknown type `{descr}`"))?;
        let size = shape
            .iter()
            .try_fold(width, |size: usize, &side| size.checked_mul(side))
            .filter(|&size| size <= Self::LIMIT)
            .ok_or("is impossibly large")?;
        let data = take(size)?;
        // A covariance is its own transpose and a vector has one order: nothing to turn.
        let is_ambiguous = is_fortran && shape.len() > 1 && shape[0] != shape[1];
        if is_ambiguous {
            return Err("is stored column by column".into());
        }
        Ok(Self { descr, shape, data })
    }

    fn floats(&self) -> Option<Vec<f64>> {
        match self.descr.as_str() {
            "<f8" => {
                let (values, _) = self.data.as_chunks::<8>();
                Some(values.iter().map(|&v| f64::from_le_bytes(v)).collect())
            }
            "<f4" => {
                let (values, _) = self.data.as_chunks::<4>();
                Some(
                    values
                        .iter()
                        .map(|&v| f64::from(f32::from_le_bytes(v)))
                        .collect(),
                )
            }
            _ => None,
        }
    }

    fn integer(&self) -> Option<u64> {
        (self.descr == "<i8").then_some(())?;
        Some(u64::from_le_bytes(self.data.get(..8)?.try_into().ok()?))
    }

    fn text(&self) -> Option<String> {
        self.descr.starts_with("<U").then_some(())?;
        let (values, _) = self.data.as_chunks::<4>();
        values
            .iter()
            .map(|&v| u32::from_le_bytes(v))
            .filter(|&v| v != 0)
            .map(char::from_u32)
            .collect()
    }
}

/// What follows `'key':` in a header.
fn after<'a>(dict: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = dict.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(dict: &str, key: &str) -> Option<String> {
    let rest = after(dict, key)?;
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    rest[1..].split_once(quote).map(|(text, _)| text.to_owned())
}

fn shape(dict: &str) -> Option<Vec<usize>> {
    let inside = after(dict, "shape")?.strip_prefix('(')?.split_once(')')?.0;
    let sides = inside
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty());
    sides.map(|side| side.parse().ok()).collect()
}

/// Bytes per value.
fn width(descr: &str) -> Option<usize> {
    let kind = descr.trim_start_matches(['<', '|', '=']);
    let number: usize = kind.get(1..)?.parse().ok()?;
    match kind.chars().next()? {
        'U' => number.checked_mul(4),
        'f' | 'i' | 'u' | 'S' | 'b' => Some(number),
        _ => None,
    }
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
    use crate::evaluate::extract::{Extractor, Thumbnails};

    fn gaussian() -> Gaussian {
        Gaussian {
            count: 7,
            mean: vec![0.5, -1.0],
            covariance: vec![2.0, 0.25, 0.25, 1e-300],
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
        for (mean, covariance) in [
            (vec![1.0], vec![f64::NAN]),
            (vec![1.0, 2.0], vec![1.0]),
            (vec![], vec![]),
        ] {
            let gaussian = Gaussian {
                count: 2,
                mean,
                covariance,
            };
            write(&path, &gaussian, &instrument).expect("writable");
            assert!(read(&path).is_err(), "{gaussian:?}");
        }
    }

    #[test]
    fn headers_with_impossible_shapes_are_refused_before_anything_is_allocated() {
        let huge = header("<f8", "(99999999999, 99999999999)");
        assert!(Array::read(huge.as_slice()).is_err());
        let objects = header("|O", "(3,)");
        let error = Array::read(objects.as_slice()).err().expect("refused");
        assert!(error.contains("never executed"), "{error}");
    }
}

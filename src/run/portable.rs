//! A trained run as one file: safetensors in half precision with the settings in the header.
//!
//! | in the file | is |
//! |---|---|
//! | tensor `run/NAME` | parameter NAME of a network that generating needs |
//! | tensor `text_encoder/NAME` | parameter NAME of the text encoder, where captions need one |
//! | header key `wordpaint` | JSON: version, and of the run and of the encoder step, settings and words |
//!
//! The file is made a run folder to be used: there, values are single precision again.

use std::path::Path;

use burn::prelude::TensorData;
use half::f16;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::checkpoint::{self, CheckpointError};
use super::folder::write_atomic;
use super::manifest::{CONFIG, VOCABULARY};
use super::weights::{MODEL, to_safetensors};

/// Folder of a run that holds its text encoder, and the value of `text.encoder` for it.
pub const TEXT_ENCODER: &str = "text_encoder";
/// Version of the file.
const FORMAT: u32 = 1;
/// Key of the header.
const HEADER: &str = "wordpaint";
/// Names of the run's own tensors begin with this.
const RUN: &str = "run";

/// What is kept of a run.
#[derive(Debug, Clone)]
pub struct Part {
    /// Training steps behind it.
    pub step: u64,
    /// Its `config.toml`.
    pub settings: String,
    /// Its `vocabulary.json`, where it reads words.
    pub vocabulary: Option<String>,
    /// Its values by name.
    pub values: Vec<(String, TensorData)>,
}

/// A run with the text encoder that its captions go through.
#[derive(Debug, Clone)]
pub struct Portable {
    /// The run.
    pub run: Part,
    /// The encoder.
    pub text_encoder: Option<Part>,
}

/// The header's text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    run: About,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_encoder: Option<About>,
}

/// What a header says about a part.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    step: u64,
    settings: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vocabulary: Option<String>,
}

impl Part {
    fn about(&self) -> About {
        About {
            step: self.step,
            settings: self.settings.clone(),
            vocabulary: self.vocabulary.clone(),
        }
    }

    /// Writes it as a run; the settings, by which a folder is a run, come last.
    fn write(&self, folder: &Path) -> Result<(), CheckpointError> {
        let files = [Ok((MODEL, to_safetensors(&self.values)))];
        checkpoint::save::<_, CheckpointError>(&folder.join("checkpoints"), self.step, files, 1)?;
        if let Some(vocabulary) = &self.vocabulary {
            write_atomic(&folder.join(VOCABULARY), vocabulary.as_bytes())?;
        }
        Ok(write_atomic(
            &folder.join(CONFIG),
            self.settings.as_bytes(),
        )?)
    }
}

impl Portable {
    /// The file's content.
    ///
    /// # Errors
    ///
    /// If a value is not finite in half precision.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let parts = [Some((RUN, &self.run)), self.encoder()];
        let mut halves = Vec::new();
        for (prefix, part) in parts.into_iter().flatten() {
            for (name, data) in &part.values {
                halves.push((
                    format!("{prefix}/{name}"),
                    &data.shape,
                    to_half(name, data)?,
                ));
            }
        }
        let views = halves.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F16, shape.to_vec(), bytes)
                .expect("a tensor has as many values as its shape says");
            (name.as_str(), view)
        });
        let header = Header {
            version: FORMAT,
            run: self.run.about(),
            text_encoder: self.text_encoder.as_ref().map(Part::about),
        };
        let header = serde_json::to_string(&header).expect("plain data");
        let header = std::iter::once((HEADER.to_owned(), header)).collect();
        safetensors::serialize(views, Some(header)).map_err(|error| error.to_string())
    }

    fn encoder(&self) -> Option<(&'static str, &Part)> {
        self.text_encoder.as_ref().map(|part| (TEXT_ENCODER, part))
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// If it is no such file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let broken = |error: safetensors::SafeTensorError| {
            format!("is no safetensors file ({error}); `wordpaint export RUN -o FILE` writes one")
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let header = metadata.metadata().as_ref().and_then(|all| all.get(HEADER));
        let header = header.ok_or(
            "holds weights but no settings; `wordpaint export RUN -o FILE` writes both, published \
             weights become a run by `wordpaint import`",
        )?;
        let header: Header = serde_json::from_str(header)
            .map_err(|error| format!("has a header that cannot be read ({error})"))?;
        if header.version != FORMAT {
            return Err(format!(
                "has version {}, this program reads {FORMAT}; export the run again",
                header.version
            ));
        }
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut values = [Vec::new(), Vec::new()];
        for (name, view) in file.tensors() {
            let (prefix, rest) = name.split_once('/').unwrap_or_default();
            let of = match prefix {
                RUN => 0,
                TEXT_ENCODER if header.text_encoder.is_some() => 1,
                _ => return Err(format!("holds `{name}`, which belongs to nothing")),
            };
            values[of].push((rest.to_owned(), from_half(&name, &view)?));
        }
        let [run, encoder] = values;
        let part = |about: About, values| Part {
            step: about.step,
            settings: about.settings,
            vocabulary: about.vocabulary,
            values,
        };
        Ok(Self {
            run: part(header.run, run),
            text_encoder: header.text_encoder.map(|about| part(about, encoder)),
        })
    }

    /// Makes the empty `folder` a run.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), CheckpointError> {
        if let Some((name, encoder)) = self.encoder() {
            encoder.write(&folder.join(name))?;
        }
        self.run.write(folder)
    }
}

fn to_half(name: &str, data: &TensorData) -> Result<Vec<u8>, String> {
    let values = data
        .as_slice::<f32>()
        .map_err(|error| format!("`{name}`: {error:?}"))?;
    let mut bytes = Vec::with_capacity(values.len() * 2);
    for value in values {
        let half = f16::from_f32(*value);
        if !half.is_finite() {
            return Err(format!(
                "`{name}` holds {value}, which half precision cannot"
            ));
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok(bytes)
}

fn from_half(name: &str, view: &TensorView<'_>) -> Result<TensorData, String> {
    if view.dtype() != Dtype::F16 {
        return Err(format!(
            "`{name}` has type {:?}, expected F16",
            view.dtype()
        ));
    }
    let values = view.data().chunks_exact(2);
    let values: Vec<f32> = values
        .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
        .collect();
    Ok(TensorData::new(values, view.shape().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::folder::RunFolder;
    use crate::run::weights::tensors;

    fn part(values: &[f32]) -> Part {
        Part {
            step: 7,
            settings: "name = \"x\"".into(),
            vocabulary: Some("[\"a\"]".into()),
            values: vec![("g.weight".into(), TensorData::new(values.to_vec(), [2, 1]))],
        }
    }

    fn portable(values: &[f32]) -> Portable {
        Portable {
            run: part(values),
            text_encoder: Some(part(&[0.5, -0.25])),
        }
    }

    #[test]
    fn what_was_written_is_a_run_with_its_text_encoder() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let bytes = portable(&[1.5, -2.0]).to_bytes().expect("finite");

        let read = Portable::from_bytes(&bytes).expect("a portable run");
        read.write(folder.path()).expect("writes");

        let run = RunFolder::open(folder.path()).expect("a run");
        let found = checkpoint::newest(&run.checkpoints()).expect("a checkpoint");
        let values = tensors(&found, MODEL).expect("weights");
        assert_eq!((found.step, values[0].0.as_str()), (7, "g.weight"));
        assert_eq!(values[0].1.as_slice::<f32>().expect("f32"), [1.5, -2.0]);
        let encoder = RunFolder::open(&run.join(TEXT_ENCODER)).expect("a run");
        let found = checkpoint::newest(&encoder.checkpoints()).expect("a checkpoint");
        let values = tensors(&found, MODEL).expect("weights");
        assert_eq!(values[0].1.as_slice::<f32>().expect("f32"), [0.5, -0.25]);
        assert!(encoder.join(VOCABULARY).is_file() && run.join(VOCABULARY).is_file());
    }

    #[test]
    fn values_beyond_half_precision_are_refused() {
        let error = portable(&[1e6, 0.0]).to_bytes().expect_err("too large");

        assert!(
            error.contains("g.weight") && error.contains("1000000"),
            "{error}"
        );
    }

    #[test]
    fn other_files_are_refused_with_what_to_do() {
        let weights = to_safetensors(&part(&[0.0, 0.0]).values);
        let whole = portable(&[0.0, 0.0]).to_bytes().expect("finite");

        let error = |bytes: &[u8]| Portable::from_bytes(bytes).expect_err("not portable");
        assert!(error(b"text").contains("wordpaint export"));
        assert!(error(&weights).contains("no settings"));
        assert!(error(&whole[..whole.len() - 1]).contains("safetensors"));
    }
}

//! Sentence embeddings: those that came with the data, or a trained encoder's.

use std::path::Path;
use std::sync::Arc;

use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_data::dataset::Embeddings;
use wordpaint_data::tokenizers::characters::{Unknown, encode};
use wordpaint_data::{DataError, TextImageDataset};
use wordpaint_models::backend::Backend;
use wordpaint_models::char_cnn_rnn::Family;
use wordpaint_models::text::char_cnn_rnn::{CharCnnRnn, LENGTH};

use super::reference::{Target, experiment, resolve};
use super::tables::Entry;
use super::trained::Trained;
use super::{Dirs, SetupError, Status};
use crate::config::Experiment;
use crate::data::source::{Source, Table};
use crate::run::checkpoint::{self, CheckpointError};
use crate::run::difference::{Difference, Differences, Kind};
use crate::run::folder::{RunFolder, write_atomic};
use crate::run::manifest::{self, Manifest};
use crate::run::portable::TEXT_ENCODER;
use crate::run::weights::MODEL;

/// Value of `text.encoder` for embeddings that came with the data.
const PRECOMPUTED: &str = "precomputed";
/// Captions encoded together.
const BATCH: usize = 64;
/// Longest caption accepted, in characters; the encoder reads the first 201 of them.
const LONGEST: usize = 2000;

/// Where the text encoder of an experiment is.
#[derive(Debug)]
pub enum Located {
    /// In the run that uses it.
    Inside(RunFolder),
    /// In the run of its training.
    Elsewhere(RunFolder),
}

/// Finds the text encoder of `config`: the copy inside `run` where there is one, else what
/// `text.encoder` refers to.
///
/// # Errors
///
/// If it is not there, or if the embeddings came with the data.
pub fn locate(
    config: &Experiment,
    run: Option<&RunFolder>,
    dirs: &Dirs,
) -> Result<Located, SetupError> {
    let copy = run
        .map(|run| run.join(TEXT_ENCODER))
        // Its configuration is written last: without it the copy is not complete.
        .filter(|path| path.join("config.toml").is_file());
    if let Some(copy) = copy {
        return Ok(Located::Inside(RunFolder::open(&copy)?));
    }
    if config.text.encoder == PRECOMPUTED {
        return Err(SetupError::Setting {
            key: "text.encoder",
            message: "this run was trained on embeddings that came with its data, so it holds \
                      no encoder; name one with `--encoder RUN` (a published one becomes a run \
                      by `wordpaint import char-cnn-rnn FILE -o RUN`)"
                .into(),
        });
    }
    match resolve(&config.text.encoder, config.quick, dirs)? {
        Target::Run(trained) => Ok(Located::Elsewhere(trained)),
        Target::File(_) => Err(SetupError::Setting {
            key: "text.encoder",
            message: "expects a run; import a published encoder with `wordpaint import \
                      char-cnn-rnn FILE -o RUN`"
                .into(),
        }),
    }
}

/// A frozen text encoder.
pub struct Encoder<B: Backend> {
    network: CharCnnRnn<B>,
    device: B::Device,
    /// Length of an embedding.
    pub dim: usize,
    /// SHA-256 of its weights.
    weights: String,
}

impl<B: Backend> Encoder<B> {
    /// The encoder of `experiment`: the copy inside `run` where there is one, else what
    /// `text.encoder` refers to, which is then copied into `run`.
    ///
    /// # Errors
    ///
    /// If it is not there or does not fit.
    pub fn open(
        config: &Experiment,
        run: Option<&RunFolder>,
        device: &B::Device,
        dirs: &Dirs,
    ) -> Result<Self, SetupError> {
        let trained = match locate(config, run, dirs)? {
            Located::Inside(copy) => {
                let encoder = Self::from_run(&copy, device)?;
                if let Some(run) = run {
                    encoder.check(run)?;
                }
                return Ok(encoder);
            }
            Located::Elsewhere(trained) => trained,
        };
        let encoder = Self::from_run(&trained, device)?;
        if let Some(run) = run {
            encoder.check(run)?;
            snapshot(&trained, &run.join(TEXT_ENCODER))?;
            manifest::record(run, |manifest| {
                manifest.text_encoder = Some(encoder.weights.clone());
            })?;
        }
        Ok(encoder)
    }

    /// Refuses an encoder other than the one that `run` was trained with.
    fn check(&self, run: &RunFolder) -> Result<(), SetupError> {
        let manifest = Manifest::of(run)?;
        let difference = manifest.and_then(|manifest| compare(&manifest, &self.weights));
        let refused = Differences::refuse(run.path(), &difference, &[]);
        Ok(refused.map_err(CheckpointError::from)?)
    }

    /// The encoder that `reference` names: a run folder or `experiment:NAME`.
    ///
    /// # Errors
    ///
    /// If it is not there or is no text encoder.
    pub fn named(
        reference: &str,
        is_quick: bool,
        device: &B::Device,
        dirs: &Dirs,
    ) -> Result<Self, SetupError> {
        let Target::Run(run) = resolve(reference, is_quick, dirs)? else {
            return Err(SetupError::Setting {
                key: "--encoder",
                message: format!(
                    "{reference} is a file and not a run; import it with `wordpaint import \
                     char-cnn-rnn {reference} -o RUN`"
                ),
            });
        };
        if let Err(other) = experiment(&run)?.expect_family::<Family>() {
            return Err(SetupError::Setting {
                key: "--encoder",
                message: format!("{reference} {other}"),
            });
        }
        Self::from_run(&run, device)
    }

    /// The encoder that `run` trained.
    ///
    /// # Errors
    ///
    /// If it trained another family, has no checkpoint or that does not fit.
    pub fn from_run(run: &RunFolder, device: &B::Device) -> Result<Self, SetupError> {
        let trained = Trained::<Family>::open(run)?;
        Ok(Self {
            network: trained.system::<B>(device)?.encoder,
            device: device.clone(),
            dim: trained.config.embedding_dim,
            weights: trained
                .checkpoint
                .sha256(MODEL)
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// Embeds captions, `[captions, dim]`.
    pub fn encode(&self, captions: &[impl AsRef<str>]) -> Tensor<B, 2> {
        let ids: Vec<i32> = captions
            .iter()
            .flat_map(|caption| encode(caption.as_ref(), LENGTH, Unknown::Empty))
            .collect();
        let data = TensorData::new(ids, [captions.len(), LENGTH]);
        self.network
            .encode(Tensor::<B, 2, Int>::from_data(data, &self.device))
    }
}

/// A caption as a user typed it, checked.
///
/// # Errors
///
/// If it is empty or absurdly long.
pub fn check_caption(caption: &str) -> Result<(), SetupError> {
    let fail = |message: String| Err(SetupError::Data(DataError::Inconsistent(message)));
    if caption.trim().is_empty() {
        return fail("the caption is empty; describe the picture in words".into());
    }
    let characters = caption.chars().count();
    if characters > LONGEST {
        return fail(format!(
            "the caption has {characters} characters; the encoder reads the first {LENGTH}, so \
             anything above {LONGEST} is taken for a mistake. Shorten it"
        ));
    }
    Ok(())
}

/// How an encoder with `weights` differs from the one that a run was trained with.
pub fn compare(manifest: &Manifest, weights: &str) -> Option<Difference> {
    let stored = manifest.text_encoder.as_ref()?;
    (weights != stored).then(|| Difference {
        kind: Kind::Networks,
        what: "SHA-256 of the text encoder's weights".into(),
        stored: stored.clone(),
        found: weights.to_owned(),
    })
}

/// Copies configuration and newest checkpoint of a run.
fn snapshot(from: &RunFolder, to: &Path) -> Result<(), SetupError> {
    let checkpoint = manifest::newest(from)?;
    let files = [MODEL, "place.json", "config.toml"]
        .map(|name| Ok::<_, SetupError>((name, checkpoint.file(name)?)));
    checkpoint::save(&to.join("checkpoints"), checkpoint.step, files, 1)?;
    // Last, because its presence makes the folder a run.
    write_atomic(&to.join("config.toml"), from.resolved()?.as_bytes())?;
    Ok(())
}

/// Embeddings that came with the data.
///
/// # Errors
///
/// If there are none or they cannot be read.
pub fn precomputed(dataset: &dyn TextImageDataset) -> Result<&Embeddings, SetupError> {
    dataset.embeddings()?.ok_or_else(|| SetupError::Setting {
        key: "text.encoder",
        message: format!(
            "{} has no precomputed embeddings; put the published `char-CNN-RNN-embeddings.pickle` \
             files beside it, or name an encoder (`text.encoder=experiment:char-cnn-rnn-cub`)",
            dataset.uri()
        ),
    })
}

/// Embeddings of every caption of the source's images.
///
/// # Errors
///
/// If neither the data nor `text.encoder` has them.
pub fn table<B: Backend>(
    config: &Experiment,
    source: &Source,
    run: Option<&RunFolder>,
    device: &B::Device,
    dirs: &Dirs,
    status: Status<'_>,
) -> Result<Table, SetupError> {
    if config.text.encoder == PRECOMPUTED {
        let embeddings = precomputed(source.dataset.as_ref())?;
        let values = Arc::clone(&embeddings.values);
        return Ok(Table::whole(values, embeddings.dim, embeddings.captions));
    }
    let encoder = Encoder::<B>::open(config, run, device, dirs)?;
    let (captions, backend) = (source.split.captions, B::name(device));
    let decided_by = [("encoder", encoder.weights.as_str()), ("backend", &backend)];
    Entry::new("embeddings", source, captions, &decided_by, dirs).get(status, || {
        Ok((encode_all(source, &encoder, status)?, encoder.dim))
    })
}

/// Rows of [`table`], the captions of an image one after the other.
fn encode_all<B: Backend>(
    source: &Source,
    encoder: &Encoder<B>,
    status: Status<'_>,
) -> Result<Vec<f32>, SetupError> {
    let per_image = source.split.captions;
    let indices = &source.split.indices;
    status(&format!("embedding {} captions", indices.len() * per_image));
    let mut values = Vec::with_capacity(indices.len() * per_image * encoder.dim);
    let mut waiting: Vec<String> = Vec::with_capacity(BATCH);
    let mut flush = |waiting: &mut Vec<String>| {
        values.extend(encoder.encode(waiting).into_data().iter::<f32>());
        waiting.clear();
    };
    for &image in indices {
        for caption in source
            .dataset
            .record(image)?
            .captions
            .into_iter()
            .take(per_image)
        {
            waiting.push(caption);
            if waiting.len() == BATCH {
                flush(&mut waiting);
            }
        }
    }
    if !waiting.is_empty() {
        flush(&mut waiting);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_endless_captions_are_refused() {
        for (caption, word) in [
            ("", "empty"),
            ("  \n", "empty"),
            (&"word ".repeat(10_000), "50000"),
        ] {
            let error = check_caption(caption).expect_err("not usable").to_string();
            assert!(error.contains(word), "{error}");
        }
        check_caption("a red bird with a short bill").expect("usable");
    }
}

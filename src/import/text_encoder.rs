//! The text encoder that a published system reads with: that of a pretraining, or a published one.

use std::path::Path;

use wordpaint_data::formats::captions::WordCaptions;
use wordpaint_data::input;
use wordpaint_data::vocabulary::Vocabulary;
use wordpaint_models::backend::Backend;
use wordpaint_models::import::import;
use wordpaint_models::published::{Arrays, KNOWS_BY_NUMBER, Role, setting, size};
use wordpaint_models::system::{Component, Description, SystemConfig};
use wordpaint_models::text::lstm::{Dimensions, Encoder, EncoderConfig, Kind, encoder_key};
use wordpaint_models::vision::matching::DamsmSizes;

use super::Import;
use super::flags::remedy;
use crate::config::{self, ConfigError};
use crate::launch::LaunchError;
use crate::setup::{SetupError, pretrained, words};

/// A text encoder with its words.
pub(super) struct ImportedText<B: Backend> {
    pub(super) text: Encoder<B>,
    /// The words it knows by number.
    pub(super) vocabulary: Vocabulary,
    /// What it decides in `[model]`.
    pub(super) settings: Vec<String>,
}

impl<B: Backend> ImportedText<B> {
    /// Refuses a system that reads other sentences.
    pub(super) fn check(&self, config: &impl SystemConfig) -> Result<(), LaunchError> {
        let text = self.text.dimensions();
        for pretrained in config.components().iter().filter_map(Component::pretrained) {
            let fits = match pretrained.key {
                Dimensions::KEY => pretrained.check(&text),
                DamsmSizes::KEY => pretrained.check(&DamsmSizes { text, image: None }),
                _ => Ok(()),
            };
            fits.map_err(ConfigError::from)?;
        }
        Ok(())
    }
}

impl Import {
    /// The text encoder for a system of the experiment `base`: the published file of `--text`, or
    /// that of the pretraining named by `text.encoder`.
    pub(super) fn text_encoder<B: Backend>(
        &self,
        base: &str,
        device: &B::Device,
    ) -> Result<ImportedText<B>, LaunchError> {
        let (text, vocabulary) = match &self.text {
            Some(path) => self.published_text::<B>(path, device)?,
            None if self.vocabulary.is_some() => {
                return Err(LaunchError::Request(
                    "`--vocabulary` belongs to a text encoder; give that with `--text FILE`".into(),
                ));
            }
            None => {
                let given = self.overrides.iter().filter(|s| s.starts_with("text."));
                let given: Vec<String> = given.cloned().collect();
                let run = words::pretraining(&config::load(base, &given, false)?, &self.dirs)?;
                let (text, _) = pretrained::text_encoder_of::<B>(&run, device)?;
                (text, words::of_run(&run)?)
            }
        };
        let dimensions = text.dimensions();
        let kind = serde_json::to_string(&text.kind()).expect("a word");
        // First, because a table whose kind is said anew begins empty.
        let mut settings = vec![format!("model.encoder.kind={kind}")];
        setting(&mut settings, "vocabulary", Some(dimensions.vocabulary));
        setting(
            &mut settings,
            "encoder.embedding_dim",
            Some(dimensions.embedding_dim),
        );
        Ok(ImportedText {
            text,
            vocabulary,
            settings,
        })
    }

    /// A published text encoder with the words of `--vocabulary`.
    fn published_text<B: Backend>(
        &self,
        path: &Path,
        device: &B::Device,
    ) -> Result<(Encoder<B>, Vocabulary), LaunchError> {
        let Some(vocabulary) = &self.vocabulary else {
            let remedy = remedy(Role::Vocabulary);
            return Err(LaunchError::Request(format!("{KNOWS_BY_NUMBER}; {remedy}")));
        };
        let arrays = self.read(path)?;
        let not_ours = |message: String| SetupError::Weights {
            path: path.to_path_buf(),
            message,
        };
        let Some((config, known)) = sizes(&arrays) else {
            let message = "is no text encoder of DAMSM; give the published text_encoder*.pth";
            return Err(not_ours(message.into()).into());
        };
        let words = read_vocabulary(vocabulary)?;
        check_count(vocabulary, words.len(), path, known)?;
        let fresh = config.init::<B>(known, device);
        let (text, report) = import::<B, _>(fresh, &arrays, encoder_key);
        if report.ours.is_complete() {
            return Ok((text, words));
        }
        let problems = report.ours.mismatched.iter().chain(&report.ours.missing);
        let problems: Vec<String> = problems.take(4).cloned().collect();
        let message = format!("is no text encoder of DAMSM: {}", problems.join(", "));
        Err(not_ours(message).into())
    }
}

/// Settings of a published text encoder and the ids it knows.
fn sizes(arrays: &Arrays) -> Option<(EncoderConfig, usize)> {
    let of = |key: &str, axis: usize| size(arrays, key, axis);
    let (rows, hidden) = (of("rnn.weight_hh_l0", 0)?, of("rnn.weight_hh_l0", 1)?);
    let config = EncoderConfig {
        kind: if rows == 3 * hidden {
            Kind::Gru
        } else {
            Kind::Lstm
        },
        embedding_dim: of("encoder.weight", 1)?,
        dim: 2 * hidden,
        ..EncoderConfig::default()
    };
    Some((config, of("encoder.weight", 0)?))
}

/// Refuses a list of words that is not that of the encoder, which knows `known`.
pub(super) fn check_count(
    vocabulary: &Path,
    words: usize,
    encoder: &Path,
    known: usize,
) -> Result<(), SetupError> {
    if words == known {
        return Ok(());
    }
    Err(SetupError::Weights {
        path: vocabulary.to_path_buf(),
        message: format!(
            "has {words} words, {} was trained with {known}; give the file that was published \
             with the encoder",
            encoder.display()
        ),
    })
}

/// Words of a `captions.pickle` or of a list in JSON.
pub(super) fn read_vocabulary(path: &Path) -> Result<Vocabulary, LaunchError> {
    let is_json = path.extension().is_some_and(|e| e == "json");
    if !is_json {
        let captions = WordCaptions::open(path).map_err(SetupError::from)?;
        return Ok(captions.words.into());
    }
    let fail = |message: String| SetupError::Weights {
        path: path.to_path_buf(),
        message,
    };
    let text =
        input::read(path, input::TEXT).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let words = serde_json::from_slice::<Vec<String>>(&text);
    let words = words.map_err(|error| fail(format!("is no list of words: {error}")))?;
    Ok(words.into())
}

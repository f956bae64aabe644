//! A run as one file: what generating needs of it, in half precision.

use std::path::{Path, PathBuf};

use wordpaint_models::registry::FAMILIES;
use wordpaint_models::system::{Role, TextForm};

use crate::config::pretrained::setting;
use crate::config::{Experiment, Reference};
use crate::launch::LaunchError;
use crate::run::folder::{RunFolder, write_atomic};
use crate::run::manifest::{self, VOCABULARY};
use crate::run::portable::{Part, Portable, TEXT_ENCODER};
use crate::run::weights::for_generation;
use crate::setup::pretrained::{Use, wanted};
use crate::setup::reference::experiment;
use crate::setup::text::{Located, locate};
use crate::setup::{Dirs, SetupError};

/// What stands for the place of a network that generating does not need.
const NOT_EXPORTED: &str = "not-exported";

/// Writes the run as the file `out`.
///
/// # Errors
///
/// If it makes no images, needs other networks than a text encoder to make them, or cannot be read or
/// written.
pub fn export(run: &RunFolder, out: &Path, dirs: &Dirs) -> Result<PathBuf, LaunchError> {
    wordpaint_files::check(out)?;
    let trained = experiment(run)?;
    let facts = trained.family_facts()?;
    let info = FAMILIES.iter().find(|info| info.name == trained.family);
    if info.is_none_or(|info| info.role != Role::Generator) {
        return Err(LaunchError::Request(format!(
            "{}: a run of `{}` makes no images; a file is made of runs that do",
            run.path().display(),
            trained.family
        )));
    }
    if let Some(other) = wanted(&facts.components, Use::Generation).first() {
        return Err(LaunchError::Request(format!(
            "{}: to generate it needs the network of `{}`, too, which such a file does not hold; share \
             the run folder instead",
            run.path().display(),
            setting(other.key)
        )));
    }
    let text_encoder = match facts.needs.text {
        TextForm::Embedding { .. } => Some(encoder(run, &trained, dirs)?),
        _ => None,
    };
    let portable = Portable {
        run: part(run, &trained, text_encoder.is_some())?,
        text_encoder,
    };
    let bytes = portable.to_bytes().map_err(|message| SetupError::Weights {
        path: run.path().to_path_buf(),
        message,
    })?;
    write_atomic(out, &bytes)?;
    Ok(out.to_path_buf())
}

/// What is kept of a run whose settings are `trained`.
fn part(run: &RunFolder, trained: &Experiment, has_encoder: bool) -> Result<Part, LaunchError> {
    let components = trained.family_facts()?.components;
    let checkpoint = manifest::newest(run)?;
    let vocabulary = run.join(VOCABULARY);
    let vocabulary = vocabulary
        .is_file()
        .then(|| wordpaint_files::read_to_string(&vocabulary))
        .transpose()
        .map_err(|error| SetupError::Weights {
            path: vocabulary.clone(),
            message: format!("cannot be read: {error}"),
        })?;
    Ok(Part {
        step: checkpoint.step,
        settings: settings(trained, has_encoder),
        vocabulary,
        values: for_generation(&checkpoint, &components)?
            .into_iter()
            .collect(),
    })
}

/// The run's text encoder: its own copy, or the one it refers to.
fn encoder(run: &RunFolder, trained: &Experiment, dirs: &Dirs) -> Result<Part, LaunchError> {
    if Reference::of(&trained.text.encoder) == Reference::Precomputed {
        return Err(LaunchError::Request(format!(
            "{}: it was trained on embeddings that came with its data and has no text encoder, so \
             that no caption could be read",
            run.path().display()
        )));
    }
    let (Located::Inside(of) | Located::Elsewhere(of)) = locate(trained, Some(run), dirs)?;
    part(&of, &experiment(&of)?, false)
}

/// The settings without the places of the machine that they were trained on.
fn settings(trained: &Experiment, has_encoder: bool) -> String {
    let forget = |place: &mut String| {
        if matches!(Reference::of(place), Reference::Path(_)) {
            NOT_EXPORTED.clone_into(place);
        }
    };
    let mut kept = trained.clone();
    forget(&mut kept.text.encoder);
    if has_encoder {
        TEXT_ENCODER.clone_into(&mut kept.text.encoder);
    }
    for table in kept.pretrained.values_mut() {
        forget(&mut table.from);
    }
    forget(&mut kept.evaluate.probe);
    forget(&mut kept.evaluate.retrieval_encoder);
    kept.to_toml()
}

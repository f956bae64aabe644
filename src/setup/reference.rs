//! References in experiment files: `experiment:NAME`, `cache:NAME`, a run folder or a file.

use std::path::{Path, PathBuf};

use super::{Places, SetupError};
use crate::config::{self, Experiment};
use crate::run::folder::RunFolder;

/// What a reference points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A finished run.
    Run(RunFolder),
    /// A weights file.
    File(PathBuf),
}

/// Finds what `text` refers to.
///
/// A run of `experiment:NAME` counts only when it was trained with that experiment's settings as
/// they are, so that a changed file is trained anew.
///
/// # Errors
///
/// If it is not there.
pub fn resolve(text: &str, is_quick: bool, places: &Places) -> Result<Target, SetupError> {
    if let Some(name) = text.strip_prefix("experiment:") {
        let wanted = config::load(name, &[], is_quick)?.fingerprint();
        let run = RunFolder::newest_finished(&places.runs, name, is_quick, |run| {
            experiment(run).is_ok_and(|e| e.fingerprint() == wanted)
        })?;
        return Ok(Target::Run(run));
    }
    if let Some(name) = text.strip_prefix("cache:") {
        let path = places
            .cache
            .join("weights")
            .join(format!("{name}.safetensors"));
        return if path.is_file() {
            Ok(Target::File(path))
        } else {
            Err(SetupError::Weights {
                path,
                message: format!(
                    "not there; `cargo xtask fetch {name}` gets it or says who publishes it"
                ),
            })
        };
    }
    let path = Path::new(text);
    if path.is_dir() {
        return Ok(Target::Run(RunFolder::open(path)?));
    }
    if path.is_file() {
        return Ok(Target::File(path.to_path_buf()));
    }
    Err(SetupError::Weights {
        path: path.to_path_buf(),
        message: "not there; give `experiment:NAME`, `cache:NAME`, a run folder or a weights file"
            .into(),
    })
}

/// The frozen experiment of a run.
///
/// # Errors
///
/// If it cannot be read.
pub fn experiment(run: &RunFolder) -> Result<Experiment, SetupError> {
    Ok(config::thaw(&run.frozen()?, &run.join("config.toml"))?)
}

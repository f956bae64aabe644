//! References in experiment files: `experiment:NAME`, `cache:NAME`, a run folder or a file.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wordpaint_files::{Action, FileError};

use super::{Dirs, SetupError};
use crate::config::{self, ConfigError, Experiment, Library, Reference};
use crate::run::checkpoint::hex;
use crate::run::difference::Kind;
use crate::run::folder::{RunError, RunFolder, candidates};
use crate::run::manifest::{self, CONFIG};
use crate::run::portable::TEXT_ENCODER;

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
/// A run of `experiment:NAME` counts only when it was trained with the settings of that experiment,
/// and of those it builds on, as they are: what follows from a changed file is trained anew.
///
/// # Errors
///
/// If it is not there.
pub fn resolve(text: &str, is_quick: bool, dirs: &Dirs) -> Result<Target, SetupError> {
    if let Some(name) = text.strip_prefix("experiment:") {
        let wanted = identity(&config::load(name, &[], is_quick)?)?;
        let has_identity = |run: &RunFolder| run.identity().as_ref() == Some(&wanted);
        let run = RunFolder::newest_finished(&dirs.runs, name, is_quick, has_identity)?;
        return Ok(Target::Run(run));
    }
    if let Some(name) = text.strip_prefix("cache:") {
        let folder = dirs.cache.join("weights");
        let kept = ["safetensors", "pth"].map(|ending| folder.join(format!("{name}.{ending}")));
        let [path, _] = &kept;
        return if let Some(path) = kept.iter().find(|path| path.is_file()) {
            Ok(Target::File(path.clone()))
        } else {
            let path = path.clone();
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

/// Digest of everything that decides the weights of an experiment: its own settings and those of the
/// experiments whose networks it uses.
///
/// # Errors
///
/// If one of them cannot be loaded, or they need each other.
pub fn identity(experiment: &Experiment) -> Result<String, ConfigError> {
    // Refuses circles, so that the recursion ends.
    Library::default().requires_all(experiment)?;
    identity_of(experiment)
}

fn identity_of(experiment: &Experiment) -> Result<String, ConfigError> {
    let mut digest = Sha256::new();
    digest.update(experiment.fingerprint());
    for (key, reference) in experiment.references() {
        // Probe and retrieval encoder measure; they do not shape the weights.
        let is_built_on = !key.starts_with("evaluate.");
        if let (Reference::Experiment(name), true) = (reference, is_built_on) {
            let required = config::load(name, &[], experiment.quick)?;
            digest.update(identity_of(&required)?);
        }
    }
    Ok(hex(&digest.finalize()))
}

/// The newest run with the settings of `experiment`, finished or not.
///
/// # Errors
///
/// If an experiment it builds on cannot be loaded.
pub fn newest_matching(
    experiment: &Experiment,
    dirs: &Dirs,
) -> Result<Option<RunFolder>, ConfigError> {
    let wanted = Some(identity(experiment)?);
    Ok(candidates(&dirs.runs, &experiment.name, experiment.quick)
        .into_iter()
        .find(|run| run.identity() == wanted))
}

/// The frozen experiment of a run; a text encoder inside the run is given by its path.
///
/// # Errors
///
/// If it cannot be read, or is not the one that the run was trained with.
pub fn experiment(run: &RunFolder) -> Result<Experiment, SetupError> {
    let path = run.join(CONFIG);
    let bytes = wordpaint_files::read(&path)
        .map_err(|error| RunError::from(FileError::new(Action::Read, &path, error)))?;
    manifest::check_file(run, Kind::Config, CONFIG, &bytes)?;
    let mut experiment = config::load_resolved(&config::text(bytes, &path)?, &path)?;
    if experiment.text.encoder == TEXT_ENCODER {
        experiment.text.encoder = run.join(TEXT_ENCODER).display().to_string();
    }
    Ok(experiment)
}

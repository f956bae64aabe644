//! Which frozen networks a run is trained with: digests of their files, kept in the run, so that
//! others of the same sizes are not taken for them later.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wordpaint_data::input;
use wordpaint_models::system::AidKind;

use super::reference::{Target, experiment, resolve};
use super::{Places, SetupError};
use crate::config::Experiment;
use crate::run::checkpoint::{self, hex};
use crate::run::folder::{RunError, RunFolder};

/// Key of `environment.json`.
const KEY: &str = "networks";

/// SHA-256 by the setting that names a network.
pub type Digests = BTreeMap<&'static str, String>;

/// Digests of the networks in `kinds`, as the settings of `config` name them. Those without a setting
/// are left out: whoever loads them says so.
///
/// # Errors
///
/// If one is not there or cannot be read.
pub fn digests(
    config: &Experiment,
    kinds: &[AidKind],
    places: &Places,
) -> Result<Digests, SetupError> {
    let mut found = Digests::new();
    for &kind in kinds {
        let (key, from) = match kind {
            AidKind::Vgg => ("aids.vgg", config.aids.vgg.as_ref().map(|vgg| &*vgg.from)),
            AidKind::Inception => ("aids.inception", config.aids.inception()),
            AidKind::Captioner => ("aids.captioner", config.aids.captioner()),
            AidKind::TextEncoder | AidKind::Damsm => {
                ("text.encoder", Some(config.text.encoder.as_str()))
            }
        };
        if let Some(from) = from {
            let target = resolve(from, config.quick, places)?;
            found.insert(key, digest(&target, kind, places)?);
        }
    }
    Ok(found)
}

/// Keeps `digests` in `run`.
///
/// # Errors
///
/// If they cannot be written.
pub fn keep(run: &RunFolder, digests: &Digests) -> Result<(), RunError> {
    run.update_environment(json!({ KEY: digests }))
}

/// Whether `run` knows which networks it was trained with; not where its `environment.json` is gone.
pub fn are_kept(run: &RunFolder) -> bool {
    run.environment()[KEY].is_object()
}

/// Refuses networks other than those that `run` was trained with.
///
/// # Errors
///
/// If a digest differs, or `run` does not know its own.
pub fn check(run: &RunFolder, digests: &Digests) -> Result<(), SetupError> {
    let environment = run.environment();
    for (key, digest) in digests {
        let message = match environment[KEY].get(key).and_then(Value::as_str) {
            Some(kept) if kept == digest => continue,
            Some(_) => {
                "was trained with other weights than the network that is there now; bring them \
                 back, or train it anew"
            }
            None => {
                "does not say in `environment.json` which weights it was trained with; train it anew"
            }
        };
        return Err(SetupError::Weights {
            path: run.path().to_path_buf(),
            message: format!("`{key}`: {message}"),
        });
    }
    Ok(())
}

/// Digest of what decides the weights of a network of the kind.
fn digest(target: &Target, kind: AidKind, places: &Places) -> Result<String, SetupError> {
    let run = match target {
        Target::File(path) => return of_file(path),
        Target::Run(run) => run,
    };
    let newest = checkpoint::newest(&run.checkpoints())?;
    let mut digest = Sha256::new();
    digest.update(newest.file("model.safetensors")?);
    if kind == AidKind::Damsm {
        // A VGG it sees through is not among its weights.
        let config = experiment(run)?;
        let kinds = config.family_facts()?.aids;
        let kept_apart: Vec<_> = kinds.into_iter().filter(|&k| k == AidKind::Vgg).collect();
        for digest_of_eyes in digests(&config, &kept_apart, places)?.values() {
            digest.update(digest_of_eyes);
        }
    }
    Ok(hex(&digest.finalize()))
}

fn of_file(path: &Path) -> Result<String, SetupError> {
    let mut digest = Sha256::new();
    let read = input::open(path).and_then(|mut file| io::copy(&mut file, &mut digest));
    read.map_err(|error| SetupError::Weights {
        path: path.to_path_buf(),
        message: format!("cannot be read: {error}"),
    })?;
    Ok(hex(&digest.finalize()))
}

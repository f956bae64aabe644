//! Which frozen networks a run is trained with: digests of their files, kept in the run, so that
//! others of the same sizes are not taken for them later.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use wordpaint_data::input;
use wordpaint_models::system::AidKind;

use super::reference::{Target, experiment, resolve};
use super::{Places, SetupError, weights};
use crate::config::Experiment;
use crate::run::checkpoint::{CheckpointError, hex};
use crate::run::difference::{Difference, Kind};
use crate::run::folder::RunFolder;
use crate::run::manifest::{self, Manifest};
use crate::run::weights::MODEL;

/// Key of `environment.json` in runs without a manifest.
const KEY: &str = "networks";
/// Setting that names the pretrained encoders.
pub const ENCODERS: &str = "text.encoder";

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
            AidKind::TextEncoder | AidKind::Damsm => (ENCODERS, Some(config.text.encoder.as_str())),
        };
        if let Some(from) = from {
            let target = resolve(from, config.quick, places)?;
            found.insert(key, digest(&target, kind, places)?);
        }
    }
    Ok(found)
}

/// As a manifest has them.
pub fn owned(digests: &Digests) -> BTreeMap<String, String> {
    let pairs = digests.iter();
    pairs
        .map(|(key, digest)| ((*key).to_owned(), digest.clone()))
        .collect()
}

/// The digests that `run` was trained with: of its manifest, else of the `environment.json` of an
/// earlier version; `None` where neither has any.
///
/// # Errors
///
/// If the manifest is damaged.
pub fn kept(run: &RunFolder) -> Result<Option<BTreeMap<String, String>>, CheckpointError> {
    if let Some(networks) = Manifest::of(run)?.and_then(|manifest| manifest.networks) {
        return Ok(Some(networks));
    }
    let environment = run.environment();
    let Some(networks) = environment[KEY].as_object() else {
        return Ok(None);
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs = networks.iter();
    Ok(Some(
        pairs
            .map(|(key, value)| (key.clone(), text(value)))
            .collect(),
    ))
}

/// How networks with `digests` differ from those `kept`.
pub fn compare(kept: &BTreeMap<String, String>, digests: &Digests) -> Vec<Difference> {
    let differing = digests
        .iter()
        .filter(|(key, digest)| kept.get(**key) != Some(*digest));
    let all = differing.map(|(key, digest)| Difference {
        kind: Kind::Networks,
        what: format!("SHA-256 of `{key}`"),
        stored: kept.get(*key).map_or_else(|| "none".into(), Clone::clone),
        found: digest.clone(),
    });
    all.collect()
}

/// Refuses networks other than those that `run` was trained with.
///
/// # Errors
///
/// If a digest differs, or `run` does not know its own.
pub fn check(run: &RunFolder, digests: &Digests) -> Result<(), SetupError> {
    let kept = kept(run)?.unwrap_or_default();
    for (key, found) in digests {
        let message = match kept.get(*key) {
            Some(stored) if stored == found => continue,
            Some(stored) => format!(
                "was trained with other weights than the network that is there now (SHA-256 {stored} \
                 stored, {found} found); bring them back, or train it anew"
            ),
            None => "does not say which weights it was trained with; train it anew".into(),
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
    let newest = manifest::newest(run)?;
    let model = newest.file(MODEL)?;
    let kept_apart = match kind {
        // A VGG it sees through is not among its weights.
        AidKind::Damsm => {
            let config = experiment(run)?;
            let mut kinds = config.family_facts()?.aids;
            kinds.retain(|&kind| kind == AidKind::Vgg);
            digests(&config, &kinds, places)?
        }
        _ => Digests::new(),
    };
    if let (true, Some(digest)) = (kept_apart.is_empty(), newest.sha256(MODEL)) {
        return Ok(digest.to_owned());
    }
    let mut digest = Sha256::new();
    digest.update(model);
    for digest_of_trunk in kept_apart.values() {
        digest.update(digest_of_trunk);
    }
    Ok(hex(&digest.finalize()))
}

/// Digest of a weights file, which must be the one that the record beside it speaks of.
fn of_file(path: &Path) -> Result<String, SetupError> {
    let fail = |message: String| SetupError::Weights {
        path: path.to_path_buf(),
        message,
    };
    let mut digest = Sha256::new();
    let read = input::open(path).and_then(|mut file| io::copy(&mut file, &mut digest));
    read.map_err(|error| fail(format!("cannot be read: {error}")))?;
    let found = hex(&digest.finalize());
    match weights::recorded(path) {
        Some(recorded) if recorded != found => Err(fail(weights::is_another(&recorded, &found))),
        _ => Ok(found),
    }
}

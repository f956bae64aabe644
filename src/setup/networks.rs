//! Which frozen networks a run is trained with: digests of their files, kept in the run, so that
//! others of the same sizes are not taken for them later.

use std::collections::BTreeMap;

use serde_json::Value;

use super::SetupError;
use super::pretrained::Digests;
use crate::config::renamed;
use crate::run::checkpoint::CheckpointError;
use crate::run::difference::{Difference, Kind};
use crate::run::folder::RunFolder;
use crate::run::manifest::Manifest;

/// Key of `environment.json` in runs without a manifest.
const KEY: &str = "networks";

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
    let new_name = |(key, digest): (String, String)| (renamed::path(&key), digest);
    if let Some(networks) = Manifest::of(run)?.and_then(|manifest| manifest.networks) {
        return Ok(Some(networks.into_iter().map(new_name).collect()));
    }
    let environment = run.environment();
    let Some(networks) = environment[KEY].as_object() else {
        return Ok(None);
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs = networks.iter();
    Ok(Some(
        pairs
            .map(|(key, value)| new_name((key.clone(), text(value))))
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

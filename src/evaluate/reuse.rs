//! Whether a run was measured before just as it would be again.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::EvaluateError;
use crate::config::{Experiment, Reference};
use crate::run::checkpoint::hex;
use crate::run::folder::RunFolder;
use crate::run::manifest::sha256;
use crate::run::results::Evaluation;
use crate::setup::Dirs;
use crate::setup::reference::{Target, resolve};

/// Key of `environment.json` with the digests of what was measured.
const KEY: &str = "measured";
/// Of one protocol: the digest of what the numbers depend on.
const CONDITIONS: &str = "conditions";
/// Of one protocol: SHA-256 of the file with the numbers.
const RESULT: &str = "result";

/// What a measurement of a run depends on.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// Name of the protocol.
    name: &'static str,
    digest: String,
}

impl Conditions {
    /// Of measuring a run by the protocol called `name`: the digest of its `checkpoint`, the settings
    /// of `experiment`, the runs and files it refers to, the weights that are in place.
    pub fn of(
        checkpoint: &str,
        experiment: &Experiment,
        (name, version): (&'static str, &str),
        dirs: &Dirs,
    ) -> Self {
        let references = experiment.references().into_iter();
        let found: Vec<String> = references
            .map(|(key, reference)| {
                let path = match reference {
                    Reference::None | Reference::Precomputed => String::new(),
                    Reference::Experiment(name) => {
                        found(&format!("experiment:{name}"), experiment, dirs)
                    }
                    Reference::Cache(name) => found(&format!("cache:{name}"), experiment, dirs),
                    Reference::Path(path) => found(path, experiment, dirs),
                };
                format!("{key} {path}")
            })
            .collect();
        // With other weights in place there is more, or something else, to measure with.
        let mut weights: Vec<String> = fs::read_dir(dirs.cache.join("weights"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| {
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                format!("{} {size}", entry.file_name().to_string_lossy())
            })
            .collect();
        weights.sort();
        let all = json!({
            "program": env!("CARGO_PKG_VERSION"),
            "protocol": [name, version],
            "checkpoint": checkpoint,
            "settings": experiment,
            "found": found,
            "weights": weights,
        });
        Self {
            name,
            digest: hex(&Sha256::digest(all.to_string())),
        }
    }

    /// What was measured under them, if it is still there as it was written.
    pub fn earlier(&self, run: &RunFolder) -> Option<Evaluation> {
        let known = &run.environment()[KEY][self.name];
        if known[CONDITIONS].as_str() != Some(&self.digest) {
            return None;
        }
        let bytes = wordpaint_files::read(&self.file(run)).ok()?;
        let (stored, found) = (known[RESULT].as_str()?, sha256(&bytes));
        if stored != found {
            tracing::warn!(
                "{}: is not what was measured (SHA-256 {stored} stored, {found} found); measuring \
                 again",
                self.file(run).display()
            );
            return None;
        }
        serde_json::from_slice(&bytes).ok()
    }

    fn file(&self, run: &RunFolder) -> PathBuf {
        run.join(&format!("evaluation/{}.json", self.name))
    }

    /// Notes that the run was measured under them.
    ///
    /// # Errors
    ///
    /// If the note cannot be written.
    pub fn note(&self, run: &RunFolder) -> Result<(), EvaluateError> {
        let mut known = run.environment()[KEY].clone();
        if !known.is_object() {
            known = json!({});
        }
        let result = wordpaint_files::read(&self.file(run)).map(|bytes| sha256(&bytes));
        known[self.name] = json!({ CONDITIONS: self.digest, RESULT: result.ok() });
        Ok(run.update_environment(json!({ KEY: known }))?)
    }
}

/// Run or file that a reference leads to; empty where there is none.
fn found(reference: &str, experiment: &Experiment, dirs: &Dirs) -> String {
    match resolve(reference, experiment.quick, dirs) {
        Ok(Target::Run(run)) => run.path().display().to_string(),
        Ok(Target::File(path)) => path.display().to_string(),
        Err(_) => String::new(),
    }
}

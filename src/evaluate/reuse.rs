//! Whether a run was measured before just as it would be again.

use std::fs;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::EvaluateError;
use crate::config::{Experiment, Reference};
use crate::report::schema::Evaluation;
use crate::run::checkpoint::{self, hex};
use crate::run::folder::RunFolder;
use crate::setup::reference::{Target, resolve};
use crate::setup::{Places, SetupError};

/// Key of `environment.json` with the digests of what was measured.
const KEY: &str = "measured";

/// What a measurement of a run depends on.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// Name of the protocol.
    name: &'static str,
    digest: String,
}

impl Conditions {
    /// Of measuring `run` by the protocol called `name`: its checkpoint, the settings of
    /// `experiment`, the runs and files it refers to, the weights that are in place.
    ///
    /// # Errors
    ///
    /// If the run has no checkpoint.
    pub fn of(
        run: &RunFolder,
        experiment: &Experiment,
        (name, version): (&'static str, &str),
        places: &Places,
    ) -> Result<Self, EvaluateError> {
        let checkpoint = checkpoint::newest(&run.checkpoints()).map_err(SetupError::from)?;
        let references = experiment.references().into_iter();
        let found: Vec<String> = references
            .map(|(key, reference)| {
                let path = match reference {
                    Reference::None | Reference::Precomputed => String::new(),
                    Reference::Experiment(name) => {
                        found(&format!("experiment:{name}"), experiment, places)
                    }
                    Reference::Cache(name) => found(&format!("cache:{name}"), experiment, places),
                    Reference::Path(path) => found(path, experiment, places),
                };
                format!("{key} {path}")
            })
            .collect();
        // With other weights in place there is more, or something else, to measure with.
        let mut weights: Vec<String> = fs::read_dir(places.cache.join("weights"))
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
            "checkpoint": checkpoint.digest().map_err(SetupError::from)?,
            "settings": experiment,
            "found": found,
            "weights": weights,
        });
        Ok(Self {
            name,
            digest: hex(&Sha256::digest(all.to_string())),
        })
    }

    /// What was measured under them, if it is still there.
    pub fn earlier(&self, run: &RunFolder) -> Option<Evaluation> {
        let known = &run.environment()[KEY][self.name];
        if known.as_str() != Some(&self.digest) {
            return None;
        }
        let file = run.join(&format!("evaluation/{}.json", self.name));
        serde_json::from_slice(&wordpaint_files::read(&file).ok()?).ok()
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
        known[self.name] = json!(self.digest);
        Ok(run.update_environment(json!({ KEY: known }))?)
    }
}

/// Run or file that a reference leads to; empty where there is none.
fn found(reference: &str, experiment: &Experiment, places: &Places) -> String {
    match resolve(reference, experiment.quick, places) {
        Ok(Target::Run(run)) => run.path().display().to_string(),
        Ok(Target::File(path)) => path.display().to_string(),
        Err(_) => String::new(),
    }
}

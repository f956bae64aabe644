//! A run that is continued: compared with everything it keeps digests of, and changed as the user
//! asked for.

use std::path::PathBuf;

use serde_json::{Value, json};
use wordpaint_data::TextImageDataset;

use super::LaunchError;
use crate::config::{self, Change, ConfigError, Experiment};
use crate::run::checkpoint::{self, Checkpoint, CheckpointError};
use crate::run::difference::{Difference, Differences, Kind};
use crate::run::folder::{RunFolder, now, write_atomic};
use crate::run::manifest::{self, CONFIG, Manifest, VOCABULARY, sha256};
use crate::run::portable::TEXT_ENCODER;
use crate::run::weights::MODEL;
use crate::setup::networks;
use crate::setup::pretrained::Digests;
use crate::setup::{Status, text};
use crate::train::events::Events;
use crate::train::saving::{self, Place};
use crate::train::strategy::StageRun;

/// What the user asks of a run that is continued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Differences to be accepted.
    pub allowed: Vec<Kind>,
    /// Settings to be changed, `key.path=value`.
    pub changes: Vec<String>,
}

impl Wishes {
    /// Whether nothing is asked for but to go on.
    pub const fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.changes.is_empty()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Continuation {
    /// Where it goes on; `None` of a run that has saved nothing yet.
    pub checkpoint: Option<Checkpoint>,
    manifest: Option<Manifest>,
    wishes: Wishes,
    /// Found and allowed.
    differences: Vec<Difference>,
    /// `config.toml` as it is.
    before: String,
    /// Its settings.
    settings: Experiment,
}

impl Continuation {
    /// Opens `run` and compares its settings, vocabulary and newest checkpoint; the experiment has the
    /// changes that are wished for. Nothing is written.
    ///
    /// # Errors
    ///
    /// If something differs that is not allowed, or a wish cannot be fulfilled.
    pub fn open(
        run: &RunFolder,
        wishes: Wishes,
        status: Status<'_>,
    ) -> Result<(Experiment, Self), LaunchError> {
        let checkpoint = newest(run, status)?;
        let manifest = Manifest::of(run)?;
        let before = run.resolved()?;
        let mut differences = Vec::new();
        if let Some(manifest) = &manifest {
            differences.extend(manifest.compare_file(Kind::Config, CONFIG, before.as_bytes()));
            if let Ok(words) = wordpaint_files::read(&run.join(VOCABULARY)) {
                differences.extend(manifest.compare_file(Kind::Vocabulary, VOCABULARY, &words));
            }
        } else {
            status(
                "the run was begun by a version that kept no digests: its vocabulary and data \
                 cannot be compared; what is there is kept for later",
            );
        }
        if let Some(checkpoint) = &checkpoint {
            differences.extend(manifest::belongs(run, manifest.as_ref(), checkpoint));
            explain(&mut differences, checkpoint, &before);
        }
        Differences::refuse(run.path(), &differences, &wishes.allowed)
            .map_err(CheckpointError::from)?;
        let path = run.join(CONFIG);
        let settings = config::load_resolved(&before, &path)?;
        let experiment = if wishes.changes.is_empty() {
            settings.clone()
        } else {
            config::amend(&before, &path, &wishes.changes)?
        };
        let continuation = Self {
            checkpoint,
            manifest,
            wishes,
            differences,
            before,
            settings,
        };
        Ok((experiment, continuation))
    }

    /// The `config.toml` that the run goes on with.
    pub fn resolved(&self, experiment: &Experiment) -> String {
        if *experiment == self.settings {
            self.before.clone()
        } else {
            experiment.to_toml()
        }
    }

    fn step(&self) -> u64 {
        self.checkpoint.as_ref().map_or(0, |found| found.step)
    }

    /// Compares data and frozen networks with those the run was trained with so far. What is allowed is
    /// noted in the run together with what was there before.
    ///
    /// # Errors
    ///
    /// If something differs that is not allowed, or the note cannot be written.
    pub fn compare(
        &mut self,
        run: &RunFolder,
        dataset: &dyn TextImageDataset,
        digests: &Digests,
        status: Status<'_>,
    ) -> Result<(), LaunchError> {
        let fingerprint = dataset.fingerprint();
        // Without a checkpoint nothing was made of them yet.
        if self.checkpoint.is_some() {
            let stored = self.manifest.as_ref().and_then(|m| m.data.clone());
            let differing = stored.filter(|stored| *stored != fingerprint);
            self.differences.extend(differing.map(|stored| Difference {
                kind: Kind::Data,
                what: format!("fingerprint of {}", dataset.uri()),
                stored,
                found: fingerprint.clone(),
            }));
            match networks::kept(run)? {
                Some(kept) => self.differences.extend(networks::compare(&kept, digests)),
                None if digests.is_empty() => {}
                None => status(
                    "the run does not say which frozen networks it was trained with so far; going \
                     on with those that its settings name",
                ),
            }
            let copied = checkpoint::newest_digest(&encoder_copy(run), MODEL);
            if let (Some(manifest), Some(copied)) = (&self.manifest, copied) {
                self.differences.extend(text::compare(manifest, &copied));
            }
        }
        let all = &self.differences;
        Differences::refuse(run.path(), all, &self.wishes.allowed)
            .map_err(CheckpointError::from)?;
        self.accept(run, fingerprint, digests, status)
    }

    fn accept(
        &mut self,
        run: &RunFolder,
        fingerprint: String,
        digests: &Digests,
        status: Status<'_>,
    ) -> Result<(), LaunchError> {
        keep_damaged_environment(run, status)?;
        let (step, differences) = (self.step(), std::mem::take(&mut self.differences));
        let mut manifest = match self.manifest.take() {
            Some(manifest) => manifest,
            None => Manifest::new(run, &self.before, run.identity()),
        };
        for difference in &differences {
            let Difference { kind, found, .. } = difference;
            match kind {
                Kind::Config => manifest.files.insert(CONFIG.into(), found.clone()),
                Kind::Vocabulary => manifest.files.insert(VOCABULARY.into(), found.clone()),
                Kind::Checkpoint => {
                    manifest.adopted.push(found.clone());
                    None
                }
                Kind::Networks | Kind::Data => None,
            };
            manifest.identity = derived(manifest.identity, step, &difference.to_string());
        }
        manifest.data = Some(fingerprint);
        manifest.networks = Some(networks::owned(digests));
        let is_allowed = |kind| self.wishes.allowed.contains(&kind);
        // What is gone is made anew, and may then be another where that is allowed.
        match checkpoint::newest_digest(&encoder_copy(run), MODEL) {
            Some(copied) => manifest.text_encoder = Some(copied),
            None if is_allowed(Kind::Networks) => manifest.text_encoder = None,
            None => {}
        }
        if is_allowed(Kind::Vocabulary) && !run.join(VOCABULARY).exists() {
            manifest.files.remove(VOCABULARY);
        }
        manifest.write(run)?;
        if !differences.is_empty() {
            let mut events = Events::open(&run.join("events.jsonl"), step)?;
            let mut history = history(run, ACCEPTED);
            for difference in &differences {
                status(&format!("accepted: {difference}"));
                events.note("accepted", step, &difference.to_string())?;
                history.push(json!({
                    "step": step, "time": now(), "kind": difference.kind.name(),
                    "what": difference.what, "stored": difference.stored,
                    "found": difference.found,
                }));
            }
            run.update_environment(json!({
                ACCEPTED: history, "identity": manifest.identity,
            }))?;
        }
        self.manifest = Some(manifest);
        Ok(())
    }

    /// Finds the place where the run goes on among its `stages`, and writes the changed settings into
    /// it; those before stay as `config-STEP.toml`.
    ///
    /// # Errors
    ///
    /// If there is no such place, a stage that is done would change, or a file cannot be written.
    pub fn settle(
        &mut self,
        run: &RunFolder,
        experiment: &Experiment,
        stages: &[StageRun],
        status: Status<'_>,
    ) -> Result<(), LaunchError> {
        let Some(checkpoint) = &self.checkpoint else {
            status("no checkpoint yet; beginning anew");
            return self.change(run, experiment, status);
        };
        let place = saving::place(checkpoint, stages)?;
        self.check_stages(experiment, place)?;
        self.change(run, experiment, status)?;
        if !place.is_finished && run.is_finished() {
            run.update_environment(json!({ "finished": Value::Null }))?;
        }
        status(&format!("continuing from step {}", place.step));
        Ok(())
    }

    fn change(
        &mut self,
        run: &RunFolder,
        experiment: &Experiment,
        status: Status<'_>,
    ) -> Result<(), LaunchError> {
        let resolved = self.resolved(experiment);
        if resolved == self.before {
            return Ok(());
        }
        let step = self.step();
        let changes = config::changes(&self.before, &resolved);
        let described: Vec<String> = changes.iter().map(Change::to_string).collect();
        for change in &described {
            status(&format!("changed: {change}"));
        }
        let manifest = self.manifest.take();
        let mut manifest =
            manifest.unwrap_or_else(|| Manifest::new(run, &self.before, run.identity()));
        if experiment.fingerprint() != self.settings.fingerprint() {
            manifest.identity = derived(manifest.identity, step, &described.join("\n"));
        }
        let earlier = format!("config-{step}.toml");
        write_atomic(&run.join(&earlier), self.before.as_bytes())?;
        write_atomic(&run.join(CONFIG), resolved.as_bytes())?;
        manifest
            .files
            .insert(CONFIG.into(), sha256(resolved.as_bytes()));
        manifest.write(run)?;
        let mut history = history(run, CHANGES);
        history.push(json!({
            "step": step, "time": now(), "changed": described, "before": earlier,
        }));
        run.update_environment(json!({ CHANGES: history, "identity": manifest.identity }))?;
        let mut events = Events::open(&run.join("events.jsonl"), step)?;
        events.note("settings", step, &described.join("; "))?;
        Ok(())
    }

    /// Refuses other lengths of stages that are done.
    fn check_stages(&self, experiment: &Experiment, place: Place) -> Result<(), ConfigError> {
        let (before, after) = (&self.settings.train.stages, &experiment.train.stages);
        let done = before.iter().zip(after).take(place.stage);
        for (before, after) in done {
            if before != after {
                let key = format!("train.stages.{}", before.name);
                return Err(ConfigError::at(key, "is done and cannot change its length")
                    .with_expected("the length of a stage that runs or is to come"));
            }
        }
        Ok(())
    }
}

/// Keys of `environment.json`.
const ACCEPTED: &str = "accepted";
const CHANGES: &str = "changes";

/// Checkpoints of the text encoder that is copied into `run`.
fn encoder_copy(run: &RunFolder) -> PathBuf {
    run.join(TEXT_ENCODER).join("checkpoints")
}

fn history(run: &RunFolder, key: &str) -> Vec<Value> {
    let environment = run.environment();
    environment[key].as_array().cloned().unwrap_or_default()
}

/// Identity of a run that is no longer what its experiment makes.
fn derived(identity: Option<String>, step: u64, what: &str) -> Option<String> {
    identity.map(|before| sha256(format!("{before}\nfrom step {step}\n{what}").as_bytes()))
}

/// The newest checkpoint, telling what was skipped.
fn newest(run: &RunFolder, status: Status<'_>) -> Result<Option<Checkpoint>, LaunchError> {
    match checkpoint::newest(&run.checkpoints()) {
        Ok(found) => {
            for skipped in &found.skipped {
                status(&format!("skipped a damaged checkpoint: {skipped}"));
            }
            Ok(Some(found))
        }
        Err(CheckpointError::None { skipped, .. }) if skipped.is_empty() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Names the settings that differ from those in the checkpoint.
fn explain(differences: &mut [Difference], checkpoint: &Checkpoint, before: &str) {
    /// Settings that are named.
    const SHOWN: usize = 5;
    let Ok(saved) = checkpoint.file(CONFIG) else {
        return;
    };
    let changes = config::changes(&String::from_utf8_lossy(saved), before);
    let mut described: Vec<String> = changes.iter().map(Change::to_string).collect();
    if described.len() > SHOWN {
        let rest = described.len() - SHOWN;
        described.truncate(SHOWN);
        described.push(format!("and {rest} more"));
    }
    if described.is_empty() {
        return;
    }
    for difference in differences {
        if difference.kind == Kind::Config {
            difference.what = format!("{} ({})", difference.what, described.join("; "));
        }
    }
}

/// Sets an `environment.json` aside that cannot be read: the next change would write over it.
fn keep_damaged_environment(run: &RunFolder, status: Status<'_>) -> Result<(), LaunchError> {
    let path = run.join("environment.json");
    let Ok(bytes) = wordpaint_files::read(&path) else {
        return Ok(());
    };
    if serde_json::from_slice::<Value>(&bytes).is_ok_and(|value| value.is_object()) {
        return Ok(());
    }
    let aside = run.join("environment-damaged.json");
    write_atomic(&aside, &bytes)?;
    let identity = Manifest::of(run)?.and_then(|manifest| manifest.identity);
    status(&format!(
        "{} is damaged: kept as {}; times and versions of earlier sessions are lost",
        path.display(),
        aside.display()
    ));
    Ok(run.update_environment(json!({ "identity": identity }))?)
}

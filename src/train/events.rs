//! `events.jsonl`: one JSON object per logged step.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use wordpaint_files::{Action, Appender, FileError};

use super::guard::Observation;
use super::monitor::Reading;
use super::watch::Warning;
use crate::run::folder::{RunError, write_atomic};

/// Appends lines to the event log of a run.
#[derive(Debug)]
pub struct Events {
    file: Appender,
}

/// The lines of a log that are whole; none where there is no log.
pub fn read(path: &Path) -> Vec<Value> {
    let text = wordpaint_files::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// What a logged step says besides its loss terms.
#[derive(Debug, Clone)]
pub struct StepFacts {
    /// Step, 1-based.
    pub step: u64,
    /// Epoch of the stage, 1-based.
    pub epoch: usize,
    /// Stage.
    pub stage: &'static str,
    /// Learning rate of every group.
    pub lr: BTreeMap<String, f64>,
    /// Mean wall-clock seconds per step since the last logged step.
    pub seconds_per_step: f64,
    /// Samples per second since the last logged step.
    pub images_per_second: f64,
    /// Samples seen since the start.
    pub samples: u64,
}

impl Events {
    /// Opens the log of a run that stands at `step`: lines of later steps, which a stopped process
    /// may have written after its last checkpoint, are dropped.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    pub fn open(path: &Path, step: u64) -> Result<Self, RunError> {
        if path.exists() {
            let text = wordpaint_files::read(path);
            let text = text.map_err(|error| FileError::new(Action::Read, path, error))?;
            let text = String::from_utf8_lossy(&text);
            let is_kept = |line: &&str| {
                serde_json::from_str::<Value>(line)
                    .is_ok_and(|v| v["step"].as_u64().is_none_or(|s| s <= step))
            };
            let whole = text.lines().take(text.lines().count().saturating_sub(1));
            let damaged = whole.filter(|line| serde_json::from_str::<Value>(line).is_err());
            let damaged = damaged.count();
            if damaged > 0 {
                // The last line may be cut short by a kill; one before it was whole once.
                tracing::warn!("{}: {damaged} damaged lines are left out", path.display());
            }
            let kept: String = text
                .lines()
                .filter(is_kept)
                .flat_map(|line| [line, "\n"])
                .collect();
            write_atomic(path, kept.as_bytes())?;
        }
        Ok(Self {
            file: Appender::open(path)?,
        })
    }

    fn append(&mut self, value: &Value) -> Result<(), RunError> {
        Ok(self.file.line(&value.to_string())?)
    }

    /// Logs a step.
    ///
    /// # Errors
    ///
    /// If the line cannot be written.
    pub fn step(
        &mut self,
        facts: &StepFacts,
        observations: &[Observation],
    ) -> Result<(), RunError> {
        let terms: serde_json::Map<String, Value> = observations
            .iter()
            .flat_map(|o| &o.terms)
            .map(|(name, weight, value)| (name.clone(), json!({"value": value, "weight": weight})))
            .collect();
        self.append(&json!({
            "step": facts.step,
            "epoch": facts.epoch,
            "stage": facts.stage,
            "terms": terms,
            "lr": facts.lr,
            "seconds_per_step": facts.seconds_per_step,
            "images_per_second": facts.images_per_second,
            "samples": facts.samples,
        }))
    }

    /// Logs what a monitor measured on a sample grid.
    ///
    /// # Errors
    ///
    /// If the line cannot be written.
    pub fn monitor(&mut self, step: u64, reading: &Reading) -> Result<(), RunError> {
        let values: BTreeMap<&str, f64> = reading.values().into_iter().collect();
        self.append(&json!({
            "kind": "monitor", "step": step, "message": reading.to_string(), "values": values,
            "seconds": reading.seconds, "time": crate::run::folder::now(),
        }))
    }

    /// Logs where losses of `stage` began.
    ///
    /// # Errors
    ///
    /// If the line cannot be written.
    pub fn starts(
        &mut self,
        step: u64,
        stage: &str,
        values: &BTreeMap<String, f64>,
    ) -> Result<(), RunError> {
        self.append(&json!({
            "kind": "start", "step": step, "stage": stage, "values": values,
            "message": "where losses began", "time": crate::run::folder::now(),
        }))
    }

    /// Logs that something is wrong with the training.
    ///
    /// # Errors
    ///
    /// If the line cannot be written.
    pub fn warning(&mut self, warning: &Warning) -> Result<(), RunError> {
        self.append(&json!({
            "kind": "warning", "step": warning.step, "matter": warning.matter,
            "message": warning.message, "time": crate::run::folder::now(),
        }))
    }

    /// Logs something else that happened (`resume`, `checkpoint`, `stop`).
    ///
    /// # Errors
    ///
    /// If the line cannot be written.
    pub fn note(&mut self, kind: &str, step: u64, message: &str) -> Result<(), RunError> {
        self.append(&json!({
            "kind": kind, "step": step, "message": message, "time": crate::run::folder::now(),
        }))
    }
}

//! The resolved experiment as a file, and its identity.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::renamed;
use super::schema::Experiment;

/// Keys that do not change the weights.
const INCIDENTAL: &[&[&str]] = &[
    &["name"],
    &["title"],
    &["expect"],
    &["evaluate"],
    &["guard"],
    // A run of the quick form is what its values say.
    &["quick"],
    &["data", "eval_split"],
    &["data", "cache_mib"],
    &["data", "workers"],
    &["train", "log_every"],
    &["train", "checkpoint_every"],
    &["train", "keep_checkpoints"],
    &["train", "sample_every"],
    &["train", "samples"],
    &["train", "monitor_share"],
    &["train", "memory"],
];

impl Experiment {
    /// The `config.toml` of a run folder; [`super::load`] reads it back to an equal experiment.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("every value of an experiment has a TOML form")
    }

    /// SHA-256 (lower-case hexadecimal) over everything that decides the weights: equal experiments
    /// under different names have the same fingerprint. It is made of the names that keys had first, so
    /// that finished runs stay what they are.
    pub fn fingerprint(&self) -> String {
        let mut value =
            serde_json::to_value(self).expect("every value of an experiment has a JSON form");
        for path in INCIDENTAL {
            remove(&mut value, path);
        }
        renamed::as_before(&mut value);
        format!("{:x}", Sha256::digest(canonical(&value)))
    }
}

fn remove(value: &mut Value, path: &[&str]) {
    match path {
        [] => {}
        [key] => {
            if let Some(table) = value.as_object_mut() {
                table.remove(*key);
            }
        }
        [key, rest @ ..] => {
            if let Some(inner) = value.get_mut(*key) {
                remove(inner, rest);
            }
        }
    }
}

/// JSON with sorted keys and without blanks.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let sorted: BTreeMap<&String, &Value> = table.iter().collect();
            let entries: Vec<String> = sorted
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        scalar => scalar.to_string(),
    }
}

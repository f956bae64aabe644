//! Settings of a run that change while it is trained.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use toml::{Table, Value};

use super::error::ConfigError;
use super::layer::{Layer, merge};
use super::load::{checked, located};
use super::schema::Experiment;
use super::{overrides, renamed};

/// Keys that may change in the middle of a run. `*` stands for one name, `**` for whatever follows.
const MUTABLE: &[&str] = &[
    "train.optimizer.*.lr",
    "train.optimizer.*.schedule.**",
    "train.stages.*.steps",
    "train.stages.*.epochs",
    "train.log_every",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.sample_every",
    "train.samples",
    "train.monitor_share",
    "guard.**",
    "train.guard.**",
    // Where things are; digests tell whether they are the same.
    "data.uri",
    "text.encoder",
    "pretrained.*.from",
    "data.workers",
    "data.cache_mib",
    "data.eval_split",
    "evaluate.**",
];

/// A setting that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its key path.
    pub key: String,
    /// Its value before; `None` where there was none.
    pub before: Option<String>,
    /// Its value after; `None` where it is gone.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".into());
        let (before, after) = (value(&self.before), value(&self.after));
        write!(f, "{}: {before} -> {after}", self.key)
    }
}

/// The frozen experiment `text` of the file at `path` with `arguments` (`key.path=value`) on top.
///
/// # Errors
///
/// If a key may not change in the middle of a run, or the settings do not fit together.
pub fn amend(text: &str, path: &Path, arguments: &[String]) -> Result<Experiment, ConfigError> {
    for argument in arguments {
        let key = &*renamed::path(overrides::key(argument));
        if !MUTABLE.iter().any(|pattern| is_match(pattern, key)) {
            return Err(ConfigError::at(key, "cannot change in the middle of a run")
                .with_expected(format!("one of: `{}`", listed().join("`, `")))
                .with_help("train it anew with other settings"));
        }
    }
    let mut layers = vec![Layer::from_file(&path.display().to_string(), text)?];
    overrides::push(&mut layers, arguments)?;
    for layer in &mut layers {
        layer.rename()?;
    }
    checked(merge(&layers)).map_err(|error| located(error, &layers))
}

/// The patterns as a person reads them.
fn listed() -> Vec<String> {
    let shown = MUTABLE.iter().filter(|pattern| !pattern.contains("guard"));
    shown
        .map(|pattern| pattern.replace(".**", "").replace('*', "NAME"))
        .collect()
}

fn is_match(pattern: &str, key: &str) -> bool {
    let mut keys = key.split('.');
    for part in pattern.split('.') {
        match (part, keys.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (part, Some(key)) if part == key => {}
            _ => return false,
        }
    }
    keys.next().is_none()
}

/// What differs between two experiments as frozen; nothing where one is not valid TOML.
pub fn changes(before: &str, after: &str) -> Vec<Change> {
    let flat = |text: &str| {
        let mut flat = BTreeMap::new();
        if let Ok(mut table) = text.parse::<Table>() {
            // A name is no change; what is there under both is left as it is.
            let _ = renamed::table(&mut table);
            flatten(&Value::Table(table), String::new(), &mut flat);
        }
        flat
    };
    let (before, after) = (flat(before), flat(after));
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let change = |key: &String| Change {
        key: key.clone(),
        before: before.get(key).cloned(),
        after: after.get(key).cloned(),
    };
    let all = keys.into_iter().map(change);
    all.filter(|change| change.before != change.after).collect()
}

fn flatten(value: &Value, path: String, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(value, path, into);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_table) => {
            for (i, item) in items.iter().enumerate() {
                flatten(item, format!("{path}[{i}]"), into);
            }
        }
        scalar => {
            into.insert(path, scalar.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved() -> String {
        let experiment = super::super::load("gan-int-cls-cub", &[], true).expect("shipped");
        experiment.to_toml()
    }

    fn amended(arguments: &[&str]) -> Result<Experiment, String> {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        amend(&resolved(), Path::new("config.toml"), &arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn rates_lengths_and_intervals_change_and_are_told() {
        let arguments = [
            "train.optimizer.generator.lr=0.001",
            "train.stages.adversarial.steps=7",
            "train.log_every=3",
        ];

        let after = amended(&arguments).expect("they may change").to_toml();

        let lines: Vec<String> = changes(&resolved(), &after)
            .iter()
            .map(Change::to_string)
            .collect();
        let has = |key: &str, value: &str| {
            let is_it = |line: &&String| line.starts_with(key) && line.ends_with(value);
            assert!(lines.iter().any(|line| is_it(&line)), "{key}: {lines:?}");
        };
        has("train.optimizer.generator.lr: ", "-> 0.001");
        has("train.stages[0].steps: ", "-> 7");
        has("train.log_every: ", "-> 3");
    }

    #[test]
    fn what_decides_what_was_trained_so_far_does_not_change() {
        for argument in [
            "train.seed=3",
            "seed=3",
            "model.noise_dim=8",
            "train.batch_size=2",
        ] {
            let error = amended(&[argument]).expect_err("refused");

            assert!(error.contains("cannot change in the middle"), "{error}");
            assert!(error.contains("`train.optimizer.NAME.lr`"), "{error}");
        }
    }

    #[test]
    fn unknown_groups_stages_and_values_are_refused() {
        for argument in [
            "train.optimizer.nobody.lr=1",
            "train.stages.nothing.steps=3",
            "train.log_every=often",
        ] {
            amended(&[argument]).expect_err(argument);
        }
    }

    #[test]
    fn equal_settings_differ_in_nothing() {
        assert_eq!(changes(&resolved(), &resolved()), []);
        assert!(changes("not = = toml", &resolved()).len() > 3);
    }
}

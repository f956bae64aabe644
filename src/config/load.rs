//! From a name to a checked experiment.

use std::path::Path;

use toml::Table;

use super::error::{ConfigError, Location};
use super::layer::{Layer, locate};
use super::library::Library;
use super::parse::parse;
use super::resolve::{Resolved, resolve};
use super::schema::Experiment;

/// Loads an experiment by name (`sdn-cub`, from `./experiments` or built in) or from a file.
///
/// `overrides` are `key.path=value` arguments; `is_quick` asks for the form on built-in data.
pub fn load(
    name_or_path: &str,
    overrides: &[String],
    is_quick: bool,
) -> Result<Experiment, ConfigError> {
    Library::default().load(name_or_path, overrides, is_quick)
}

impl Library {
    /// Loads an experiment of this library; see [`load`].
    pub fn load(
        &self,
        name_or_path: &str,
        overrides: &[String],
        is_quick: bool,
    ) -> Result<Experiment, ConfigError> {
        let resolved = resolve(self, name_or_path, overrides, is_quick)?;
        let Resolved {
            stem,
            mut table,
            layers,
            ..
        } = resolved;
        table
            .entry("name")
            .or_insert_with(|| toml::Value::String(stem));
        if is_quick {
            table.insert("quick".to_owned(), toml::Value::Boolean(true));
        }
        let checked = checked(table).and_then(|experiment| {
            self.check_references(&experiment)?;
            Ok(experiment)
        });
        checked.map_err(|error| {
            let error = located(error, &layers);
            let is_in_file = matches!(error.location(), Some(Location::File { .. }));
            // A file that is right by itself is not where to look.
            if is_in_file && !overrides.is_empty() && self.load(name_or_path, &[], is_quick).is_ok()
            {
                return error.with_location(Location::CommandLine(overrides.join(" ")));
            }
            error
        })
    }

    /// Whether the experiment has a form on built-in data.
    pub fn has_quick_form(&self, name_or_path: &str) -> Result<bool, ConfigError> {
        resolve(self, name_or_path, &[], false).map(|resolved| resolved.has_quick)
    }
}

/// Reads the frozen experiment of a run: `text` is the content of the file at `path`. What it refers
/// to need not be there any more.
pub fn load_resolved(text: &str, path: &Path) -> Result<Experiment, ConfigError> {
    let mut layer = Layer::from_file(&path.display().to_string(), text)?;
    layer.rename()?;
    checked(layer.table.clone()).map_err(|error| located(error, &[layer]))
}

/// Parses and validates merged settings. The family's defaults are written out, so that a frozen
/// experiment does not change with them.
pub(super) fn checked(table: Table) -> Result<Experiment, ConfigError> {
    let mut experiment: Experiment = parse(table, "")?;
    experiment.complete_pretrained()?;
    experiment.model = experiment.family_facts()?.model;
    experiment.validate()?;
    Ok(experiment)
}

pub(super) fn located(error: ConfigError, layers: &[Layer]) -> ConfigError {
    if error.location().is_some() {
        return error;
    }
    let of_key = error.key().and_then(|key| locate(layers, key));
    // The file itself is the last layer that is a whole file, and there always is one.
    let file = || {
        let mut files = layers.iter().rev().map(|layer| &layer.origin);
        files
            .find(|origin| matches!(origin, Location::File { .. }))
            .cloned()
    };
    match of_key.or_else(file) {
        Some(place) => error.with_location(place),
        None => error,
    }
}

//! `[pretrained]`: networks that were trained before, by kind, and what is accepted of each.

mod captioner;
mod inception;
mod vgg;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::error::ConfigError;
use super::family::Facts;
use super::parse::parse;
use super::reference::Reference;
use super::schema::Experiment;

pub use vgg::VggSettings;

/// `[pretrained.KIND]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PretrainedTable {
    /// `experiment:NAME`, `cache:NAME`, or the path of a run or weights file, as far as the kind
    /// accepts it; empty = none.
    pub from: String,
    /// Settings of the kind.
    #[serde(flatten)]
    pub settings: Table,
}

/// A kind of network that `[pretrained]` may hold.
pub(super) struct Kind {
    /// Key of its table.
    pub(super) key: &'static str,
    /// Path of its table.
    pub(super) path: &'static str,
    /// What `from` may be.
    pub(super) sources: &'static str,
    /// Whether it may be this.
    pub(super) accepts: fn(Reference<'_>) -> bool,
    /// Why a family misses it.
    pub(super) missing: fn(&str) -> String,
    /// Why a family does not.
    pub(super) unused: fn(&str) -> String,
    /// What to do where it is not used.
    pub(super) unused_help: &'static str,
    /// Its settings with the defaults filled in, and checked.
    pub(super) settings: fn(Table) -> Result<Table, ConfigError>,
}

/// THE table of kinds that have a table of settings. Digests of experiments follow its order: new
/// kinds come last.
const KINDS: &[Kind] = &[vgg::KIND, inception::KIND, captioner::KIND];

/// Setting of the pretrained encoders of captions, alone or with their image encoder.
pub const ENCODERS: &str = "text.encoder";

/// The setting that names the network of kind `key`.
pub fn setting(key: &str) -> &'static str {
    let kind = KINDS.iter().find(|kind| kind.key == key);
    kind.map_or(ENCODERS, |kind| kind.path)
}

impl Experiment {
    /// Where the network of kind `key` comes from; `None` where nothing is said.
    pub fn pretrained_from(&self, key: &str) -> Option<&str> {
        let from = match self.pretrained.get(key) {
            Some(table) => table.from.as_str(),
            None if setting(key) == ENCODERS => self.text.encoder.as_str(),
            None => "",
        };
        (!from.is_empty()).then_some(from)
    }

    /// The settings of `[pretrained.KEY]` as the kind's own type.
    ///
    /// # Errors
    ///
    /// If one is wrong.
    pub(crate) fn pretrained_settings<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<T, ConfigError> {
        let table = self.pretrained.get(key);
        let settings = table.map_or_else(Table::new, |table| table.settings.clone());
        parse(settings, &format!("pretrained.{key}"))
    }

    /// Values of `[pretrained]` that name something trained, with their keys, in the order of the
    /// kinds.
    pub(super) fn pretrained_references(&self) -> Vec<(String, Reference<'_>)> {
        let of = |kind: &Kind| {
            let table = self.pretrained.get(kind.key)?;
            let key = format!("{}.from", kind.path);
            Some((key, Reference::of(&table.from)))
        };
        KINDS.iter().filter_map(of).collect()
    }

    /// Fills in the defaults of `[pretrained]`.
    pub(super) fn complete_pretrained(&mut self) -> Result<(), ConfigError> {
        for (key, table) in &mut self.pretrained {
            let Some(kind) = KINDS.iter().find(|kind| kind.key == key) else {
                let keys: Vec<&str> = KINDS.iter().map(|kind| kind.key).collect();
                let path = format!("pretrained.{key}");
                return Err(ConfigError::new(format!("unknown key `{path}`"))
                    .with_key(&path)
                    .with_accepted(key, &keys));
            };
            table.settings = (kind.settings)(std::mem::take(&mut table.settings))?;
        }
        Ok(())
    }
}

/// `[pretrained]` against what the family wants.
pub(super) fn check(experiment: &Experiment, facts: &Facts) -> Result<(), ConfigError> {
    for kind in KINDS {
        check_kind(kind, experiment, facts.needs_pretrained(kind.key))?;
    }
    Ok(())
}

fn check_kind(kind: &Kind, experiment: &Experiment, is_needed: bool) -> Result<(), ConfigError> {
    let (family, path) = (&experiment.family, kind.path);
    let table = experiment.pretrained.get(kind.key);
    let Some(table) = table.filter(|table| is_needed || !table.from.is_empty()) else {
        if !is_needed {
            return Ok(());
        }
        let message = format!("missing table `{path}`: {}", (kind.missing)(family));
        return Err(ConfigError::new(message)
            .with_key(path)
            .with_expected(format!("`{path}.from` = {}", kind.sources)));
    };
    if !is_needed {
        let message = format!("is set, but {}", (kind.unused)(family));
        return Err(ConfigError::at(path, message).with_help(kind.unused_help));
    }
    let reference = Reference::of(&table.from);
    let is_named = !matches!(
        reference,
        Reference::None | Reference::Precomputed | Reference::Experiment("") | Reference::Cache("")
    );
    if is_named && (kind.accepts)(reference) {
        return Ok(());
    }
    Err(ConfigError::at(
        format!("{path}.from"),
        format!("cannot be `{}`", table.from),
    )
    .with_expected(kind.sources))
}

/// Settings of a kind that has none of its own.
fn none(key: &str, settings: Table) -> Result<Table, ConfigError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct None {}
    let None {} = parse(settings, &format!("pretrained.{key}"))?;
    Ok(Table::new())
}

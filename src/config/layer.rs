//! One source of settings with the place of each.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::error::{ConfigError, Location};
use super::renamed;

/// Settings from one file, one `[quick]` table or one command-line argument.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The settings.
    pub(super) table: Table,
    /// Where the layer as a whole comes from.
    pub(super) origin: Location,
    /// Place of each key by its path (`train.stages[0].steps`).
    locations: BTreeMap<String, Location>,
    /// Path of the value that an argument sets as a whole.
    whole: Option<String>,
}

impl Layer {
    /// Reads the text of an experiment file.
    pub(super) fn from_file(path: &str, text: &str) -> Result<Self, ConfigError> {
        let line = |offset: usize| Location::File {
            path: path.to_owned(),
            line: Some(1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()),
        };
        let wrong = |error: &toml::de::Error| {
            ConfigError::new(format!("not valid TOML: {}", error.message()))
                .with_location(line(error.span().map_or(0, |span| span.start)))
        };
        let document = DeTable::parse(text).map_err(|e| wrong(&e))?;
        let mut locations = BTreeMap::new();
        record_table(document.get_ref(), "", &line, &mut locations);
        Ok(Self {
            table: toml::from_str(text).map_err(|e| wrong(&e))?,
            origin: Location::File {
                path: path.to_owned(),
                line: None,
            },
            locations,
            whole: None,
        })
    }

    /// One setting at `keys` from the command line.
    pub(super) fn from_argument(argument: &str, keys: &[&str], value: Value) -> Self {
        let origin = Location::CommandLine(argument.to_owned());
        let mut locations = BTreeMap::new();
        let mut table = value;
        for depth in (0..keys.len()).rev() {
            locations.insert(keys[..=depth].join("."), origin.clone());
            table = Value::Table(Table::from_iter([(keys[depth].to_owned(), table)]));
        }
        let table = match table {
            Value::Table(table) => table,
            _ => Table::new(),
        };
        Self {
            table,
            origin,
            locations,
            whole: None,
        }
    }

    /// The same, where everything inside the value at `path` was written by the argument, too.
    pub(super) fn with_inner(self, path: &str) -> Self {
        Self {
            whole: Some(path.to_owned()),
            ..self
        }
    }

    /// Notes the place of the setting at `path`.
    pub(super) fn set_place(&mut self, path: &str, place: Location) {
        self.locations.insert(path.to_owned(), place);
    }

    /// Takes the subtable `key` out as a layer of its own.
    pub(super) fn take(&mut self, key: &str) -> Option<Self> {
        if !self.table.get(key)?.is_table() {
            return None;
        }
        let Some(Value::Table(table)) = self.table.remove(key) else {
            return None;
        };
        let prefix = format!("{key}.");
        let locations = self
            .locations
            .iter()
            .filter_map(|(path, place)| Some((path.strip_prefix(&prefix)?.to_owned(), place)))
            .map(|(path, place)| (path, place.clone()))
            .collect();
        Some(Self {
            table,
            origin: self.origin.clone(),
            locations,
            whole: None,
        })
    }

    /// Whether an argument wrote the key at `path`, or what stands there instead.
    fn writes(&self, path: &str) -> bool {
        let rest = self
            .whole
            .as_deref()
            .and_then(|whole| path.strip_prefix(whole));
        let is_inside = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        is_inside && reaches(&self.table, path)
    }

    /// Puts new names in the place of old ones, which it gives back.
    pub(super) fn rename(&mut self) -> Result<Vec<&'static str>, ConfigError> {
        let found = renamed::table(&mut self.table).map_err(|error| {
            let place = error.key().and_then(|key| self.locations.get(key)).cloned();
            error.with_location(place.unwrap_or_else(|| self.origin.clone()))
        })?;
        if !found.is_empty() {
            let locations = std::mem::take(&mut self.locations).into_iter();
            self.locations = locations
                .map(|(path, place)| (renamed::path(&path), place))
                .collect();
            self.whole = self.whole.take().map(|path| renamed::path(&path));
        }
        Ok(found)
    }

    /// Place of the key at `path` itself.
    pub(super) fn place(&self, path: &str) -> Option<&Location> {
        self.locations.get(path)
    }
}

/// Place of the key at `path` in the strongest layer that has it. Where none has, the place in a file
/// of the nearest table around it: what is missing was not forgotten on the command line.
pub(super) fn locate(layers: &[Layer], path: &str) -> Option<Location> {
    let find = |path: &str, is_around: bool| {
        let place = |layer: &Layer| {
            if layer.writes(path) {
                return Some(layer.origin.clone());
            }
            let place = layer.locations.get(path).cloned();
            place.filter(|place| !is_around || matches!(place, Location::File { .. }))
        };
        layers.iter().rev().find_map(place)
    };
    let mut around = std::iter::successors(parent(path), |path| parent(path));
    find(path, false).or_else(|| around.find_map(|path| find(path, true)))
}

/// Whether `path` leads to something in `table`, or into a list: lists are not merged with others.
fn reaches(mut table: &Table, path: &str) -> bool {
    let mut keys = path.split(['.', '[']).peekable();
    while let Some(key) = keys.next() {
        match table.get(key) {
            None => return false,
            Some(Value::Array(_)) => return true,
            Some(Value::Table(inner)) => table = inner,
            Some(_) => return keys.peek().is_none(),
        }
    }
    true
}

/// Path of the table or array around `path`.
fn parent(path: &str) -> Option<&str> {
    path.rfind(['.', '[']).map(|end| &path[..end])
}

fn record_table(
    table: &DeTable<'_>,
    prefix: &str,
    line: &impl Fn(usize) -> Location,
    locations: &mut BTreeMap<String, Location>,
) {
    for (key, value) in table {
        let name = key.get_ref();
        let path = if prefix.is_empty() {
            name.to_string()
        } else {
            format!("{prefix}.{name}")
        };
        locations.insert(path.clone(), line(key.span().start));
        record(value, &path, line, locations);
    }
}

fn record(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    line: &impl Fn(usize) -> Location,
    locations: &mut BTreeMap<String, Location>,
) {
    match value.get_ref() {
        DeValue::Table(table) => record_table(table, path, line, locations),
        DeValue::Array(array) => {
            for (i, item) in array.iter().enumerate() {
                let path = format!("{path}[{i}]");
                locations.insert(path.clone(), line(item.span().start));
                record(item, &path, line, locations);
            }
        }
        _ => {}
    }
}

/// Lays `layers` over each other, the last on top: tables merge, everything else is replaced. A table
/// that says its `kind` is replaced as well, since another kind has other keys.
pub(super) fn merge(layers: &[Layer]) -> Table {
    let mut merged = Table::new();
    for layer in layers {
        forget_kinds(&mut merged, &layer.table);
        lay_over(&mut merged, &layer.table);
    }
    merged
}

/// Puts the settings of `above` in the place of those in `below`, inside of tables one by one.
fn lay_over(below: &mut Table, above: &Table) {
    for (key, value) in above {
        match (below.get_mut(key), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => lay_over(inner, over),
            _ => {
                below.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Takes out of `below` every table whose kind `above` says anew.
fn forget_kinds(below: &mut Table, above: &Table) {
    below.retain(|key, value| {
        let (Value::Table(inner), Some(Value::Table(over))) = (value, above.get(key)) else {
            return true;
        };
        if over.contains_key("kind") {
            return false;
        }
        forget_kinds(inner, over);
        true
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "title = 'x'\n[train]\nbatch_size = 4\n\n[[train.stages]]\nname = 'a'\n\
                        steps = 3\n[quick]\ndata.uri = 'u'\n";

    fn line(location: Option<Location>) -> Option<usize> {
        match location? {
            Location::File { line, .. } => line,
            Location::CommandLine(_) => None,
        }
    }

    #[test]
    fn every_key_knows_its_line() {
        let mut layer = Layer::from_file("x.toml", TEXT).expect("valid");
        let quick = layer.take("quick").expect("there is one");
        let layers = [layer, quick];

        assert_eq!(line(locate(&layers, "train.batch_size")), Some(3));
        assert_eq!(line(locate(&layers, "train.stages[0].steps")), Some(7));
        assert_eq!(line(locate(&layers, "data.uri")), Some(9));
        assert_eq!(line(locate(&layers, "train.seed")), Some(2));
        assert_eq!(line(locate(&layers, "colour")), None);
    }

    #[test]
    fn what_an_argument_sets_as_a_whole_is_its_own_down_to_the_last_key() {
        let file = Layer::from_file("x.toml", TEXT).expect("valid");
        let with = |argument: &str, key: &str| {
            let keys: Vec<&str> = key.split('.').collect();
            let text = argument.split_once('=').expect("an argument").1;
            let mut table: Table = toml::from_str(&format!("value = {text}")).expect("valid");
            let value = table.remove("value").expect("one value");
            let top = Layer::from_argument(argument, &keys, value).with_inner(key);
            [file.clone(), top]
        };

        let list = with("train.stages=[{name='a', steps=0}]", "train.stages");
        let table = with("train={batch_size=0}", "train");

        for path in [
            "train.stages[0].steps",
            "train.stages[0]",
            "train.stages[0].x",
        ] {
            assert_eq!(line(locate(&list, path)), None, "{path}");
        }
        assert_eq!(line(locate(&table, "train.batch_size")), None);
        assert_eq!(line(locate(&table, "train.stages[0].steps")), Some(7));
    }

    #[test]
    fn tables_merge_and_arrays_are_replaced() {
        let base = Layer::from_file("a.toml", TEXT).expect("valid");
        let top = "[train]\nseed = 2\nstages = [{name = 'b', epochs = 1}]";
        let top = Layer::from_file("b.toml", top).expect("valid");

        let merged = merge(&[base, top]);

        let train = merged["train"].as_table().expect("a table");
        assert_eq!(train["batch_size"].as_integer(), Some(4));
        assert_eq!(train["seed"].as_integer(), Some(2));
        assert_eq!(
            train["stages"].to_string(),
            "[{ epochs = 1, name = \"b\" }]"
        );
    }

    #[test]
    fn a_table_of_another_kind_keeps_nothing_of_the_first() {
        let base = "[train.optimizer.g]\nlr = 1.0\noptimizer = {kind = 'sgd', momentum = 0.9}";
        let top = "[train.optimizer.g.optimizer]\nkind = 'adam'\neps = 1e-8";
        let layers = [base, top].map(|text| Layer::from_file("x.toml", text).expect("valid"));

        let merged = merge(&layers);

        let group = &merged["train"]["optimizer"]["g"];
        assert_eq!(group["lr"].as_float(), Some(1.0));
        assert!(group["optimizer"].get("momentum").is_none());
    }
}

//! Files, parents, quick form and arguments laid over each other.

use toml::Table;

use super::error::ConfigError;
use super::layer::{Layer, merge};
use super::library::{Found, Library};
use super::{overrides, renamed};

/// A merged experiment with the layers it was made of.
#[derive(Debug)]
pub(super) struct Resolved {
    /// File name without extension.
    pub(super) stem: String,
    /// The merged settings.
    pub(super) table: Table,
    /// What they came from, the strongest last.
    pub(super) layers: Vec<Layer>,
    /// Whether the file or a parent has a `[quick]` table.
    pub(super) has_quick: bool,
}

/// Merges parents, file, `[quick]` tables and `arguments`, in this order.
pub(super) fn resolve(
    library: &Library,
    name_or_path: &str,
    arguments: &[String],
    is_quick: bool,
) -> Result<Resolved, ConfigError> {
    let found = library.find(name_or_path, None)?;
    let stem = found.stem.clone();
    let path = found.path.clone();
    let mut layers = lineage(library, found)?;
    let quick: Vec<Layer> = layers.iter_mut().filter_map(|l| l.take("quick")).collect();
    let has_quick = !quick.is_empty();
    if is_quick {
        let is_frozen = layers
            .iter()
            .any(|l| l.table.get("quick").and_then(toml::Value::as_bool) == Some(true));
        if !has_quick && !is_frozen {
            return Err(ConfigError::new(format!("{path} has no quick form"))
                .with_expected("a table `[quick]` in the file or a parent"));
        }
        layers.extend(quick);
    }
    overrides::push(&mut layers, arguments)?;
    for layer in &mut layers {
        layer.rename()?.into_iter().for_each(renamed::warn);
    }
    Ok(Resolved {
        stem,
        table: merge(&layers),
        layers,
        has_quick,
    })
}

/// The file after its parents, the remotest first.
fn lineage(library: &Library, found: Found) -> Result<Vec<Layer>, ConfigError> {
    let mut layers = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let mut next = Some(found);
    while let Some(found) = next {
        let mut layer = Layer::from_file(&found.path, &found.text)?;
        if !seen.is_empty() {
            // A child of a frozen experiment has its own name.
            layer.table.remove("name");
        }
        seen.push(found.path);
        next = match layer.table.remove("extends") {
            None => None,
            Some(parent) => Some(
                parent_of(library, &parent, found.folder.as_deref(), &seen).map_err(|error| {
                    let error = error.within("extends");
                    match layer.place("extends") {
                        Some(place) => error.with_location(place.clone()),
                        None => error,
                    }
                })?,
            ),
        };
        layers.push(layer);
    }
    layers.reverse();
    Ok(layers)
}

fn parent_of(
    library: &Library,
    parent: &toml::Value,
    folder: Option<&std::path::Path>,
    seen: &[String],
) -> Result<Found, ConfigError> {
    let name = parent.as_str().ok_or_else(|| {
        ConfigError::new(format!("{} is no name", parent.type_str()))
            .with_expected("the name of an experiment or the path of a file")
    })?;
    let found = library.find(name, folder)?;
    if seen.contains(&found.path) {
        let chain = [seen, &[found.path]].concat().join(" -> ");
        return Err(ConfigError::new(format!("`{name}` leads back to itself"))
            .with_expected(format!("a parent outside of {chain}")));
    }
    Ok(found)
}

//! Keys that had another name in the release before: read as before, told once, and still what the
//! identity of finished runs is made of.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;
use toml::{Table, Value};

use super::error::ConfigError;

/// A key by its old and its new path.
struct Renamed {
    old: &'static str,
    new: &'static str,
    /// Old and new value, where these changed, too.
    values: &'static [(&'static str, bool)],
}

const fn renamed(old: &'static str, new: &'static str) -> Renamed {
    Renamed {
        old,
        new,
        values: &[],
    }
}

const RENAMED: &[Renamed] = &[
    renamed("aids", "pretrained"),
    renamed("data.partners", "data.positives"),
    renamed("evaluate.judge", "evaluate.retrieval_encoder"),
    renamed("model.contrast", "model.contrastive"),
    renamed("model.tuning", "model.fine_tuning"),
    Renamed {
        old: "model.corners",
        new: "model.align_corners",
        values: &[("edges", false), ("aligned", true)],
    },
];

/// The new path of the key at `path`, which may be inside a renamed table.
pub(crate) fn path(path: &str) -> String {
    for Renamed { old, new, .. } in RENAMED {
        if let Some(rest) = inside(path, old) {
            return format!("{new}{rest}");
        }
    }
    path.to_owned()
}

/// What follows `table` in `path`, where it is that table or inside of it.
fn inside<'a>(path: &'a str, table: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(table)?;
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

/// `table` with new names in the place of old ones; tells the old ones that were there.
///
/// # Errors
///
/// If a key is there under both names.
pub(super) fn table(table: &mut Table) -> Result<Vec<&'static str>, ConfigError> {
    let mut found = Vec::new();
    for Renamed { old, new, values } in RENAMED {
        let Some(value) = take(table, old) else {
            continue;
        };
        let value = match value.as_str() {
            Some(text) => {
                let mut known = values.iter().filter(|(old, _)| *old == text);
                known
                    .next()
                    .map_or(value.clone(), |(_, new)| Value::Boolean(*new))
            }
            None => value,
        };
        if !put(table, new, value) {
            let message = format!("is the old name of `{new}`, which is set, too");
            return Err(ConfigError::at(*old, message).with_help(format!("take `{old}` out")));
        }
        found.push(*old);
    }
    Ok(found)
}

/// Says once per process that `old` has a new name.
pub(super) fn warn(old: &str) {
    static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if warned.insert(old.to_owned()) {
        tracing::warn!(
            "`{old}` is called `{}` now; the old name goes with the next release",
            path(old)
        );
    }
}

fn take(table: &mut Table, path: &str) -> Option<Value> {
    match path.split_once('.') {
        None => table.remove(path),
        Some((first, rest)) => take(table.get_mut(first)?.as_table_mut()?, rest),
    }
}

/// Whether there was nothing before.
fn put(table: &mut Table, path: &str, value: Value) -> bool {
    match path.split_once('.') {
        None => table.insert(path.to_owned(), value).is_none(),
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Table::new().into());
            inner
                .as_table_mut()
                .is_some_and(|inner| put(inner, rest, value))
        }
    }
}

/// Settings with the old names in the place of new ones, as digests of earlier releases have them.
pub(super) fn as_before(settings: &mut Json) {
    for Renamed { old, new, values } in RENAMED {
        let (table, old) = match old.rsplit_once('.') {
            None => (Some(&mut *settings), *old),
            Some((table, old)) => (settings.get_mut(table), old),
        };
        let new = new.rsplit('.').next().unwrap_or(new);
        let Some(table) = table.and_then(Json::as_object_mut) else {
            continue;
        };
        if let Some(value) = table.remove(new) {
            let mut known = values.iter().filter(|(_, new)| value == *new);
            let value = known
                .next()
                .map_or(value.clone(), |(old, _)| Json::from(*old));
            table.insert(old.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_and_values_are_read_and_both_at_once_are_refused() {
        let text =
            "[aids.vgg]\nfrom = 'x'\n[model]\ncorners = 'aligned'\n[model.contrast]\nweight = 1";
        let mut old: Table = text.parse().expect("valid");

        let found = table(&mut old).expect("no contradiction");

        assert_eq!(found, ["aids", "model.contrast", "model.corners"]);
        let new = "[pretrained.vgg]\nfrom = 'x'\n[model]\nalign_corners = true\n\
                   [model.contrastive]\nweight = 1";
        assert_eq!(old, new.parse::<Table>().expect("valid"));
        let mut both: Table = "[model]\ncorners = 'edges'\nalign_corners = false"
            .parse()
            .expect("valid");
        let error = table(&mut both).expect_err("twice");
        assert_eq!(error.key(), Some("model.corners"));
    }

    #[test]
    fn paths_inside_renamed_tables_follow() {
        assert_eq!(path("aids.vgg.from"), "pretrained.vgg.from");
        assert_eq!(path("model.contrast"), "model.contrastive");
        assert_eq!(path("model.contrasts"), "model.contrasts");
        assert_eq!(path("data.uri"), "data.uri");
    }

    #[test]
    fn digests_are_made_of_the_old_names() {
        let mut new: Json = serde_json::json!({
            "pretrained": {}, "model": {"align_corners": false, "contrastive": {"a": 1}, "b": 2},
        });

        as_before(&mut new);

        let old = serde_json::json!({
            "aids": {}, "model": {"corners": "edges", "contrast": {"a": 1}, "b": 2},
        });
        assert_eq!(new, old);
    }
}

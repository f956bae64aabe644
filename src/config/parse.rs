//! From merged settings to types, with errors for people.

use serde::de::DeserializeOwned;
use toml::{Table, Value};
use wordpaint_models::system::Part;

use super::error::ConfigError;
use super::parts::{keys_in_flat, path_in_flat};

/// Deserialises `table`, whose keys stand below `prefix` (empty for the whole file).
pub(super) fn parse<T: DeserializeOwned>(table: Table, prefix: &str) -> Result<T, ConfigError> {
    parse_parts(table, prefix, &[])
}

/// [`parse`] of a table with `parts` in tables of their own, which the user does not know of.
pub(super) fn parse_parts<T: DeserializeOwned>(
    table: Table,
    prefix: &str,
    parts: &[Part],
) -> Result<T, ConfigError> {
    let root = Value::Table(table);
    serde_path_to_error::deserialize(root.clone()).map_err(|error| {
        let inner = error.path().to_string();
        // Inside tagged tables the path ends above the key.
        let inner = match wrong_key(&root, &inner, error.inner().message()) {
            Some(key) => join(&inner, key),
            None => inner,
        };
        // serde_path_to_error writes a lone dot for the root.
        let path = match (prefix, path_in_flat(&inner, parts)) {
            (prefix, "." | "") => prefix.to_owned(),
            ("", inner) => inner.to_owned(),
            (prefix, inner) => format!("{prefix}.{inner}"),
        };
        explain(&path, error.inner().message(), parts)
    })
}

/// The key in the table at `path` whose whole number a message is about, where there is one only.
fn wrong_key<'a>(root: &'a Value, path: &str, message: &str) -> Option<&'a str> {
    let rest = message.strip_prefix("invalid value: integer `")?;
    let number: i64 = rest.split_once('`')?.0.parse().ok()?;
    let mut keys = path.split('.');
    let table = keys.try_fold(root, |value, key| value.get(key))?;
    let mut found = (table.as_table()?.iter()).filter(|(_, v)| v.as_integer() == Some(number));
    let (key, _) = found.next()?;
    found.next().is_none().then_some(key)
}

/// Puts serde's message about the value at `path` into our words.
fn explain(path: &str, message: &str, parts: &[Part]) -> ConfigError {
    let message = message.trim_end();
    let quoted = words(message);
    if message.starts_with("unknown field") && !quoted.is_empty() {
        let (key, accepted) = (quoted[0], keys_in_flat(&quoted[1..], parts));
        // Inside tagged tables the path ends above the key.
        let path = if path == key || path.ends_with(&format!(".{key}")) {
            path.to_owned()
        } else {
            join(path, key)
        };
        let error = ConfigError::new(format!("unknown key `{path}`")).with_key(&path);
        if accepted.is_empty() {
            return error.with_expected("no key here");
        }
        let error = error.with_accepted(key, &accepted);
        if matches!(path.as_str(), "train.steps" | "train.epochs") {
            return error.with_help(format!(
                "{key} belong to a stage: `train.stages.NAME.{key}=100`"
            ));
        }
        return error;
    }
    if message.starts_with("missing field") && !quoted.is_empty() {
        let path = join(path, quoted[0]);
        return ConfigError::new(format!("missing key `{path}`")).with_key(path);
    }
    if message.starts_with("unknown variant") && !quoted.is_empty() {
        return ConfigError::at(path, format!("cannot be `{}`", quoted[0]))
            .with_accepted(quoted[0], &quoted[1..]);
    }
    for (start, what) in [
        ("invalid type: ", "cannot be"),
        ("invalid value: ", "cannot be"),
        ("invalid length ", "cannot have length"),
    ] {
        if let Some((found, expected)) = message
            .strip_prefix(start)
            .and_then(|rest| rest.split_once(", expected "))
        {
            return ConfigError::at(path, format!("{what} {found}")).with_expected(plain(expected));
        }
    }
    if path.is_empty() {
        return ConfigError::new(message);
    }
    ConfigError::at(path, format!("is wrong: {message}"))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// What stands in backquotes.
fn words(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// A type as a person says it.
fn plain(expected: &str) -> String {
    match expected {
        "usize" | "u64" | "u16" | "u8" => "a whole number, not negative".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        "i64" | "i32" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list `[...]`".to_owned(),
        "a map" => "a table".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other if other.starts_with("internally tagged enum ") => {
            "a table with a key `kind`".to_owned()
        }
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::{Data, Train};

    fn message<T: DeserializeOwned>(text: &str) -> String {
        let table = toml::from_str(text).expect("valid TOML");
        let result: Result<T, ConfigError> = parse(table, "x");
        result.err().expect("wrong").to_string()
    }

    #[test]
    fn messages_name_path_kind_and_what_was_expected() {
        assert_eq!(
            message::<Data>("uri = 'u'\nflipp = true").lines().next(),
            Some("unknown key `x.flipp`")
        );
        assert!(message::<Data>("uri = 'u'\nflipp = true").ends_with("did you mean `flip`?"));
        assert_eq!(
            message::<Data>("uri = 3"),
            "`x.uri` cannot be integer `3`\n  = expected a string"
        );
        assert_eq!(message::<Data>(""), "missing key `x.uri`");
        assert_eq!(
            message::<Data>("uri = 'u'\nsplit = 'tset'"),
            "`x.split` cannot be `tset`\n  = expected one of: `train`, `val`, `trainval`, `test`, \
             `all`\n  = help: did you mean `test`?"
        );
    }

    #[test]
    fn a_number_inside_a_tagged_table_is_named_in_full() {
        let text = "batch_size = 1\nstages = []\n[optimizer.g.schedule]\nkind = 'step-decay'\n\
                    every = -1\nfactor = 0.5";

        let message = message::<Train>(text);

        assert!(
            message.starts_with("`x.optimizer.g.schedule.every` cannot be integer `-1`"),
            "{message}"
        );
    }

    #[test]
    fn a_key_inside_a_tagged_table_is_named_in_full() {
        let text = "batch_size = 1\nstages = []\n[optimizer.g.optimizer]\nkind = 'adam'\n\
                    lr = 1e-4\nbeta = [0.5, 0.9]\neps = 1e-8";

        let message = message::<Train>(text);

        assert!(
            message.starts_with("unknown key `x.optimizer.g.optimizer.beta`"),
            "{message}"
        );
        assert!(message.ends_with("did you mean `betas`?"), "{message}");
    }
}

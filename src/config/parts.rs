//! `[model]` tables whose keys belong to several structs of the configuration.

use toml::{Table, Value};
use wordpaint_models::system::Part;

use super::error::ConfigError;

/// `table` with the keys of every part in a table of its own, where those that are not given have the
/// values of `defaults`.
///
/// # Errors
///
/// If the user's table has such a table, too.
pub(super) fn nested(
    mut table: Table,
    defaults: &Table,
    parts: &[Part],
) -> Result<Table, ConfigError> {
    for part in parts {
        if table.contains_key(part.field) {
            let path = format!("model.{}", part.field);
            return Err(ConfigError::new(format!("unknown key `{path}`"))
                .with_key(&path)
                .with_accepted(part.field, part.keys));
        }
        let mut value = |key: &str| table.remove(key).or_else(|| defaults.get(key).cloned());
        let keys = part.keys.iter();
        let own: Table = keys
            .filter_map(|key| Some(((*key).to_owned(), value(key)?)))
            .collect();
        table.insert(part.field.to_owned(), Value::Table(own));
    }
    Ok(table)
}

/// The inverse of [`nested`].
pub(super) fn flat(mut table: Table, parts: &[Part]) -> Table {
    for part in parts {
        if let Some(Value::Table(own)) = table.remove(part.field) {
            table.extend(own);
        }
    }
    table
}

/// The path of a key in a nested table as the user knows it.
pub(super) fn path_in_flat<'a>(path: &'a str, parts: &[Part]) -> &'a str {
    let mut inside = parts.iter().filter_map(|part| {
        let rest = path.strip_prefix(part.field)?;
        rest.strip_prefix('.')
    });
    inside.next().unwrap_or(path)
}

/// Keys of a nested table as the user knows them.
pub(super) fn keys_in_flat<'a>(keys: &[&'a str], parts: &[Part]) -> Vec<&'a str> {
    let mut flat = Vec::new();
    for key in keys {
        match parts.iter().find(|part| part.field == *key) {
            Some(part) => flat.extend(part.keys),
            None => flat.push(*key),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use wordpaint_models::auxiliary::{AuxiliaryLosses, TextInput};
    use wordpaint_models::for_family;
    use wordpaint_models::registry::FAMILIES;
    use wordpaint_models::system::{Family, SystemConfig};

    use super::*;

    const PART: Part = Part {
        field: "text",
        keys: &["words", "encoder"],
    };

    fn table(text: &str) -> Table {
        toml::from_str(text).expect("valid TOML")
    }

    #[test]
    fn keys_of_a_part_are_gathered_with_their_defaults_and_spread_again() {
        let given = table("words = 3\nwidth = 4");
        let defaults = table("words = 18\nencoder = 'gru'\nwidth = 1");

        let nested = nested(given, &defaults, &[PART]).expect("no table of its own");

        let expected = "width = 4\n[text]\nwords = 3\nencoder = 'gru'";
        assert_eq!(nested, table(expected));
        let back = "words = 3\nencoder = 'gru'\nwidth = 4";
        assert_eq!(flat(nested, &[PART]), table(back));
    }

    #[test]
    fn a_part_is_no_table_for_the_user() {
        let given = table("[text]\nwords = 3");

        let error = nested(given, &Table::new(), &[PART]).expect_err("unknown");

        assert_eq!(error.key(), Some("model.text"));
    }

    #[test]
    fn keys_are_named_as_the_user_knows_them() {
        assert_eq!(path_in_flat("text.words", &[PART]), "words");
        assert_eq!(path_in_flat("textual.words", &[PART]), "textual.words");
        assert_eq!(
            keys_in_flat(&["width", "text"], &[PART]),
            ["width", "words", "encoder"]
        );
    }

    #[test]
    fn parts_name_all_keys_of_their_structs() {
        let auxiliary = AuxiliaryLosses {
            caption_weight: 1.0,
            ..AuxiliaryLosses::default()
        };
        let found = [
            (Table::try_from(TextInput::default()), TextInput::PART),
            (Table::try_from(auxiliary), AuxiliaryLosses::PART),
        ];

        for (table, part) in found {
            let table = table.expect("plain values");
            let mut keys = part.keys.to_vec();
            keys.sort_unstable();
            assert_eq!(table.keys().collect::<Vec<_>>(), keys, "{}", part.field);
        }
    }

    #[test]
    fn no_key_of_a_family_stands_in_two_of_its_structs() {
        fn check<F: Family>() {
            let table = Table::try_from(F::Config::default()).expect("plain values");
            let parts = F::Config::PARTS;
            let own = table.keys().map(String::as_str);
            let own = own.filter(|key| parts.iter().all(|part| part.field != *key));
            let mut keys: Vec<&str> = own.collect();
            keys.extend(parts.iter().flat_map(|part| part.keys));
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), count, "{}: {keys:?}", F::INFO.name);
        }
        for info in FAMILIES {
            for_family!(info.name, F => check::<F>()).expect("in the registry");
        }
    }
}

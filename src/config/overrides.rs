//! `key.path=value` arguments.

use toml::{Table, Value};

use super::error::{ConfigError, Location};
use super::layer::{Layer, merge};

/// Short forms of keys that are typed often.
const ALIASES: &[(&str, &str)] = &[("data", "data.uri"), ("seed", "train.seed")];

/// Puts the `arguments` on top of `layers`, the last strongest.
pub(super) fn push(layers: &mut Vec<Layer>, arguments: &[String]) -> Result<(), ConfigError> {
    for argument in arguments {
        let layer = read(argument, layers)
            .map_err(|e| e.with_location(Location::CommandLine(argument.clone())))?;
        layers.push(layer);
    }
    Ok(())
}

/// The key of an argument, written out.
pub(super) fn key(argument: &str) -> &str {
    let (key, _) = argument.split_once('=').unwrap_or((argument, ""));
    let key = key.trim();
    ALIASES
        .iter()
        .find(|(short, _)| *short == key)
        .map_or(key, |(_, long)| long)
}

fn read(argument: &str, below: &[Layer]) -> Result<Layer, ConfigError> {
    let form = || {
        ConfigError::new(format!("`{argument}` changes nothing"))
            .with_expected("KEY=VALUE, for example train.batch_size=16")
    };
    let (_, text) = argument.split_once('=').ok_or_else(form)?;
    let key = key(argument);
    let keys: Vec<&str> = key.split('.').collect();
    if keys.iter().any(|key| key.trim().is_empty()) {
        return Err(form());
    }
    let value = parse(key, text.trim())?;
    match keys[..] {
        ["quick", ..] => Err(ConfigError::at(key, "cannot be changed by an argument")
            .with_help("the quick form is chosen with --quick")),
        ["extends", ..] => Err(ConfigError::at(key, "cannot be changed by an argument")
            .with_help("name the other experiment instead")),
        ["train", "stages", stage, field] => in_stage(argument, below, stage, field, value),
        _ => Ok(Layer::from_argument(argument, &keys, value).with_inner(key)),
    }
}

/// A TOML value; anything that is none and does not look like one is a string.
fn parse(key: &str, text: &str) -> Result<Value, ConfigError> {
    match toml::from_str::<Table>(&format!("value = {text}")) {
        Ok(mut table) if table.len() == 1 => Ok(table
            .remove("value")
            .filter(|value| !matches!(value, Value::Datetime(_)))
            .unwrap_or_else(|| Value::String(text.to_owned()))),
        Err(error) if text.starts_with(['[', '{', '"', '\'']) => {
            let message = format!("is not a TOML value: {}", error.message());
            Err(ConfigError::at(key, message)
                .with_help("quote the argument for the shell: 'key=[1, 2]'"))
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// `train.stages.NAME.FIELD=VALUE`: one field of one stage; `steps` and `epochs` replace each other.
fn in_stage(
    argument: &str,
    below: &[Layer],
    stage: &str,
    field: &str,
    value: Value,
) -> Result<Layer, ConfigError> {
    let merged = merge(below);
    let mut stages = merged
        .get("train")
        .and_then(|train| train.get("stages")?.as_array().cloned())
        .unwrap_or_default();
    let name = |stage: &Value| Some(stage.get("name")?.as_str()?.to_owned());
    let names: Vec<String> = stages.iter().filter_map(name).collect();
    let index = stages
        .iter()
        .position(|s| name(s).as_deref() == Some(stage))
        .ok_or_else(|| {
            ConfigError::new(format!("this experiment runs no stage `{stage}`"))
                .with_key(format!("train.stages.{stage}"))
                .with_accepted(stage, &names)
        })?;
    if let Some(table) = stages[index].as_table_mut() {
        match field {
            "steps" => table.remove("epochs"),
            "epochs" => table.remove("steps"),
            _ => None,
        };
        table.insert(field.to_owned(), value);
    }
    let mut layer = Layer::from_argument(argument, &["train", "stages"], Value::Array(stages));
    layer.set_place(
        &format!("train.stages[{index}].{field}"),
        Location::CommandLine(argument.to_owned()),
    );
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(arguments: &[&str]) -> Result<Table, ConfigError> {
        let text = "[train]\nstages = [{name = 'a', epochs = 2}, {name = 'b', steps = 3}]";
        let mut layers = vec![Layer::from_file("x.toml", text)?];
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        push(&mut layers, &arguments)?;
        Ok(merge(&layers))
    }

    #[test]
    fn values_are_toml_and_bare_words_are_strings() {
        let table = with(&[
            "data=cub:data/cub",
            "a.b=1e-4",
            "a.c=[1, 2]",
            "a.d=true",
            "a.e='1'",
        ])
        .expect("valid");

        assert_eq!(table["data"]["uri"].as_str(), Some("cub:data/cub"));
        assert_eq!(table["a"]["b"].as_float(), Some(1e-4));
        assert_eq!(table["a"]["c"].as_array().map(Vec::len), Some(2));
        assert_eq!(table["a"]["d"].as_bool(), Some(true));
        assert_eq!(table["a"]["e"].as_str(), Some("1"));
    }

    #[test]
    fn a_stage_is_changed_by_its_name() {
        let table = with(&["train.stages.a.steps=7", "train.stages.b.steps=9"]).expect("valid");

        assert_eq!(
            table["train"]["stages"].to_string(),
            "[{ name = \"a\", steps = 7 }, { name = \"b\", steps = 9 }]"
        );
    }

    #[test]
    fn an_argument_cannot_smuggle_in_other_keys() {
        let table = with(&["a=1\nb = 2"]).expect("a string");

        assert_eq!(table["a"].as_str(), Some("1\nb = 2"));
        assert!(!table.contains_key("b"));
    }
}

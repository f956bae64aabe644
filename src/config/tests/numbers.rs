//! Every number that an experiment can hold, at both ends of what it can be.

use std::panic::catch_unwind;
use std::path::Path;

use toml::{Table, Value};

use crate::config::load::checked;
use crate::config::{ConfigError, Experiment, Library, describe};

/// One experiment per family, with what brings out the keys that are left out otherwise. What is
/// referred to is not there, so that no other experiment is read.
const EXPERIMENTS: &[(&str, &[&str])] = &[
    ("attngan-cub-supcon", &["model.contrastive.weight=0.2"]),
    ("attribute-probe-birds", &[]),
    ("captioner-cub", &[]),
    (
        "char-cnn-rnn-cub",
        &[
            "train.optimizer.encoder.schedule={kind='step-decay', every=1, factor=0.98}",
            "train.optimizer.encoder.optimizer={kind='rmsprop', lr=1e-3, alpha=0.9, eps=1e-8}",
        ],
    ),
    ("clip-cub", &[]),
    ("damsm-cl-cub", &["model.contrastive.weight=1.0"]),
    (
        "df-gan-cub",
        &[
            "model.contrastive={method='nt-xent', weight=0.2, real_to_fake=0.2}",
            "model.penalty.kind=matching-aware",
            "model.caption_weight=1.0",
            "pretrained.captioner.from=runs/none",
            "model.fine_tuning={weight=0.0, channels=769, pooled=2048}",
            "train.stages.adversarial.steps=5",
            "train.optimizer.d={lr=1e-3, schedule={kind='decay-to', factor=0.9, floor=0.1}}",
            "train.optimizer.d.optimizer={kind='sgd', lr=1e-3, momentum=0.5}",
            "train.optimizer.g.optimizer={kind='adam', lr=1e-3, betas=[0.5, 0.9], eps=1e-8}",
            "data.label_noise=0.1",
        ],
    ),
    ("dm-gan-cub", &[]),
    ("gan-int-cls-cub", &[]),
    (
        "sdn-cub",
        &[
            "model.weights={image=1.0, conv1_1=0.5}",
            "model.feature_weights={conv1_1=0.5}",
        ],
    ),
    ("ssa-gan-cub", &["model.penalty={kind='r1', step='joint'}"]),
    ("vgg-cub", &[]),
];
/// The experiment whose keys outside `[model]` are tried as well; they are the same in all.
const SHARED: &str = "df-gan-cub";
/// Keys in which any whole number, or any finite one, makes sense.
const UNBOUNDED: [&str; 3] = ["train.seed", ".value", ".plusminus"];

fn table(name: &str, changes: &[&str]) -> Table {
    let library = Library::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments"));
    let mut changes: Vec<String> = changes.iter().map(|c| (*c).to_owned()).collect();
    // Otherwise it bounds the sizes of the images.
    changes.push("data.load_size=0".to_owned());
    let with_encoder = library.load(name, &[], false).expect("shipped");
    if with_encoder.text.encoder.starts_with("experiment:") {
        changes.push("text.encoder=runs/none".to_owned());
    }
    let experiment = library.load(name, &changes, false);
    let experiment = experiment.unwrap_or_else(|error| panic!("{name}: {error}"));
    experiment.to_toml().parse().expect("what was written")
}

/// Paths of all numbers below `value`, as keys and indices.
fn numbers(value: &Value, path: &[String], found: &mut Vec<(Vec<String>, bool)>) {
    let below = |key: String| [path, &[key]].concat();
    match value {
        Value::Integer(_) => found.push((path.to_vec(), true)),
        Value::Float(_) => found.push((path.to_vec(), false)),
        Value::Table(table) => table
            .iter()
            .for_each(|(key, value)| numbers(value, &below(key.clone()), found)),
        Value::Array(items) => (0..)
            .zip(items)
            .for_each(|(i, value)| numbers(value, &below(i.to_string()), found)),
        _ => {}
    }
}

fn with(table: &Table, path: &[String], number: &Value) -> Table {
    let mut all = Value::Table(table.clone());
    let mut place = &mut all;
    for key in path {
        place = match place {
            Value::Table(table) => table.get_mut(key),
            Value::Array(items) => items.get_mut(key.parse::<usize>().expect("an index")),
            _ => None,
        }
        .expect("was found there");
    }
    *place = number.clone();
    match all {
        Value::Table(table) => table,
        _ => unreachable!("a table stays one"),
    }
}

/// Both ends of everything, and the bounds and what is just beyond them.
fn candidates(is_whole: bool) -> Vec<Value> {
    if is_whole {
        let powers = [3, 5, 6, 8, 10, 12, 13, 16, 20, 24, 31, 32, 40, 62];
        let powers = powers.into_iter().flat_map(|k| [1_i64 << k, (1 << k) + 1]);
        let few = [-1, 0, 1, 2, 3, 4, 1_000_000, 1_000_000_000_000, i64::MAX];
        return few.into_iter().chain(powers).map(Value::Integer).collect();
    }
    let ends = [1e-300, 1e-30, 1e-6, 0.5, 1.0, 2.0, 32.0, 1e6, 1e30, 1e300];
    let wrong = [-1.0, 0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    wrong.into_iter().chain(ends).map(Value::Float).collect()
}

/// Whether nothing of the kind may be accepted.
fn is_absurd(number: &Value, is_unbounded: bool) -> bool {
    match number {
        Value::Integer(n) => *n == i64::MAX && !is_unbounded,
        Value::Float(x) => !x.is_finite() || (*x > 1e299 && !is_unbounded),
        _ => false,
    }
}

/// What is wrong with the answer to `number` at `path`.
fn complaint(table: &Table, path: &[String], number: &Value) -> Option<String> {
    let key = path.join(".");
    let is_unbounded = UNBOUNDED.iter().any(|end| key.ends_with(end));
    let changed = with(table, path, number);
    let answer = catch_unwind(|| -> Result<(Experiment, f64), ConfigError> {
        let experiment = checked(changed)?;
        let cost = describe(&experiment)?;
        let estimate = cost.text(Some(1e9));
        assert!(!estimate.contains("NaN"), "{estimate}");
        let figures = [cost.memory, cost.gflop_per_step, cost.disk];
        Ok((experiment, figures.into_iter().sum()))
    });
    match answer {
        Err(_) => Some(format!("{key} = {number}: panics")),
        Ok(Ok((_, figures))) if !figures.is_finite() => {
            Some(format!("{key} = {number}: costs {figures}"))
        }
        Ok(Ok(_)) if is_absurd(number, is_unbounded) => Some(format!("{key} = {number}: accepted")),
        Ok(Ok(_)) => None,
        Ok(Err(error)) => {
            let names = path.iter().rev();
            let name = names.clone().find(|name| name.parse::<usize>().is_err());
            let is_named = name.is_some_and(|name| error.to_string().contains(name.as_str()));
            let has_key = error.key().is_some();
            (!is_named || !has_key).then(|| format!("{key} = {number}: {error}"))
        }
    }
}

/// Tries the numbers of all experiments that `is_meant` chooses by experiment and first key.
fn assert_bounded(is_meant: impl Fn(&str, &str) -> bool) {
    let (mut complaints, mut tried) = (Vec::new(), 0);
    for (name, changes) in EXPERIMENTS {
        let table = table(name, changes);
        let mut found = Vec::new();
        numbers(&Value::Table(table.clone()), &[], &mut found);
        found.retain(|(path, _)| is_meant(name, &path[0]));
        for (path, is_whole) in found {
            for number in candidates(is_whole) {
                tried += 1;
                complaints
                    .extend(complaint(&table, &path, &number).map(|c| format!("{name}: {c}")));
            }
        }
    }
    assert!(tried > 500, "{tried} numbers only");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_number_of_a_model_is_within_bounds_or_refused_by_its_key() {
    assert_bounded(|_, key| key == "model");
}

#[test]
fn every_other_number_is_within_bounds_or_refused_by_its_key() {
    assert_bounded(|name, key| {
        key != "model" && (name == SHARED || name == "char-cnn-rnn-cub" && key == "train")
    });
}

#[test]
fn a_batch_too_small_for_its_losses_is_refused_with_the_bound_and_the_reason() {
    let cases = [
        ("attngan-cub", 2, "caption of another sample"),
        ("char-cnn-rnn-cub", 2, "other classes"),
        ("clip-cub", 2, "told from the others"),
        ("damsm-cub", 2, "told from the others"),
        ("df-gan-cub", 2, "caption of another sample"),
        ("dm-gan-cub", 2, "caption of another sample"),
        ("gan-int-cls-cub", 2, "normalised over the batch"),
        ("ssa-gan-cub", 2, "caption of another sample"),
        ("attngan-cub-supcon", 4, "the other pairs"),
        ("captioner-cub", 1, ""),
        ("sdn-cub", 1, ""),
        ("vgg-cub", 1, ""),
    ];
    for (name, least, reason) in cases {
        let with = |batch: usize| {
            let mut table = table(name, &[]);
            let train = table["train"].as_table_mut().expect("a table");
            train.insert("batch_size".to_owned(), Value::Integer(batch as i64));
            checked(table)
        };

        assert!(with(least).is_ok(), "{name}: {:?}", with(least).err());
        // Pairs ask for an even number first.
        let below = if least == 4 { 2 } else { least - 1 };
        let error = with(below).expect_err("too small").to_string();
        assert!(error.contains("`train.batch_size`"), "{name}: {error}");
        assert!(error.contains(reason), "{name}: {error}");
        assert!(
            error.contains(&format!("at least {least}")),
            "{name}: {error}"
        );
    }
}

#[test]
fn phases_of_discriminators_are_those_that_train_nothing_else() {
    let cases: [(&str, &[&str]); 6] = [
        ("attngan-cub", &["d64", "d128", "d256"]),
        ("df-gan-cub", &["d"]),
        ("gan-int-cls-cub", &["d"]),
        ("ssa-gan-cub-finetune", &["d", "penalty"]),
        ("damsm-cub", &[]),
        ("sdn-cub", &[]),
    ];
    for (name, expected) in cases {
        let experiment = checked(table(name, &[])).expect("shipped");

        let plan = experiment.family_facts().expect("valid").plan;

        assert_eq!(plan.discriminators(), expected, "{name}");
    }
}

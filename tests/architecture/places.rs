//! How many places name a family, a kind of pretrained network or a metric: its own folder or file, the
//! one table, and those listed here with what they need it for.

use std::collections::BTreeMap;

use wordpaint_models::registry::MODULES;

use crate::root;
use crate::source::{Source, read_package};

/// A file of the program that may name a thing, and why.
type Place = (&'static str, &'static str);

/// Families by module. A family that only makes images is named nowhere.
const FAMILIES: &[(&str, &[Place])] = &[
    (
        "vgg_classifier",
        &[
            ("src/setup/pretrained/vgg.rs", "its runs are teachers"),
            ("src/evaluate/classes.rs", "how well it classifies"),
        ],
    ),
    (
        "probe",
        &[("src/evaluate/probe.rs", "what images are measured with")],
    ),
    (
        "char_cnn_rnn",
        &[
            (
                "src/setup/text.rs",
                "its runs encode the captions of others",
            ),
            ("src/evaluate/embedding.rs", "how well it embeds"),
        ],
    ),
    (
        "damsm",
        &[
            (
                "src/setup/pretrained/damsm.rs",
                "its runs are pairs of encoders",
            ),
            (
                "src/setup/pretrained/text_encoder.rs",
                "its runs are text encoders",
            ),
        ],
    ),
    (
        "clip",
        &[("src/evaluate/encoders.rs", "retrieval by its towers")],
    ),
    (
        "captioner",
        &[
            (
                "src/setup/pretrained/captioner.rs",
                "its runs caption images",
            ),
            ("src/evaluate/captions.rs", "how well it captions"),
        ],
    ),
];

/// Pretrained networks by the function that opens a run of the kind; systems get theirs by its
/// description alone.
const OPENED: &[(&str, &[Place])] = &[
    (
        "captioner_of",
        &[("src/evaluate/captions.rs", "how well it captions")],
    ),
    (
        "pair_of",
        &[
            (
                "src/evaluate/captions.rs",
                "retrieval by a pair of encoders",
            ),
            (
                "src/evaluate/encoders.rs",
                "R-precision by a pair of encoders",
            ),
        ],
    ),
    (
        "text_encoder_of",
        &[(
            "src/import/text_encoder.rs",
            "published generators come without their text encoder",
        )],
    ),
    (
        "vgg",
        &[
            ("src/setup/mod.rs", "image features before training"),
            ("src/launch/dry_run.rs", "the same, checked"),
            ("src/evaluate/embedding.rs", "features of unseen images"),
            ("src/explore/neighbours.rs", "neighbours by its features"),
        ],
    ),
];

/// Metrics by their file in `src/evaluate/metric/`.
const METRICS: &[(&str, &[Place])] = &[
    (
        "fid",
        &[("src/evaluate/sets.rs", "its Gaussians are kept in files")],
    ),
    (
        "consistency",
        &[("src/evaluate/streamed.rs", "needs a second caption's image")],
    ),
];

/// The files that name each of `things` right behind `table` in a path.
fn behind<'a>(
    table: &str,
    things: &[&'a str],
    sources: &[Source],
) -> BTreeMap<&'a str, Vec<String>> {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in sources {
        for thing in things {
            let is_pair = |pair: &[String]| pair[0] == table && pair[1] == *thing;
            let mut paths = source.paths.iter();
            if paths.any(|path| path.windows(2).any(is_pair)) {
                found.entry(thing).or_default().push(source.path.clone());
            }
        }
    }
    found
}

/// The program's files outside a folder.
fn outside(folder: &str) -> Vec<Source> {
    let mut sources = read_package(&root(), "src");
    sources.retain(|source| !source.path.starts_with(folder));
    sources
}

/// Fails where a thing is named in another place than the allowed ones, and where it no longer is.
fn hold(found: &BTreeMap<&str, Vec<String>>, allowed: &[(&str, &[Place])]) {
    let expected: BTreeMap<&str, Vec<String>> = allowed
        .iter()
        .map(|(thing, places)| {
            let mut files: Vec<String> = places.iter().map(|(file, _)| (*file).into()).collect();
            files.sort();
            (*thing, files)
        })
        .collect();
    assert_eq!(*found, expected, "what a new one would have to touch");
}

/// Names of the files of a folder, without tables and tests.
fn files_of(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder of the tree");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    let mut names: Vec<String> = names
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".rs")?.to_owned()))
        .filter(|name| !matches!(name.as_str(), "mod" | "tests"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_program_names_a_family_only_where_its_runs_serve_others_or_are_measured() {
    let found = behind("wordpaint_models", MODULES, &read_package(&root(), "src"));

    hold(&found, FAMILIES);
}

#[test]
fn a_family_is_one_word_in_the_registry_and_one_among_the_modules() {
    for path in ["models/registry.rs", "models/lib.rs"] {
        let text = std::fs::read_to_string(root().join(path)).expect("a file of the tree");
        let source = Source::parse(path, "models", &text);
        for family in MODULES {
            let count = source.tokens.iter().filter(|token| token == family).count();
            assert_eq!(count, 1, "{path}: {family}");
        }
    }
}

#[test]
fn a_pretrained_network_is_opened_by_name_only_where_it_is_measured_or_feeds_others() {
    let opened: Vec<&str> = OPENED.iter().map(|(name, _)| *name).collect();

    let found = behind("pretrained", &opened, &outside("src/setup/pretrained"));

    hold(&found, OPENED);
}

#[test]
fn the_table_of_pretrained_networks_has_a_line_for_each_of_its_files() {
    let folder = "src/setup/pretrained";
    let text = std::fs::read_to_string(root().join(folder).join("mod.rs")).expect("the table");
    let (_, table) = text.split_once("$($then)* ! {").expect("the table");
    let (table, _) = table.split_once(']').expect("its end");

    for kind in files_of(folder) {
        assert_eq!(table.matches(&format!("{kind}::")).count(), 1, "{kind}");
    }
}

#[test]
fn a_metric_is_named_by_the_table_of_metrics() {
    let metrics = files_of("src/evaluate/metric");
    let names: Vec<&str> = metrics.iter().map(String::as_str).collect();

    let found = behind("metric", &names, &outside("src/evaluate/metric"));

    hold(&found, METRICS);
}

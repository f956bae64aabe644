//! Tables of one package that repeat those of another, which it cannot import, and the table of
//! `CONTRIBUTING.md`.

use wordpaint::setup::missing::{FETCHED, UNPACKED};

/// Names of the entries of `const TABLE` in a file of `xtask/src/fetch/`.
fn entries(file: &str) -> Vec<String> {
    let path = super::root().join("xtask/src/fetch").join(file);
    let text = std::fs::read_to_string(&path).expect("readable source");
    let (_, table) = text.split_once("const TABLE: ").expect("a table");
    let (table, _) = table.split_once("\n];\n").expect("an end of the table");
    let names = table
        .lines()
        .filter_map(|line| line.strip_prefix("        name: \"")?.strip_suffix("\","));
    names.map(str::to_owned).collect()
}

#[test]
fn weights_that_are_said_to_be_fetched_are_those_that_xtask_fetches() {
    assert_eq!(entries("weights.rs"), FETCHED);
}

#[test]
fn data_that_are_said_to_be_unpacked_are_those_that_xtask_unpacks() {
    assert_eq!(entries("dataset.rs"), UNPACKED);
}

/// Row names and cells of the table of what to touch.
fn contributing() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(super::root().join("CONTRIBUTING.md")).expect("readable");
    let (_, table) = text
        .split_once("| to add | touch |\n|---|---|\n")
        .expect("a table");
    let rows = table.lines().map_while(|line| {
        let (name, touch) = line.strip_prefix("| ")?.split_once(" | ")?;
        Some((name.to_owned(), touch.to_owned()))
    });
    rows.collect()
}

/// Paths in a cell: words in backticks with a slash.
fn paths(cell: &str) -> impl Iterator<Item = &str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|word| word.contains('/') && !word.contains(' '))
}

#[test]
fn every_place_that_contributing_names_is_there() {
    let rows = contributing();

    assert!(rows.len() > 10, "{rows:?}");
    for (name, touch) in rows {
        for path in paths(&touch) {
            let folder = path.split('<').next().unwrap_or_default();
            assert!(super::root().join(folder).exists(), "{name}: {path}");
        }
    }
}

#[test]
fn the_tables_that_contributing_names_list_what_lies_beside_them() {
    for (name, touch) in contributing() {
        // `folder/<thing>.rs` beside the table `folder/mod.rs`.
        for path in paths(&touch) {
            let Some((folder, _)) = path.split_once('<') else {
                continue;
            };
            let table = super::root().join(folder).join("mod.rs");
            let Ok(table) = std::fs::read_to_string(table) else {
                continue;
            };
            let entries = std::fs::read_dir(super::root().join(folder)).expect("a folder");
            for entry in entries {
                let file = entry.expect("readable").file_name();
                let file = file.to_string_lossy();
                let thing = file.strip_suffix(".rs").unwrap_or(&file);
                let is_listed = table.lines().any(|line| {
                    let line = line.trim_start_matches("pub ");
                    let line = line.trim_start_matches("pub(super) ");
                    line == format!("mod {thing};")
                });
                assert!(is_listed || thing == "mod", "{name}: {folder}{file}");
            }
        }
    }
}

#[test]
fn contributing_names_the_tables_by_what_they_hold() {
    for (path, held) in [
        ("models/registry.rs", "THE table of families"),
        ("models/lib.rs", "pub mod "),
        ("src/config/library.rs", "EMBEDDED"),
        ("src/setup/pretrained/mod.rs", "THE table of their kinds"),
        ("src/config/pretrained/mod.rs", "THE table of kinds"),
        ("data/layouts/mod.rs", "SCHEMES"),
        ("data/tokenizers/mod.rs", "TOKENIZERS"),
        ("src/evaluate/metric/mod.rs", "const ALL: &[Definition]"),
        ("src/evaluate/metric/mod.rs", "fn of_captions"),
        ("src/cli/mod.rs", "THE table of verbs"),
        ("src/backends.rs", "enum Device"),
        ("xtask/src/fetch/weights.rs", "const TABLE"),
        ("src/setup/missing.rs", "FETCHED"),
    ] {
        let is_named = contributing()
            .iter()
            .any(|(_, touch)| paths(touch).any(|p| p == path));
        assert!(is_named, "{path} is not in the table");
        let text = std::fs::read_to_string(super::root().join(path)).expect("readable");
        assert!(text.contains(held), "{path}: {held}");
    }
}

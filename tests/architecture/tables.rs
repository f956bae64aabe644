//! Tables of one package that repeat those of another, which it cannot import.

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

//! Tables of the papers: which experiments are their rows.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// One file of `experiments/tables/`.
#[derive(Debug)]
pub(super) struct Table {
    /// File name without extension.
    pub(super) name: String,
    /// Paper and number of the table.
    pub(super) title: String,
    /// Experiments in the paper's order.
    pub(super) rows: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    title: String,
    rows: Vec<String>,
}

/// Tables of a folder by name; a folder that does not exist holds none.
pub(super) fn read_all(folder: &Path) -> Result<Vec<Table>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut tables = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            tables.push(read(&path).with_context(|| path.display().to_string())?);
        }
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

/// The one table that has this row.
pub(super) fn of_row(tables: Vec<Table>, row: &str) -> Result<Table> {
    let mut found: Vec<Table> = tables
        .into_iter()
        .filter(|table| table.rows.iter().any(|name| name == row))
        .collect();
    let names: Vec<&str> = found.iter().map(|table| table.name.as_str()).collect();
    ensure!(
        names.len() < 2,
        "`{row}` is a row of {}: reproduce one of them",
        names.join(" and ")
    );
    found
        .pop()
        .with_context(|| format!("`{row}` is a row of no table; leave --rows out"))
}

fn read(path: &Path) -> Result<Table> {
    let TableFile { title, rows } = toml::from_str(&fs::read_to_string(path)?)?;
    ensure!(!rows.is_empty(), "`rows` names no experiment");
    let name = path
        .file_stem()
        .context("a file has a name")?
        .to_string_lossy()
        .into_owned();
    Ok(Table { name, title, rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn every_row_of_every_table_is_an_experiment() {
        let experiments = workspace::root().join("experiments");

        for table in read_all(&experiments.join("tables")).expect("readable tables") {
            for row in table.rows {
                let file = experiments.join(format!("{row}.toml"));
                assert!(file.exists(), "{}: no {}", table.name, file.display());
            }
        }
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("t.toml"), "title = \"T\"\nrow = [\"a\"]").expect("written");

        let error = format!("{:#}", read_all(folder.path()).expect_err("misspelt"));

        assert!(error.contains("t.toml") && error.contains("row"), "{error}");
    }

    #[test]
    fn a_row_chooses_its_table_only_where_that_is_clear() {
        let table = |name: &str, rows: &[&str]| Table {
            name: name.to_owned(),
            title: String::new(),
            rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        };
        let tables = || vec![table("one", &["a", "b"]), table("two", &["b", "c"])];

        assert_eq!(of_row(tables(), "c").expect("clear").name, "two");
        let error = of_row(tables(), "b").expect_err("in both").to_string();
        assert!(error.contains("one and two"), "{error}");
        assert!(of_row(tables(), "d").is_err());
    }

    #[test]
    fn tables_come_in_order_of_their_names() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in ["b", "a"] {
            let text = "title = \"T\"\nrows = [\"x\"]";
            fs::write(folder.path().join(format!("{name}.toml")), text).expect("written");
        }

        let tables = read_all(folder.path()).expect("readable");

        assert_eq!(
            tables
                .iter()
                .map(|table| table.name.as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}

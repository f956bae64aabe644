//! Sweep files: `experiments/sweeps/NAME.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// A sweep as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SweepFile {
    /// One line for people.
    pub(super) title: String,
    /// In order; each is drawn by itself.
    pub(super) grids: Vec<Grid>,
}

/// Lines by values by seeds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grid {
    /// For file names and `--grid`.
    pub(super) name: String,
    /// One line for people.
    pub(super) title: String,
    /// Seeds of every point (`train.seed`).
    pub(super) seeds: Vec<u64>,
    /// Names of the metrics that are drawn.
    pub(super) metrics: Vec<String>,
    /// What is varied; absent where lines alone are compared.
    pub(super) axis: Option<Axis>,
    /// Experiment of the encoders that measure R-precision of every point; without it each system's
    /// own.
    #[serde(default, rename = "judge")]
    pub(super) retrieval_encoder: String,
    /// Changes to every line, `KEY=VALUE`.
    #[serde(default)]
    pub(super) set: Vec<String>,
    /// What differs in the quick form.
    #[serde(default)]
    pub(super) quick: Quick,
    /// Curves; the first is the one that the others are compared with.
    pub(super) lines: Vec<Line>,
    /// What is to be tested.
    #[serde(default)]
    pub(super) claims: Vec<Claim>,
}

/// A hypothesis: one line is better or worse than another.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    /// In words, with the published figures behind it.
    pub(super) text: String,
    /// Title of a line.
    pub(super) line: String,
    /// `better` or `worse`.
    pub(super) is: Direction,
    /// Title of the line it is compared with.
    pub(super) than: String,
    /// By which of the grid's metrics.
    pub(super) metrics: Vec<String>,
}

/// Which way a claim goes; which way is better, the metric knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Direction {
    Better,
    Worse,
}

/// What is varied.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Axis {
    /// Key of the experiments.
    pub(super) key: String,
    /// One or two words for people.
    pub(super) title: String,
    /// `share` or empty.
    #[serde(default)]
    pub(super) unit: String,
    /// Ascending.
    pub(super) values: Vec<f64>,
}

/// What differs in the quick form of a grid.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quick {
    /// In place of the grid's.
    pub(super) seeds: Option<Vec<u64>>,
    /// In place of the axis's.
    pub(super) values: Option<Vec<f64>>,
    /// Further changes to every line.
    #[serde(default)]
    pub(super) set: Vec<String>,
    /// Further changes to what is trained first.
    #[serde(default)]
    pub(super) first_set: Vec<String>,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// In the legend.
    pub(super) title: String,
    /// Experiment trained at every point.
    pub(super) experiment: String,
    /// What is published about it, in words.
    #[serde(default)]
    pub(super) aim: String,
    /// Changes to the experiment, `KEY=VALUE`.
    #[serde(default)]
    pub(super) set: Vec<String>,
    /// Whether it does not follow the axis: a level to compare with.
    #[serde(default)]
    pub(super) is_level: bool,
    /// What is trained before every point, with the same seed.
    pub(super) first: Option<First>,
}

/// A training whose run is handed to a point.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct First {
    /// Experiment.
    pub(super) experiment: String,
    /// Key of the point's experiment that gets its run folder (`text.encoder`).
    pub(super) gives: String,
    /// Changes to it, `KEY=VALUE`.
    #[serde(default)]
    pub(super) set: Vec<String>,
    /// Whether it is trained anew for every value of the axis.
    #[serde(default)]
    pub(super) follows_axis: bool,
}

impl SweepFile {
    /// Reads and checks the file at `path`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let parse = || -> Result<Self> {
            let sweep: Self = toml::from_str(&fs::read_to_string(path)?)?;
            sweep.check()?;
            Ok(sweep)
        };
        parse().with_context(|| path.display().to_string())
    }

    fn check(&self) -> Result<()> {
        ensure!(!self.grids.is_empty(), "`grids` is empty");
        let mut names = BTreeSet::new();
        for (i, grid) in self.grids.iter().enumerate() {
            let at = format!("grids[{i}]");
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            ensure!(
                !grid.name.is_empty() && grid.name.chars().all(is_plain),
                "`{at}.name` is `{}`, expected lower-case letters, digits and `-`",
                grid.name
            );
            ensure!(
                names.insert(&grid.name),
                "`{at}.name` names a second grid `{}`",
                grid.name
            );
            grid.check(&at)?;
        }
        Ok(())
    }
}

impl Grid {
    fn check(&self, at: &str) -> Result<()> {
        distinct(&format!("{at}.seeds"), &self.seeds)?;
        distinct(&format!("{at}.metrics"), &self.metrics)?;
        let titles: Vec<&String> = self.lines.iter().map(|line| &line.title).collect();
        distinct(&format!("{at}.lines"), &titles)?;
        if let Some(axis) = &self.axis {
            axis.check(&format!("{at}.axis"))?;
            ensure!(
                self.lines.iter().any(|line| !line.is_level),
                "`{at}.lines` has levels only, so nothing follows `{at}.axis`"
            );
        }
        let quick = format!("{at}.quick");
        if let Some(seeds) = &self.quick.seeds {
            distinct(&format!("{quick}.seeds"), seeds)?;
        }
        match (&self.quick.values, &self.axis) {
            (Some(_), None) => bail!("`{quick}.values` is set, but the grid has no `axis`"),
            (Some(values), Some(axis)) => {
                let key = format!("{quick}.values");
                ascending(&key, values, &axis.unit)?;
            }
            (None, _) => {}
        }
        self.changes(&format!("{at}.set"), &self.set)?;
        self.changes(&format!("{quick}.set"), &self.quick.set)?;
        self.changes(&format!("{quick}.first_set"), &self.quick.first_set)?;
        for (j, line) in self.lines.iter().enumerate() {
            let at = format!("{at}.lines[{j}]");
            self.changes(&format!("{at}.set"), &line.set)?;
            ensure!(
                !line.is_level || self.axis.is_some(),
                "`{at}.is_level` is set, but the grid has no `axis`"
            );
            let Some(first) = &line.first else { continue };
            self.changes(&format!("{at}.first.set"), &first.set)?;
            ensure!(
                !first.gives.trim().is_empty(),
                "`{at}.first.gives` is empty, expected the key that gets its run, for example \
                 `text.encoder`"
            );
            ensure!(
                !first.follows_axis || (self.axis.is_some() && !line.is_level),
                "`{at}.first.follows_axis` is set, but the line follows no `axis`"
            );
        }
        for (j, claim) in self.claims.iter().enumerate() {
            claim.check(&format!("{at}.claims[{j}]"), &titles, &self.metrics)?;
        }
        Ok(())
    }

    /// Changes must not touch what the grid itself varies.
    fn changes(&self, at: &str, changes: &[String]) -> Result<()> {
        for (i, change) in changes.iter().enumerate() {
            let at = format!("{at}[{i}]");
            super::super::override_of(change).with_context(|| format!("`{at}` is `{change}`"))?;
            let key = change.split('=').next().unwrap_or_default().trim();
            ensure!(
                !["seed", "train.seed"].contains(&key),
                "`{at}` sets the seed; seeds are listed in `seeds`"
            );
            let axis = self.axis.as_ref().map(|axis| axis.key.as_str());
            ensure!(
                axis != Some(key),
                "`{at}` sets `{key}`, which the grid varies along its axis"
            );
        }
        Ok(())
    }
}

impl Claim {
    fn check(&self, at: &str, lines: &[&String], metrics: &[String]) -> Result<()> {
        for (key, title) in [("line", &self.line), ("than", &self.than)] {
            ensure!(
                lines.contains(&title),
                "`{at}.{key}` is `{title}`, which no line is called"
            );
        }
        ensure!(
            self.line != self.than,
            "`{at}` compares `{}` with itself",
            self.line
        );
        distinct(&format!("{at}.metrics"), &self.metrics)?;
        let unknown = self.metrics.iter().find(|name| !metrics.contains(name));
        if let Some(name) = unknown {
            bail!("`{at}.metrics` names `{name}`, which is none of the grid's `metrics`");
        }
        Ok(())
    }
}

impl Axis {
    fn check(&self, at: &str) -> Result<()> {
        ensure!(!self.key.trim().is_empty(), "`{at}.key` is empty");
        ensure!(
            !["seed", "train.seed"].contains(&self.key.as_str()),
            "`{at}.key` is the seed; seeds are listed in `seeds`"
        );
        ensure!(
            ["", "share"].contains(&self.unit.as_str()),
            "`{at}.unit` is `{}`, expected `share` or nothing",
            self.unit
        );
        ascending(&format!("{at}.values"), &self.values, &self.unit)
    }
}

fn ascending(key: &str, values: &[f64], unit: &str) -> Result<()> {
    ensure!(!values.is_empty(), "`{key}` is empty");
    let is_number = |value: &f64| match unit {
        "share" => (0.0..=1.0).contains(value),
        _ => value.is_finite(),
    };
    if let Some(wrong) = values.iter().find(|value| !is_number(value)) {
        let expected = match unit {
            "share" => "shares from 0 to 1",
            _ => "numbers",
        };
        bail!("`{key}` holds {wrong}, expected {expected}");
    }
    ensure!(
        values.windows(2).all(|pair| pair[0] < pair[1]),
        "`{key}` is not ascending"
    );
    Ok(())
}

fn distinct<T: Ord + std::fmt::Display>(key: &str, items: &[T]) -> Result<()> {
    ensure!(!items.is_empty(), "`{key}` is empty");
    let mut seen = BTreeSet::new();
    for item in items {
        ensure!(seen.insert(item), "`{key}` holds `{item}` twice");
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const VALID: &str = r#"
title = "Noise"

[[grids]]
name = "pretraining"
title = "Encoders"
seeds = [1, 2]
metrics = ["recall"]
judge = "judge"
set = ["train.batch_size=8"]
quick = { seeds = [3], values = [0.5], set = ["train.log_every=5"], first_set = ["a=1"] }

[grids.axis]
key = "data.label_noise"
title = "labels replaced"
unit = "share"
values = [0.0, 0.25]

[[grids.lines]]
title = "plain"
experiment = "plain-cub"
is_level = true

[[grids.lines]]
title = "contrast"
experiment = "contrast-cub"
aim = "better"
set = ["model.contrastive.weight=2"]
first = { experiment = "encoder", gives = "text.encoder", follows_axis = true, set = ["b=2"] }

[[grids.claims]]
text = "Contrast finds more"
line = "contrast"
is = "better"
than = "plain"
metrics = ["recall"]
"#;

    fn message(text: &str) -> String {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("s.toml");
        fs::write(&path, text).expect("written");
        match SweepFile::read(&path) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn wrong_files_are_refused_with_file_and_key() {
        assert_eq!(message(VALID), "accepted");
        let cases = [
            (
                "seeds = [1, 2]",
                "seed = [1, 2]",
                &["seed", "`seeds`", "line 7"][..],
            ),
            ("title = \"Encoders\"\n", "", &["missing field `title`"]),
            (
                "seeds = [1, 2]",
                "seeds = [1, 1]",
                &["`grids[0].seeds` holds `1` twice"],
            ),
            (
                "seeds = [1, 2]",
                "seeds = []",
                &["`grids[0].seeds` is empty"],
            ),
            ("seeds = [1, 2]", "seeds = [-1]", &["-1"]),
            ("\"recall\"", "", &["`grids[0].metrics` is empty"]),
            (
                "name = \"pretraining\"",
                "name = \"a b\"",
                &["`grids[0].name`", "lower-case"],
            ),
            (
                "unit = \"share\"",
                "unit = \"percent\"",
                &["`grids[0].axis.unit`", "`share`"],
            ),
            (
                "[0.0, 0.25]",
                "[0.25, 0.0]",
                &["`grids[0].axis.values` is not ascending"],
            ),
            ("[0.0, 0.25]", "[0.0, 25.0]", &["holds 25, expected shares"]),
            (
                "values = [0.5]",
                "values = []",
                &["`grids[0].quick.values` is empty"],
            ),
            (
                "\"train.batch_size=8\"",
                "\"train.batch_size\"",
                &["`grids[0].set[0]`", "KEY=VALUE"],
            ),
            (
                "\"b=2\"",
                "\"seed=2\"",
                &["`grids[0].lines[1].first.set[0]` sets the seed"],
            ),
            (
                "\"model.contrastive.weight=2\"",
                "\"data.label_noise=0.1\"",
                &["`grids[0].lines[1].set[0]`", "varies along its axis"],
            ),
            (
                "gives = \"text.encoder\"",
                "gives = \"\"",
                &["`grids[0].lines[1].first.gives`"],
            ),
            (
                "title = \"contrast\"",
                "title = \"plain\"",
                &["`grids[0].lines` holds `plain` twice"],
            ),
            (
                "aim = \"better\"",
                "is_level = true",
                &["`grids[0].lines` has levels only"],
            ),
            (
                "line = \"contrast\"",
                "line = \"contrasts\"",
                &["`grids[0].claims[0].line` is `contrasts`"],
            ),
            (
                "than = \"plain\"",
                "than = \"contrast\"",
                &["`grids[0].claims[0]` compares `contrast` with itself"],
            ),
            (
                "than = \"plain\"\nmetrics = [\"recall\"]",
                "than = \"plain\"\nmetrics = [\"precision\"]",
                &["`grids[0].claims[0].metrics` names `precision`"],
            ),
            ("is = \"better\"", "is = \"best\"", &["best", "`worse`"]),
            (
                "key = \"data.label_noise\"",
                "key = \"train.seed\"",
                &["`grids[0].axis.key` is the seed"],
            ),
        ];
        for (find, put, says) in cases {
            assert!(VALID.contains(find), "{find}");
            let error = message(&VALID.replacen(find, put, 1));
            for part in says.iter().chain(&["s.toml"]) {
                assert!(error.contains(part), "{put}: no {part:?} in {error}");
            }
        }
    }

    #[test]
    fn without_an_axis_nothing_can_follow_or_leave_it() {
        let start = VALID.find("[grids.axis]").expect("there");
        let end = VALID.find("[[grids.lines]]").expect("there");
        let plain = VALID.replace(&VALID[start..end], "");
        let cases = [
            (plain.clone(), "`grids[0].quick.values` is set"),
            (
                plain.replace(", values = [0.5]", ""),
                "`grids[0].lines[0].is_level` is set",
            ),
            (
                plain
                    .replace(", values = [0.5]", "")
                    .replace("is_level = true", ""),
                "`grids[0].lines[1].first.follows_axis` is set",
            ),
            (
                plain
                    .replace(", values = [0.5]", "")
                    .replace("is_level = true", "")
                    .replace("follows_axis = true, ", ""),
                "accepted",
            ),
        ];
        for (text, says) in cases {
            let error = message(&text);
            assert!(error.contains(says), "no {says:?} in {error}");
        }
    }
}

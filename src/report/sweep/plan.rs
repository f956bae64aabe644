//! `sweep.json`: which runs are the points of which curves.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use wordpaint_data::input;

use super::super::ReportError;

/// A sweep with what has been trained of it; `cargo xtask reproduce` writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sweep {
    /// Its file's name without extension.
    pub(super) name: String,
    pub(super) title: String,
    /// In order; each has a section of its own.
    pub(super) grids: Vec<Grid>,
}

/// Experiments by values by seeds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grid {
    /// For file names.
    pub(super) name: String,
    pub(super) title: String,
    /// What is varied; absent where lines alone are compared.
    #[serde(default)]
    pub(super) axis: Option<Axis>,
    /// Names of the metrics that are drawn.
    pub(super) metrics: Vec<String>,
    /// The first is the one that the others are compared with.
    pub(super) lines: Vec<Line>,
    /// What is tested.
    #[serde(default)]
    pub(super) claims: Vec<Claim>,
}

/// A hypothesis: one line is better or worse than another.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    /// In words.
    pub(super) text: String,
    /// Title of a line.
    pub(super) line: String,
    pub(super) is: Direction,
    /// Title of the line it is compared with.
    pub(super) than: String,
    /// Names or labels of metrics.
    pub(super) metrics: Vec<String>,
}

/// Which way a claim goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Direction {
    Better,
    Worse,
}

/// What is varied.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Axis {
    /// Key of the experiment.
    pub(super) key: String,
    pub(super) title: String,
    /// `share` or empty.
    #[serde(default)]
    pub(super) unit: String,
    /// Ascending.
    pub(super) values: Vec<f64>,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) title: String,
    /// What is published about it, in words.
    #[serde(default)]
    pub(super) aim: String,
    pub(super) points: Vec<Point>,
}

/// One training.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Point {
    /// Value on the axis; absent where the line does not follow it.
    #[serde(default)]
    pub(super) x: Option<f64>,
    pub(super) seed: u64,
    /// Its run folder; absent before it is trained and measured.
    #[serde(default)]
    pub(super) run: Option<PathBuf>,
}

impl Sweep {
    /// Reads `path`.
    pub(super) fn read(path: &Path) -> Result<Self, ReportError> {
        let text = input::read(path, input::TEXT).map_err(|source| ReportError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|error| ReportError::Invalid {
            path: path.to_path_buf(),
            message: format!("{error}; `cargo xtask reproduce SWEEP` writes it"),
        })
    }
}

impl Grid {
    /// Every place with the line it belongs to: one row of a table each.
    pub(super) fn rows(&self) -> Vec<(&Line, Option<f64>)> {
        let mut rows = Vec::new();
        for line in &self.lines {
            let mut seen: Vec<Option<f64>> = Vec::new();
            for point in &line.points {
                if !seen.contains(&point.x) {
                    seen.push(point.x);
                }
            }
            rows.extend(seen.into_iter().map(|x| (line, x)));
        }
        rows
    }
}

//! From a sweep file to trainings in order.

use std::fmt;

use serde::Serialize;

use super::super::plan::Mode;
use super::file::{Axis, Claim, Grid, SweepFile};

/// An experiment with changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) experiment: String,
    /// `KEY=VALUE`, the last strongest.
    pub(super) changes: Vec<String>,
}

/// One training of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// Grid and line by number.
    pub(super) place: (usize, usize),
    /// Value on the axis.
    pub(super) x: Option<f64>,
    pub(super) seed: u64,
    /// What is trained before, and the key that gets its run.
    pub(super) first: Option<(Task, String)>,
    pub(super) task: Task,
    /// Experiment of the encoders that R-precision is measured with.
    pub(super) retrieval_encoder: Option<String>,
    /// `GRID: LINE, KEY=VALUE, seed N`.
    label: String,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

/// Points of all grids; of every grid all lines and values with the first seed before any with the
/// second, so that what is there of an unfinished sweep is whole curves.
pub(super) fn points(sweep: &SweepFile, mode: Mode, changes: &[String]) -> Vec<Point> {
    let grids = sweep.grids.iter().enumerate();
    grids
        .flat_map(|(i, grid)| of_grid(i, grid, mode, changes))
        .collect()
}

fn of_grid(number: usize, grid: &Grid, mode: Mode, given: &[String]) -> Vec<Point> {
    let quick = (mode == Mode::Quick).then_some(&grid.quick);
    let seeds = quick.and_then(|quick| quick.seeds.as_ref());
    let values = values(grid, mode);
    let mut points = Vec::new();
    for &seed in seeds.unwrap_or(&grid.seeds) {
        for (i, line) in grid.lines.iter().enumerate() {
            let xs: Vec<Option<f64>> = match &grid.axis {
                Some(_) if !line.is_level => values.iter().copied().map(Some).collect(),
                _ => vec![None],
            };
            for x in xs {
                let at = grid.axis.as_ref().zip(x);
                let at = at.map(|(axis, x)| format!("{}={x}", axis.key));
                let with_seed = format!("train.seed={seed}");
                let mut sets = vec![&grid.set[..], &line.set];
                sets.extend(quick.map(|quick| &quick.set[..]));
                sets.push(given);
                let own: Vec<String> = sets.concat();
                let task = Task {
                    experiment: line.experiment.clone(),
                    changes: own
                        .into_iter()
                        .chain(at.clone())
                        .chain([with_seed.clone()])
                        .collect(),
                };
                let first = line.first.as_ref().map(|first| {
                    let mut sets = vec![&first.set[..]];
                    sets.extend(quick.map(|quick| &quick.first_set[..]));
                    let followed = at.clone().filter(|_| first.follows_axis);
                    let own: Vec<String> = sets.concat();
                    let task = Task {
                        experiment: first.experiment.clone(),
                        changes: own.into_iter().chain(followed).chain([with_seed]).collect(),
                    };
                    (task, first.gives.clone())
                });
                let x_label = at.map_or_else(String::new, |at| format!(", {at}"));
                points.push(Point {
                    place: (number, i),
                    x,
                    seed,
                    first,
                    task,
                    retrieval_encoder: (!grid.retrieval_encoder.is_empty())
                        .then(|| grid.retrieval_encoder.clone()),
                    label: format!("{}: {}{x_label}, seed {seed}", grid.name, line.title),
                });
            }
        }
    }
    points
}

/// Values of the axis in this mode.
fn values(grid: &Grid, mode: Mode) -> Vec<f64> {
    let quick = grid.quick.values.as_ref().filter(|_| mode == Mode::Quick);
    let own = grid.axis.as_ref().map(|axis| &axis.values);
    quick.or(own).cloned().unwrap_or_default()
}

/// `sweep.json`, what `wordpaint report --sweep` reads.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    name: &'a str,
    title: &'a str,
    grids: Vec<GridRecord<'a>>,
}

#[derive(Debug, Serialize)]
struct GridRecord<'a> {
    name: &'a str,
    title: &'a str,
    axis: Option<Axis>,
    metrics: &'a [String],
    lines: Vec<LineRecord<'a>>,
    claims: &'a [Claim],
}

#[derive(Debug, Serialize)]
struct LineRecord<'a> {
    title: &'a str,
    aim: &'a str,
    points: Vec<PointRecord<'a>>,
}

#[derive(Debug, Serialize)]
struct PointRecord<'a> {
    x: Option<f64>,
    seed: u64,
    run: Option<&'a str>,
}

/// The record of a sweep whose `points` have led to `runs`, in their order.
pub(super) fn record<'a>(
    name: &'a str,
    sweep: &'a SweepFile,
    mode: Mode,
    points: &[Point],
    runs: &'a [Option<String>],
) -> Record<'a> {
    let of_line = |place: (usize, usize)| {
        let mut found: Vec<PointRecord<'a>> = points
            .iter()
            .zip(runs)
            .filter(|(point, _)| point.place == place)
            .map(|(point, run)| PointRecord {
                x: point.x,
                seed: point.seed,
                run: run.as_deref(),
            })
            .collect();
        found.sort_by(|a, b| a.x.partial_cmp(&b.x).unwrap_or(std::cmp::Ordering::Equal));
        found
    };
    let grids = sweep.grids.iter().enumerate().map(|(i, grid)| GridRecord {
        name: &grid.name,
        title: &grid.title,
        axis: grid.axis.clone().map(|axis| Axis {
            values: values(grid, mode),
            ..axis
        }),
        metrics: &grid.metrics,
        lines: grid
            .lines
            .iter()
            .enumerate()
            .map(|(j, line)| LineRecord {
                title: &line.title,
                aim: &line.aim,
                points: of_line((i, j)),
            })
            .collect(),
        claims: &grid.claims,
    });
    Record {
        name,
        title: &sweep.title,
        grids: grids.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::VALID;
    use super::*;

    fn sweep() -> SweepFile {
        toml::from_str(VALID).expect("valid")
    }

    #[test]
    fn every_line_and_value_comes_with_the_first_seed_before_the_second() {
        let points = points(&sweep(), Mode::Full, &[]);

        let labels: Vec<String> = points.iter().map(Point::to_string).collect();
        assert_eq!(
            labels,
            [
                "pretraining: plain, seed 1",
                "pretraining: contrast, data.label_noise=0, seed 1",
                "pretraining: contrast, data.label_noise=0.25, seed 1",
                "pretraining: plain, seed 2",
                "pretraining: contrast, data.label_noise=0, seed 2",
                "pretraining: contrast, data.label_noise=0.25, seed 2",
            ]
        );
        assert_eq!(
            points[0].task.changes,
            ["train.batch_size=8", "train.seed=1"]
        );
        let last = &points[5];
        assert_eq!(
            last.task.changes,
            [
                "train.batch_size=8",
                "model.contrastive.weight=2",
                "data.label_noise=0.25",
                "train.seed=2"
            ]
        );
        let (first, key) = last.first.as_ref().expect("trained first");
        assert_eq!(
            first.changes,
            ["b=2", "data.label_noise=0.25", "train.seed=2"]
        );
        assert_eq!(
            (first.experiment.as_str(), key.as_str()),
            ("encoder", "text.encoder")
        );
        assert_eq!(last.retrieval_encoder.as_deref(), Some("judge"));
    }

    #[test]
    fn the_quick_form_has_its_own_seeds_values_and_changes_and_the_user_the_last_word() {
        let given = ["train.batch_size=4".to_owned()];

        let points = points(&sweep(), Mode::Quick, &given);

        assert_eq!(points.len(), 2);
        assert_eq!(
            points[1].task.changes,
            [
                "train.batch_size=8",
                "model.contrastive.weight=2",
                "train.log_every=5",
                "train.batch_size=4",
                "data.label_noise=0.5",
                "train.seed=3"
            ]
        );
        let (first, _) = points[1].first.as_ref().expect("trained first");
        assert_eq!(
            first.changes,
            ["b=2", "a=1", "data.label_noise=0.5", "train.seed=3"]
        );
    }

    #[test]
    fn the_record_holds_every_point_with_its_run_or_none() {
        let sweep = sweep();
        let points = points(&sweep, Mode::Full, &[]);
        let mut runs = vec![None; points.len()];
        runs[2] = Some("runs/x".to_owned());

        let record = record("noise", &sweep, Mode::Full, &points, &runs);

        let json = serde_json::to_value(record).expect("plain data");
        let grid = &json["grids"][0];
        assert_eq!(grid["axis"]["values"], serde_json::json!([0.0, 0.25]));
        let line = &grid["lines"][1]["points"];
        assert_eq!(line.as_array().map(Vec::len), Some(4));
        // Both seeds of a value stand together.
        assert_eq!(line[2]["x"], 0.25);
        assert_eq!(line[2]["run"], "runs/x");
        assert_eq!(line[1]["seed"], 2);
        assert!(line[1]["run"].is_null());
        assert!(grid["lines"][0]["points"][0]["x"].is_null());
    }
}

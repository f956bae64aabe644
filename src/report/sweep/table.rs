//! Tables of a sweep.

use std::fmt::Write;

use super::super::compare::{PaperColumn, paper_columns};
use super::super::csv::{finite, line as csv_line};
use super::super::document::{Block, Cell, Table};
use super::super::format;
use super::super::run::Run;
use super::plan;
use super::spread::{Spread, slope};
use super::{Measured, Section, percent, place};

/// Columns of `sweep.csv`.
pub(super) const CSV_HEAD: [&str; 11] = [
    "grid",
    "line",
    "key",
    "x",
    "metric",
    "unit",
    "seeds",
    "mean",
    "deviation",
    "values",
    "runs",
];

impl<'a> Section<'a> {
    pub(super) fn tables(&self) -> Vec<Block> {
        let measured = self.measured();
        if measured.is_empty() {
            return vec![Block::Notice("Nothing of it is measured.".into())];
        }
        let mut blocks = vec![self.values(&measured)];
        blocks.extend(self.claims());
        blocks.extend(self.differences(&measured));
        blocks.extend(self.slopes(&measured));
        blocks
    }

    /// Mean and spread of every place, the published figures beside them.
    fn values(&self, measured: &[Measured<'a>]) -> Block {
        let runs: Vec<&Run> = self.members().map(|(_, _, run)| run).collect();
        let paper = paper_columns(&runs);
        let has_aims = self.grid.lines.iter().any(|line| !line.aim.is_empty());
        let mut head = self.head(measured);
        if has_aims {
            head.push(Cell::paper("Published"));
        }
        head.extend(paper.iter().map(PaperColumn::head));
        let rows = self.grid.rows().into_iter().map(|(line, x)| {
            let mut row = self.name(line, x);
            row.extend(measured.iter().map(|m| {
                let spread = self.spread(line, x, m.asked);
                self.value(line, x, m, &spread)
            }));
            if has_aims {
                row.push(Cell::paper(match line.aim.as_str() {
                    "" => "\u{2013}",
                    aim => aim,
                }));
            }
            let of_line = self.members().find(|(of, _, _)| std::ptr::eq(*of, line));
            row.extend(paper.iter().map(|column| match of_line {
                Some((_, _, run)) => column.cell(run),
                None => Cell::paper("\u{2013}"),
            }));
            row
        });
        let mut caption =
            "Mean \u{b1} standard deviation over seeds, also the bars of the curves; of one \
                           seed its 95 % interval. An arrow points to the better direction."
                .to_owned();
        if has_aims || !paper.is_empty() {
            caption.push_str(
                " What is in italics is published, on other data and with its own instrument: \
                 compare the order of the lines, never the numbers.",
            );
        }
        Block::Table(Table {
            caption,
            head,
            rows: rows.collect(),
        })
    }

    fn value(
        &self,
        line: &plan::Line,
        x: Option<f64>,
        measured: &Measured<'a>,
        spread: &Spread,
    ) -> Cell {
        let Some(mean) = spread.mean() else {
            return Cell::text("not measured");
        };
        let unit = &measured.metric.unit;
        let chance = measured.metric.chance;
        let chance = chance.map(|c| format!("; chance {}", format::in_unit(c, unit)));
        let chance = chance.unwrap_or_default();
        if let Some(deviation) = spread.deviation() {
            let each: Vec<String> = spread
                .values
                .iter()
                .map(|(_, value)| format::in_unit(*value, unit))
                .collect();
            let note = format!("{} seeds: {}{chance}", each.len(), each.join(", "));
            return Cell::number(with_deviation(mean, deviation, unit)).with_note(note);
        }
        let text = self.own(line, x, measured.asked).map_or_else(
            || format::in_unit(mean, unit),
            |own| format::with_interval(own.metric),
        );
        Cell::number(text).with_note(format!("one seed{chance}"))
    }

    /// What every line gains over the first, seed by seed.
    fn differences(&self, measured: &[Measured<'a>]) -> Option<Block> {
        let base = self.grid.lines.first()?;
        let rows: Vec<Vec<Cell>> = self
            .grid
            .rows()
            .into_iter()
            .filter(|(line, _)| !std::ptr::eq(*line, base))
            .filter_map(|(line, x)| {
                let cells: Vec<Cell> = measured
                    .iter()
                    .map(|m| self.difference(base, line, x, m))
                    .collect();
                let is_any = cells.iter().any(|cell| !cell.text.is_empty());
                is_any.then(|| [self.name(line, x), cells].concat())
            })
            .collect();
        if rows.is_empty() {
            return None;
        }
        Some(Block::Table(Table {
            caption: format!(
                "Difference to {} at the same seed{}: mean \u{b1} standard deviation over seeds.",
                base.title,
                if self.grid.axis.is_some() {
                    " and place"
                } else {
                    ""
                }
            ),
            head: self.head(measured),
            rows,
        }))
    }

    fn difference(
        &self,
        base: &plan::Line,
        line: &plan::Line,
        x: Option<f64>,
        measured: &Measured<'a>,
    ) -> Cell {
        let metric = measured.metric;
        let ours = self.spread(line, x, measured.asked);
        let gain = ours.minus(&self.spread(base, at_of(base, x), measured.asked));
        let Some(mean) = gain.mean() else {
            return Cell::default();
        };
        let is_better = |v: f64| v != 0.0 && (v > 0.0) == metric.higher_is_better;
        let better = gain.values.iter().filter(|(_, v)| is_better(*v)).count();
        let text = match gain.deviation() {
            Some(deviation) => with_deviation(mean, deviation, &metric.unit),
            None => format::in_unit(mean, &metric.unit),
        };
        let sign = if mean > 0.0 { "+" } else { "" };
        Cell::number(format!("{sign}{text}"))
            .with_note(format!("better in {better} of {}", gain.values.len()))
    }

    /// How fast every line changes along the axis.
    fn slopes(&self, measured: &[Measured<'a>]) -> Option<Block> {
        let axis = self.grid.axis.as_ref()?;
        let mut head = vec![Cell::text("Line")];
        head.extend(measured.iter().map(|m| Cell::text(&m.metric.label)));
        let step = percent(&axis.unit);
        let rows: Vec<Vec<Cell>> = self
            .grid
            .lines
            .iter()
            .filter(|line| line.points.iter().any(|point| point.x.is_some()))
            .map(|line| {
                let mut row = vec![Cell::text(&line.title)];
                row.extend(measured.iter().map(|m| {
                    let points: Vec<(f64, f64)> = self
                        .grid
                        .rows()
                        .into_iter()
                        .filter(|(of, _)| std::ptr::eq(*of, line))
                        .filter_map(|(_, x)| Some((x?, self.spread(line, x, m.asked))))
                        .flat_map(|(x, spread)| spread.values.into_iter().map(move |v| (x, v.1)))
                        .collect();
                    match slope(&points) {
                        Some(slope) => Cell::number(per_step(slope / step, &m.metric.unit)),
                        None => Cell::text("\u{2013}"),
                    }
                }));
                row
            })
            .collect();
        let per = match axis.unit.as_str() {
            "share" => "percentage point".to_owned(),
            "" => "1".to_owned(),
            unit => unit.to_owned(),
        };
        (!rows.is_empty()).then(|| {
            Block::Table(Table {
                caption: format!(
                    "Change per {per} of {}, least squares over all seeds.",
                    axis.title
                ),
                head,
                rows,
            })
        })
    }

    /// Where every point lies.
    pub(super) fn list(&self) -> Block {
        let mut text = String::new();
        for (line, point, run) in self.members() {
            let seconds = run.environment.wall_seconds.map(format::duration);
            let _ = writeln!(
                text,
                "{}{}, seed {}: {} ({})",
                line.title,
                self.at(point.x),
                point.seed,
                run.folder.display(),
                seconds.unwrap_or_else(|| "time unknown".into())
            );
        }
        Block::Fold {
            level: 3,
            title: "Runs with their training time".into(),
            blocks: vec![Block::Verbatim {
                title: format!("Run folders of {}", self.grid.title),
                text,
            }],
        }
    }

    /// Appends one line per place and metric.
    pub(super) fn append_csv(&self, out: &mut String) {
        for measured in self.measured() {
            for (line, x) in self.grid.rows() {
                let metric = measured.metric;
                let spread = self.spread(line, x, measured.asked);
                let values = spread.values.iter().map(|(_, v)| v.to_string());
                let values: Vec<String> = values.collect();
                let runs = self.members();
                let runs = runs.filter(|(of, point, _)| std::ptr::eq(*of, line) && point.x == x);
                let runs: Vec<String> = runs.map(|(_, _, run)| run.label.clone()).collect();
                let key = self.grid.axis.as_ref().map(|axis| axis.key.clone());
                let fields: [String; 11] = [
                    self.grid.name.clone(),
                    line.title.clone(),
                    key.unwrap_or_default(),
                    finite(x),
                    metric.name.clone(),
                    metric.unit.clone(),
                    spread.values.len().to_string(),
                    finite(spread.mean()),
                    finite(spread.deviation()),
                    values.join(" "),
                    runs.join(" "),
                ];
                csv_line(out, fields.iter());
            }
        }
    }

    fn head(&self, measured: &[Measured<'a>]) -> Vec<Cell> {
        let mut head = vec![Cell::text("Line")];
        if let Some(axis) = &self.grid.axis {
            head.push(Cell::text(&axis.title).with_note(&axis.key));
        }
        head.extend(measured.iter().map(|m| {
            let arrow = if m.metric.higher_is_better {
                "\u{2191}"
            } else {
                "\u{2193}"
            };
            Cell::text(format!("{} {arrow}", m.metric.label))
        }));
        head
    }

    fn name(&self, line: &plan::Line, x: Option<f64>) -> Vec<Cell> {
        let mut name = vec![Cell::text(&line.title)];
        if let Some(axis) = &self.grid.axis {
            name.push(Cell::number(match x {
                Some(x) => place(x, &axis.unit),
                None => "any".into(),
            }));
        }
        name
    }
}

/// Where `line` is at the place `x` of another: one that does not follow the axis is the same
/// everywhere.
pub(super) fn at_of(line: &plan::Line, x: Option<f64>) -> Option<f64> {
    x.filter(|_| line.points.iter().any(|point| point.x.is_some()))
}

/// `12.3 % \u{b1} 1.2`
fn with_deviation(mean: f64, deviation: f64, unit: &str) -> String {
    let deviation = match unit {
        "share" => format!("{:.1}", 100.0 * deviation),
        _ => format::number(deviation),
    };
    format!("{} \u{b1} {deviation}", format::in_unit(mean, unit))
}

/// A change; one of shares in percentage points.
fn per_step(change: f64, unit: &str) -> String {
    match unit {
        "share" => format!("{} points", format::number(100.0 * change)),
        _ => format::in_unit(change, unit),
    }
}

//! Sweeps: curves over a setting, with mean and spread over seeds.

mod claims;
mod closing;
mod plan;
mod spread;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use wordpaint_files::Together;

use super::document::{Block, Chart, Picture};
use super::format::{conditions, protocol_name};
use super::plot::{self, Line, Plot};
use super::run::Run;
use super::{ReportError, ReportPaths, compare, csv, html, markdown};
use crate::run::results::{Evaluation, Metric};

use plan::{Grid, Sweep};
use spread::Spread;

/// Most pictures of runs in a section.
const PICTURES: usize = 12;

/// Reports on the sweep in `file` (`sweep.json`) in the folder `out`, without it beside the file.
///
/// # Errors
///
/// If the file or one of its runs cannot be read, or the report cannot be written.
pub fn write(file: &Path, out: Option<&Path>) -> Result<ReportPaths, ReportError> {
    let folder = match out {
        Some(out) => out.to_path_buf(),
        None => file.parent().unwrap_or(Path::new(".")).to_path_buf(),
    };
    let sweep = Sweep::read(file)?;
    let runs = read_runs(&sweep)?;
    let mut blocks = vec![Block::Heading(1, sweep.title.clone())];
    let mut stamps: Vec<String> = runs.values().filter_map(Run::stamp).collect();
    stamps.sort();
    stamps.dedup();
    blocks.extend(stamps.into_iter().map(Block::Stamp));
    blocks.extend(progress(&sweep));
    let mut files = Together::default();
    let mut numbers = table::CSV_HEAD.join(",") + "\n";
    for grid in &sweep.grids {
        let section = Section { grid, runs: &runs };
        blocks.push(Block::Heading(2, grid.title.clone()));
        blocks.extend(section.conditions());
        let mut charts = Vec::new();
        for measured in section.measured() {
            let Some(mut chart) = section.chart(&measured) else {
                continue;
            };
            let path = folder.join(format!("{}-{}.svg", slug(&grid.name), slug(measured.asked)));
            files.add(&path, plot::alone(&chart).as_bytes())?;
            chart.file = Some(path);
            charts.push(chart);
        }
        if !charts.is_empty() {
            blocks.push(Block::Charts(charts));
        }
        blocks.extend(section.tables());
        section.append_csv(&mut numbers);
        let pictures = section.pictures();
        if !pictures.is_empty() {
            blocks.push(Block::Pictures(pictures));
        }
        blocks.push(section.list());
    }
    let paths = ReportPaths {
        html: folder.join("report.html"),
        markdown: folder.join("report.md"),
        csv: folder.join("sweep.csv"),
        closing: closing::closing(&sweep, &runs),
    };
    let all = csv::metrics(runs.values());
    files.add(&folder.join("metrics.csv"), all.as_bytes())?;
    files.add(&paths.csv, numbers.as_bytes())?;
    files.add(&paths.markdown, markdown::text(&blocks, &folder).as_bytes())?;
    files.add(&paths.html, html::page(&sweep.title, &blocks).as_bytes())?;
    files.publish()?;
    Ok(paths)
}

/// Every run of the sweep, once.
fn read_runs(sweep: &Sweep) -> Result<BTreeMap<PathBuf, Run>, ReportError> {
    let points = sweep.grids.iter().flat_map(|grid| &grid.lines);
    let points = points.flat_map(|line| &line.points);
    let mut runs = BTreeMap::new();
    for path in points.filter_map(|point| point.run.as_ref()) {
        if !runs.contains_key(path) {
            runs.insert(path.clone(), Run::read(path)?);
        }
    }
    Ok(runs)
}

/// How much of the sweep is there.
fn progress(sweep: &Sweep) -> Option<Block> {
    let points = || {
        let lines = sweep.grids.iter().flat_map(|grid| &grid.lines);
        lines.flat_map(|line| &line.points)
    };
    let (all, done) = (
        points().count(),
        points().filter(|point| point.run.is_some()).count(),
    );
    (done < all).then(|| {
        Block::Notice(format!(
            "{done} of {all} points are trained and measured. The same command goes on: cargo xtask \
             reproduce {}",
            sweep.name
        ))
    })
}

/// A grid with its runs.
struct Section<'a> {
    grid: &'a Grid,
    runs: &'a BTreeMap<PathBuf, Run>,
}

/// A metric of the grid as some run has it, for its label and unit.
struct Measured<'a> {
    /// Name or label, as the grid names it.
    asked: &'a str,
    metric: &'a Metric,
    evaluation: &'a Evaluation,
}

impl<'a> Section<'a> {
    /// Runs of the grid with their line and seed.
    fn members(&self) -> impl Iterator<Item = (&'a plan::Line, &'a plan::Point, &'a Run)> {
        let Self { grid, runs } = *self;
        let points = grid.lines.iter();
        let points = points.flat_map(|line| line.points.iter().map(move |point| (line, point)));
        points.filter_map(|(line, point)| Some((line, point, runs.get(point.run.as_ref()?)?)))
    }

    /// What the grid draws, as far as anything of it was measured.
    fn measured(&self) -> Vec<Measured<'a>> {
        let names = self.grid.metrics.iter();
        let found = names.filter_map(|name| self.members().find_map(|(_, _, run)| find(run, name)));
        found.collect()
    }

    /// Values of a metric at one place of one line.
    fn spread(&self, line: &plan::Line, x: Option<f64>, metric: &str) -> Spread {
        let here = self.members();
        let here = here.filter(|(of, point, _)| std::ptr::eq(*of, line) && point.x == x);
        Spread::of(here.filter_map(|(_, point, run)| {
            let found = find(run, metric)?;
            Some((point.seed, found.metric.value))
        }))
    }

    /// What the first seed measured at one place of one line.
    fn own(&self, line: &plan::Line, x: Option<f64>, asked: &'a str) -> Option<Measured<'a>> {
        let mut here = self.members();
        here.find_map(|(of, point, run)| {
            let is_here = std::ptr::eq(of, line) && point.x == x;
            is_here.then(|| find(run, asked)).flatten()
        })
    }

    /// Under which conditions all of it was measured, and whether these are the same everywhere.
    fn conditions(&self) -> Vec<Block> {
        let mut protocols: Vec<String> = Vec::new();
        for (_, _, run) in self.members() {
            for name in &self.grid.metrics {
                let Some(found) = find(run, name) else {
                    continue;
                };
                let mut protocol = found.evaluation.protocol.clone();
                // Both differ from run to run.
                protocol.seed = 0;
                protocol.encoder.clear();
                let text = format!("{}: {}", protocol_name(&protocol), conditions(&protocol));
                let text = text.replace("; seed 0", "");
                if !protocols.contains(&text) {
                    protocols.push(text);
                }
            }
        }
        let mut blocks = Vec::new();
        match &protocols[..] {
            [] => {}
            [one] => blocks.push(Block::Paragraph(format!("Protocol {one}"))),
            several => blocks.push(Block::Notice(format!(
                "The points were measured under {} different protocols and must not be compared: \
                 {}",
                several.len(),
                several.join(" / ")
            ))),
        }
        blocks.extend(self.instruments());
        blocks
    }

    /// What each metric was measured with; metrics with the same instrument together.
    fn instruments(&self) -> Option<Block> {
        let mut groups: Vec<(Vec<&str>, BTreeSet<&str>)> = Vec::new();
        for name in &self.grid.metrics {
            let found = self.members().filter_map(|(_, _, run)| find(run, name));
            let found: Vec<_> = found.map(|found| found.metric).collect();
            let Some(first) = found.first() else {
                continue;
            };
            let networks = found.iter().map(|metric| metric.network.as_str()).collect();
            match groups.iter_mut().find(|(_, others)| *others == networks) {
                Some((labels, _)) => labels.push(&first.label),
                None => groups.push((vec![&first.label], networks)),
            }
        }
        let described = groups.iter().map(|(labels, networks)| {
            let labels = labels.join(", ");
            match networks.first() {
                Some(one) if networks.len() == 1 => format!("{labels}: {one}"),
                _ => format!("{labels}: each run its own, {} in all", networks.len()),
            }
        });
        let described: Vec<String> = described.collect();
        (!described.is_empty())
            .then(|| Block::Paragraph(format!("Measured with: {}.", described.join("; "))))
    }

    fn chart(&self, measured: &Measured<'a>) -> Option<Chart> {
        let metric = measured.metric;
        let scale = percent(&metric.unit);
        let axis = self.grid.axis.as_ref();
        let x_scale = axis.map_or(1.0, |axis| percent(&axis.unit));
        let ends = axis.and_then(|axis| Some([*axis.values.first()?, *axis.values.last()?]));
        let mut lines = Vec::new();
        for (i, line) in self.grid.lines.iter().enumerate() {
            let mut drawn = Line::new(&line.title, Vec::new());
            for (_, x) in self
                .grid
                .rows()
                .into_iter()
                .filter(|(of, _)| std::ptr::eq(*of, line))
            {
                let spread = self.spread(line, x, measured.asked);
                let Some(mean) = spread.mean().map(|mean| scale * mean) else {
                    continue;
                };
                let at = match (x, ends) {
                    (Some(x), _) => vec![x_scale * x],
                    // A line that does not follow the axis is a level.
                    (None, Some(ends)) => ends.map(|x| x_scale * x).into(),
                    (None, None) => vec![i as f64],
                };
                drawn.points.extend(at.iter().map(|&x| (x, mean)));
                let [at] = at[..] else { continue };
                if let Some(deviation) = spread.deviation() {
                    let deviation = scale * deviation;
                    drawn.spreads.push((at, mean - deviation, mean + deviation));
                    let values = spread.values.iter();
                    drawn.dots.extend(values.map(|(_, v)| (at, scale * v)));
                } else if let Some(own) = self.own(line, x, measured.asked)
                    && let (Some(low), Some(high)) = (own.metric.low, own.metric.high)
                {
                    // One seed says nothing about seeds, but its images say something.
                    drawn.spreads.push((at, scale * low, scale * high));
                }
            }
            lines.push(drawn);
        }
        let names: Vec<String> = match axis {
            Some(_) => Vec::new(),
            None => self.grid.lines.iter().map(|l| l.title.clone()).collect(),
        };
        let x_title = axis.map_or_else(String::new, |axis| in_percent(&axis.title, &axis.unit));
        let direction = if metric.higher_is_better {
            "higher is better"
        } else {
            "lower is better"
        };
        let unit = match metric.unit.as_str() {
            "share" => "%",
            unit => unit,
        };
        plot::draw(Plot {
            title: format!("{} ({direction})", metric.label),
            x_title: &x_title,
            x_names: &names,
            unit,
            start: None,
            lines,
        })
    }

    /// One picture per place, of the first seed that has any.
    fn pictures(&self) -> Vec<Picture> {
        let mut pictures = Vec::new();
        for (line, x) in self.grid.rows() {
            let mut here = self.members();
            let found = here.find_map(|(of, point, run)| {
                let is_here = std::ptr::eq(of, line) && point.x == x;
                is_here.then(|| compare::picture(run)).flatten()
            });
            pictures.extend(found.map(|picture| Picture {
                title: format!("{}{}", line.title, self.at(x)),
                ..picture
            }));
        }
        pictures.truncate(PICTURES);
        pictures
    }

    /// `, labels replaced 10 %`
    fn at(&self, x: Option<f64>) -> String {
        match (&self.grid.axis, x) {
            (Some(axis), Some(x)) => format!(", {} {}", axis.title, place(x, &axis.unit)),
            _ => String::new(),
        }
    }
}

/// The evaluation of a run that has a metric of this name or, where networks share a name, of this
/// label.
fn find<'a>(run: &'a Run, asked: &'a str) -> Option<Measured<'a>> {
    run.evaluations.iter().find_map(|(evaluation, _)| {
        let is_asked = |m: &&Metric| m.name == asked || m.label == asked;
        let metric = evaluation.metrics.iter().find(is_asked)?;
        Some(Measured {
            asked,
            metric,
            evaluation,
        })
    })
}

/// `text` as a part of a file name.
fn slug(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    text.chars().map(plain).collect()
}

/// Factor that turns a value of `unit` into what is shown.
fn percent(unit: &str) -> f64 {
    if unit == "share" { 100.0 } else { 1.0 }
}

fn in_percent(title: &str, unit: &str) -> String {
    match unit {
        "share" => format!("{title}, %"),
        "" => title.into(),
        unit => format!("{title}, {unit}"),
    }
}

/// A value on the axis.
fn place(x: f64, unit: &str) -> String {
    let number = plot::trimmed(percent(unit) * x);
    match unit {
        "share" => format!("{number} %"),
        "" => number,
        unit => format!("{number} {unit}"),
    }
}

//! Several runs beside each other.

use super::Protocols;
use super::document::{Block, Cell, Picture, Table};
use super::format::{self, basis, conditions, protocol_name, published};
use super::headlines;
use super::run::Run;
use crate::config::schema::ExpectRow;
use crate::run::results::{Metric, Protocol};

/// A protocol and the metrics of the runs that were measured under it.
type Group<'a> = (&'a Protocol, Vec<(&'a Run, &'a [Metric])>);

/// Tables of the runs, one per protocol, then a row of images of each.
pub(super) fn runs(runs: &[Run], protocols: Protocols) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut stamps: Vec<String> = runs.iter().filter_map(Run::stamp).collect();
    stamps.sort();
    stamps.dedup();
    blocks.extend(stamps.into_iter().map(Block::Stamp));
    let pictures: Vec<Picture> = runs.iter().filter_map(picture).collect();
    if !pictures.is_empty() {
        blocks.push(Block::Heading(2, "Pictures of each run".into()));
        blocks.push(Block::Pictures(pictures));
    }
    let groups = by_protocol(runs);
    if groups.len() > 1 {
        blocks.push(Block::Notice(format!(
            "The runs were measured under {} different protocols. Numbers of different protocols \
             must not be compared, so each protocol has its own table{}.",
            groups.len(),
            match protocols {
                Protocols::Apart => " (`--across-protocols` asks for one of all)",
                Protocols::Across => "; the table of all that was asked for names both sides",
            }
        )));
        if protocols == Protocols::Across {
            blocks.extend(across(&groups));
        }
    }
    for (protocol, members) in &groups {
        blocks.push(Block::Heading(
            2,
            format!("Protocol {}", protocol_name(protocol)),
        ));
        let rows: Vec<Row<'_>> = members
            .iter()
            .map(|&(run, metrics)| (run, run.label.clone(), metrics))
            .collect();
        blocks.push(foremost(&rows));
        blocks.push(Block::Fold {
            level: 3,
            title: "All metrics, the paper\u{2019}s figures and the conditions".into(),
            blocks: vec![Block::Paragraph(conditions(protocol)), comparison(&rows)],
        });
    }
    let unmeasured: Vec<&Run> = runs
        .iter()
        .filter(|run| run.evaluations.is_empty())
        .collect();
    for run in &unmeasured {
        blocks.push(Block::Notice(format!(
            "{} has not been evaluated. Measure it with: wordpaint evaluate {}",
            run.label,
            run.folder.display()
        )));
    }
    blocks.extend(paper_only(&unmeasured));
    blocks
}

/// Evaluations of equal protocols together, in order of first appearance.
fn by_protocol(runs: &[Run]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for run in runs {
        for (evaluation, _) in &run.evaluations {
            let member = (run, evaluation.metrics.as_slice());
            match groups
                .iter_mut()
                .find(|(protocol, _)| **protocol == evaluation.protocol)
            {
                Some((_, members)) => members.push(member),
                None => groups.push((&evaluation.protocol, vec![member])),
            }
        }
    }
    groups
}

/// One table over all protocols, each row with the name of its own.
fn across(groups: &[Group<'_>]) -> Vec<Block> {
    let names: Vec<String> = groups.iter().map(|(p, _)| protocol_name(p)).collect();
    let rows: Vec<Row<'_>> = groups
        .iter()
        .zip(&names)
        .flat_map(|((protocol, members), name)| {
            let images = format::count(protocol.images as u64);
            members.iter().map(move |&(run, metrics)| {
                let note = format!("{}; protocol {name}, {images} images", run.label);
                (run, note, metrics)
            })
        })
        .collect();
    vec![
        Block::Heading(2, format!("Across protocols: {}", names.join(" and "))),
        Block::Stamp("rows of different protocols: they differ by more than the runs".into()),
        comparison(&rows),
    ]
}

/// A run, what stands under its name, and its metrics.
type Row<'a> = (&'a Run, String, &'a [Metric]);

/// Rows are runs; columns are the metrics that say most.
fn foremost(members: &[Row<'_>]) -> Block {
    let metrics: Vec<&Metric> = members.iter().flat_map(|(_, _, m)| *m).collect();
    let columns = headlines::columns(&metrics);
    Block::Table(Table {
        caption: "The numbers that say most, with 95 % interval; an arrow points to the better \
                  direction."
            .into(),
        head: head(&columns),
        rows: members.iter().map(|row| cells(row, &columns)).collect(),
    })
}

fn head(columns: &[&Metric]) -> Vec<Cell> {
    let mut head = vec![Cell::text("Run")];
    head.extend(columns.iter().map(|metric| {
        let direction = if metric.higher_is_better {
            "\u{2191}"
        } else {
            "\u{2193}"
        };
        Cell::text(format!("{} {direction}", metric.label)).with_note(&metric.network)
    }));
    head
}

fn cells((run, note, metrics): &Row<'_>, columns: &[&Metric]) -> Vec<Cell> {
    let mut row = vec![Cell::text(run.name()).with_note(note)];
    row.extend(columns.iter().map(|column| {
        match metrics.iter().find(|metric| is_same(column, metric)) {
            Some(metric) => Cell::number(format::with_interval(metric)).with_note(basis(metric)),
            None => Cell::text("not measured"),
        }
    }));
    row
}

/// Rows are runs; columns are our metrics, then the paper's figures.
fn comparison(members: &[Row<'_>]) -> Block {
    let mut columns: Vec<&Metric> = Vec::new();
    for metric in members.iter().flat_map(|(_, _, metrics)| *metrics) {
        if !columns.iter().any(|column| is_same(column, metric)) {
            columns.push(metric);
        }
    }
    let runs: Vec<&Run> = members.iter().map(|(run, _, _)| *run).collect();
    let paper = paper_columns(&runs);
    let mut head = head(&columns);
    head.extend(paper.iter().map(PaperColumn::head));
    let rows = members
        .iter()
        .map(|row| {
            let mut all = cells(row, &columns);
            all.extend(paper.iter().map(|column| column.cell(row.0)));
            all
        })
        .collect();
    let mut caption =
        "Ours with 95 % interval; an arrow points to the better direction.".to_string();
    if !paper.is_empty() {
        caption.push_str(
            " Columns in italics are the paper's own figures, measured with the instrument under \
             their heading",
        );
        caption.push_str(if runs.iter().any(|run| run.stamp().is_some()) {
            ", on other data: compare the order of the rows, never the numbers."
        } else {
            ": numbers of different instruments must not be compared."
        });
    }
    Block::Table(Table {
        caption,
        head,
        rows,
    })
}

/// The paper's figures of runs that have none of ours.
fn paper_only(runs: &[&Run]) -> Option<Block> {
    let columns = paper_columns(runs);
    if columns.is_empty() {
        return None;
    }
    let mut head = vec![Cell::text("Run")];
    head.extend(columns.iter().map(PaperColumn::head));
    let rows = runs
        .iter()
        .map(|run| {
            let mut row = vec![Cell::text(run.name()).with_note(&run.label)];
            row.extend(columns.iter().map(|column| column.cell(run)));
            row
        })
        .collect();
    Some(Block::Table(Table {
        caption: "The paper's own figures.".into(),
        head,
        rows,
    }))
}

fn is_same(a: &Metric, b: &Metric) -> bool {
    a.name == b.name && a.network == b.network && a.unit == b.unit
}

/// A column of published figures: one table, metric and instrument.
#[derive(PartialEq, Eq)]
pub(super) struct PaperColumn<'a> {
    source: &'a str,
    metric: &'a str,
    instrument: &'a str,
}

/// The published figures that any of `runs` aims at.
pub(super) fn paper_columns<'a>(runs: &[&'a Run]) -> Vec<PaperColumn<'a>> {
    let mut columns = Vec::new();
    for run in runs {
        for (source, row) in figures(run) {
            let column = PaperColumn {
                source,
                metric: &row.metric,
                instrument: &row.instrument,
            };
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
    }
    columns
}

fn figures(run: &Run) -> impl Iterator<Item = (&str, &ExpectRow)> {
    run.head
        .expect
        .iter()
        .flat_map(|e| e.rows.iter().map(move |row| (e.source.as_str(), row)))
}

impl PaperColumn<'_> {
    pub(super) fn head(&self) -> Cell {
        Cell::paper(format!("paper: {}", self.metric))
            .with_note(format!("{}; {}", self.source, self.instrument))
    }

    pub(super) fn cell(&self, run: &Run) -> Cell {
        figures(run)
            .find(|(source, row)| {
                let PaperColumn {
                    source: own,
                    metric,
                    instrument,
                } = self;
                source == own && row.metric == *metric && row.instrument == *instrument
            })
            .map_or_else(
                || Cell::paper("\u{2013}"),
                |(_, row)| published(row, &row.note),
            )
    }
}

/// The last sample grid of a run, or the grid of its evaluation.
pub(super) fn picture(run: &Run) -> Option<Picture> {
    let mut evaluated = run
        .evaluations
        .iter()
        .filter_map(|(_, pictures)| pictures.first());
    let chosen = run.samples.last().or_else(|| evaluated.next_back())?;
    let title = format!(
        "{} ({}), {}",
        run.name(),
        run.label,
        chosen.title.to_lowercase()
    );
    Some(Picture {
        title,
        ..chosen.clone()
    })
}

//! The sections of one run, in the order in which people read: pictures, the numbers that say most,
//! curves; then everything else, folded.

use std::collections::BTreeMap;

use super::charts;
use super::document::{Block, Cell, Picture, Table};
use super::format::{self, conditions, protocol_name};
use super::headlines;
use super::paper;
use super::run::Run;
use super::training;
use crate::evaluate::Subject;
use crate::run::results::{Evaluation, Happening};

/// Everything about `run`, under a heading of `level`.
pub(super) fn run(run: &Run, level: u8) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(level, heading(run))];
    blocks.extend(body(run, level + 1));
    blocks
}

/// Everything about `run` but its name, under headings of `level`.
pub(super) fn body(run: &Run, level: u8) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !run.head.title.is_empty() {
        blocks.push(Block::Paragraph(run.head.title.clone()));
    }
    blocks.extend(run.stamp().map(Block::Stamp));
    blocks.push(Block::Paragraph(training::status(run)));
    blocks.extend(run.notes.iter().cloned().map(Block::Notice));
    blocks.extend(warnings(run));
    let (newest, more) = pictures(run);
    if !newest.is_empty() {
        blocks.push(Block::Heading(level, "Pictures".into()));
        blocks.push(Block::Pictures(newest));
    }
    blocks.push(Block::Heading(level, "Numbers".into()));
    blocks.push(numbers(run));
    let is_comparable = paper::is_comparable(run);
    if is_comparable {
        blocks.push(Block::Heading(level, "Beside the paper".into()));
        blocks.extend(paper::table(run));
    }
    let mut charts: Vec<_> = charts::monitor(&run.happenings).into_iter().collect();
    charts.extend(charts::training(&run.events));
    if !charts.is_empty() {
        blocks.push(Block::Heading(level, "Curves".into()));
        blocks.push(Block::Charts(charts));
    }
    blocks.push(Block::Heading(level, "Everything else".into()));
    blocks.extend(folded(run, level + 1, more, is_comparable));
    blocks
}

/// What few readers ask for, and those who do must find.
fn folded(run: &Run, level: u8, more: Vec<Block>, is_paper_shown: bool) -> Vec<Block> {
    let paper = paper::table(run).filter(|_| !is_paper_shown);
    let cost = training::costs(run).into_iter();
    let settings = Block::Verbatim {
        title: "config.toml".into(),
        text: run.config.clone(),
    };
    let figures = match &run.figures[..] {
        [] => Vec::new(),
        figures => vec![Block::Pictures(figures.to_vec())],
    };
    let sections = [
        (
            "All metrics with their instruments",
            paper::measured(run).into_iter().collect(),
        ),
        (
            "The paper\u{2019}s figures, with which nothing here may be compared",
            paper.into_iter().collect(),
        ),
        (
            "What was not measured, and why",
            missing(run).into_iter().collect(),
        ),
        ("Protocols", protocols(run)),
        ("More pictures", more),
        ("Figures", figures),
        ("Course of the training", training::course(run)),
        (
            "Cost and environment",
            cost.chain(training::environment(run)).collect(),
        ),
        ("Settings", vec![settings]),
    ];
    let filled = sections
        .into_iter()
        .filter(|(_, blocks)| !blocks.is_empty());
    filled
        .map(|(title, blocks)| Block::Fold {
            level,
            title: title.into(),
            blocks,
        })
        .collect()
}

/// Name of the experiment, and of the run where that says more.
pub(super) fn heading(run: &Run) -> String {
    if run.label == run.name() {
        run.label.clone()
    } else {
        format!("{}: {}", run.name(), run.label)
    }
}

/// The newest sample grid and the grid of the largest evaluation, and all other pictures.
fn pictures(run: &Run) -> (Vec<Picture>, Vec<Block>) {
    let mut more = Vec::new();
    let (earlier, last) = match run.samples.split_last() {
        Some((last, earlier)) => (earlier, Some(last)),
        None => (&[][..], None),
    };
    if !earlier.is_empty() {
        more.push(Block::Paragraph(
            "Fixed captions and noise, at the first and a middle sampled step; the last stands \
             above."
                .into(),
        ));
        more.push(Block::Pictures(earlier.to_vec()));
    }
    let mut grids: Vec<(&Evaluation, Picture)> = Vec::new();
    for (evaluation, pictures) in &run.evaluations {
        let name = protocol_name(&evaluation.protocol);
        let mut pictures = pictures.iter().map(|picture| Picture {
            title: format!("{}, protocol {name}", picture.title),
            ..picture.clone()
        });
        if evaluation.grid.is_some() {
            grids.extend(pictures.next().map(|picture| (evaluation, picture)));
        }
        let others: Vec<Picture> = pictures.collect();
        if !others.is_empty() {
            more.push(Block::Pictures(others));
        }
    }
    let images = |(i, (evaluation, _)): &(usize, &(&Evaluation, Picture))| {
        (evaluation.protocol.images, std::cmp::Reverse(*i))
    };
    let largest = grids.iter().enumerate().max_by_key(images).map(|(i, _)| i);
    let grid = largest.map(|i| grids.remove(i).1);
    if !grids.is_empty() {
        let grids = grids.into_iter().map(|(_, picture)| picture);
        more.push(Block::Pictures(grids.collect()));
    }
    let last = last.map(|picture| Picture {
        title: format!("{} of the training", picture.title),
        ..picture.clone()
    });
    (grid.into_iter().chain(last).collect(), more)
}

/// The numbers that say most, or how to get them.
fn numbers(run: &Run) -> Block {
    let family = run.head.family.as_str();
    if !run.evaluations.is_empty() {
        let evaluations = run.evaluations.iter().map(|(evaluation, _)| evaluation);
        Block::Keys(headlines::keys(&headlines::metrics(evaluations)))
    } else if !family.is_empty() && Subject::of(family).is_none() {
        Block::Paragraph(
            "Nothing is measured of this network by itself: systems that learn from it are.".into(),
        )
    } else {
        Block::Notice(format!(
            "This run has not been evaluated. Measure it with: wordpaint evaluate {}",
            run.folder.display()
        ))
    }
}

/// What training warned of, each matter once, as it was seen last.
fn warnings(run: &Run) -> Vec<Block> {
    let mut found = BTreeMap::new();
    for happening in run.happenings.iter().filter(|h| h.kind == "warning") {
        found.insert(&happening.matter, happening);
    }
    let notice = |happening: &Happening| {
        let step = format::count(happening.step);
        Block::Notice(format!("Warning at step {step}: {}.", happening.message))
    };
    found.into_values().map(notice).collect()
}

fn protocols(run: &Run) -> Vec<Block> {
    let protocols = run.evaluations.iter().map(|(e, _)| &e.protocol);
    protocols
        .map(|protocol| {
            let name = protocol_name(protocol);
            Block::Paragraph(format!("Protocol {name}: {}", conditions(protocol)))
        })
        .collect()
}

/// What no evaluation of the run could measure; one may have what another lacks.
fn missing(run: &Run) -> Option<Block> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for missing in run.evaluations.iter().flat_map(|(e, _)| &e.missing) {
        let row = [&missing.metric, &missing.why, &missing.how];
        let row: Vec<String> = row.into_iter().cloned().collect();
        if !paper::is_measured(run, &missing.metric) && !rows.contains(&row) {
            rows.push(row);
        }
    }
    let head = ["Not measured", "Why", "What it needs"];
    (!rows.is_empty()).then(|| {
        Block::Table(Table {
            caption: "Metrics of the protocols that are not in place here.".into(),
            head: head.map(Cell::text).into(),
            rows: rows
                .into_iter()
                .map(|row| row.into_iter().map(Cell::text).collect())
                .collect(),
        })
    })
}

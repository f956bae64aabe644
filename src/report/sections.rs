//! The sections of one run.

use super::charts;
use super::document::{Block, Cell, Table, facts};
use super::format;
use super::paper;
use super::run::Run;
use super::schema::{Metric, Missing, Protocol};
use super::summary;
use crate::config::schema::ExpectRow;

/// Everything about `run`, under a heading of `level`, in the order in which people ask: what does it
/// paint, how good is that, how did it come about, and everything else behind folds.
pub(super) fn run(run: &Run, level: u8) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(level, heading(run))];
    if !run.head.title.is_empty() {
        blocks.push(Block::Paragraph(run.head.title.clone()));
    }
    blocks.extend(run.stamp().map(Block::Stamp));
    blocks.push(Block::Paragraph(status(run)));
    blocks.extend(run.notes.iter().cloned().map(Block::Notice));
    let below = level + 1;
    blocks.push(Block::Heading(below, "Results".into()));
    if run.evaluations.is_empty() {
        blocks.push(Block::Notice(format!(
            "This run has not been evaluated. Measure it with: wordpaint evaluate {}",
            run.folder.display()
        )));
    }
    for (_, pictures) in &run.evaluations {
        if let Some(grid) = pictures.first() {
            blocks.push(Block::Pictures(vec![grid.clone()]));
        }
    }
    blocks.extend(summary::table(run));
    if !run.figures.is_empty() {
        blocks.push(Block::Heading(below, "Figures".into()));
        blocks.push(Block::Pictures(run.figures.clone()));
    }
    let mut charts = charts::training(&run.events);
    charts.extend(charts::monitor(&run.happenings));
    if !charts.is_empty() {
        blocks.push(Block::Heading(below, "Training".into()));
        blocks.push(Block::Charts(charts));
    }
    samples(run, below, &mut blocks);
    blocks.push(Block::Heading(below, "Details".into()));
    let measurements = measurements(run);
    if !measurements.is_empty() {
        blocks.push(Block::Fold {
            summary: "Every measurement, its instrument, and the paper's figures".into(),
            blocks: measurements,
        });
    }
    let mut circumstances = Vec::new();
    interruptions(run, &mut circumstances);
    circumstances.extend(costs(run));
    circumstances.extend(environment(run));
    blocks.push(Block::Fold {
        summary: "Costs and environment".into(),
        blocks: circumstances,
    });
    blocks.push(Block::Details {
        summary: "Configuration (config.toml)".into(),
        text: run.config.clone(),
    });
    blocks
}

/// Name of the experiment, and of the run where that says more.
fn heading(run: &Run) -> String {
    if run.label == run.name() {
        run.label.clone()
    } else {
        format!("{}: {}", run.name(), run.label)
    }
}

fn status(run: &Run) -> String {
    let environment = &run.environment;
    let family = match run.head.family.as_str() {
        "" => String::new(),
        family => format!("System {family}. "),
    };
    let steps = environment
        .steps
        .or_else(|| run.events.last().map(|event| event.step));
    let steps = steps.map_or_else(
        || "no step".into(),
        |n| format!("{} steps", format::count(n)),
    );
    let samples = run.events.last().map_or(0, |event| event.samples);
    match &environment.finished {
        Some(when) => format!(
            "{family}Training finished on {when} after {steps} and {} samples.",
            format::count(samples)
        ),
        None => format!(
            "{family}Training is not finished: {steps} so far. Continue it with: wordpaint resume {}",
            run.folder.display()
        ),
    }
}

/// All numbers with their instruments and protocols, and what could not be measured.
fn measurements(run: &Run) -> Vec<Block> {
    let mut blocks = Vec::new();
    blocks.extend(paper::table(run));
    for (evaluation, pictures) in &run.evaluations {
        blocks.push(Block::Paragraph(format!(
            "Protocol {}: {}",
            protocol_name(&evaluation.protocol),
            conditions(&evaluation.protocol)
        )));
        let absent = evaluation.missing.iter();
        // What one evaluation could not measure another of the run may have.
        let absent = absent.filter(|missing| !paper::is_measured(run, &missing.metric));
        blocks.extend(missing(&absent.collect::<Vec<_>>()));
        if pictures.len() > 1 {
            blocks.push(Block::Pictures(pictures[1..].to_vec()));
        }
    }
    blocks
}

/// A published figure with its source.
pub(super) fn published(row: &ExpectRow, source: &str) -> Cell {
    // Printed as published: no digits are added to the paper's own.
    let value = match row.plusminus {
        Some(spread) => format!("{} \u{b1} {spread}", row.value),
        None => row.value.to_string(),
    };
    Cell::paper(value).with_note(source)
}

/// `n = 600; chance 9.8 %`
pub(super) fn basis(metric: &Metric) -> String {
    let chance = metric
        .chance
        .map(|chance| format!("chance {}", format::in_unit(chance, &metric.unit)))
        .unwrap_or_default();
    joined([
        format!("n = {}", format::count(metric.count as u64)).as_str(),
        &chance,
    ])
}

/// Name and version.
pub(super) fn protocol_name(protocol: &Protocol) -> String {
    if protocol.version.is_empty() {
        protocol.name.clone()
    } else {
        format!(
            "{} v{}",
            protocol.name,
            protocol.version.trim_start_matches('v')
        )
    }
}

/// The conditions of a protocol in one sentence.
pub(super) fn conditions(protocol: &Protocol) -> String {
    let part = |name: &str, value: &str| match value {
        "" => String::new(),
        value => format!("{name} {value}"),
    };
    joined([
        protocol.description.trim_end_matches('.'),
        &format!("{} images", format::count(protocol.images as u64)),
        &part("split", &protocol.split),
        &part("captions:", &protocol.captions),
        &format!("seed {}", protocol.seed),
        &part("encoder", &protocol.encoder),
        &part("front end", &protocol.front_end),
    ]) + "."
}

/// The parts that are not empty, with semicolons.
pub(super) fn joined<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

fn missing(missing: &[&Missing]) -> Option<Block> {
    if missing.is_empty() {
        return None;
    }
    let rows = missing
        .iter()
        .map(|m| {
            vec![
                Cell::text(&m.metric),
                Cell::text(&m.why),
                Cell::text(&m.how),
            ]
        })
        .collect();
    let head = ["Not measured", "Why", "What it needs"]
        .map(Cell::text)
        .into();
    Some(Block::Table(Table {
        caption: String::new(),
        head,
        rows,
    }))
}

fn samples(run: &Run, level: u8, blocks: &mut Vec<Block>) {
    if !run.samples.is_empty() {
        blocks.push(Block::Heading(level, "Samples during training".into()));
        blocks.push(Block::Paragraph(
            "Fixed captions and noise, at the first, a middle and the last sampled step.".into(),
        ));
        blocks.push(Block::Pictures(run.samples.clone()));
    }
}

/// Resumes and stops; checkpoints are only counted.
fn interruptions(run: &Run, blocks: &mut Vec<Block>) {
    let count = |kind| run.happenings.iter().filter(|h| h.kind == kind).count();
    let (resumes, checkpoints) = (count("resume"), count("checkpoint"));
    let sessions = match resumes {
        0 => "Trained in one session".to_string(),
        1 => "Resumed once".to_string(),
        n => format!("Resumed {n} times"),
    };
    let saved = match checkpoints {
        0 => String::new(),
        1 => "; one checkpoint".into(),
        n => format!("; {n} checkpoints"),
    };
    blocks.push(Block::Paragraph(format!("{sessions}{saved}.")));
    let rows: Vec<Vec<Cell>> = run
        .happenings
        .iter()
        .filter(|h| !matches!(h.kind.as_str(), "checkpoint" | "finished" | "monitor"))
        .map(|h| {
            vec![
                Cell::text(&h.kind),
                Cell::number(format::count(h.step)),
                Cell::text(&h.time),
                Cell::text(&h.message),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let head = ["Event", "Step", "Time (UTC)", "Message"]
            .map(Cell::text)
            .into();
        blocks.push(Block::Table(Table {
            caption: String::new(),
            head,
            rows,
        }));
    }
}

fn costs(run: &Run) -> Option<Block> {
    let environment = &run.environment;
    let mut entries: Vec<(&str, String)> = Vec::new();
    let networks: Vec<String> = environment
        .parameters
        .iter()
        .map(|(name, n)| format!("{name} {}", format::count(*n)))
        .collect();
    if !networks.is_empty() {
        let total = format::count(environment.parameters.values().sum());
        entries.push(("Parameters", format!("{total} ({})", networks.join(", "))));
    }
    entries.push((
        "Wall-clock time",
        environment
            .wall_seconds
            .map(format::duration)
            .unwrap_or_default(),
    ));
    entries.push((
        "Time per step (median)",
        median_of(run, |e| e.seconds_per_step * 1000.0, "ms"),
    ));
    entries.push((
        "Throughput (median)",
        median_of(run, |e| e.images_per_second, "images/s"),
    ));
    entries.push((
        "Peak memory",
        environment
            .peak_memory_bytes
            .map(format::bytes)
            .unwrap_or_default(),
    ));
    facts("Costs", entries)
}

/// Median over logged steps; empty where none has a finite value above 0.
fn median_of(run: &Run, value: impl Fn(&super::schema::Event) -> f64, unit: &str) -> String {
    let mut values: Vec<f64> = run
        .events
        .iter()
        .map(value)
        .filter(|v| v.is_finite() && *v > 0.0)
        .collect();
    values.sort_by(f64::total_cmp);
    values
        .get(values.len() / 2)
        .map_or_else(String::new, |v| format::in_unit(*v, unit))
}

fn environment(run: &Run) -> Option<Block> {
    let e = &run.environment;
    let cpus = if e.cpus == 0 {
        String::new()
    } else {
        e.cpus.to_string()
    };
    facts(
        "Environment",
        [
            (
                "Version",
                format!("{} {}", e.wordpaint, e.version).trim().to_string(),
            ),
            ("Device", e.device.clone()),
            ("Backend", e.backend.clone()),
            ("System", e.os.clone()),
            ("Processors", cpus),
            ("Command", e.command.clone()),
            ("Started (UTC)", e.started.clone()),
            ("Finished (UTC)", e.finished.clone().unwrap_or_default()),
            ("Data", e.data_uri.clone()),
            ("Data fingerprint", e.data_fingerprint.clone()),
        ],
    )
}

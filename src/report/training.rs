//! How a run was trained: its course, its cost and where it ran.

use super::document::{Block, Cell, Table, facts};
use super::format;
use super::run::Run;
use crate::run::results::Event;

/// How far it is.
pub(super) fn status(run: &Run) -> String {
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

/// Resumes and stops; checkpoints are only counted.
pub(super) fn course(run: &Run) -> Vec<Block> {
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
    let mut blocks = vec![Block::Paragraph(format!("{sessions}{saved}."))];
    let rows: Vec<Vec<Cell>> = run
        .happenings
        .iter()
        .filter(|h| {
            !matches!(
                h.kind.as_str(),
                "checkpoint" | "finished" | "monitor" | "start"
            )
        })
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
            caption: "What interrupted it.".into(),
            head,
            rows,
        }));
    }
    blocks
}

/// Size and cost.
pub(super) fn costs(run: &Run) -> Option<Block> {
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
fn median_of(run: &Run, value: impl Fn(&Event) -> f64, unit: &str) -> String {
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

/// What ran where.
pub(super) fn environment(run: &Run) -> Option<Block> {
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

//! What a sweep says in two lines.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::run::Run;
use super::super::{Closing, format, headlines};
use super::plan::Sweep;
use super::{Measured, Section, progress};

/// The first metric of the first grid that was measured, of every line at the last place that all
/// seeds reached; then what to do.
pub(super) fn closing(sweep: &Sweep, runs: &BTreeMap<PathBuf, Run>) -> Closing {
    let sections = sweep.grids.iter().map(|grid| Section { grid, runs });
    let mut measured = sections.filter_map(|section| {
        let first = section.measured().into_iter().next()?;
        Some(number(&section, &first))
    });
    let next = match progress(sweep) {
        Some(_) => format!(
            "train the points that are left: cargo xtask reproduce {}",
            sweep.name
        ),
        None => "read in the report which of the paper's claims hold".into(),
    };
    Closing {
        number: measured
            .next()
            .unwrap_or_else(|| "none, nothing was measured".into()),
        next,
    }
}

/// `Attribute agreement (mean): Plain 55.0 %, ContrastiveLoss 50.0 %; chance 9.8 %`
fn number(section: &Section<'_>, measured: &Measured<'_>) -> String {
    let metric = measured.metric;
    let mut values: Vec<String> = Vec::new();
    for line in &section.grid.lines {
        let rows = section.grid.rows().into_iter();
        let rows = rows.filter(|(of, _)| std::ptr::eq(*of, line));
        let mut means = rows.filter_map(|(_, x)| {
            let mean = section.spread(line, x, measured.asked).mean()?;
            Some(format!(
                "{}{} {}",
                line.title,
                section.at(x),
                format::in_unit(mean, &metric.unit)
            ))
        });
        values.extend(means.next_back());
    }
    let beside = headlines::beside(metric);
    let beside = beside.iter().map(|(name, value)| format!("{name} {value}"));
    let beside: Vec<String> = beside.collect();
    let beside = match &beside[..] {
        [] => String::new(),
        beside => format!(" ({})", beside.join("; ")),
    };
    format!("{} {}{beside}", metric.label, values.join(", "))
}

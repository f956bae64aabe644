//! The paper's figures beside ours.

use super::document::{Block, Cell, Table};
use super::format;
use super::run::Run;
use super::schema::{Metric, Protocol};
use super::sections::{basis, joined, protocol_name, published};
use crate::config::schema::ExpectRow;

/// The table of everything that was measured or published.
///
/// A published figure and ours of the same name share a row, each with its own instrument, and the
/// last column says whether the two may be compared.
pub(super) fn table(run: &Run) -> Option<Block> {
    let mut ours: Vec<(&Metric, &Protocol)> = run
        .evaluations
        .iter()
        .flat_map(|(evaluation, _)| evaluation.metrics.iter().map(|m| (m, &evaluation.protocol)))
        .collect();
    ours.sort_by(|(a, _), (b, _)| a.group.cmp(&b.group));
    let mut is_beside = vec![false; ours.len()];
    let mut rows = Vec::new();
    for expect in &run.head.expect {
        for row in &expect.rows {
            let same = |(metric, _): &(&Metric, &Protocol)| is_called(metric, &row.metric);
            let found: Vec<usize> = (0..ours.len()).filter(|&i| same(&ours[i])).collect();
            for &i in &found {
                is_beside[i] = true;
                rows.push(measured(run, ours[i], Some((row, &expect.source))));
            }
            if found.is_empty() {
                rows.push(unmeasured(run, row, &expect.source));
            }
        }
    }
    let rest = ours
        .iter()
        .zip(is_beside)
        .filter(|(_, is_beside)| !is_beside);
    rows.extend(rest.map(|(&ours, _)| measured(run, ours, None)));
    if rows.is_empty() {
        return None;
    }
    let head = [
        "Metric",
        "Paper",
        "Its instrument",
        "Ours",
        "Our instrument and protocol",
        "Comparable",
    ];
    let mut table = Table {
        caption: "Ours with 95 % interval. A figure of the paper stands beside ours of the same \
                  name, each with its own instrument; the last column says whether the two may be \
                  compared."
            .into(),
        head: head.map(Cell::text).into(),
        rows,
    };
    if run.head.expect.is_empty() {
        table.caption = "With 95 % interval.".into();
        table.rows.iter_mut().for_each(without_paper);
        without_paper(&mut table.head);
    }
    Some(Block::Table(table))
}

/// Takes the columns about the paper out of a row: its figure, its instrument, the verdict.
fn without_paper(row: &mut Vec<Cell>) {
    row.truncate(5);
    row.drain(1..3);
}

/// Whether an evaluation of the run has this metric.
pub(super) fn is_measured(run: &Run, published: &str) -> bool {
    let mut evaluations = run.evaluations.iter();
    evaluations.any(|(e, _)| e.metrics.iter().any(|metric| is_called(metric, published)))
}

/// Whether a metric goes under a published name: `SSIM (luma)` is an SSIM, `is_efflite0` no IS.
fn is_called(metric: &Metric, published: &str) -> bool {
    let base = metric.label.split(" (").next().unwrap_or_default();
    base.eq_ignore_ascii_case(published)
}

fn measured(
    run: &Run,
    (metric, protocol): (&Metric, &Protocol),
    paper: Option<(&ExpectRow, &str)>,
) -> Vec<Cell> {
    let name = match &metric.group {
        Some(group) => format!("{}: {}", group, metric.label),
        None => metric.label.clone(),
    };
    let direction = if metric.higher_is_better {
        "higher is better"
    } else {
        "lower is better"
    };
    let instrument = if metric.network.is_empty() {
        &metric.name
    } else {
        &metric.network
    };
    let nothing = || Cell::paper("\u{2013}");
    let [figure, theirs, verdict] = match paper {
        Some((row, source)) => [
            published(row, source),
            Cell::text(&row.instrument).with_note(&row.note),
            Cell::text(verdict(run, metric, row)),
        ],
        None => [nothing(), Cell::default(), Cell::default()],
    };
    let ours = Cell::number(format::with_interval(metric)).with_note(basis(metric));
    let protocol = protocol_name(protocol);
    let used = Cell::text(instrument).with_note(joined([protocol.as_str(), &metric.detail]));
    vec![
        Cell::text(name).with_note(direction),
        figure,
        theirs,
        ours,
        used,
        verdict,
    ]
}

fn unmeasured(run: &Run, row: &ExpectRow, source: &str) -> Vec<Cell> {
    let missing = run
        .evaluations
        .iter()
        .flat_map(|(evaluation, _)| &evaluation.missing);
    let reason = missing
        .into_iter()
        .find(|missing| {
            let base = missing.metric.split(" (").next().unwrap_or_default();
            base.eq_ignore_ascii_case(&row.metric)
        })
        .map_or_else(String::new, |missing| {
            joined([missing.why.as_str(), missing.how.as_str()])
        });
    vec![
        Cell::text(&row.metric),
        published(row, source),
        Cell::text(&row.instrument).with_note(&row.note),
        Cell::text("not measured").with_note(reason),
        Cell::default(),
        Cell::default(),
    ]
}

/// Whether two figures may be compared, and if not why.
fn verdict(run: &Run, metric: &Metric, row: &ExpectRow) -> &'static str {
    // `IS (is/imagenet-2015)` against `is/imagenet-2015 (Inception ...), 10 splits`.
    let theirs = row.instrument.split([' ', ',']).next().unwrap_or_default();
    let is_same = metric.network == row.instrument
        || (!theirs.is_empty() && metric.label.ends_with(&format!("({theirs})")));
    let count = images_of(&row.instrument);
    if run.stamp().is_some() {
        "no: other data"
    } else if !is_same {
        "no: other instrument, or the paper's is not fully known"
    } else if count.is_some_and(|count| count != metric.count) {
        "no: other number of images"
    } else {
        "yes"
    }
}

/// 29330 of `..., 29,330 images`.
fn images_of(instrument: &str) -> Option<usize> {
    let mut words = instrument.split(' ');
    let mut before = words.next()?;
    for word in words {
        if ["images", "pairs"].contains(&word.trim_end_matches([',', ';'])) {
            return before.replace(',', "").parse().ok();
        }
        before = word;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_network_of_its_own_is_not_the_published_one() {
        let called = |label: &str, published: &str| {
            let metric: Metric = serde_json::from_value(serde_json::json!({
                "name": "x", "label": label, "value": 1.0, "higher_is_better": true, "count": 1,
            }))
            .expect("a metric");
            is_called(&metric, published)
        };
        assert!(called("SSIM (luma)", "SSIM") && called("IS (is/imagenet-2015)", "IS"));
        assert!(!called("is_efflite0", "IS") && !called("FSIMc", "FSIM"));
    }

    #[test]
    fn numbers_of_images_are_read_from_instruments() {
        let instrument = "is/imagenet-2015 (Inception 2015-12-05), 10 splits, 29,330 images";
        assert_eq!(images_of(instrument), Some(29_330));
        assert_eq!(images_of("2,933 pairs, 224 px"), Some(2933));
        assert_eq!(images_of("ssim/luma"), None);
    }
}

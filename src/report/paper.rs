//! The paper's figures beside ours.

use super::document::{Block, Cell, Table};
use super::format::{self, basis, joined, protocol_name, published};
use super::run::Run;
use crate::config::schema::ExpectRow;
use crate::run::results::{Metric, Protocol};

/// What is said of figures that may be compared.
const COMPARABLE: &str = "yes";

/// Everything that was measured, with its instrument.
pub(super) fn measured(run: &Run) -> Option<Block> {
    let mut rows: Vec<(&Metric, &Protocol)> = ours(run).collect();
    rows.sort_by(|(a, _), (b, _)| a.group.cmp(&b.group));
    let head = ["Metric", "Value", "Instrument and protocol"];
    (!rows.is_empty()).then(|| {
        Block::Table(Table {
            caption: "Values with 95 % interval, number of observations (n) and chance.".into(),
            head: head.map(Cell::text).into(),
            rows: rows.into_iter().map(|row| cells(row).into()).collect(),
        })
    })
}

/// The paper's figures beside ours of the same name, each with its own instrument; the last column
/// says whether the two may be compared.
pub(super) fn table(run: &Run) -> Option<Block> {
    let mut rows = Vec::new();
    for expect in &run.head.expect {
        for row in &expect.rows {
            let ours = ours(run).filter(|(metric, _)| is_called(metric, &row.metric));
            let found: Vec<_> = ours.collect();
            rows.extend(found.iter().map(|&ours| {
                let [name, value, used] = cells(ours);
                let verdict = Cell::text(verdict(run, ours.0, row));
                let [figure, theirs] = theirs(row, &expect.source);
                vec![name, figure, theirs, value, used, verdict]
            }));
            if found.is_empty() {
                rows.push(unmeasured(run, row, &expect.source));
            }
        }
    }
    let head = [
        "Metric",
        "Paper",
        "Its instrument",
        "Ours",
        "Our instrument and protocol",
        "Comparable",
    ];
    let mut head: Vec<Cell> = head.map(Cell::text).into();
    if rows.iter().all(|row| row.len() < head.len()) {
        head.truncate(4);
    }
    let caption = "Ours with 95 % interval. A figure of the paper stands beside ours of the same \
                   name, each with its own instrument; the last column says whether the two may be \
                   compared.";
    (!rows.is_empty()).then(|| {
        Block::Table(Table {
            caption: caption.into(),
            head,
            rows,
        })
    })
}

/// Whether any figure of the paper may be compared with ours.
pub(super) fn is_comparable(run: &Run) -> bool {
    let mut rows = run.head.expect.iter().flat_map(|expect| &expect.rows);
    rows.any(|row| {
        ours(run).any(|(metric, _)| {
            is_called(metric, &row.metric) && verdict(run, metric, row) == COMPARABLE
        })
    })
}

fn ours(run: &Run) -> impl Iterator<Item = (&Metric, &Protocol)> {
    let evaluations = run.evaluations.iter().map(|(evaluation, _)| evaluation);
    evaluations.flat_map(|e| e.metrics.iter().map(move |m| (m, &e.protocol)))
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

/// Name, value and instrument of a metric.
fn cells((metric, protocol): (&Metric, &Protocol)) -> [Cell; 3] {
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
    let protocol = protocol_name(protocol);
    [
        Cell::text(name).with_note(direction),
        Cell::number(format::with_interval(metric)).with_note(basis(metric)),
        Cell::text(instrument).with_note(joined([protocol.as_str(), &metric.detail])),
    ]
}

fn theirs(row: &ExpectRow, source: &str) -> [Cell; 2] {
    let instrument = Cell::text(&row.instrument).with_note(&row.note);
    [published(row, source), instrument]
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
    let [figure, theirs] = theirs(row, source);
    vec![
        Cell::text(&row.metric),
        figure,
        theirs,
        Cell::text("not measured").with_note(reason),
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
        COMPARABLE
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

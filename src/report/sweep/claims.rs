//! Which claims of a paper the runs of a sweep bear out.

use super::super::document::{Block, Cell, Table};
use super::super::format;
use super::plan::{Claim, Direction, Line};
use super::spread::Spread;
use super::{Section, find};
use crate::run::results::Metric;

/// Half the width of a 95 % interval in standard errors.
const WIDTH: f64 = 1.96;

/// What the runs say about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Holds,
    Fails,
    Open,
}

/// Difference of two lines by a metric, seed by seed.
#[derive(Debug, Clone, PartialEq)]
struct Difference {
    each: Spread,
    /// Standard error of the mean by what was measured in each run; `None` where a run has no
    /// interval.
    of_runs: Option<f64>,
}

impl Difference {
    /// Of pairs of a seed: value and, where it has one, standard error.
    fn of(pairs: &[(u64, [&Metric; 2])]) -> Self {
        let each = pairs
            .iter()
            .map(|(seed, [a, b])| (*seed, a.value - b.value));
        let metrics = pairs.iter().flat_map(|(_, pair)| pair);
        let squares: Option<f64> = metrics
            .map(|metric| Some(((metric.high? - metric.low?) / (2.0 * WIDTH)).powi(2)))
            .sum();
        Self {
            each: Spread::of(each),
            of_runs: squares.map(|sum| sum.sqrt() / pairs.len() as f64),
        }
    }

    /// Mean with its 95 % interval, by the larger of both standard errors.
    fn interval(&self) -> Option<(f64, [f64; 2])> {
        let mean = self.each.mean()?;
        let n = self.each.values.len() as f64;
        let of_seeds = self.each.deviation().map(|deviation| deviation / n.sqrt());
        let errors = [self.of_runs, of_seeds].into_iter().flatten();
        let error = errors.reduce(f64::max)?;
        Some((mean, [mean - WIDTH * error, mean + WIDTH * error]))
    }

    /// Whether it is above 0 by everything that is known, or below; `sign` turns it around.
    fn verdict(&self, sign: f64) -> Verdict {
        let Some((_, ends)) = self.interval() else {
            return Verdict::Open;
        };
        let each = self.each.values.iter().map(|(_, value)| *value);
        let all: Vec<f64> = each.chain(ends).map(|value| sign * value).collect();
        if all.iter().all(|value| *value > 0.0) {
            Verdict::Holds
        } else if all.iter().all(|value| *value < 0.0) {
            Verdict::Fails
        } else {
            Verdict::Open
        }
    }
}

impl<'a> Section<'a> {
    /// The claims of the grid with what was measured about them.
    pub(super) fn claims(&self) -> Option<Block> {
        let rows: Vec<Vec<Cell>> = self
            .grid
            .claims
            .iter()
            .flat_map(|claim| self.tested(claim))
            .collect();
        let caption = "The paper's claims as hypotheses. Differences are taken at the same seed; \
                       the mean has its 95 % interval, by the larger of two standard errors: that \
                       of the images and captions of each run, taken as independent, and that of \
                       the seeds. A claim holds where interval and every seed are on its side and \
                       fails where all are on the other; else it is not decided.";
        let head = ["Claim", "Compared", "By", "Difference", "Seeds", "Verdict"];
        (!rows.is_empty()).then(|| {
            Block::Table(Table {
                caption: caption.into(),
                head: head.map(Cell::text).into(),
                rows,
            })
        })
    }

    /// One row per metric, and place where both lines follow the axis.
    fn tested(&self, claim: &'a Claim) -> Vec<Vec<Cell>> {
        let line = |title: &str| self.grid.lines.iter().find(|line| line.title == title);
        let (Some(line), Some(than)) = (line(&claim.line), line(&claim.than)) else {
            return Vec::new();
        };
        let rows = self.grid.rows().into_iter();
        let rows = rows.filter(|(of, _)| std::ptr::eq(*of, line));
        rows.flat_map(|(_, x)| {
            let compared = format!("{}{} over {}", line.title, self.at(x), than.title);
            let metrics = claim.metrics.iter();
            metrics.map(move |metric| {
                let found = self.difference_by(metric, (line, x), than);
                [
                    vec![Cell::text(&claim.text), Cell::text(&compared)],
                    cells(metric, found, claim.is),
                ]
                .concat()
            })
        })
        .collect()
    }

    /// The two lines by a metric, with the metric as a run has it.
    fn difference_by(
        &self,
        asked: &'a str,
        (line, x): (&Line, Option<f64>),
        than: &Line,
    ) -> Option<(&'a Metric, Difference)> {
        let at = super::table::at_of(than, x);
        let of = |line: &Line, x: Option<f64>, seed: Option<u64>| {
            let here = self.members();
            here.filter(move |(of, point, _)| {
                of.title == line.title && point.x == x && seed.is_none_or(|seed| point.seed == seed)
            })
            .filter_map(|(_, point, run)| Some((point.seed, find(run, asked)?.metric)))
            .filter(|(_, metric)| metric.value.is_finite())
            .collect::<Vec<(u64, &'a Metric)>>()
        };
        let pairs: Vec<(u64, [&'a Metric; 2])> = of(line, x, None)
            .into_iter()
            .filter_map(|(seed, metric)| {
                let (_, other) = *of(than, at, Some(seed)).first()?;
                Some((seed, [metric, other]))
            })
            .collect();
        let (_, [metric, _]) = *pairs.first()?;
        Some((metric, Difference::of(&pairs)))
    }
}

/// Metric, difference, seeds, verdict.
fn cells(asked: &str, found: Option<(&Metric, Difference)>, is: Direction) -> Vec<Cell> {
    let Some((metric, difference)) = found else {
        let nothing = Cell::default;
        let verdict = Cell::text("not measured");
        return vec![Cell::text(asked), nothing(), nothing(), verdict];
    };
    let sign = if metric.higher_is_better == (is == Direction::Better) {
        1.0
    } else {
        -1.0
    };
    let text = match (difference.interval(), difference.each.mean()) {
        (Some((mean, ends)), _) => format::between(mean, ends, &metric.unit),
        (None, Some(mean)) => format::in_unit(mean, &metric.unit),
        (None, None) => String::new(),
    };
    let values = &difference.each.values;
    let on_its_side = values
        .iter()
        .filter(|(_, value)| sign * value > 0.0)
        .count();
    let arrow = if metric.higher_is_better {
        "higher is better"
    } else {
        "lower is better"
    };
    vec![
        Cell::text(&metric.label).with_note(arrow),
        Cell::number(text),
        Cell::number(format!("{on_its_side} of {} as claimed", values.len())),
        Cell::text(match difference.verdict(sign) {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
            Verdict::Open => "not decided",
        }),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metric(value: f64, half: Option<f64>) -> Metric {
        serde_json::from_value(json!({
            "name": "x", "label": "X", "value": value, "higher_is_better": true, "count": 1,
            "low": half.map(|half| value - half), "high": half.map(|half| value + half),
        }))
        .expect("a metric")
    }

    fn difference(pairs: &[[f64; 2]], half: Option<f64>) -> Difference {
        let pairs: Vec<[Metric; 2]> = pairs.iter().map(|p| p.map(|v| metric(v, half))).collect();
        let pairs = pairs.iter().zip(1..);
        let pairs: Vec<(u64, [&Metric; 2])> = pairs.map(|([a, b], seed)| (seed, [a, b])).collect();
        Difference::of(&pairs)
    }

    #[test]
    fn the_larger_standard_error_makes_the_interval() {
        // Seeds agree, each run is off by one standard error of 1.
        let of_runs = difference(&[[5.0, 1.0], [6.0, 2.0]], Some(WIDTH));
        let (mean, [low, high]) = of_runs.interval().expect("known");
        assert_eq!(mean, 4.0);
        // Four runs of variance 1, two pairs: sqrt(4) / 2.
        assert!((low - (4.0 - WIDTH)).abs() < 1e-12 && (high - (4.0 + WIDTH)).abs() < 1e-12);
        // Runs are exact, seeds are 2 and 6.
        let of_seeds = difference(&[[3.0, 1.0], [8.0, 2.0]], Some(0.0));
        let (mean, [low, _]) = of_seeds.interval().expect("known");
        assert!((mean - 4.0).abs() < 1e-12 && (low - (4.0 - 2.0 * WIDTH)).abs() < 1e-12);
        // One seed without an interval says nothing.
        assert_eq!(difference(&[[3.0, 1.0]], None).interval(), None);
        assert!(
            difference(&[[3.0, 1.0], [4.0, 1.5]], None)
                .interval()
                .is_some()
        );
    }

    #[test]
    fn a_claim_is_decided_only_where_seeds_and_interval_agree() {
        let clear = difference(&[[5.0, 1.0], [6.0, 2.0]], Some(1.0));
        assert_eq!(clear.verdict(1.0), Verdict::Holds);
        assert_eq!(clear.verdict(-1.0), Verdict::Fails);
        let wide = difference(&[[5.0, 1.0], [6.0, 2.0]], Some(9.0));
        assert_eq!(wide.verdict(1.0), Verdict::Open);
        // One seed of seven is on the other side, though the interval is not.
        let mut pairs = vec![[5.0, 1.0]; 6];
        pairs.push([0.9, 1.0]);
        let torn = difference(&pairs, Some(0.1));
        let (_, [low, _]) = torn.interval().expect("known");
        assert!(low > 0.0);
        assert_eq!(torn.verdict(1.0), Verdict::Open);
        assert_eq!(difference(&[], None).verdict(1.0), Verdict::Open);
    }
}

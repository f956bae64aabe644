//! The line that tells people how training goes.

use super::events::StepFacts;
use super::guard::Observation;

/// Terms that are named one by one; of more, only their sums are.
const NAMED: usize = 6;

/// `stage-1  step 120/1200  g/image 0.3100  52.0 images/s  2m10s left`: after a step of `total`, with
/// `pace` seconds per step.
pub(super) fn line(
    facts: &StepFacts,
    observations: &[Observation],
    total: u64,
    pace: f64,
) -> String {
    let terms: Vec<&(String, f64, f64)> = observations.iter().flat_map(|o| &o.terms).collect();
    let shown: Vec<String> = if terms.len() <= NAMED {
        let named = |(name, _, value): &&(String, f64, f64)| format!("{name} {value:.4}");
        terms.iter().map(named).collect()
    } else {
        observations.iter().map(summed).collect()
    };
    let left = ((total - facts.step) as f64 * pace).round() as u64;
    format!(
        "{}  step {}/{total}  {}  {:.1} images/s  {} left",
        facts.stage,
        facts.step,
        shown.join("  "),
        facts.images_per_second,
        duration(left),
    )
}

/// `g total 1.2300 (7 terms)`.
fn summed(observation: &Observation) -> String {
    let terms = &observation.terms;
    let sum: f64 = terms.iter().map(|(_, weight, value)| weight * value).sum();
    let count = terms.len();
    format!("{} total {sum:.4} ({count} terms)", observation.phase)
}

/// `1h02m`, `2m10s`, `45s`.
fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn observation(phase: &'static str, terms: usize) -> Observation {
        Observation {
            step: 120,
            phase,
            terms: (0..terms)
                .map(|i| (format!("{phase}/{i}"), 2.0, 0.25))
                .collect(),
            indices: Vec::new(),
        }
    }

    #[test]
    fn few_terms_are_named_and_many_summed() {
        let facts = StepFacts {
            step: 120,
            epoch: 3,
            stage: "adversarial",
            lr: BTreeMap::new(),
            seconds_per_step: 0.5,
            images_per_second: 52.04,
            samples: 1920,
        };

        let few = line(
            &facts,
            &[observation("d", 1), observation("g", 1)],
            1200,
            3.5,
        );
        let many = line(
            &facts,
            &[observation("d", 3), observation("g", 4)],
            121,
            45.0,
        );

        let start = "adversarial  step 120/1200  d/0 0.2500  g/0 0.2500";
        assert_eq!(few, format!("{start}  52.0 images/s  1h03m left"));
        let start = "adversarial  step 120/121  d total 1.5000 (3 terms)  g total 2.0000 (4 terms)";
        assert_eq!(many, format!("{start}  52.0 images/s  45s left"));
    }
}

//! Two revisions side by side.

use super::store::Bench;
use super::table::Mean;

/// Our times of the cases that both have, and how many times as fast `new` is.
pub(super) fn lines(old: &Bench, new: &Bench) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<50}{:>12}{:>12}{:>9}",
        "ms of ours", old.revision, new.revision, "faster"
    )];
    if (&old.name, old.threads, &old.isa) != (&new.name, new.threads, &new.isa) {
        lines.push(format!(
            "note: the earlier results are of {}, {} threads, {}",
            old.name, old.threads, old.isa
        ));
    }
    let mut ratios = Vec::new();
    for result in &new.results {
        let before = old.results.iter().find(|old| old.name == result.name);
        let before = before.and_then(|old| old.ours.as_ref());
        if let (Some(before), Some(now)) = (before, &result.ours) {
            let (before, now) = (before.fastest(), now.fastest());
            ratios.push(before / now);
            lines.push(format!(
                "{:<50}{:>12.2}{:>12.2}{:>9.2}",
                result.name,
                1e3 * before,
                1e3 * now,
                before / now
            ));
        }
    }
    match Mean::of(ratios) {
        Some(Mean {
            value,
            count,
            least,
        }) => lines.push(format!(
            "{value:.2} times as fast (geometric mean of {count}, least {least:.2})"
        )),
        None => lines.push("no case in common".to_owned()),
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::store::{Measured, Side};

    fn bench(revision: &str, cases: &[(&str, f64)]) -> Bench {
        let result = |(name, seconds): &(&str, f64)| Measured {
            ours: Some(Side {
                seconds: vec![*seconds],
                ..Side::default()
            }),
            ..Measured::new(name, "conv", None)
        };
        Bench {
            revision: revision.to_owned(),
            name: "wordpaint on flex".to_owned(),
            threads: 2,
            isa: "avx2".to_owned(),
            peer: None,
            matmul_gflops: 1.0,
            results: cases.iter().map(result).collect(),
        }
    }

    #[test]
    fn cases_of_both_revisions_are_compared() {
        let old = bench("aaaa", &[("x", 0.4), ("y", 0.1), ("gone", 1.0)]);
        let new = bench("bbbb", &[("x", 0.1), ("y", 0.1), ("fresh", 1.0)]);

        let lines = lines(&old, &new);

        assert_eq!(lines.len(), 4);
        let row: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(row, ["x", "400.00", "100.00", "4.00"]);
        assert!(lines[3].starts_with("2.00 times as fast"), "{}", lines[3]);
    }

    #[test]
    fn other_conditions_are_pointed_out() {
        let old = bench("aaaa", &[("x", 0.4)]);
        let new = Bench {
            threads: 4,
            ..bench("bbbb", &[("x", 0.4)])
        };

        assert!(lines(&old, &new)[1].contains("2 threads"));
    }
}

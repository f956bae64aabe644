//! Results as text.

use super::store::{Bench, Measured, Side};

/// Who was measured how.
pub(super) fn title(bench: &Bench) -> String {
    let ours = format!("{}, {} threads, {}", bench.name, bench.threads, bench.isa);
    match &bench.peer {
        Some(peer) => format!("{ours}; beside {peer}"),
        None => ours,
    }
}

fn cells(name: &str, cells: [&str; 9]) -> String {
    let [
        ours,
        peer,
        burn,
        ratio,
        to_burn,
        share,
        ms,
        memory,
        peer_memory,
    ] = cells;
    let line = format!(
        "{name:<50}{ours:>9}{peer:>9}{burn:>9}{ratio:>7}{to_burn:>7}{share:>8}{ms:>10}{memory:>8}\
         {peer_memory:>8}"
    );
    line.trim_end().to_owned()
}

/// Names of the columns: GFLOP/s of the three sides, our throughput as a multiple of the others',
/// our share of the machine's matrix product, our time in ms, peak memory of both in MiB.
pub(super) fn head() -> String {
    cells(
        "GFLOP/s",
        [
            "ours", "peer", "burn", "/peer", "/burn", "share", "ms", "MiB", "peer",
        ],
    )
}

/// A case; `matmul` is the machine's rate in GFLOP/s.
pub(super) fn row(measured: &Measured, matmul: f64) -> String {
    let show = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let [ours, peer, burn] =
        [&measured.ours, &measured.peer, &measured.burn].map(|side| measured.rate(side.as_ref()));
    let is_step = measured.kind == "step";
    let memory = |side: &Option<Side>| {
        let bytes = side.as_ref().and_then(|side| side.peak_bytes);
        show(
            bytes
                .filter(|_| is_step)
                .map(|b| b as f64 / (1 << 20) as f64),
            0,
        )
    };
    let share = ours.map_or_else(
        || "-".to_owned(),
        |rate| format!("{:.0} %", 100.0 * rate / matmul),
    );
    let ms = measured.ours.as_ref().map(|side| 1e3 * side.fastest());
    let line = cells(
        &measured.name,
        [
            &show(ours, 1),
            &show(peer, 1),
            &show(burn, 1),
            &show(measured.ratio(), 2),
            &show(measured.ratio_to_burn(), 2),
            &share,
            &show(ms, 2),
            &memory(&measured.ours),
            &memory(&measured.peer),
        ],
    );
    match &measured.note {
        Some(note) => format!("{line}  {note}"),
        None => line,
    }
}

/// Where the fastest call spent its time, ours beside the peer's, and how much memory the programs
/// took before they had anything to do.
pub(super) fn profile(measured: &Measured) -> Vec<String> {
    let parts = |side: &Option<Side>| side.as_ref().map_or(&[][..], |s| &s.sections).to_vec();
    let peers = parts(&measured.peer);
    let mut lines: Vec<String> = parts(&measured.ours)
        .iter()
        .map(|part| {
            let peer = peers.iter().find(|peer| peer.name == part.name);
            let peer = peer.map_or_else(String::new, |peer| {
                format!("{:>10.1} ms there", 1e3 * peer.seconds)
            });
            let line = format!("    {:<30}{:>10.1} ms{peer}", part.name, 1e3 * part.seconds);
            line.trim_end().to_owned()
        })
        .collect();
    for (who, side) in [("ours", &measured.ours), ("the peer", &measured.peer)] {
        let side = side.as_ref();
        let start = side.and_then(|side| side.start_bytes);
        if let (Some(start), Some(peak)) = (start, side.and_then(|side| side.peak_bytes)) {
            lines.push(format!(
                "    {who}: {} MiB at the start, {} MiB more at most",
                start >> 20,
                peak.saturating_sub(start) >> 20
            ));
        }
    }
    lines
}

/// Geometric mean, its number of values, and the smallest of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mean {
    pub(super) value: f64,
    pub(super) count: usize,
    pub(super) least: f64,
}

impl Mean {
    /// Of `values`, unless there are none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let logs: f64 = values.iter().map(|value| value.ln()).sum();
        (!values.is_empty()).then(|| Self {
            value: (logs / values.len() as f64).exp(),
            count: values.len(),
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
        })
    }
}

/// Which measurements a mean is taken over.
type Group = fn(&Measured) -> bool;
/// Ours over another's, where that was measured.
type Ratio = fn(&Measured) -> Option<f64>;

/// Geometric means of the ratios.
pub(super) fn summary(bench: &Bench) -> Vec<String> {
    let groups: [(&str, Group); 4] = [
        ("convolutions", |m| m.kind == "conv"),
        ("convolutions, forward", |m| {
            m.kind == "conv" && m.name.ends_with("forward")
        }),
        ("convolutions, both", |m| {
            m.kind == "conv" && m.name.ends_with("both")
        }),
        ("training steps", |m| m.kind == "step"),
    ];
    let others: [(&str, Ratio); 2] = [
        ("the peer's", Measured::ratio),
        ("that of Burn's layers", Measured::ratio_to_burn),
    ];
    let mut lines = Vec::new();
    for (other, ratio) in others {
        for (group, is_in) in &groups {
            let ratios = bench.results.iter().filter(|m| is_in(m)).filter_map(ratio);
            if let Some(Mean {
                value,
                count,
                least,
            }) = Mean::of(ratios)
            {
                lines.push(format!(
                    "{group}: {value:.2} times {other} (geometric mean of {count}, least {least:.2})"
                ));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::store::Section;

    fn side(seconds: f64) -> Side {
        Side {
            seconds: vec![2.0 * seconds, seconds],
            start_bytes: Some(1 << 20),
            peak_bytes: Some(3 << 20),
            ..Side::default()
        }
    }

    fn measured(name: &str, kind: &str) -> Measured {
        Measured {
            ours: Some(side(0.1)),
            peer: Some(side(0.05)),
            ..Measured::new(name, kind, Some(4e9))
        }
    }

    fn columns(line: &str) -> Vec<&str> {
        line.split_whitespace().collect()
    }

    #[test]
    fn a_row_has_rates_ratios_share_time_and_memory_of_the_fastest_call() {
        let row = row(&measured("step", "step"), 160.0);

        let expected = [
            "step", "40.0", "80.0", "-", "0.50", "-", "25", "%", "100.00", "3", "3",
        ];
        assert_eq!(columns(&row), expected);
    }

    #[test]
    fn memory_is_told_of_programs_that_did_nothing_else() {
        let row = row(&measured("conv", "conv"), 40.0);

        assert!(row.ends_with('-'), "{row}");
    }

    #[test]
    fn a_profile_sets_parts_of_the_same_name_side_by_side() {
        let part = |name: &str, seconds| Section {
            name: name.to_owned(),
            seconds,
        };
        let mut measured = measured("step", "step");
        measured.ours = Some(Side {
            sections: vec![part("forward", 0.02), part("shared", 0.01)],
            ..side(0.1)
        });
        measured.peer = Some(Side {
            sections: vec![part("forward", 0.03)],
            ..side(0.1)
        });

        let lines = profile(&measured);

        assert_eq!(
            columns(&lines[0]),
            ["forward", "20.0", "ms", "30.0", "ms", "there"]
        );
        assert_eq!(columns(&lines[1]), ["shared", "10.0", "ms"]);
        assert!(
            lines[2].contains("1 MiB at the start, 2 MiB more"),
            "{}",
            lines[2]
        );
    }

    #[test]
    fn what_cannot_be_counted_has_a_time_only() {
        let loading = Measured {
            peer: None,
            operations: None,
            ..measured("data", "loading")
        };

        let row = row(&loading, 40.0);

        let expected = ["data", "-", "-", "-", "-", "-", "-", "100.00", "-", "-"];
        assert_eq!(columns(&row), expected);
    }

    #[test]
    fn ratios_are_averaged_geometrically() {
        let mean = Mean::of([0.5, 2.0, 1.0]).expect("three values");

        assert!((mean.value - 1.0).abs() < 1e-12);
        assert_eq!((mean.count, mean.least), (3, 0.5));
        assert_eq!(Mean::of([]), None);
    }

    #[test]
    fn the_summary_names_the_groups_that_were_measured() {
        let bench = Bench {
            revision: String::new(),
            name: String::new(),
            threads: 1,
            isa: String::new(),
            peer: None,
            matmul_gflops: 1.0,
            results: vec![measured("a, forward", "conv"), measured("b, both", "conv")],
        };

        let lines = summary(&bench);

        assert_eq!(lines.len(), 3);
        let expected = "convolutions: 0.50 times the peer's (geometric mean of 2, least 0.50)";
        assert_eq!(lines[0], expected);
    }
}

//! Numbers as people read them.

use super::document::Cell;
use crate::config::schema::ExpectRow;
use crate::run::results::{Metric, Protocol};

/// Up to four significant digits; thin spaces are not used so that numbers can be copied.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "not finite".into();
    }
    // A last bit that is lost on the way through a file changes nothing.
    let size = value.abs() * (1.0 + 1e-12);
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    let digits = if size >= 1000.0 {
        0
    } else if size >= 100.0 {
        1
    } else if size >= 10.0 {
        2
    } else if size >= 0.1 {
        3
    } else {
        4
    };
    format!("{value:.digits$}")
}

/// A value in its unit: shares in per cent.
pub(super) fn in_unit(value: f64, unit: &str) -> String {
    match unit {
        "share" if value.is_finite() => format!("{:.1} %", value * 100.0),
        "" | "share" => number(value),
        unit => format!("{} {unit}", number(value)),
    }
}

/// `61.2 % [58.0, 64.3]`
pub fn with_interval(metric: &Metric) -> String {
    let ends = metric.low.zip(metric.high);
    ends.map_or_else(
        || in_unit(metric.value, &metric.unit),
        |(low, high)| between(metric.value, [low, high], &metric.unit),
    )
}

/// A value in its unit with the ends of its interval.
pub(super) fn between(value: f64, ends: [f64; 2], unit: &str) -> String {
    format!("{} {}", in_unit(value, unit), self::ends(ends, unit))
}

/// `[58.0, 64.3]`
pub(super) fn ends(ends: [f64; 2], unit: &str) -> String {
    let [low, high] = ends.map(|v| match unit {
        "share" if v.is_finite() => format!("{:.1}", v * 100.0),
        _ => number(v),
    });
    format!("[{low}, {high}]")
}

/// Count with a thousands separator: `1,234,567`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 h 02 min`, `3 min 05 s`, `4.2 s`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".into();
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    if hours > 0 {
        format!("{hours} h {minutes:02} min")
    } else {
        format!("{minutes} min {:02} s", whole % 60)
    }
}

/// Bytes in MiB or GiB.
pub(super) fn bytes(value: u64) -> String {
    let mib = value as f64 / (1024.0 * 1024.0);
    if mib < 1024.0 {
        format!("{mib:.0} MiB")
    } else {
        format!("{:.2} GiB", mib / 1024.0)
    }
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

/// `n = 600; chance 9.8 %; real images 93.1 %`
pub(super) fn basis(metric: &Metric) -> String {
    let beside = |name: &str, value: Option<f64>| {
        let value = value.map(|value| in_unit(value, &metric.unit));
        value.map_or_else(String::new, |value| format!("{name} {value}"))
    };
    joined([
        format!("n = {}", count(metric.count as u64)).as_str(),
        &beside("chance", metric.chance),
        &beside("real images", metric.real),
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
        &format!("{} images", count(protocol.images as u64)),
        &part("split", &protocol.split),
        &part("captions:", &protocol.captions),
        &format!("seed {}", protocol.seed),
        &part("encoder", &protocol.encoder),
        &part("front end", &protocol.preprocessing),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        let shown: Vec<String> = [0.0, 6.89, 0.012345, 123.456, 12345.6, 1.5e-7, f64::NAN]
            .map(number)
            .into();
        assert_eq!(
            shown,
            [
                "0.0000",
                "6.890",
                "0.0123",
                "123.5",
                "12346",
                "1.50e-7",
                "not finite"
            ]
        );
    }

    #[test]
    fn a_number_reads_as_its_neighbour_does() {
        for value in [0.1, 10.0, 100.0, 1000.0_f64] {
            assert_eq!(number(value), number(value.next_down()));
        }
    }

    #[test]
    fn counts_and_durations_are_grouped() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(duration(3725.0), "1 h 02 min");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(duration(f64::NAN), "unknown");
    }
}

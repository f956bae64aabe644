//! Every number of a report, one per line, with the conditions it was measured under.

use super::run::Run;

const HEAD: [&str; 23] = [
    "run",
    "experiment",
    "quick",
    "origin",
    "metric",
    "label",
    "value",
    "low",
    "high",
    "plusminus",
    "unit",
    "higher_is_better",
    "count",
    "chance",
    "real",
    "instrument",
    "protocol",
    "protocol_version",
    "images",
    "split",
    "seed",
    "encoder",
    "front_end",
];

/// `metrics.csv`: measured and published numbers, told apart by the column `origin`.
pub(super) fn metrics<'a>(runs: impl IntoIterator<Item = &'a Run>) -> String {
    let mut out = HEAD.join(",") + "\n";
    for run in runs {
        let start = [
            run.label.clone(),
            run.name().into(),
            run.head.quick.to_string(),
        ];
        for (evaluation, _) in &run.evaluations {
            let protocol = &evaluation.protocol;
            for metric in &evaluation.metrics {
                let rest = [
                    "measured".into(),
                    metric.name.clone(),
                    metric.label.clone(),
                    finite(Some(metric.value)),
                    finite(metric.low),
                    finite(metric.high),
                    String::new(),
                    metric.unit.clone(),
                    metric.higher_is_better.to_string(),
                    metric.count.to_string(),
                    finite(metric.chance),
                    finite(metric.real),
                    metric.network.clone(),
                    protocol.name.clone(),
                    protocol.version.clone(),
                    protocol.images.to_string(),
                    protocol.split.clone(),
                    protocol.seed.to_string(),
                    protocol.encoder.clone(),
                    protocol.preprocessing.clone(),
                ];
                line(&mut out, start.iter().chain(&rest));
            }
        }
        for expect in &run.head.expect {
            for row in &expect.rows {
                let mut rest: [String; 20] = Default::default();
                rest[0].clone_from(&expect.source);
                rest[1].clone_from(&row.metric);
                rest[2].clone_from(&row.metric);
                rest[3] = finite(Some(row.value));
                rest[6] = finite(row.plusminus);
                rest[12].clone_from(&row.instrument);
                line(&mut out, start.iter().chain(&rest));
            }
        }
    }
    out
}

/// Appends one line.
pub(super) fn line<'a>(out: &mut String, fields: impl Iterator<Item = &'a String>) {
    let fields: Vec<String> = fields.map(|field| quoted(field)).collect();
    out.push_str(&fields.join(","));
    out.push('\n');
}

/// A number at full precision; nothing where there is none.
pub(super) fn finite(value: Option<f64>) -> String {
    value
        .filter(|v| v.is_finite())
        .map_or_else(String::new, |v| v.to_string())
}

/// Quotes a field where RFC 4180 asks for it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_separators_are_quoted() {
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(finite(Some(f64::NAN)), "");
    }
}

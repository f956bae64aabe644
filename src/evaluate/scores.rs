//! From values to metrics with names, counts and confidence.

use wordpaint_metrics::{Interval, MetricError, bootstrap_mean};

use crate::run::results::Metric;

/// Resamples behind a bootstrap interval.
pub(super) const RESAMPLES: usize = 1000;
/// Splits of the Inception Score (every paper's).
pub(super) const SPLITS: usize = 10;

/// A mean over pairs or images.
pub(super) fn mean(
    name: &str,
    label: &str,
    network: &str,
    values: &[f64],
    seed: u64,
) -> Result<Metric, MetricError> {
    let interval = bootstrap_mean(values, RESAMPLES, seed)?;
    let detail = "mean over pairs, 95 % bootstrap interval";
    Ok(with_interval(name, label, network, interval, detail))
}

/// A metric with an interval; higher is better, no unit.
pub(super) fn with_interval(
    name: &str,
    label: &str,
    network: &str,
    interval: Interval,
    detail: &str,
) -> Metric {
    Metric {
        low: Some(interval.low),
        high: Some(interval.high),
        ..plain(name, label, network, interval.value, interval.count, detail)
    }
}

/// A metric without an interval; higher is better, no unit.
pub(super) fn plain(
    name: &str,
    label: &str,
    network: &str,
    value: f64,
    count: usize,
    detail: &str,
) -> Metric {
    Metric {
        name: name.into(),
        label: label.into(),
        value,
        low: None,
        high: None,
        unit: String::new(),
        higher_is_better: true,
        count,
        network: network.into(),
        chance: None,
        real: None,
        group: None,
        detail: detail.into(),
    }
}

//! Means and shares with 95 % intervals.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use wordpaint_rng::{Rng, key};

use crate::MetricError;

/// 97.5 % quantile of the standard normal distribution.
const Z95: f64 = 1.959_963_984_540_054;

/// An estimate, its 95 % interval and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Number of observations.
    pub count: usize,
}

/// Mean of `values` with the 95 % percentile bootstrap interval of `resamples` resamplings.
///
/// The same seed gives the same interval, whatever the number of threads.
pub fn bootstrap_mean(
    values: &[f64],
    resamples: usize,
    seed: u64,
) -> Result<Interval, MetricError> {
    bootstrap(values.len(), resamples, seed, |rows| {
        rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64
    })
}

/// Percentile bootstrap of any `statistic` of row numbers below `count`.
pub fn bootstrap(
    count: usize,
    resamples: usize,
    seed: u64,
    statistic: impl Fn(&[usize]) -> f64 + Sync,
) -> Result<Interval, MetricError> {
    if count == 0 {
        return Err(MetricError::Empty {
            what: "bootstrap interval",
        });
    }
    let value = statistic(&(0..count).collect::<Vec<_>>());
    let mut drawn: Vec<f64> = (0..resamples.max(1))
        .into_par_iter()
        .map_init(
            || vec![0; count],
            |rows, i| {
                let mut rng = Rng::new(&[seed, key("bootstrap"), i as u64]);
                rows.fill_with(|| rng.n(count));
                statistic(rows)
            },
        )
        .collect();
    drawn.sort_by(f64::total_cmp);
    Ok(Interval {
        value,
        low: quantile(&drawn, 0.025),
        high: quantile(&drawn, 0.975),
        count,
    })
}

/// Share `successes / total` with Wilson's 95 % score interval.
pub fn wilson(successes: usize, total: usize) -> Result<Interval, MetricError> {
    if total == 0 {
        return Err(MetricError::Empty { what: "share" });
    }
    let (n, z2) = (total as f64, Z95 * Z95);
    let share = successes as f64 / n;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // The ends touch the share itself at 0 and 1, where rounding must not push them past it.
    let low = (centre - half).clamp(0.0, share);
    let high = (centre + half).clamp(share, 1.0);
    Ok(Interval {
        value: share,
        low,
        high,
        count: total,
    })
}

/// Linear interpolation between order statistics of `sorted`, which is not empty.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_matches_the_textbook_value() {
        // 8 of 10: Wilson 95 % interval (0.4902, 0.9433).
        let interval = wilson(8, 10).expect("total is not 0");
        assert!((interval.low - 0.490_16).abs() < 1e-4, "{interval:?}");
        assert!((interval.high - 0.943_32).abs() < 1e-4, "{interval:?}");
    }

    #[test]
    fn wilson_stays_within_zero_and_one() {
        for (k, n) in [(0, 1), (1, 1), (0, 500), (500, 500)] {
            let interval = wilson(k, n).expect("total is not 0");
            assert!(interval.low >= 0.0 && interval.high <= 1.0, "{interval:?}");
            assert!(interval.low <= interval.value && interval.value <= interval.high);
        }
        assert!(wilson(0, 0).is_err());
    }

    #[test]
    fn bootstrap_has_the_width_of_the_normal_interval() {
        let mut rng = Rng::new(&[5]);
        let values: Vec<f64> = (0..400).map(|_| 3.0 + f64::from(rng.normal())).collect();

        let interval = bootstrap_mean(&values, 2000, 1).expect("not empty");

        let half = (interval.high - interval.low) / 2.0;
        assert!((half - Z95 / 20.0).abs() < 0.02, "{interval:?}");
        assert!(interval.low < interval.value && interval.value < interval.high);
    }

    #[test]
    fn bootstrap_depends_on_the_seed_and_on_nothing_else() {
        let values: Vec<f64> = (0..50).map(|i| f64::from(i * i)).collect();
        let first = bootstrap_mean(&values, 300, 1).expect("not empty");
        assert_eq!(first, bootstrap_mean(&values, 300, 1).expect("not empty"));
        assert_ne!(first, bootstrap_mean(&values, 300, 2).expect("not empty"));
    }

    #[test]
    fn one_value_has_an_interval_of_no_width_and_none_is_an_error() {
        let interval = bootstrap_mean(&[2.5], 10, 0).expect("not empty");
        assert_eq!((interval.low, interval.high), (2.5, 2.5));
        assert!(bootstrap_mean(&[], 10, 0).is_err());
    }
}

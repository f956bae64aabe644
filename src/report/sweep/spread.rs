//! Values over seeds.

/// One value per seed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Spread {
    /// `(seed, value)` in order of the seeds; every value is finite.
    pub(super) values: Vec<(u64, f64)>,
}

impl Spread {
    /// Of the values that are numbers.
    pub(super) fn of(values: impl IntoIterator<Item = (u64, f64)>) -> Self {
        let mut values: Vec<(u64, f64)> = values
            .into_iter()
            .filter(|(_, value)| value.is_finite())
            .collect();
        values.sort_by_key(|(seed, _)| *seed);
        Self { values }
    }

    pub(super) fn mean(&self) -> Option<f64> {
        let n = self.values.len();
        (n > 0).then(|| self.values.iter().map(|(_, v)| v).sum::<f64>() / n as f64)
    }

    /// Sample standard deviation; `None` of fewer than two values.
    pub(super) fn deviation(&self) -> Option<f64> {
        let mean = self.mean()?;
        let n = self.values.len();
        let squares = self.values.iter().map(|(_, v)| (v - mean).powi(2));
        (n > 1).then(|| (squares.sum::<f64>() / (n - 1) as f64).sqrt())
    }

    /// Differences of values with a common seed.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let pairs = self.values.iter().filter_map(|&(seed, value)| {
            let same = |(other_seed, _): &&(u64, f64)| *other_seed == seed;
            let (_, base) = other.values.iter().find(same)?;
            Some((seed, value - base))
        });
        Self::of(pairs)
    }
}

/// Least-squares slope of points; `None` where all have the same `x`.
pub(super) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let covariance: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let variance: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    (variance > 0.0).then(|| covariance / variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_are_those_of_a_sample() {
        let spread = Spread::of([(3, 4.0), (1, 2.0), (2, f64::NAN), (4, 9.0)]);

        assert_eq!(spread.values, [(1, 2.0), (3, 4.0), (4, 9.0)]);
        assert_eq!(spread.mean(), Some(5.0));
        assert_eq!(spread.deviation(), Some(13f64.sqrt()));
        assert_eq!(Spread::of([(1, 2.0)]).deviation(), None);
        assert_eq!(Spread::default().mean(), None);
    }

    #[test]
    fn differences_are_taken_seed_by_seed() {
        let (a, b) = (
            Spread::of([(1, 2.0), (2, 5.0), (3, 1.0)]),
            Spread::of([(2, 1.0), (3, 2.0), (9, 7.0)]),
        );

        assert_eq!(a.minus(&b).values, [(2, 4.0), (3, -1.0)]);
    }

    #[test]
    fn a_slope_fits_a_line() {
        let points = [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)];
        assert_eq!(slope(&points), Some(2.0));
        assert_eq!(slope(&points[..1]), None);
        assert_eq!(slope(&[]), None);
    }
}

//! Streaming mean and variance.

use serde::{Deserialize, Serialize};

/// Count, mean and spread of numbers seen one at a time; two accumulators can be merged.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Moments {
    count: u64,
    mean: f64,
    scatter: f64,
}

impl Moments {
    /// Takes in one number (Welford's update).
    pub fn push(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.scatter += delta * (value - self.mean);
    }

    /// Takes in everything `other` has seen (Chan's update).
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let delta = other.mean - self.mean;
        self.count += other.count;
        self.mean += delta * m / (n + m);
        self.scatter += other.scatter + delta * delta * n * m / (n + m);
    }

    /// How many numbers were seen.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 before the first.
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Population variance (division by n); 0 before the first number.
    pub fn variance(&self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            self.scatter / self.count as f64
        }
    }

    /// Population standard deviation.
    pub fn std(&self) -> f64 {
        self.variance().sqrt()
    }
}

impl Extend<f64> for Moments {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        for value in values {
            self.push(value);
        }
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::default();
        moments.extend(values);
        moments
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_large_offset_does_not_swamp_the_variance() {
        let moments: Moments = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]
            .into_iter()
            .collect();
        assert_eq!(moments.mean(), 1e9 + 10.0);
        assert!((moments.variance() - 22.5).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn merging_parts_equals_one_pass(
            values in prop::collection::vec(-1e3..1e3f64, 0..60),
            cut in 0usize..60,
        ) {
            let cut = cut.min(values.len());
            let whole: Moments = values.iter().copied().collect();
            let mut merged: Moments = values[..cut].iter().copied().collect();
            merged.merge(&values[cut..].iter().copied().collect());
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert!((merged.mean() - whole.mean()).abs() < 1e-9);
            prop_assert!((merged.variance() - whole.variance()).abs() < 1e-6);
        }
    }
}

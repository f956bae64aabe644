//! Mean and covariance of feature rows in one pass.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, MatMut, MatRef, Par};
use serde::{Deserialize, Serialize};

use crate::MetricError;
use crate::rows::{finite, same_dims};

/// Rows that enter the scatter together: enough for the matrix product to run at full speed, few
/// enough that their copy in `f64` is small beside the scatter itself.
const BLOCK: usize = 512;

/// Mean and unbiased covariance of a set of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// Number of rows; 0 where a file of statistics does not tell.
    pub count: u64,
    /// `dims` values.
    pub mean: Vec<f64>,
    /// `dims * dims` values, divided by `count - 1`.
    pub covariance: Vec<f64>,
}

impl Gaussian {
    /// Values per row.
    pub fn dims(&self) -> usize {
        self.mean.len()
    }

    /// What is left without the rows of `part`.
    ///
    /// # Errors
    ///
    /// If `part` has rows of another length, or fewer than two rows are left.
    pub fn without(&self, part: &Self) -> Result<Self, MetricError> {
        let dims = same_dims(self.dims(), part.dims())?;
        let rest = self.count.saturating_sub(part.count);
        if rest < 2 {
            return Err(MetricError::TooFew {
                what: "a covariance without a part",
                needed: 2,
                got: rest as usize,
            });
        }
        let [n, p, r] = [self.count, part.count, rest].map(|count| count as f64);
        let means = self.mean.iter().zip(&part.mean);
        let mean: Vec<f64> = means.map(|(all, part)| (all * n - part * p) / r).collect();
        let shift: Vec<f64> = part.mean.iter().zip(&mean).map(|(a, b)| a - b).collect();
        // The update of a merge (Chan et al. 1979), solved for one side.
        let [all, own, outer] = [
            (n - 1.0) / (r - 1.0),
            (p - 1.0) / (r - 1.0),
            p * r / n / (r - 1.0),
        ];
        let covariance = (0..dims * dims)
            .map(|i| {
                let product = shift[i / dims] * shift[i % dims];
                self.covariance[i] * all - part.covariance[i] * own - product * outer
            })
            .collect();
        Ok(Self {
            count: rest,
            mean,
            covariance,
        })
    }
}

/// Streaming mean and scatter: rows come in chunks of any size, two accumulators can be merged.
///
/// Rows are regrouped into blocks, so the chunking has no influence on the result, not even on its
/// last bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaussianStats {
    dims: usize,
    /// Rows in `mean` and `scatter`.
    count: u64,
    mean: Vec<f64>,
    /// Sum of products of deviations; only the lower triangle is kept up to date.
    scatter: Vec<f64>,
    /// Rows that wait for a full block.
    pending: Vec<f64>,
}

impl GaussianStats {
    /// For rows of `dims` values.
    ///
    /// # Panics
    ///
    /// If `dims` is 0.
    pub fn new(dims: usize) -> Self {
        assert!(dims > 0, "rows must not be empty");
        Self {
            dims,
            count: 0,
            mean: vec![0.0; dims],
            scatter: vec![0.0; dims * dims],
            pending: Vec::new(),
        }
    }

    /// Values per row.
    pub const fn dims(&self) -> usize {
        self.dims
    }

    /// Rows seen.
    pub const fn count(&self) -> u64 {
        self.count + (self.pending.len() / self.dims) as u64
    }

    /// Takes in whole rows, one after the other.
    ///
    /// # Errors
    ///
    /// If a value is not finite or the last row is incomplete; nothing is taken in then.
    pub fn push(&mut self, rows: &[f32]) -> Result<(), MetricError> {
        if !rows.len().is_multiple_of(self.dims) {
            return Err(MetricError::Dims {
                left: self.dims,
                right: rows.len() % self.dims,
            });
        }
        finite(rows, self.dims, self.count() as usize)?;
        let mut rest = rows;
        while !rest.is_empty() {
            let room = BLOCK * self.dims - self.pending.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.pending.extend(now.iter().map(|&v| f64::from(v)));
            rest = later;
            if self.pending.len() == BLOCK * self.dims {
                self.flush();
            }
        }
        Ok(())
    }

    /// Takes in everything `other` has seen.
    ///
    /// # Errors
    ///
    /// If its rows have another length.
    pub fn merge(&mut self, mut other: Self) -> Result<(), MetricError> {
        same_dims(self.dims, other.dims)?;
        self.flush();
        other.flush();
        if other.count == 0 {
            return Ok(());
        }
        for (sum, add) in self.scatter.iter_mut().zip(&other.scatter) {
            *sum += add;
        }
        let mut shift = self.shift_mean(&other.mean, other.count);
        self.add_outer(&mut shift);
        Ok(())
    }

    /// Mean and covariance of what was seen.
    ///
    /// # Errors
    ///
    /// With fewer than two rows there is no covariance.
    pub fn finish(mut self) -> Result<Gaussian, MetricError> {
        self.flush();
        if self.count < 2 {
            return Err(MetricError::TooFew {
                what: "a covariance",
                needed: 2,
                got: self.count as usize,
            });
        }
        let (dims, scale) = (self.dims, 1.0 / (self.count - 1) as f64);
        for column in 0..dims {
            for row in column..dims {
                let value = self.scatter[column * dims + row] * scale;
                self.scatter[column * dims + row] = value;
                self.scatter[row * dims + column] = value;
            }
        }
        Ok(Gaussian {
            count: self.count,
            mean: self.mean,
            covariance: self.scatter,
        })
    }

    /// Moves waiting rows into mean and scatter.
    fn flush(&mut self) {
        let rows = self.pending.len() / self.dims;
        if rows == 0 {
            return;
        }
        let mut block = std::mem::take(&mut self.pending);
        let mut mean = vec![0.0; self.dims];
        for row in block.chunks_exact(self.dims) {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += value;
            }
        }
        for sum in &mut mean {
            *sum /= rows as f64;
        }
        for row in block.chunks_exact_mut(self.dims) {
            for (value, mean) in row.iter_mut().zip(&mean) {
                *value -= mean;
            }
        }
        // The shift between the means enters as one more row (Chan et al. 1979).
        block.extend(self.shift_mean(&mean, rows as u64));
        self.add_outer(&mut block);
        block.clear();
        self.pending = block;
    }

    /// Moves the mean as `count` more rows with the given mean ask for; returns the row whose outer
    /// product the scatter lacks.
    fn shift_mean(&mut self, mean: &[f64], count: u64) -> Vec<f64> {
        let (before, added) = (self.count as f64, count as f64);
        self.count += count;
        let total = self.count as f64;
        let weight = (before * added / total).sqrt();
        self.mean
            .iter_mut()
            .zip(mean)
            .map(|(own, other)| {
                let delta = other - *own;
                *own += delta * added / total;
                delta * weight
            })
            .collect()
    }

    /// Adds the sum of outer products of `rows` to the scatter.
    fn add_outer(&mut self, rows: &mut [f64]) {
        let dims = self.dims;
        let rows = MatRef::from_column_major_slice(&*rows, dims, rows.len() / dims);
        let scatter = MatMut::from_column_major_slice_mut(&mut self.scatter, dims, dims);
        matmul(
            scatter,
            BlockStructure::TriangularLower,
            Accum::Add,
            rows,
            BlockStructure::Rectangular,
            rows.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::rayon(0),
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wordpaint_rng::Rng;

    use super::*;

    fn features(rows: usize, dims: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(&[seed]);
        (0..rows * dims)
            .map(|i| 3.0 + (i % dims) as f32 + rng.normal())
            .collect()
    }

    fn in_one(data: &[f32], dims: usize) -> Gaussian {
        let mut stats = GaussianStats::new(dims);
        stats.push(data).expect("finite");
        stats.finish().expect("two rows")
    }

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        let scale = a.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let worst = a
            .iter()
            .zip(b)
            .map(|(x, y)| (x - y).abs())
            .fold(0.0, f64::max);
        worst / scale
    }

    #[test]
    fn equals_the_two_pass_formula() {
        let (n, d) = (700, 5);
        let data = features(n, d, 1);
        let got = in_one(&data, d);
        let column = |j: usize| data.iter().skip(j).step_by(d).map(|&v| f64::from(v));
        for i in 0..d {
            let mi = column(i).sum::<f64>() / n as f64;
            assert!((got.mean[i] - mi).abs() < 1e-12);
            for j in 0..d {
                let mj = column(j).sum::<f64>() / n as f64;
                let sum: f64 = column(i)
                    .zip(column(j))
                    .map(|(a, b)| (a - mi) * (b - mj))
                    .sum();
                assert!((got.covariance[i * d + j] - sum / (n - 1) as f64).abs() < 1e-12);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn chunks_order_and_merging_do_not_matter(
            rows in 2usize..1300, cut in 0usize..1300, chunk in 1usize..700, seed in 0u64..9,
        ) {
            let d = 6;
            let data = features(rows, d, seed);
            let whole = in_one(&data, d);

            let mut chunked = GaussianStats::new(d);
            for part in data.chunks(chunk * d) {
                chunked.push(part).expect("finite");
            }
            prop_assert_eq!(&chunked.finish().expect("two rows"), &whole);

            let (left, right) = data.split_at(cut.min(rows) * d);
            let mut merged = GaussianStats::new(d);
            merged.push(left).expect("finite");
            let mut other = GaussianStats::new(d);
            other.push(right).expect("finite");
            merged.merge(other).expect("one length");
            let merged = merged.finish().expect("two rows");
            prop_assert_eq!(merged.count, rows as u64);
            prop_assert!(distance(&whole.mean, &merged.mean) < 1e-10);
            prop_assert!(distance(&whole.covariance, &merged.covariance) < 1e-10);

            let reversed: Vec<f32> = data.chunks(d).rev().flatten().copied().collect();
            let reversed = in_one(&reversed, d);
            prop_assert!(distance(&whole.mean, &reversed.mean) < 1e-10);
            prop_assert!(distance(&whole.covariance, &reversed.covariance) < 1e-10);
        }
    }

    #[test]
    fn rows_that_are_not_numbers_are_named_and_not_taken_in() {
        let mut stats = GaussianStats::new(2);
        stats.push(&[1.0, 2.0]).expect("finite");
        let error = stats.push(&[0.0, 0.0, 1.0, f32::NAN]).expect_err("NaN");
        assert_eq!(error, MetricError::NotFinite { row: 2, column: 1 });
        assert_eq!(stats.count(), 1);
        assert!(matches!(
            stats.finish(),
            Err(MetricError::TooFew { got: 1, .. })
        ));
    }
}

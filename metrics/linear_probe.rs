//! What a linear map can read off features.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

use crate::MetricError;

/// Penalty on the weights, as a share of the variance of the standardised features.
const RIDGE: f64 = 1e-2;

/// Ridge regression of one score per class on standardised features.
#[derive(Debug, Clone)]
pub struct LinearProbe {
    mean: Vec<f64>,
    /// One over the deviation; 0 where a feature never varies.
    scale: Vec<f64>,
    /// `dims + 1` by classes, the offset last.
    weights: Mat<f64>,
}

impl LinearProbe {
    /// Fits `rows`, whose classes are `labels`, numbers below `classes`.
    ///
    /// # Errors
    ///
    /// If there is no row, or a feature is not finite.
    pub fn fit(rows: &[&[f32]], labels: &[usize], classes: usize) -> Result<Self, MetricError> {
        let what = "linear probe";
        let dims = rows.first().ok_or(MetricError::Empty { what })?.len();
        for (row, values) in rows.iter().enumerate() {
            if let Some(column) = values.iter().position(|v| !v.is_finite()) {
                return Err(MetricError::NotFinite { row, column });
            }
        }
        let count = rows.len() as f64;
        let over = |f: &dyn Fn(f64) -> f64, column: usize| {
            let sum: f64 = rows.iter().map(|row| f(f64::from(row[column]))).sum();
            sum / count
        };
        let mean: Vec<f64> = (0..dims).map(|c| over(&|v| v, c)).collect();
        let scale = (0..dims).map(|c| {
            let deviation = over(&|v| (v - mean[c]).powi(2), c).sqrt();
            if deviation > 0.0 {
                1.0 / deviation
            } else {
                0.0
            }
        });
        let scale: Vec<f64> = scale.collect();
        let standard = Mat::from_fn(rows.len(), dims + 1, |row, column| {
            if column == dims {
                1.0
            } else {
                (f64::from(rows[row][column]) - mean[column]) * scale[column]
            }
        });
        let wanted = Mat::from_fn(rows.len(), classes, |row, class| {
            f64::from(u8::from(labels[row] == class))
        });
        let mut normal = standard.transpose() * &standard;
        for place in 0..=dims {
            normal[(place, place)] += RIDGE * count;
        }
        let solved = normal.llt(Side::Lower).expect(
            "a Gram matrix of finite numbers with something added to its diagonal is positive",
        );
        Ok(Self {
            weights: solved.solve(standard.transpose() * wanted),
            mean,
            scale,
        })
    }

    /// The class of a row of features.
    pub fn predict(&self, row: &[f32]) -> usize {
        let dims = self.mean.len();
        let score = |class: usize| {
            (0..dims)
                .map(|c| {
                    (f64::from(row[c]) - self.mean[c]) * self.scale[c] * self.weights[(c, class)]
                })
                .sum::<f64>()
                + self.weights[(dims, class)]
        };
        (0..self.weights.ncols())
            .max_by(|a, b| score(*a).total_cmp(&score(*b)))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use wordpaint_rng::Rng;

    use super::*;

    fn drawn(n: usize, read: impl Fn(&[f32]) -> usize) -> (Vec<Vec<f32>>, Vec<usize>) {
        let mut rng = Rng::new(&[5, n as u64]);
        let rows: Vec<Vec<f32>> = (0..n)
            .map(|_| (0..6).map(|_| rng.f(-1.0, 1.0)).collect())
            .collect();
        let labels = rows.iter().map(|row| read(row)).collect();
        (rows, labels)
    }

    fn accuracy(read: impl Fn(&[f32]) -> usize + Copy) -> f64 {
        let (rows, labels) = drawn(2_000, read);
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let probe = LinearProbe::fit(&rows, &labels, 3).expect("finite rows");
        let (unseen, truth) = drawn(1_000, read);
        let right = unseen.iter().zip(truth);
        let right = right.filter(|(row, t)| probe.predict(row) == *t).count();
        right as f64 / 1_000.0
    }

    #[test]
    fn reads_what_depends_on_the_features_linearly() {
        let largest = |row: &[f32]| {
            (0..3)
                .max_by(|a, b| row[*a].total_cmp(&row[*b]))
                .unwrap_or(0)
        };

        assert!(accuracy(largest) > 0.95, "{}", accuracy(largest));
    }

    #[test]
    fn reads_nothing_that_no_linear_map_can() {
        let parity = |row: &[f32]| usize::from((row[0] > 0.0) != (row[1] > 0.0));

        assert!(accuracy(parity) < 0.6, "{}", accuracy(parity));
    }

    #[test]
    fn features_that_never_vary_and_rows_that_are_not_finite_are_no_trap() {
        let rows = [[1.0, 2.0], [1.0, -2.0]];
        let rows: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
        let probe = LinearProbe::fit(&rows, &[0, 1], 2).expect("finite rows");
        assert_eq!(
            [probe.predict(&[1.0, 3.0]), probe.predict(&[1.0, -3.0])],
            [0, 1]
        );

        let wrong = LinearProbe::fit(&[&[f32::NAN]], &[0], 1);
        assert_eq!(
            wrong.err(),
            Some(MetricError::NotFinite { row: 0, column: 0 })
        );
        assert!(LinearProbe::fit(&[], &[], 1).is_err());
    }
}

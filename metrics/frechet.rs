//! Fréchet distance of two Gaussians: FID where the features are those that the name stands for.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, Side};

use crate::rows::same_dims;
use crate::{Gaussian, MetricError};

/// The distance and its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frechet {
    /// `|mean_a - mean_b|^2 + Tr(A) + Tr(B) - 2 Tr((A B)^(1/2))`; rounding may leave about -1e-13
    /// where both sets are equal.
    pub distance: f64,
    /// `|mean_a - mean_b|^2`.
    pub means: f64,
    /// `Tr((A B)^(1/2))`.
    pub trace_sqrt: f64,
}

/// Fréchet distance (Heusel et al. 2017, eq. 6) by two symmetric eigen-decompositions, which
/// singular covariances cannot disturb.
///
/// # Errors
///
/// If the two have rows of different lengths or hold numbers that are not finite.
pub fn frechet_distance(a: &Gaussian, b: &Gaussian) -> Result<Frechet, MetricError> {
    same_dims(a.dims(), b.dims())?;
    Reference::new(a)?.distance(b)
}

/// One side of many distances, decomposed once.
///
/// With `A = V W V'`, the product `A B` has the eigenvalues of `W^(1/2) V' B V W^(1/2)`, which is
/// symmetric; directions in which `A` has no extent are left out.
pub(crate) struct Reference<'a> {
    gaussian: &'a Gaussian,
    /// `V W^(1/2)`.
    roots: Mat<f64>,
}

impl<'a> Reference<'a> {
    /// # Errors
    ///
    /// If the covariance holds numbers that are not finite.
    pub(crate) fn new(gaussian: &'a Gaussian) -> Result<Self, MetricError> {
        finite(gaussian)?;
        let dims = gaussian.dims();
        let covariance = MatRef::from_column_major_slice(&gaussian.covariance, dims, dims);
        let eigen = covariance
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| MetricError::NoConvergence { dims })?;
        let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        let noise = values.iter().fold(0.0f64, |m, v| m.max(*v)) * f64::EPSILON * dims as f64;
        let kept: Vec<usize> = (0..dims).filter(|&i| values[i] > noise).collect();
        let vectors = eigen.U();
        let roots = Mat::from_fn(dims, kept.len(), |row, i| {
            vectors[(row, kept[i])] * values[kept[i]].sqrt()
        });
        Ok(Self { gaussian, roots })
    }

    /// Distance to `other`.
    ///
    /// # Errors
    ///
    /// As [`frechet_distance`].
    pub(crate) fn distance(&self, other: &Gaussian) -> Result<Frechet, MetricError> {
        let dims = same_dims(self.gaussian.dims(), other.dims())?;
        finite(other)?;
        let means = self
            .gaussian
            .mean
            .iter()
            .zip(&other.mean)
            .map(|(x, y)| (x - y).powi(2))
            .sum();
        let trace = |g: &Gaussian| g.covariance.iter().step_by(dims + 1).sum::<f64>();
        let trace_sqrt = self.trace_sqrt(&other.covariance, dims)?;
        Ok(Frechet {
            distance: means + trace(self.gaussian) + trace(other) - 2.0 * trace_sqrt,
            means,
            trace_sqrt,
        })
    }

    /// `Tr((A B)^(1/2))`.
    fn trace_sqrt(&self, other: &[f64], dims: usize) -> Result<f64, MetricError> {
        let rank = self.roots.ncols();
        if rank == 0 {
            return Ok(0.0);
        }
        let other = MatRef::from_column_major_slice(other, dims, dims);
        let (replace, parallel) = (Accum::Replace, Par::rayon(0));
        let mut product = Mat::zeros(dims, rank);
        matmul(&mut product, replace, other, &self.roots, 1.0, parallel);
        let mut inner = Mat::zeros(rank, rank);
        let left = self.roots.transpose();
        matmul(&mut inner, replace, left, &product, 1.0, parallel);
        drop(product);
        let values = inner
            .self_adjoint_eigenvalues(Side::Lower)
            .map_err(|_| MetricError::NoConvergence { dims })?;
        Ok(values.iter().map(|v| v.max(0.0).sqrt()).sum())
    }
}

fn finite(gaussian: &Gaussian) -> Result<(), MetricError> {
    let values = gaussian.mean.iter().chain(&gaussian.covariance);
    if values.into_iter().all(|v| v.is_finite()) {
        Ok(())
    } else {
        Err(MetricError::Invalid(
            "a mean or covariance holds values that are not finite".into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use wordpaint_rng::Rng;

    use super::*;
    use crate::GaussianStats;

    fn normal(rows: usize, dims: usize, shift: f32, scale: f32, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(&[seed]);
        (0..rows * dims)
            .map(|_| shift + scale * rng.normal())
            .collect()
    }

    fn stats(data: &[f32], dims: usize) -> Gaussian {
        let mut stats = GaussianStats::new(dims);
        stats.push(data).expect("finite");
        stats.finish().expect("two rows")
    }

    fn distance(a: &Gaussian, b: &Gaussian) -> f64 {
        frechet_distance(a, b).expect("one length").distance
    }

    #[test]
    fn known_gaussians_have_known_distances() {
        let exact = |mean: f64, variance: f64| Gaussian {
            count: 0,
            mean: vec![mean; 5],
            covariance: (0..25)
                .map(|i| if i % 6 == 0 { variance } else { 0.0 })
                .collect(),
        };
        assert!((distance(&exact(0.0, 1.0), &exact(2.0, 1.0)) - 20.0).abs() < 1e-12);
        assert!((distance(&exact(0.0, 1.0), &exact(0.0, 4.0)) - 5.0).abs() < 1e-12);
        // All images of a set equal: no extent at all.
        assert!((distance(&exact(0.0, 0.0), &exact(1.0, 4.0)) - 25.0).abs() < 1e-12);
        assert!(distance(&exact(1.0, 0.0), &exact(1.0, 0.0)).abs() < 1e-12);
    }

    #[test]
    fn the_distance_is_symmetric_and_ignores_rotations() {
        let d = 4;
        let (x, y) = (normal(300, d, 0.0, 1.0, 1), normal(200, d, 0.5, 2.0, 2));
        let (c, s) = (0.6f32, 0.8f32);
        let turned = |data: &[f32]| -> Vec<f32> {
            data.chunks(d)
                .flat_map(|r| [c * r[0] - s * r[2], r[1], s * r[0] + c * r[2], r[3]])
                .collect()
        };
        let plain = distance(&stats(&x, d), &stats(&y, d));
        let swapped = distance(&stats(&y, d), &stats(&x, d));
        let rotated = distance(&stats(&turned(&x), d), &stats(&turned(&y), d));
        assert!((plain - swapped).abs() < 1e-10 * plain, "{plain} {swapped}");
        assert!((plain - rotated).abs() < 1e-5 * plain, "{plain} {rotated}");
    }

    #[test]
    fn a_singular_covariance_is_no_obstacle() {
        let d = 32;
        let few = stats(&normal(9, d, 0.0, 1.0, 3), d);
        let many = stats(&normal(400, d, 0.0, 1.0, 4), d);
        let (there, back) = (distance(&few, &many), distance(&many, &few));
        assert!(
            there.is_finite() && (there - back).abs() < 1e-6,
            "{there} {back}"
        );
        assert!(distance(&few, &few).abs() < 1e-8);
    }

    #[test]
    fn sets_of_two_lengths_and_broken_statistics_are_refused() {
        let (a, b) = (stats(&[0.0, 1.0], 1), stats(&[0.0, 1.0, 2.0, 3.0], 2));
        assert_eq!(
            frechet_distance(&a, &b),
            Err(MetricError::Dims { left: 1, right: 2 })
        );
        let broken = Gaussian {
            covariance: vec![f64::NAN],
            ..a.clone()
        };
        assert!(matches!(
            frechet_distance(&a, &broken),
            Err(MetricError::Invalid(_))
        ));
    }
}

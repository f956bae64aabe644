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
    let dims = same_dims(a.dims(), b.dims())?;
    let means = a
        .mean
        .iter()
        .zip(&b.mean)
        .map(|(x, y)| (x - y).powi(2))
        .sum();
    let trace = |g: &Gaussian| g.covariance.iter().step_by(dims + 1).sum::<f64>();
    let trace_sqrt = trace_sqrt_product(&a.covariance, &b.covariance, dims)?;
    Ok(Frechet {
        distance: means + trace(a) + trace(b) - 2.0 * trace_sqrt,
        means,
        trace_sqrt,
    })
}

/// `Tr((A B)^(1/2))` of two symmetric positive semi-definite matrices.
///
/// With `A = V W V'`, the product has the eigenvalues of `W^(1/2) V' B V W^(1/2)`, which is
/// symmetric; directions in which `A` has no extent are left out.
fn trace_sqrt_product(a: &[f64], b: &[f64], dims: usize) -> Result<f64, MetricError> {
    if a.iter().chain(b).any(|v| !v.is_finite()) {
        return Err(MetricError::Invalid(
            "a covariance holds values that are not finite".into(),
        ));
    }
    let failed = |_| MetricError::NoConvergence { dims };
    let (roots, vectors) = {
        let a = MatRef::from_column_major_slice(a, dims, dims);
        let eigen = a.self_adjoint_eigen(Side::Lower).map_err(failed)?;
        let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        let noise = values.iter().fold(0.0f64, |m, v| m.max(*v)) * f64::EPSILON * dims as f64;
        let kept: Vec<usize> = (0..dims).filter(|&i| values[i] > noise).collect();
        let vectors = eigen.U();
        let vectors = Mat::from_fn(dims, kept.len(), |row, i| {
            vectors[(row, kept[i])] * values[kept[i]].sqrt()
        });
        (kept.len(), vectors)
    };
    if roots == 0 {
        return Ok(0.0);
    }
    let b = MatRef::from_column_major_slice(b, dims, dims);
    let mut product = Mat::zeros(dims, roots);
    matmul(
        &mut product,
        Accum::Replace,
        b,
        &vectors,
        1.0,
        Par::rayon(0),
    );
    let mut inner = Mat::zeros(roots, roots);
    matmul(
        &mut inner,
        Accum::Replace,
        vectors.transpose(),
        &product,
        1.0,
        Par::rayon(0),
    );
    drop((vectors, product));
    let values = inner
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(failed)?;
    Ok(values.iter().map(|v| v.max(0.0).sqrt()).sum())
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

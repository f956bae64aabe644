//! What a matrix must be to be a covariance.

use faer::{Mat, Side};

/// How far a covariance may be from symmetric, and its eigenvalues below zero, relative to its
/// Frobenius norm: room for sums in 32 bits over as many features as networks have.
pub const TOLERANCE: f64 = 1e-5;

/// Says why `values`, the rows of a square matrix of `dims` columns, are no covariance.
///
/// Covariances of fewer images than features have eigenvalues of zero, which rounding makes
/// negative; within [`TOLERANCE`] they are accepted.
///
/// # Errors
///
/// If a value is not finite, or the matrix is not symmetric, or not positive semidefinite.
pub fn check_covariance(values: &[f64], dims: usize) -> Result<(), String> {
    if dims.checked_mul(dims) != Some(values.len()) {
        return Err(format!(
            "has {} values where {dims} x {dims} are expected",
            values.len()
        ));
    }
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        return Err(format!(
            "holds a value that is not finite (row {}, column {})",
            at / dims,
            at % dims
        ));
    }
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    if largest == 0.0 {
        return Ok(());
    }
    // Scaled, so that no square is too large or too small for a float.
    let scaled = |row: usize, column: usize| values[row * dims + column] / largest;
    let norm = values.iter().map(|v| (v / largest).powi(2)).sum::<f64>();
    let room = TOLERANCE * norm.sqrt();
    for row in 0..dims {
        for column in 0..row {
            if (scaled(row, column) - scaled(column, row)).abs() > room {
                return Err(format!(
                    "is not symmetric: {} in row {row}, column {column}, but {} in row {column}, \
                     column {row}",
                    values[row * dims + column],
                    values[column * dims + row]
                ));
            }
        }
    }
    if let Some(row) = (0..dims).find(|&row| scaled(row, row) < -room) {
        return Err(format!(
            "is not positive semidefinite: feature {row} has the variance {}",
            values[row * dims + row]
        ));
    }
    // With the room added to its diagonal, it has a Cholesky factor if no eigenvalue lies below.
    let lifted = Mat::from_fn(dims, dims, |row, column| {
        let lift = if row == column { room } else { 0.0 };
        f64::midpoint(scaled(row, column), scaled(column, row)) + lift
    });
    if lifted.llt(Side::Lower).is_ok() {
        return Ok(());
    }
    Err("is not positive semidefinite: some mixture of features has a negative variance".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wordpaint_rng::Rng;

    use super::*;
    use crate::GaussianStats;

    /// Covariance of random rows.
    fn covariance(rows: usize, dims: usize, scale: f32) -> Vec<f64> {
        let mut rng = Rng::new(&[rows as u64, dims as u64]);
        let data: Vec<f32> = (0..rows * dims).map(|_| scale * rng.normal()).collect();
        let mut stats = GaussianStats::new(dims);
        stats.push(&data).expect("finite");
        stats.finish().expect("two rows").covariance
    }

    #[test]
    fn covariances_of_few_and_many_images_are_accepted_in_both_precisions() {
        for (rows, dims) in [(500, 12), (12, 12), (3, 40), (2, 150)] {
            for scale in [1e-12, 1.0, 1e9] {
                let exact = covariance(rows, dims, scale);
                let single: Vec<f64> = exact.iter().map(|&v| f64::from(v as f32)).collect();

                assert_eq!(check_covariance(&exact, dims), Ok(()), "{rows} {dims}");
                assert_eq!(check_covariance(&single, dims), Ok(()), "{rows} {dims} f4");
            }
        }
        assert_eq!(check_covariance(&[0.0; 9], 3), Ok(()));
    }

    #[test]
    fn what_no_set_of_images_can_have_is_refused() {
        let cases: [(&[f64], &str); 6] = [
            (&[1.0, 0.0, 0.0], "3 values where 2 x 2"),
            (&[1.0, f64::NAN, 0.0, 1.0], "not finite (row 0, column 1)"),
            (
                &[1.0, 0.0, f64::INFINITY, 1.0],
                "not finite (row 1, column 0)",
            ),
            (&[1.0, 0.5, 0.4, 1.0], "not symmetric"),
            (&[1.0, 0.0, 0.0, -0.1], "feature 1 has the variance -0.1"),
            (&[1.0, 2.0, 2.0, 1.0], "mixture of features"),
        ];
        for (values, expected) in cases {
            let error = check_covariance(values, 2).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_direction_of_negative_variance_is_found(
            dims in 2usize..20, share in 0.001f64..1.0, seed in 0u64..50,
        ) {
            let mut rng = Rng::new(&[seed]);
            let mut values = covariance(200, dims, 1.0);
            let direction: Vec<f64> = (0..dims).map(|_| f64::from(rng.normal())).collect();
            let square: f64 = direction.iter().map(|v| v * v).sum();
            let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
            // As much along the direction as there is of anything, and a share more.
            for i in 0..dims * dims {
                let product = direction[i / dims] * direction[i % dims] / square;
                values[i] -= norm * (1.0 + share) * product;
            }
            prop_assert!(check_covariance(&values, dims).is_err());
        }
    }
}

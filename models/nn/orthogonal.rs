//! Orthogonal initial weights.

use burn::module::{Param, ParamId};
use burn::prelude::Tensor;
use burn::tensor::Distribution;

use crate::backend::Backend;

/// Steps of the iteration; a Gaussian matrix needs far fewer.
const STEPS: usize = 60;
/// Largest accepted distance of the Gram matrix from the identity.
const CLOSE: f32 = 1e-5;

/// A parameter whose matrix of `shape[0]` rows has orthonormal rows (or columns, where there are
/// fewer), drawn uniformly: torch's `orthogonal_` with gain 1.
///
/// The orthogonal factor of a Gaussian matrix, found by matrix products only (Newton-Schulz), so
/// that wide layers take moments on every backend.
pub fn orthogonal<B: Backend, const D: usize>(
    shape: [usize; D],
    device: &B::Device,
) -> Param<Tensor<B, D>> {
    let value = polar::<B>(shape[0], shape[1..].iter().product(), device);
    Param::initialized(ParamId::new(), value.reshape(shape).require_grad())
}

/// Orthogonal factor of a Gaussian matrix.
fn polar<B: Backend>(rows: usize, columns: usize, device: &B::Device) -> Tensor<B, 2> {
    if rows > columns {
        return polar(columns, rows, device).transpose();
    }
    let gaussian =
        Tensor::<B, 2>::random([rows, columns], Distribution::Normal(0.0, 1.0), device).detach();
    // Singular values of a Gaussian matrix stay below the sum of the roots of its sides.
    let bound = (rows as f64).sqrt() + (columns as f64).sqrt();
    let one = Tensor::<B, 2>::eye(rows, device);
    let mut x = gaussian / bound;
    for _ in 0..STEPS {
        let gram = x.clone().matmul(x.clone().transpose());
        let distance = (gram.clone() - one.clone()).abs().max();
        if distance.into_data().iter::<f32>().all(|d| d < CLOSE) {
            break;
        }
        x = (one.clone() * 1.5 - gram * 0.5).matmul(x);
    }
    x
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Tolerance;

    use super::*;

    #[test]
    fn rows_or_columns_are_orthonormal() {
        let device = burn_flex::FlexDevice;
        for shape in [[6, 2, 3, 3], [24, 2, 3, 2], [12, 3, 2, 2], [1, 4, 4, 4]] {
            let weight = orthogonal::<Flex, 4>(shape, &device).val();
            let [rows, rest @ ..] = shape;
            let columns = rest.iter().product();
            let x = weight.reshape([rows, columns]);

            let gram = if rows > columns {
                x.clone().transpose().matmul(x)
            } else {
                x.clone().matmul(x.transpose())
            };

            let one = Tensor::<Flex, 2>::eye(rows.min(columns), &device);
            gram.into_data()
                .assert_approx_eq::<f32>(&one.into_data(), Tolerance::absolute(1e-4));
        }
    }
}

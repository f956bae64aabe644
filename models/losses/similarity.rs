//! Unit vectors and stable sums, shared by losses that compare rows with each other.

use burn::prelude::{Int, Tensor};

use crate::backend::Backend;

/// Stands for minus infinity where a gradient passes: `0 * -inf` would be no number.
pub const NEVER: f64 = -1e9;
/// Added under the root of a squared norm, so that a row of zeros has a gradient.
const TINY: f64 = 1e-12;

/// Rows divided by their Euclidean norm; a row of zeros stays zero.
///
/// # Shapes
///
/// - `x`: `[rows, dim]`
/// - output: as `x`
pub fn unit_rows<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    let norm = (x.clone().square().sum_dim(1) + TINY).sqrt();
    x / norm
}

/// `log sum exp` along `dim`, which keeps length 1.
pub fn log_sum_exp<B: Backend, const D: usize>(x: Tensor<B, D>, dim: usize) -> Tensor<B, D> {
    let largest = x.clone().max_dim(dim).detach();
    (x - largest.clone()).exp().sum_dim(dim).log() + largest
}

/// Mean over the rows of `log sum_k exp s_ik - s_ii`: cross entropy with the diagonal as target.
///
/// # Shapes
///
/// - `scores`: `[rows, rows]`
/// - output: `[1]`
pub fn diagonal_cross_entropy<B: Backend>(scores: Tensor<B, 2>) -> Tensor<B, 1> {
    let [rows, _] = scores.dims();
    let own = Tensor::<B, 2>::eye(rows, &scores.device());
    let matched = (scores.clone() * own).sum() / rows as f64;
    log_sum_exp(scores, 1).mean() - matched
}

/// 1 where two rows have the same class, their own place included.
///
/// # Shapes
///
/// - `classes`: `[rows]`
/// - output: `[rows, rows]`
pub fn same_class<B: Backend>(classes: Tensor<B, 1, Int>) -> Tensor<B, 2> {
    let [rows] = classes.dims();
    let down = classes.clone().reshape([rows, 1]).expand([rows, rows]);
    let across = classes.reshape([1, rows]).expand([rows, rows]);
    down.equal(across).float()
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::*;

    #[test]
    fn a_row_of_zeros_has_a_finite_gradient() {
        let x = Tensor::<Autodiff<Flex>, 2>::zeros([1, 3], &burn_flex::FlexDevice).require_grad();

        let loss = unit_rows(x.clone()).sum();
        let gradient = x.grad(&loss.backward()).expect("the input is tracked");

        let values: Vec<f32> = gradient.into_data().iter().collect();
        assert!(values.iter().all(|v| v.is_finite()), "{values:?}");
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let scores = Tensor::<Flex, 2>::from_floats([[500.0, 500.0]], &burn_flex::FlexDevice);

        let sum = log_sum_exp(scores, 1).into_scalar();

        assert!((sum - 500.0 - 2.0_f32.ln()).abs() < 1e-3);
    }

    #[test]
    fn equal_scores_cost_the_logarithm_of_the_rows() {
        let scores = Tensor::<Flex, 2>::full([5, 5], 3.0, &burn_flex::FlexDevice);

        let loss = diagonal_cross_entropy(scores).into_scalar();

        assert!((loss - 5.0_f32.ln()).abs() < 1e-6);
    }
}

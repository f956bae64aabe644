//! NT-Xent: pulls the two views of a sample together, away from all other rows.

use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::losses::similarity::{NEVER, log_sum_exp, unit_rows};

/// Mean over all `2 batch` rows `u` of both views of
/// `-log(exp(cos(u_i, u_j) / t) / sum_{k != i} exp(cos(u_i, u_k) / t))`, where `u_j` is the other
/// view of row `i`. Negatives come from both views.
///
/// # Shapes
///
/// - `first`, `second`: `[batch, dim]`, of any length
/// - output: `[1]`
pub fn nt_xent<B: Backend>(
    first: Tensor<B, 2>,
    second: Tensor<B, 2>,
    temperature: f64,
) -> Tensor<B, 1> {
    let (first, second) = (unit_rows(first), unit_rows(second));
    let matched = (first.clone() * second.clone()).sum_dim(1).mean() / temperature;
    let rows = Tensor::cat(vec![first, second], 0);
    let [count, _] = rows.dims();
    let own = Tensor::<B, 2>::eye(count, &rows.device()) * NEVER;
    let scores = rows.clone().matmul(rows.transpose()) / temperature + own;
    log_sum_exp(scores, 1).mean() - matched
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::Distribution;

    use super::*;

    fn random(rows: usize) -> Tensor<Flex, 2> {
        Tensor::random(
            [rows, 4],
            Distribution::Normal(0.0, 1.0),
            &burn_flex::FlexDevice,
        )
    }

    fn value(first: Tensor<Flex, 2>, second: Tensor<Flex, 2>) -> f32 {
        nt_xent(first, second, 0.5).into_scalar()
    }

    #[test]
    fn equal_rows_cost_the_logarithm_of_the_others() {
        let rows = Tensor::<Flex, 2>::ones([4, 3], &burn_flex::FlexDevice);

        assert!((value(rows.clone(), rows) - 7.0_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn views_and_samples_may_change_places_and_lengths_do_not_count() {
        let (first, second) = (random(5), random(5));
        let loss = value(first.clone(), second.clone());

        let turned = value(second.clone(), first.clone());
        let flipped = value(first.clone().flip([0]), second.clone().flip([0]));
        let longer = value(first * 3.0, second * 0.2);

        for other in [turned, flipped, longer] {
            assert!((loss - other).abs() < 1e-5, "{loss} {other}");
        }
    }

    #[test]
    fn gradients_are_orthogonal_to_their_rows() {
        let device = burn_flex::FlexDevice;
        let first = Tensor::<Autodiff<Flex>, 2>::from_data(random(4).into_data(), &device);
        let first = first.require_grad();
        let second = Tensor::from_data(random(4).into_data(), &device);

        let gradients = nt_xent(first.clone(), second, 0.1).backward();
        let gradient = first.grad(&gradients).expect("the input is tracked");

        let along = (gradient * first.inner())
            .sum_dim(1)
            .abs()
            .max()
            .into_scalar();
        assert!(along < 1e-5, "{along}");
    }
}

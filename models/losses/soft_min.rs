//! The best of several candidates, with a little gradient for the others.

use burn::prelude::{Int, Tensor};

use crate::backend::Backend;

/// Weights `w` with `sum_p w_p loss_p = (1 - soft) min_p loss_p + soft mean_p loss_p` per sample
/// (Chen & Koltun 2017 use `soft` = 0.001). They are constants: the gradient of the weighted sum is
/// that of the soft minimum.
///
/// # Shapes
///
/// - `losses`: `[batch, candidates]`
/// - output: the same shape, rows sum to 1
pub fn soft_min_weights<B: Backend>(losses: Tensor<B, 2>, soft: f64) -> Tensor<B, 2> {
    let [_, candidates] = losses.dims();
    let losses = losses.detach();
    let index = Tensor::<B, 1, Int>::arange(0..candidates as i64, &losses.device());
    let is_best = losses.argmin(1).equal(index.unsqueeze());
    is_best.float() * (1.0 - soft) + soft / candidates as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestBackend = burn::backend::Flex;

    #[test]
    fn the_best_candidate_takes_all_but_the_soft_share() {
        let device = Default::default();
        let losses = Tensor::<TestBackend, 2>::from_floats([[3.0, 1.0], [2.0, 5.0]], &device);

        let hard = soft_min_weights(losses.clone(), 0.0)
            .into_data()
            .to_vec::<f32>();
        let soft = soft_min_weights(losses, 0.5).into_data().to_vec::<f32>();

        assert_eq!(hard.expect("f32"), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(soft.expect("f32"), [0.25, 0.75, 0.75, 0.25]);
    }
}

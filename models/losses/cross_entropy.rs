//! Cross entropy of class scores.

use burn::prelude::{Int, Tensor};
use burn::tensor::activation::log_softmax;

use crate::backend::Backend;

/// `mean_i -log softmax(logits_i)[target_i]`.
///
/// # Shapes
///
/// - `logits`: `[batch, classes]`
/// - `targets`: `[batch]`, 0 to classes - 1
pub fn cross_entropy<B: Backend>(logits: Tensor<B, 2>, targets: Tensor<B, 1, Int>) -> Tensor<B, 1> {
    log_softmax(logits, 1)
        .gather(1, targets.unsqueeze_dim(1))
        .mean()
        .neg()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;

    use super::*;

    #[test]
    fn equal_scores_cost_the_logarithm_of_the_number_of_classes() {
        let device = Default::default();
        let logits = Tensor::<burn::backend::Flex, 2>::ones([2, 5], &device);
        let targets = Tensor::from_ints([4, 0], &device);

        let loss = cross_entropy(logits, targets).into_data();

        loss.assert_approx_eq::<f32>(&[5.0_f32.ln()].into(), Tolerance::absolute(1e-6));
    }
}

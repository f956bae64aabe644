//! Hinge losses of adversarial training.

use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::nn::activation::relu;

/// What the discriminator pays for a logit that should be at least 1: `relu(1 - x)`.
///
/// # Shapes
///
/// - `logits`, output: `[batch]`
pub fn below_one<B: Backend>(logits: Tensor<B, 1>) -> Tensor<B, 1> {
    relu(logits.neg() + 1.0)
}

/// What the discriminator pays for a logit that should be at most -1: `relu(1 + x)`.
///
/// # Shapes
///
/// - `logits`, output: `[batch]`
pub fn above_minus_one<B: Backend>(logits: Tensor<B, 1>) -> Tensor<B, 1> {
    relu(logits + 1.0)
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    #[test]
    fn nothing_is_paid_beyond_the_margin() {
        let logits = || Tensor::<Flex, 1>::from_floats([-1.5, 0.0, 1.5], &burn_flex::FlexDevice);

        let real = below_one(logits()).into_data().to_vec::<f32>();
        let fake = above_minus_one(logits()).into_data().to_vec::<f32>();

        assert_eq!(real.expect("f32"), [2.5, 1.0, 0.0]);
        assert_eq!(fake.expect("f32"), [0.0, 1.0, 2.5]);
    }
}

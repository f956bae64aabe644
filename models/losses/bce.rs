//! Binary cross entropy of adversarial training, from logits.

use burn::prelude::Tensor;
use burn::tensor::activation::log_sigmoid;

use crate::backend::Backend;

/// `-(t log s(x) + (1 - t) log(1 - s(x)))` of every logit, without overflow for large ones.
///
/// # Shapes
///
/// - `logits`: `[batch]`
/// - output: `[batch]`
pub fn bce_each<B: Backend>(logits: Tensor<B, 1>, target: f64) -> Tensor<B, 1> {
    let yes = |x| log_sigmoid(x) * -target;
    let no = |x: Tensor<B, 1>| log_sigmoid(x.neg()) * (target - 1.0);
    if target == 1.0 {
        yes(logits)
    } else if target == 0.0 {
        no(logits)
    } else {
        yes(logits.clone()) + no(logits)
    }
}

/// Mean of [`bce_each`], `[1]`.
pub fn bce<B: Backend>(logits: Tensor<B, 1>, target: f64) -> Tensor<B, 1> {
    bce_each(logits, target).mean()
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    fn single(logit: f32, target: f64) -> f32 {
        bce(
            Tensor::<Flex, 1>::from_floats([logit], &burn_flex::FlexDevice),
            target,
        )
        .into_scalar()
    }

    #[test]
    fn values_are_those_of_the_definition() {
        let s = 1.0 / (1.0 + (-0.7_f32).exp());

        assert!((single(0.7, 1.0) + s.ln()).abs() < 1e-6);
        assert!((single(0.7, 0.0) + (1.0 - s).ln()).abs() < 1e-6);
        let smooth = -(0.9 * s.ln() + 0.1 * (1.0 - s).ln());
        assert!((single(0.7, 0.9) - smooth).abs() < 1e-6);
    }

    #[test]
    fn large_logits_stay_finite() {
        assert_eq!(single(-200.0, 1.0), 200.0);
        assert_eq!(single(200.0, 0.0), 200.0);
        assert_eq!(single(200.0, 1.0), 0.0);
    }
}

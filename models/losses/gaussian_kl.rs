//! Divergence of a Gaussian with diagonal covariance from the standard one.

use burn::prelude::Tensor;

use crate::backend::Backend;

/// `-1/2 mean(1 + log v - m^2 - v)` over batch and dimensions, with `v` the variance.
///
/// # Shapes
///
/// - `mean`, `log_variance`: `[batch, dim]`
/// - output: `[1]`
pub fn gaussian_kl<B: Backend>(mean: Tensor<B, 2>, log_variance: Tensor<B, 2>) -> Tensor<B, 1> {
    let inner = log_variance.clone() + 1.0 - mean.square() - log_variance.exp();
    inner.mean() * -0.5
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    #[test]
    fn only_the_standard_gaussian_is_free() {
        let device = burn_flex::FlexDevice;
        let zeros = Tensor::<Flex, 2>::zeros([2, 3], &device);

        let none = gaussian_kl(zeros.clone(), zeros.clone()).into_scalar();
        let moved = gaussian_kl(zeros.clone() + 2.0, zeros).into_scalar();

        assert_eq!(none, 0.0);
        assert!((moved - 2.0).abs() < 1e-6);
    }
}

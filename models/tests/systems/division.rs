//! Quotients and the gradients of divisions are exact to rounding on both backends, wherever an
//! array lies in memory: an estimate of the reciprocal, as vector units offer it, is 3e-4 off.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::backend::{AutodiffBackend, Backend};

/// More than any vector is long, and no multiple of a length.
const COUNT: usize = 203;

fn divisors() -> Vec<f32> {
    (0..COUNT).map(|i| 0.37 + 0.013 * i as f32).collect()
}

/// Fails where `found` differs from `wanted` by more than a few roundings of single precision.
fn agree(label: &str, found: TensorData, wanted: impl Fn(f64) -> f64) {
    for (i, (found, x)) in found.iter::<f32>().zip(divisors()).enumerate() {
        let wanted = wanted(f64::from(x));
        let error = ((f64::from(found) - wanted) / wanted).abs();
        assert!(
            error <= f64::from(2.0 * f32::EPSILON),
            "{label} [{i}]: {found} for {wanted}"
        );
    }
}

fn reciprocals_are_exact<B: Backend>(label: &str) {
    let values = TensorData::new(divisors(), [COUNT]);
    let x = Tensor::<B, 1>::from_data(values, &Default::default());
    let kept = x.clone();

    agree(label, x.recip().into_data(), |x| 1.0 / x);
    // The last handle: backends may write over its memory.
    agree(label, kept.recip().into_data(), |x| 1.0 / x);
}

fn gradients_of_divisions_are_exact<B: AutodiffBackend>(label: &str) {
    let values = TensorData::new(divisors(), [COUNT]);
    let x = Tensor::<B, 1>::from_data(values, &Default::default()).require_grad();
    let numerator = Tensor::<B, 1>::ones([COUNT], &Default::default()).require_grad();

    let gradients = (numerator.clone() / x.clone()).sum().backward();

    let by_numerator = numerator.grad(&gradients).expect("takes part");
    agree(label, by_numerator.into_data(), |x| 1.0 / x);
    let by_divisor = x.grad(&gradients).expect("takes part");
    agree(label, by_divisor.into_data(), |x| -1.0 / (x * x));
}

#[test]
fn no_backend_estimates_a_reciprocal() {
    reciprocals_are_exact::<Flex>("flex");
    reciprocals_are_exact::<NdArray<f32>>("ndarray");
}

#[test]
fn no_backend_estimates_the_gradient_of_a_division() {
    gradients_of_divisions_are_exact::<Autodiff<Flex>>("flex");
    gradients_of_divisions_are_exact::<Autodiff<NdArray<f32>>>("ndarray");
}

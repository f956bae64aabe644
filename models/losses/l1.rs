//! Mean absolute difference of feature maps and images.

use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, ops};

/// How the differences within one sample are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Mean over all elements: every map counts alike, whatever its size (published SDN code).
    #[default]
    Mean,
    /// Sum over all elements, the literal norm of the SDN paper: large maps dominate.
    SumPerSample,
}

/// `|fake - real|` reduced per sample, for `heads` candidates of each sample. Where both are 0 the
/// gradient is 0.
///
/// # Shapes
///
/// - `fake`: `[batch * heads, channels, height, width]`, the candidates of a sample side by side
/// - `real`: `[batch, channels, height, width]`
/// - output: `[batch, heads]`
pub fn l1_per_sample<B: Backend>(
    fake: Tensor<B, 4>,
    real: Tensor<B, 4>,
    reduction: Reduction,
) -> Tensor<B, 2> {
    let [batch, channels, height, width] = real.dims();
    let heads = fake.dims()[0] / batch;
    let elements = channels * height * width;
    let fake = fake.reshape([batch, heads, elements]);
    let sums = ops::distance(fake, real.reshape([batch, elements]));
    match reduction {
        Reduction::Mean => sums / elements as f64,
        Reduction::SumPerSample => sums,
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::*;

    #[test]
    fn sum_is_mean_times_number_of_elements() {
        let device = Default::default();
        let fake = Tensor::<Flex, 4>::full([4, 3, 2, 2], 0.5, &device);
        let real = Tensor::<Flex, 4>::zeros([2, 3, 2, 2], &device);

        let mean = l1_per_sample(fake.clone(), real.clone(), Reduction::Mean);
        let sum = l1_per_sample(fake, real, Reduction::SumPerSample);

        assert_eq!(mean.into_data().to_vec::<f32>().expect("f32"), [0.5; 4]);
        assert_eq!(sum.into_data().to_vec::<f32>().expect("f32"), [6.0; 4]);
    }

    #[test]
    fn equal_values_have_no_gradient() {
        let device = Default::default();
        let fake = Tensor::<Autodiff<Flex>, 4>::zeros([1, 1, 2, 2], &device).require_grad();
        let real = Tensor::zeros([1, 1, 2, 2], &device);

        let loss = l1_per_sample(fake.clone(), real, Reduction::Mean).sum();
        let gradient = fake.grad(&loss.backward()).expect("the input is tracked");

        assert_eq!(gradient.into_data().to_vec::<f32>().expect("f32"), [0.0; 4]);
    }
}

//! Penalties on the gradient of a discriminator's logits by its inputs, one file each.
//!
//! Written as ordinary functions of gradients that can be differentiated again; no root is taken
//! where its slope would be infinite, so that a gradient of zeros gives zeros and no NaN.

mod matching_aware;
mod wgan_gp;
mod zero_centred;

use burn::prelude::Tensor;

pub use self::matching_aware::Length;
use crate::backend::Backend;

/// Gradients of logits by what was judged.
#[derive(Debug, Clone)]
pub struct InputGradients<B: Backend> {
    /// By the images, `[batch, channels, height, width]`.
    pub image: Tensor<B, 4>,
    /// By the sentences, `[batch, dim]`.
    pub sentence: Tensor<B, 2>,
}

impl<B: Backend> InputGradients<B> {
    /// Squared lengths by image and by sentence, `[batch]` each.
    fn squares(&self) -> [Tensor<B, 1>; 2] {
        let image: Tensor<B, 2> = self.image.clone().square().flatten(1, 3);
        let sentence = self.sentence.clone().square();
        [image, sentence].map(|squares| squares.sum_dim(1).flatten(0, 1))
    }
}

/// Square root of squared lengths, with a finite slope at 0.
fn root<B: Backend>(squares: Tensor<B, 1>) -> Tensor<B, 1> {
    const TINY: f64 = 1e-30;
    squares.clamp_min(TINY).sqrt()
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::*;

    pub(super) type Training = Autodiff<Flex>;

    /// Gradients of lengths 3 and 4 (joint 5), then of zeros.
    pub(super) fn gradients() -> InputGradients<Training> {
        let device = burn_flex::FlexDevice;
        let image = Tensor::<Training, 2>::from_floats([[3.0, 0.0], [0.0, 0.0]], &device);
        InputGradients {
            image: image.reshape([2, 1, 1, 2]).require_grad(),
            sentence: Tensor::<Training, 2>::from_floats([[0.0, 4.0], [0.0, 0.0]], &device)
                .require_grad(),
        }
    }

    pub(super) fn assert_near(found: Tensor<Training, 1>, expected: &[f32]) {
        let found = found.into_data().to_vec::<f32>().expect("f32");
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!(
                (f - e).abs() <= 1e-5 * e.abs(),
                "{found:?}, not {expected:?}"
            );
        }
    }

    #[test]
    fn a_gradient_of_zeros_has_a_finite_slope() {
        type Penalty = fn(&InputGradients<Training>) -> Tensor<Training, 1>;
        let penalties: [Penalty; 4] = [
            |g| g.matching_aware(Length::Joint, 6.0),
            |g| g.matching_aware(Length::Sum, 6.0),
            InputGradients::zero_centred,
            InputGradients::one_centred,
        ];
        for (i, penalty) in penalties.into_iter().enumerate() {
            let g = gradients();

            let slopes = penalty(&g).backward();

            let image = g.image.grad(&slopes).expect("used").into_data();
            assert!(image.iter::<f32>().all(f32::is_finite), "{i}: {image:?}");
            assert!(image.iter::<f32>().any(|v| v != 0.0), "{i}: {image:?}");
        }
    }
}

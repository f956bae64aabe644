//! Penalties on the gradient of a discriminator's logits by its inputs, one file each.
//!
//! Written as ordinary functions of gradients that can be differentiated again; no root is taken
//! where its slope would be infinite, so that a gradient of zeros gives zeros and no NaN.

mod critic;
#[cfg(test)]
mod critic_tests;
mod matching_aware;
mod penalty;
mod wgan_gp;
mod zero_centred;

use burn::prelude::Tensor;

pub use self::critic::{Critic, Differentiable, Penalized, differentiate, on_second_layer};
pub use self::matching_aware::Length;
pub use self::penalty::{Kind, Penalty, PenaltyStep, RealAndFake};
use crate::backend::Backend;

/// Squared lengths of the gradients of logits by each input.
#[derive(Debug, Clone)]
pub struct InputGradients<B: Backend> {
    /// By the images or their features, `[batch]`.
    image: Tensor<B, 1>,
    /// By the sentences, `[batch]`, where they are an input.
    sentence: Option<Tensor<B, 1>>,
}

impl<B: Backend> InputGradients<B> {
    /// Of `gradients`, which are those of a [`Critic`]'s logits by its input.
    pub fn of<I: Differentiable<B>>(gradients: &I) -> Self {
        let mut squares = gradients.squares().into_iter();
        Self {
            image: squares.next().expect("there is an input"),
            sentence: squares.next(),
        }
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

    type Pair = (Tensor<Training, 4>, Tensor<Training, 2>);

    /// Gradients of lengths 3 and 4 (joint 5), then of zeros.
    pub(super) fn pair() -> Pair {
        let device = burn_flex::FlexDevice;
        let image = Tensor::<Training, 2>::from_floats([[3.0, 0.0], [0.0, 0.0]], &device);
        (
            image.reshape([2, 1, 1, 2]).require_grad(),
            Tensor::<Training, 2>::from_floats([[0.0, 4.0], [0.0, 0.0]], &device).require_grad(),
        )
    }

    pub(super) fn gradients() -> InputGradients<Training> {
        InputGradients::of(&pair())
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
            let (image, sentence) = pair();
            let g = InputGradients::of(&(image.clone(), sentence));

            let slopes = penalty(&g).backward();

            let image = image.grad(&slopes).expect("used").into_data();
            assert!(image.iter::<f32>().all(f32::is_finite), "{i}: {image:?}");
            assert!(image.iter::<f32>().any(|v| v != 0.0), "{i}: {image:?}");
        }
    }
}

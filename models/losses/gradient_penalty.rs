//! Penalties on the gradient of a discriminator's logits by its inputs.
//!
//! Written as ordinary functions of gradients that can be differentiated again; no root is taken
//! where its slope would be infinite, so that a gradient of zeros gives zeros and no NaN.

use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;

/// Least squared length under a root.
const TINY: f64 = 1e-30;

/// Length of the gradient by an image and its sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Of both as one vector (published code of DF-GAN and SSA-GAN).
    #[default]
    Joint,
    /// Sum of both lengths (as the papers write it).
    Sum,
}

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

    /// Length of each gradient to the power of `power`, `[batch]`.
    ///
    /// # Shapes
    ///
    /// - output: `[batch]`; its gradient is finite for powers of at least 2
    pub fn lengths(&self, length: Length, power: f64) -> Tensor<B, 1> {
        let [image, sentence] = self.squares();
        match length {
            Length::Joint => (image + sentence).powf_scalar(power / 2.0),
            Length::Sum => {
                let root = |squares: Tensor<B, 1>| squares.clamp_min(TINY).sqrt();
                (root(image) + root(sentence)).powf_scalar(power)
            }
        }
    }

    /// Matching-aware penalty without its factor: `mean(|g|^power)`, `[1]`.
    pub fn matching_aware(&self, length: Length, power: f64) -> Tensor<B, 1> {
        self.lengths(length, power).mean()
    }

    /// R1 without its factor (Mescheder et al. 2018): `mean(|g_image|^2) / 2`, `[1]`.
    ///
    /// At real images it is R1, at others a zero-centred penalty.
    pub fn zero_centred(&self) -> Tensor<B, 1> {
        let [image, _] = self.squares();
        image.mean() / 2.0
    }

    /// WGAN-GP without its factor (Gulrajani et al. 2017): `mean((|g_image| - 1)^2)`, `[1]`.
    pub fn one_centred(&self) -> Tensor<B, 1> {
        let [image, _] = self.squares();
        (image.clamp_min(TINY).sqrt() - 1.0).square().mean()
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::*;

    type Training = Autodiff<Flex>;

    /// Gradients of lengths 3 and 4 (joint 5), then of zeros.
    fn gradients() -> InputGradients<Training> {
        let device = burn_flex::FlexDevice;
        let image = Tensor::<Training, 2>::from_floats([[3.0, 0.0], [0.0, 0.0]], &device);
        InputGradients {
            image: image.reshape([2, 1, 1, 2]).require_grad(),
            sentence: Tensor::<Training, 2>::from_floats([[0.0, 4.0], [0.0, 0.0]], &device)
                .require_grad(),
        }
    }

    fn values<const D: usize>(x: Tensor<Training, D>) -> Vec<f32> {
        x.into_data().to_vec::<f32>().expect("f32")
    }

    fn assert_near(found: f32, expected: f32) {
        assert!(
            (found - expected).abs() <= 1e-5 * expected.abs(),
            "{found}, not {expected}"
        );
    }

    #[test]
    fn lengths_are_taken_together_or_added() {
        let g = gradients();

        assert_near(values(g.lengths(Length::Joint, 6.0))[0], 15_625.0);
        assert_near(values(g.lengths(Length::Sum, 6.0))[0], 117_649.0);
        assert_near(values(g.matching_aware(Length::Joint, 2.0))[0], 12.5);
        assert_near(values(g.zero_centred())[0], 2.25);
        assert_near(values(g.one_centred())[0], 2.5);
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

    /// The lengths' slopes against the closed form `p n^(p - 2) g`.
    #[test]
    fn slopes_are_those_of_the_closed_form() {
        let g = gradients();

        let slopes = g.lengths(Length::Joint, 6.0).sum().backward();

        let sentence = g.sentence.grad(&slopes).expect("used").into_data();
        let sentence = sentence.to_vec::<f32>().expect("f32");
        assert_near(sentence[1], 6.0 * 625.0 * 4.0);
        assert_eq!(&sentence[2..], [0.0, 0.0]);
    }
}

//! The matching-aware penalty of DF-GAN and SSA-GAN.

use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};

use super::{InputGradients, root};
use crate::backend::Backend;

/// Length of the gradient by an image (or its features) and its sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Of both as one vector (published code of DF-GAN and SSA-GAN).
    #[default]
    Joint,
    /// Sum of both lengths (as the papers are usually quoted).
    Sum,
}

impl<B: Backend> InputGradients<B> {
    /// Length of each gradient to the power of `power`, `[batch]`.
    ///
    /// # Shapes
    ///
    /// - output: `[batch]`; its gradient is finite for powers of at least 2
    pub fn lengths(&self, length: Length, power: f64) -> Tensor<B, 1> {
        let (image, sentence) = (self.image.clone(), self.sentence.clone());
        match (length, sentence) {
            (Length::Joint, None) => image.powf_scalar(power / 2.0),
            (Length::Joint, Some(sentence)) => (image + sentence).powf_scalar(power / 2.0),
            (Length::Sum, None) => root(image).powf_scalar(power),
            (Length::Sum, Some(sentence)) => (root(image) + root(sentence)).powf_scalar(power),
        }
    }

    /// Matching-aware penalty without its factor: `mean(|g|^power)`, `[1]`.
    pub fn matching_aware(&self, length: Length, power: f64) -> Tensor<B, 1> {
        self.lengths(length, power).mean()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_near, gradients, pair};
    use super::*;

    #[test]
    fn lengths_are_taken_together_or_added() {
        let g = gradients();

        assert_near(g.lengths(Length::Joint, 6.0), &[15_625.0, 0.0]);
        assert_near(g.lengths(Length::Sum, 6.0), &[117_649.0, 0.0]);
        assert_near(g.matching_aware(Length::Joint, 2.0), &[12.5]);
    }

    /// The lengths' slopes against the closed form `p n^(p - 2) g`.
    #[test]
    fn slopes_are_those_of_the_closed_form() {
        let pair = pair();

        let slopes = InputGradients::of(&pair)
            .lengths(Length::Joint, 6.0)
            .sum()
            .backward();

        let sentence = pair.1.grad(&slopes).expect("used").flatten::<1>(0, 1);
        let found = sentence.into_data();
        let found: Vec<f32> = found.iter().collect();
        let expected = 6.0 * 625.0 * 4.0;
        assert!((found[1] - expected).abs() <= 1e-5 * expected, "{found:?}");
        assert_eq!(found[2..], [0.0, 0.0]);
    }
}

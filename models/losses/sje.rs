//! Structured joint embedding of images and texts (Reed et al., CVPR 2016).

use burn::prelude::Tensor;
use burn::tensor::activation::relu;

use crate::backend::Backend;

/// Both directions of the joint embedding loss.
#[derive(Debug, Clone)]
pub struct Sje<B: Backend> {
    /// A fixed image against competing texts, `[1]`.
    pub text_given_image: Tensor<B, 1>,
    /// A fixed text against competing images, `[1]`.
    pub image_given_text: Tensor<B, 1>,
}

/// `1/B² sum_i sum_{j != i} max(0, margin + s_ij - s_ii)` with `s_ij = <image_i, text_j>`, and the
/// same for the transpose of `s`. Row `i` of both inputs belongs to one class, which no other row
/// has.
///
/// # Shapes
///
/// - `images`, `texts`: `[batch, dim]`
pub fn sje<B: Backend>(images: Tensor<B, 2>, texts: Tensor<B, 2>, margin: f64) -> Sje<B> {
    let [batch, _] = images.dims();
    let matched = (images.clone() * texts.clone()).sum_dim(1);
    let others = Tensor::<B, 2>::eye(batch, &images.device()).neg() + 1.0;
    let scores = images.matmul(texts.transpose());
    let pairs = (batch * batch) as f64;
    let hinge = |matched| {
        let violations = relu(scores.clone() - matched + margin) * others.clone();
        violations.sum() / pairs
    };
    Sje {
        text_given_image: hinge(matched.clone()),
        image_given_text: hinge(matched.transpose()),
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    #[test]
    fn directions_compare_rows_and_columns() {
        let device = burn_flex::FlexDevice;
        let images = Tensor::<Flex, 2>::from_floats([[1.0, 0.0], [0.0, 3.0]], &device);
        let texts = Tensor::<Flex, 2>::from_floats([[1.0, 0.5], [2.0, 1.0]], &device);

        // Scores [[1, 2], [1.5, 3]].
        let loss = sje(images, texts, 1.0);

        assert!((loss.text_given_image.into_scalar() - 2.0 / 4.0).abs() < 1e-6);
        assert!((loss.image_given_text.into_scalar() - 1.5 / 4.0).abs() < 1e-6);
    }

    #[test]
    fn separated_classes_cost_nothing() {
        let images = Tensor::<Flex, 2>::eye(3, &burn_flex::FlexDevice) * 2.0;

        let loss = sje(images.clone(), images, 1.0);

        assert_eq!(loss.text_given_image.into_scalar(), 0.0);
        assert_eq!(loss.image_given_text.into_scalar(), 0.0);
    }
}

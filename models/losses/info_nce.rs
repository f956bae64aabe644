//! Symmetric contrast between images and captions (InfoNCE; Radford et al. 2021, figure 3).

use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::losses::similarity::{diagonal_cross_entropy, unit_rows};

/// Scaled cosines of images and captions: `e^scale cos(v_i, e_j)`.
///
/// # Shapes
///
/// - `images`: `[images, dim]`, of any length
/// - `captions`: `[captions, dim]`, of any length
/// - `scale`: `[1]`, logarithm of the factor
/// - output: `[images, captions]`
pub fn logits<B: Backend>(
    images: Tensor<B, 2>,
    captions: Tensor<B, 2>,
    scale: Tensor<B, 1>,
) -> Tensor<B, 2> {
    let cosines = unit_rows(images).matmul(unit_rows(captions).transpose());
    cosines * scale.exp().reshape([1, 1])
}

/// Mean of two cross entropies: every image with its caption among all captions of the batch, and
/// every caption with its image among all images.
///
/// # Shapes
///
/// - `logits`: `[batch, batch]`, as of [`logits`]
/// - output: `[1]`
pub fn info_nce<B: Backend>(logits: Tensor<B, 2>) -> Tensor<B, 1> {
    let by_caption = diagonal_cross_entropy(logits.clone().transpose());
    (diagonal_cross_entropy(logits) + by_caption) / 2.0
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Distribution;

    use super::*;

    fn random() -> Tensor<Flex, 2> {
        let normal = Distribution::Normal(0.0, 1.0);
        Tensor::random([5, 4], normal, &burn_flex::FlexDevice)
    }

    fn value(images: Tensor<Flex, 2>, captions: Tensor<Flex, 2>) -> f32 {
        let scale = Tensor::from_floats([2.0], &burn_flex::FlexDevice);
        info_nce(logits(images, captions, scale)).into_scalar()
    }

    #[test]
    fn equal_rows_cost_the_logarithm_of_their_number() {
        let rows = Tensor::<Flex, 2>::ones([4, 3], &burn_flex::FlexDevice);

        assert!((value(rows.clone(), rows) - 4.0_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn images_and_captions_may_change_places_and_lengths_do_not_count() {
        let (images, captions) = (random(), random());
        let loss = value(images.clone(), captions.clone());

        let turned = value(captions.clone(), images.clone());
        let longer = value(images * 3.0, captions * 0.2);

        for other in [turned, longer] {
            assert!((loss - other).abs() < 1e-5, "{loss} {other}");
        }
    }
}

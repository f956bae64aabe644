//! ContrastiveLoss of images with texts whose targets are all pairs with a common label (UniCL).

use burn::prelude::Tensor;
use burn::tensor::activation::log_softmax;

use crate::backend::Backend;
use crate::losses::similarity::unit_rows;

/// Mean of both directions' cross entropy between the softmax of `cos(v, e) / t` and the pairs that
/// belong together, every row of which sums to 1.
///
/// # Shapes
///
/// - `images`: `[views_0 * batch, dim]`, view after view, of any length
/// - `texts`: `[views_1 * batch, dim]`, likewise
/// - `weights`: `[batch, batch]`, how much two samples belong together, without gradient; a sample
///   always belongs to itself
/// - output: `[1]`
pub fn unicl<B: Backend>(
    images: Tensor<B, 2>,
    texts: Tensor<B, 2>,
    weights: Tensor<B, 2>,
    views: [usize; 2],
    temperature: f64,
) -> Tensor<B, 1> {
    let [batch, _] = weights.dims();
    let own = Tensor::<B, 2>::eye(batch, &weights.device());
    let together = weights.clone() + own * (weights.neg() + 1.0).clamp_min(0.0);
    let row = Tensor::cat(vec![together; views[1]], 1);
    let together = Tensor::cat(vec![row; views[0]], 0);
    let scores = unit_rows(images).matmul(unit_rows(texts).transpose()) / temperature;
    let direction = |scores: Tensor<B, 2>, together: Tensor<B, 2>| {
        let targets = together.clone() / together.sum_dim(1);
        (log_softmax(scores, 1) * targets).sum_dim(1).mean().neg()
    };
    let forth = direction(scores.clone(), together.clone());
    (forth + direction(scores.transpose(), together.transpose())) * 0.5
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Distribution;

    use super::*;
    use crate::losses::similarity::diagonal_cross_entropy;

    fn random() -> Tensor<Flex, 2> {
        Tensor::random(
            [4, 3],
            Distribution::Normal(0.0, 1.0),
            &burn_flex::FlexDevice,
        )
    }

    #[test]
    fn distinct_samples_find_their_positive_in_both_directions() {
        let (images, texts) = (random(), random());
        let none = Tensor::<Flex, 2>::zeros([4, 4], &burn_flex::FlexDevice);

        let loss = unicl(images.clone(), texts.clone(), none, [1, 1], 0.5).into_scalar();

        let scores = unit_rows(images).matmul(unit_rows(texts).transpose()) / 0.5;
        let forth = diagonal_cross_entropy(scores.clone()).into_scalar();
        let back = diagonal_cross_entropy(scores.transpose()).into_scalar();
        assert!((loss - f32::midpoint(forth, back)).abs() < 1e-5);
    }

    #[test]
    fn equal_codes_cost_the_logarithm_of_the_texts() {
        let ones = Tensor::<Flex, 2>::ones([4, 3], &burn_flex::FlexDevice);
        let all = Tensor::<Flex, 2>::ones([2, 2], &burn_flex::FlexDevice);

        let loss = unicl(ones.clone(), ones, all, [2, 2], 0.1).into_scalar();

        assert!((loss - 4.0_f32.ln()).abs() < 1e-5);
    }
}

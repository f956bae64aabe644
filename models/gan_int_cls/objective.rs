//! Losses of generator and discriminators.

use burn::prelude::Tensor;

use super::config::{Architecture, Config};
use super::discriminator::Discriminator;
use crate::backend::Backend;
use crate::losses::bce::{bce, bce_each};
use crate::system::LossTerms;

/// Mean of the captions' embeddings.
///
/// # Shapes
///
/// - `embeddings`: `[batch, captions, dim]`
/// - output: `[batch, dim]`
pub fn mean_text<B: Backend>(embeddings: Tensor<B, 3>) -> Tensor<B, 2> {
    let [batch, _, dim] = embeddings.dims();
    embeddings.mean_dim(1).reshape([batch, dim])
}

/// The texts, followed by the midpoints between those of the first and of the second half of the
/// batch.
///
/// # Shapes
///
/// - `text`: `[batch, dim]`
/// - output: `[batch + batch / 2, dim]`
pub fn with_midpoints<B: Backend>(text: Tensor<B, 2>) -> Tensor<B, 2> {
    let [batch, dim] = text.dims();
    let half = batch / 2;
    if half == 0 {
        return text;
    }
    let first = text.clone().slice([0..half, 0..dim]);
    let second = text.clone().slice([half..2 * half, 0..dim]);
    Tensor::cat(vec![text, (first + second) * 0.5], 0)
}

/// Terms of the discriminator. `mismatched` images are compared with the same text; `fake` must be
/// detached from the generator.
pub fn discriminator_terms<B: Backend>(
    config: &Config,
    discriminator: &Discriminator<B>,
    real: Tensor<B, 4>,
    mismatched: Option<Tensor<B, 4>>,
    fake: Tensor<B, 4>,
    text: Tensor<B, 2>,
) -> LossTerms<B> {
    let [mismatched_weight, fake_weight] = config.negative_weights();
    let critic = |images, target| bce(discriminator.forward(images, text.clone()).logits, target);
    let mut terms = LossTerms::new().with("d/real", 1.0, || critic(real, config.real_label));
    if let Some(images) = mismatched {
        terms = terms.with("d/mismatched", mismatched_weight, || critic(images, 0.0));
    }
    terms.with("d/fake", fake_weight, || critic(fake, 0.0))
}

/// Terms of the generator for the images `fake` generated from `conditions`; the first rows belong to
/// the texts of `real`, any further ones are midpoints.
pub fn generator_terms<B: Backend>(
    config: &Config,
    discriminator: &Discriminator<B>,
    real: Tensor<B, 4>,
    fake: Tensor<B, 4>,
    conditions: Tensor<B, 2>,
) -> LossTerms<B> {
    let batch = real.dims()[0];
    let total = fake.dims()[0];
    let verdict = discriminator.forward(fake.clone(), conditions.clone());
    let each = bce_each(verdict.logits, 1.0);
    let share = |range: std::ops::Range<usize>| each.clone().slice([range]).sum() / total as f64;
    let terms = LossTerms::new().with("g/adversarial", 1.0, || share(0..batch));
    match config.architecture {
        Architecture::Reed if total > batch => {
            terms.with("g/interpolated", config.interpolation_weight, || {
                share(batch..total)
            })
        }
        Architecture::Reed => terms,
        Architecture::Port => terms
            .with("g/features", config.feature_weight, || {
                let of_real = discriminator.forward(real.clone(), conditions);
                let target = of_real.features.mean_dim(0).detach();
                (verdict.features.mean_dim(0) - target).square().mean()
            })
            .with("g/image", config.image_weight, || {
                (fake - real).abs().mean()
            }),
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    #[test]
    fn midpoints_pair_the_halves_and_leave_an_odd_row_alone() {
        let device = burn_flex::FlexDevice;
        let text = Tensor::<Flex, 2>::from_floats([[0.0], [2.0], [4.0], [8.0], [9.0]], &device);

        let all = with_midpoints(text).into_data().to_vec::<f32>();

        assert_eq!(all.expect("f32"), [0.0, 2.0, 4.0, 8.0, 9.0, 2.0, 5.0]);
    }
}

//! Losses of generator and discriminators.

use burn::prelude::Tensor;

use super::discriminator::Discriminator;
use crate::backend::Backend;
use crate::losses::bce::bce;
use crate::system::LossTerms;

/// A named part of the loss of the generator or a discriminator.
#[derive(Debug, Clone)]
pub struct Part<B: Backend> {
    /// What the discriminator gets.
    pub name: &'static str,
    /// Share in that loss.
    pub weight: f64,
    /// `[1]`.
    pub value: Tensor<B, 1>,
}

/// Parts of a discriminator's loss. Real images and fakes pass separately, each with statistics of
/// its own; mismatched pairs are every image with its successor's sentence.
///
/// # Shapes
///
/// - `real`, `fake`: `[batch, 3, side, side]`, the latter detached from the generator
/// - `sentence`: `[batch, text_dim]`, `batch` at least 2
pub fn discriminator_parts<B: Backend>(
    discriminator: &Discriminator<B>,
    real: Tensor<B, 4>,
    fake: Tensor<B, 4>,
    sentence: Tensor<B, 2>,
) -> Vec<Part<B>> {
    let batch = real.dims()[0];
    let real = discriminator.features(real);
    let fake = discriminator.features(fake);
    let real_matching = discriminator.with_sentence(real.clone(), sentence.clone());
    let fake_matching = discriminator.with_sentence(fake.clone(), sentence.clone());
    let mismatched = discriminator.with_sentence(
        real.clone().narrow(0, 0, batch - 1),
        sentence.narrow(0, 1, batch - 1),
    );
    let alone = discriminator.alone(real).zip(discriminator.alone(fake));
    let [yes, no] = match alone {
        Some(_) => [1.0 / 2.0, 1.0 / 3.0], // AttnGAN, miscc/losses.py discriminator_loss
        None => [1.0, 1.0 / 2.0],
    };
    let part = |name, weight, logits, target| Part {
        name,
        weight,
        value: bce(logits, target),
    };
    let mut parts = Vec::new();
    let (alone_real, alone_fake) = alone.unzip();
    parts.extend(alone_real.map(|logits| part("real", yes, logits, 1.0)));
    parts.push(part("real-text", yes, real_matching, 1.0));
    parts.extend(alone_fake.map(|logits| part("fake", no, logits, 0.0)));
    parts.push(part("fake-text", no, fake_matching, 0.0));
    parts.push(part("mismatched-text", no, mismatched, 0.0));
    parts
}

/// Parts of the generator's loss that one discriminator contributes.
///
/// # Shapes
///
/// - `fake`: `[batch, 3, side, side]`
/// - `sentence`: `[batch, text_dim]`
pub fn generator_parts<B: Backend>(
    discriminator: &Discriminator<B>,
    fake: Tensor<B, 4>,
    sentence: Tensor<B, 2>,
) -> Vec<Part<B>> {
    let features = discriminator.features(fake);
    let matching = discriminator.with_sentence(features.clone(), sentence);
    let part = |name, logits| Part {
        name,
        weight: 1.0,
        value: bce(logits, 1.0),
    };
    let alone = discriminator.alone(features);
    let mut parts: Vec<Part<B>> = alone
        .map(|logits| part("image", logits))
        .into_iter()
        .collect();
    parts.push(part("text", matching));
    parts
}

/// Parts of several views as terms called `prefix` and their name; values are summed over the
/// views.
pub fn summed<B: Backend>(
    terms: LossTerms<B>,
    prefix: &str,
    views: impl IntoIterator<Item = Vec<Part<B>>>,
) -> LossTerms<B> {
    let sum = views.into_iter().reduce(|sum, parts| {
        let both = sum.into_iter().zip(parts);
        both.map(|(a, b)| Part {
            value: a.value + b.value,
            ..a
        })
        .collect()
    });
    sum.into_iter().flatten().fold(terms, |terms, part| {
        terms.with(format!("{prefix}{}", part.name), part.weight, || part.value)
    })
}

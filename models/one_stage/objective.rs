//! Hinge loss of the discriminator.

use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};

use super::discriminator::Discriminator;
use crate::backend::Backend;
use crate::losses::hinge::{above_minus_one, below_one};

/// Which pairs are called mismatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mismatched {
    /// Every image but the last with its successor's sentence (SSA-GAN, DF-GAN before 2022).
    #[default]
    Successor,
    /// Every sentence with its successor's image, the last one with the first (DF-GAN since 2022).
    Cyclic,
}

/// Logits of mismatched pairs, `[pairs]`.
///
/// # Shapes
///
/// - `features`: `[batch, channels, 4, 4]`, `batch` at least 2
/// - `sentence`: `[batch, text_dim]`
pub fn mismatched_logits<B: Backend>(
    discriminator: &Discriminator<B>,
    features: Tensor<B, 4>,
    sentence: Tensor<B, 2>,
    mismatched: Mismatched,
) -> Tensor<B, 1> {
    let rest = features.dims()[0] - 1;
    match mismatched {
        Mismatched::Successor => {
            discriminator.logits(features.narrow(0, 0, rest), sentence.narrow(0, 1, rest))
        }
        Mismatched::Cyclic => {
            let first = features.clone().narrow(0, 0, 1);
            let next = Tensor::cat(vec![features.narrow(0, 1, rest), first], 0);
            discriminator.logits(next, sentence)
        }
    }
}

/// Parts of the hinge loss, `[1]` each.
#[derive(Debug, Clone)]
pub struct Hinge<B: Backend> {
    /// Of real images with their sentences.
    pub real: Tensor<B, 1>,
    /// Of mismatched pairs.
    pub mismatched: Tensor<B, 1>,
    /// Of fakes.
    pub fake: Tensor<B, 1>,
}

/// Share of mismatched pairs and of fakes in the loss.
pub const HALF: f64 = 0.5; // DF-GAN and SSA-GAN

/// Hinge loss of logits, `[batch]` or `[pairs]`; `counted`, `[pairs]`, is 1 for mismatched pairs that
/// count and 0 for the others.
pub fn hinge<B: Backend>(
    real: Tensor<B, 1>,
    mismatched: Tensor<B, 1>,
    fake: Tensor<B, 1>,
    counted: Option<Tensor<B, 1>>,
) -> Hinge<B> {
    let mismatched = above_minus_one(mismatched);
    Hinge {
        real: below_one(real).mean(),
        mismatched: match counted {
            None => mismatched.mean(),
            Some(counted) => {
                let count = counted.clone().sum().clamp_min(1.0);
                (mismatched * counted).sum() / count
            }
        },
        fake: above_minus_one(fake).mean(),
    }
}

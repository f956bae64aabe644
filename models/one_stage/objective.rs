//! Losses of both players.

use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module};
use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};

use super::discriminator::Discriminator;
use crate::backend::{AutodiffBackend, Backend};
use crate::losses::gradient_penalty::{InputGradients, Length};
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

/// When the penalty is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PenaltyStep {
    /// By a step of its own behind that of the hinge loss, with the same moments.
    #[default]
    Separate,
    /// Together with the hinge loss.
    Joint,
}

/// `[model.penalty]`: `weight * mean(|g|^power)` with `g` the gradient of the logits of real images
/// and matching sentences by both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Penalty {
    /// Factor; 0 for none.
    pub weight: f64,
    /// Power of the length, at least 2.
    pub power: f64,
    /// Which length.
    pub length: Length,
    /// When it is minimised.
    pub step: PenaltyStep,
}

impl Default for Penalty {
    fn default() -> Self {
        Self {
            weight: 2.0, // DF-GAN and SSA-GAN
            power: 6.0,  // DF-GAN and SSA-GAN
            length: Length::Joint,
            step: PenaltyStep::Separate,
        }
    }
}

impl Penalty {
    /// Whether there is one, minimised so.
    pub fn is_on(&self, step: PenaltyStep) -> bool {
        self.weight != 0.0 && self.step == step
    }
}

/// What the discriminator says about real images, and how that depends on them.
#[derive(Debug, Clone)]
pub struct Judged<B: Backend> {
    /// Of the images alone, `[batch, channels, 4, 4]`.
    pub features: Tensor<B, 4>,
    /// With the matching sentence, `[batch]`.
    pub logits: Tensor<B, 1>,
    /// Gradients of the logits, which can be differentiated by the discriminator's parameters.
    pub gradients: InputGradients<B>,
}

/// Judges images with their sentences and differentiates by both.
///
/// The gradient is taken on a second layer of automatic differentiation, so it is an ordinary
/// function of the parameters on the first.
///
/// # Shapes
///
/// - `images`: `[batch, 3, side, side]`
/// - `sentence`: `[batch, text_dim]`
pub fn judge<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    images: Tensor<B, 4>,
    sentence: Tensor<B, 2>,
) -> Judged<B> {
    type Twice<B> = Autodiff<B>;
    let twice: Discriminator<Twice<B>> = AutodiffModule::from_inner(discriminator.clone());
    // On the second layer; on the first, parameters are tracked as before.
    let twice = twice.no_grad();
    let images = Tensor::<Twice<B>, 4>::from_inner(images).require_grad();
    let sentence = Tensor::<Twice<B>, 2>::from_inner(sentence).require_grad();
    let features = twice.features(images.clone());
    let logits = twice.logits(features.clone(), sentence.clone());
    let gradients = logits.clone().sum().backward();
    let is_used = "logits depend on images and sentences";
    Judged {
        features: features.inner(),
        logits: logits.inner(),
        gradients: InputGradients {
            image: images.grad(&gradients).expect(is_used),
            sentence: sentence.grad(&gradients).expect(is_used),
        },
    }
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

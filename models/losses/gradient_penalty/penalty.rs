//! Which penalty, where and when.

use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};

use super::{Differentiable, InputGradients, Length, Penalized};
use crate::backend::{AutodiffBackend, Backend};
use crate::noise::Noise;
use crate::system::{Problem, check};

/// Which gradient is kept short, and where. The sentence is always the matching one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `mean(|g|^power)`, by image and sentence at real images (DF-GAN, SSA-GAN).
    #[default]
    MatchingAware,
    /// `mean(|g|^2) / 2`, by image at real images (Mescheder et al. 2018, R1).
    R1,
    /// `mean(|g|^2) / 2`, by image at real images and at fakes, added up (Mescheder et al. 2018, R1
    /// and R2).
    ZeroCentred,
    /// `mean((|g| - 1)^2)`, by image at random points between a real image and the fake of its
    /// sentence (Gulrajani et al. 2017).
    WganGp,
}

impl Kind {
    /// Name of its term where it has a step of its own.
    pub const fn term(self) -> &'static str {
        match self {
            Self::MatchingAware => "penalty/matching-aware",
            Self::R1 => "penalty/r1",
            Self::ZeroCentred => "penalty/zero-centred",
            Self::WganGp => "penalty/wgan-gp",
        }
    }

    /// Whether it is taken at real images.
    pub const fn is_at_real(self) -> bool {
        !matches!(self, Self::WganGp)
    }

    /// Images per sample at which the gradient is taken.
    pub const fn images_per_sample(self) -> usize {
        match self {
            Self::ZeroCentred => 2,
            Self::MatchingAware | Self::R1 | Self::WganGp => 1,
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
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

/// `[model.penalty]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Penalty {
    /// Which gradient, where.
    #[serde(skip_serializing_if = "Kind::is_default")]
    pub kind: Kind,
    /// Factor; 0 for none.
    pub weight: f64,
    /// Power of the length, at least 2 (`matching-aware`).
    pub power: f64,
    /// Which length (`matching-aware`).
    pub length: Length,
    /// When it is minimised.
    pub step: PenaltyStep,
}

impl Default for Penalty {
    fn default() -> Self {
        Self {
            kind: Kind::MatchingAware,
            weight: 2.0, // DF-GAN and SSA-GAN
            power: 6.0,  // DF-GAN and SSA-GAN
            length: Length::Joint,
            step: PenaltyStep::Separate,
        }
    }
}

/// What a critic scores: real inputs and fakes.
#[derive(Debug, Clone)]
pub struct RealAndFake<I> {
    /// Real images, with their sentences where those are scored, too.
    pub real: I,
    /// What was generated from the same sentences, detached from the generator.
    pub fake: I,
}

impl Penalty {
    /// Whether there is one, minimised so.
    pub fn is_on(&self, step: PenaltyStep) -> bool {
        self.weight != 0.0 && self.step == step
    }

    /// The first wrong key, with what is accepted.
    ///
    /// # Errors
    ///
    /// If a number is out of range, or changed where the kind does not read it.
    pub fn check(&self) -> Result<(), Problem> {
        check::weights(&[("penalty.weight", self.weight)])?;
        let published = Self::default();
        if self.kind == Kind::MatchingAware {
            let message = "must be at least 2: below, a gradient of zeros has no finite slope; at \
                           most 32: above, single precision does not hold it";
            return if (2.0..=32.0).contains(&self.power) {
                Ok(())
            } else {
                Err(Problem::new("penalty.power", message))
            };
        }
        let idle = "is set, but changes `penalty.kind` = `matching-aware` only; take it out";
        if self.power != published.power {
            return Err(Problem::new("penalty.power", idle));
        }
        if self.length != published.length {
            return Err(Problem::new("penalty.length", idle));
        }
        Ok(())
    }

    /// Its value without the weight, `[1]`; `at_real` holds the gradients at the real images where
    /// they are known already, `purpose` names the random numbers.
    pub fn value<B: AutodiffBackend, C: Penalized<B>>(
        &self,
        critic: &C,
        scored: &RealAndFake<C::Input>,
        at_real: Option<InputGradients<B>>,
        (noise, purpose): (Noise, &str),
    ) -> Tensor<B, 1> {
        let at = |input: C::Input| InputGradients::of(&critic.input_gradients(input));
        let at_real = || at_real.unwrap_or_else(|| at(scored.real.clone()));
        match self.kind {
            Kind::MatchingAware => at_real().matching_aware(self.length, self.power),
            Kind::R1 => at_real().zero_centred(),
            Kind::ZeroCentred => at_real().zero_centred() + at(scored.fake.clone()).zero_centred(),
            Kind::WganGp => at(scored.between(noise, purpose)).one_centred(),
        }
    }
}

impl<I> RealAndFake<I> {
    /// Random points on the lines from fakes to real inputs, one per sample.
    pub fn between<B: Backend>(&self, noise: Noise, purpose: &str) -> I
    where
        I: Differentiable<B>,
    {
        let share = |batch: usize, device: &B::Device| {
            noise.uniform::<B, 1>(purpose, [batch], 0.0, 1.0, device)
        };
        I::between(self.real.clone(), self.fake.clone(), share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 4] = [
        Kind::MatchingAware,
        Kind::R1,
        Kind::ZeroCentred,
        Kind::WganGp,
    ];

    fn of(kind: Kind) -> Penalty {
        Penalty {
            kind,
            ..Penalty::default()
        }
    }

    #[test]
    fn what_a_kind_does_not_read_may_not_be_set() {
        let length = Penalty {
            length: Length::Sum,
            ..of(Kind::R1)
        };
        let power = Penalty {
            power: 2.0,
            ..of(Kind::WganGp)
        };
        let key = |penalty: Penalty| penalty.check().expect_err("wrong").key;

        assert_eq!(
            [key(length), key(power)],
            ["penalty.length", "penalty.power"]
        );
        let aware = Penalty {
            kind: Kind::MatchingAware,
            ..power
        };
        assert_eq!(aware.check(), Ok(()));
        for kind in KINDS {
            assert_eq!(of(kind).check(), Ok(()));
            let negative = Penalty {
                weight: -1.0,
                ..of(kind)
            };
            assert_eq!(key(negative), "penalty.weight");
        }
    }
}

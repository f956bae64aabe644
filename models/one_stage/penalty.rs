//! Penalties on the gradient of the discriminator's logits: which, where and when.

use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module};
use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};

use super::discriminator::Discriminator;
use crate::backend::{AutodiffBackend, Backend};
use crate::losses::gradient_penalty::{InputGradients, Length};
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

    /// Whether it looks at real images.
    pub const fn is_at_real(self) -> bool {
        !matches!(self, Self::WganGp)
    }

    /// Images per sample at which the gradient is taken.
    pub const fn places(self) -> usize {
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

/// A batch as the discriminator sees it in one branch.
#[derive(Debug, Clone)]
pub struct Sight<B: Backend> {
    /// `[batch, 3, side, side]`
    pub real: Tensor<B, 4>,
    /// `[batch, 3, side, side]`, detached from the generator.
    pub fake: Tensor<B, 4>,
    /// Sentences of both, `[batch, text_dim]`.
    pub sentence: Tensor<B, 2>,
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
    pub fn value<B: AutodiffBackend>(
        &self,
        discriminator: &Discriminator<B>,
        sight: &Sight<B>,
        at_real: Option<InputGradients<B>>,
        (noise, purpose): (Noise, &str),
    ) -> Tensor<B, 1> {
        let at =
            |images: Tensor<B, 4>| judge(discriminator, images, sight.sentence.clone()).gradients;
        let at_real = || at_real.unwrap_or_else(|| at(sight.real.clone()));
        match self.kind {
            Kind::MatchingAware => at_real().matching_aware(self.length, self.power),
            Kind::R1 => at_real().zero_centred(),
            Kind::ZeroCentred => at_real().zero_centred() + at(sight.fake.clone()).zero_centred(),
            Kind::WganGp => at(sight.between(noise, purpose)).one_centred(),
        }
    }
}

impl<B: Backend> Sight<B> {
    /// Random points on the lines from fakes to real images, one per sample.
    fn between(&self, noise: Noise, purpose: &str) -> Tensor<B, 4> {
        let shape = [self.real.dims()[0], 1, 1, 1];
        let share = noise.uniform(purpose, shape, 0.0, 1.0, &self.real.device());
        let fake = self.fake.clone();
        (self.real.clone() - fake.clone()) * share + fake
    }
}

/// What the discriminator says about images, and how that depends on them.
#[derive(Debug, Clone)]
pub struct Judged<B: Backend> {
    /// Of the images alone, `[batch, channels, 4, 4]`.
    pub features: Tensor<B, 4>,
    /// With the sentence, `[batch]`.
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

#[cfg(test)]
mod tests {
    use burn::backend::NdArray;
    use burn::module::Param;
    use burn::optim::GradientsParams;
    use burn::prelude::TensorData;

    use super::*;
    use crate::one_stage::discriminator::DiscriminatorConfig;
    use crate::state::load_named;

    type Training = Autodiff<NdArray<f64>>;

    const KINDS: [Kind; 4] = [
        Kind::MatchingAware,
        Kind::R1,
        Kind::ZeroCentred,
        Kind::WganGp,
    ];
    const NOISE: Noise = Noise::new(4, 2);

    fn of(kind: Kind) -> Penalty {
        Penalty {
            kind,
            ..Penalty::default()
        }
    }

    /// Of images of 8 pixels a side; with `is_linear`, no activation of it is ever below 0.
    fn discriminator(is_linear: bool) -> Discriminator<Training> {
        let config = DiscriminatorConfig {
            width: 2,
            most: 2,
            text_dim: 2,
            resolution: 8,
        };
        let fresh = config.init::<Training>(&Default::default());
        let (found, report) = load_named::<Training, _>(fresh, |name, shape| {
            let count = shape.iter().product();
            let drawn = NOISE.normal::<NdArray<f64>, 1>(name, [count], &Default::default());
            let values = match name {
                "image.bias" if is_linear => drawn * 0.1 + 20.0,
                _ if is_linear => drawn.abs() * 0.2,
                _ => drawn * 0.4,
            };
            Some(TensorData {
                shape: shape.to_vec().into(),
                ..values.into_data()
            })
        });
        assert!(report.is_complete(), "{report:?}");
        found
    }

    fn sight() -> Sight<Training> {
        let device = Default::default();
        let image = |name: &str| NOISE.uniform(name, [3, 3, 8, 8], -1.0, 1.0, &device);
        Sight {
            real: image("real"),
            fake: image("fake"),
            sentence: NOISE.uniform("sentence", [3, 2], 0.0, 1.0, &device),
        }
    }

    fn value(kind: Kind, discriminator: &Discriminator<Training>) -> Tensor<Training, 1> {
        of(kind).value(discriminator, &sight(), None, (NOISE, "between"))
    }

    fn number(x: Tensor<Training, 1>) -> f64 {
        x.into_scalar()
    }

    fn assert_near(found: f64, expected: f64, kind: Kind) {
        assert!(
            (found - expected).abs() <= 1e-6 * expected.abs(),
            "{kind:?}: {found}, not {expected}"
        );
    }

    /// Growth of the first logit along every pixel and along every number of the sentence, squared
    /// and summed, by stepping there.
    fn squared_slopes(discriminator: &Discriminator<Training>) -> [f64; 2] {
        let sight = sight();
        let logit = |image: Tensor<Training, 4>, sentence: Tensor<Training, 2>| {
            number(discriminator.logits(discriminator.features(image), sentence))
        };
        let (image, sentence) = (sight.real.narrow(0, 0, 1), sight.sentence.narrow(0, 0, 1));
        let here = logit(image.clone(), sentence.clone());
        let step = |count: usize, k: usize| {
            let mut values = vec![0.0; count];
            values[k] = 1.0;
            Tensor::<Training, 1>::from_data(TensorData::from(&values[..]), &Default::default())
        };
        let pixels = (0..3 * 8 * 8).map(|k| {
            let moved = image.clone() + step(3 * 8 * 8, k).reshape([1, 3, 8, 8]);
            logit(moved, sentence.clone()) - here
        });
        let words = (0..2).map(|k| {
            let moved = sentence.clone() + step(2, k).reshape([1, 2]);
            logit(image.clone(), moved) - here
        });
        let squared = |slopes: Vec<f64>| slopes.iter().map(|v| v * v).sum();
        [squared(pixels.collect()), squared(words.collect())]
    }

    #[test]
    fn a_linear_discriminator_has_the_penalty_of_its_constant_slope() {
        let discriminator = discriminator(true);
        let [image, sentence] = squared_slopes(&discriminator);

        for (kind, expected) in [
            (Kind::MatchingAware, (image + sentence).powi(3)),
            (Kind::R1, image / 2.0),
            (Kind::ZeroCentred, image),
            (Kind::WganGp, (image.sqrt() - 1.0).powi(2)),
        ] {
            assert_near(number(value(kind, &discriminator)), expected, kind);
        }
    }

    /// The discriminator with one weight of a layer (the first convolution, a residual, a shortcut,
    /// a factor, the last one) changed by `step`, and that weight's slope in `gradients`.
    fn moved(
        mut discriminator: Discriminator<Training>,
        layer: usize,
        step: f64,
        gradients: &GradientsParams,
    ) -> (Discriminator<Training>, f64) {
        fn shift<const D: usize>(
            param: &mut Param<Tensor<Training, D>>,
            step: f64,
            gradients: &GradientsParams,
        ) -> f64 {
            let shape = param.shape();
            let mut values = vec![0.0; shape.num_elements()];
            values[0] = step;
            let change = TensorData::new(values, shape);
            let slope = gradients.get::<NdArray<f64>, D>(param.id);
            let change = Tensor::from_data(change, &Default::default());
            *param = Param::from_tensor(Tensor::from_inner(param.val().inner() + change));
            slope.map_or(0.0, |s| s.into_data().iter::<f64>().next().unwrap_or(0.0))
        }
        let block = &mut discriminator.blocks[0];
        let slope = match layer {
            0 => shift(&mut discriminator.image.weight, step, gradients),
            1 => shift(&mut block.residual[0].weight, step, gradients),
            2 => {
                let shortcut = block.shortcut.as_mut().expect("channels are doubled");
                shift(&mut shortcut.weight, step, gradients)
            }
            3 => shift(&mut block.gamma, step, gradients),
            _ => shift(&mut discriminator.logit.weight, step, gradients),
        };
        (discriminator, slope)
    }

    #[test]
    fn slopes_by_the_weights_are_those_of_central_differences() {
        const STEP: f64 = 1e-6;
        let discriminator = discriminator(false);
        for kind in KINDS {
            let loss = value(kind, &discriminator);
            let gradients = GradientsParams::from_grads(loss.backward(), &discriminator);
            for layer in 0..5 {
                let at = |step: f64| {
                    let (moved, slope) = moved(discriminator.clone(), layer, step, &gradients);
                    (number(value(kind, &moved)), slope)
                };
                let ((above, slope), (below, _)) = (at(STEP), at(-STEP));

                let expected = (above - below) / (2.0 * STEP);
                let scale = expected.abs().max(1e-3);
                assert!(
                    (slope - expected).abs() <= 1e-5 * scale,
                    "{kind:?}, layer {layer}: {slope}, not {expected}"
                );
                assert!(expected.abs() > 1e-9, "{kind:?}, layer {layer} is not used");
            }
        }
    }

    #[test]
    fn points_between_are_drawn_per_sample_and_the_same_at_every_call() {
        let sight = sight();
        let shares = |purpose: &str| -> Vec<f64> {
            let between = sight.between(NOISE, purpose) - sight.fake.clone();
            let shares = between / (sight.real.clone() - sight.fake.clone());
            shares.into_data().iter::<f64>().collect()
        };

        let first = shares("0");
        let of_samples: Vec<f64> = first.iter().copied().step_by(3 * 8 * 8).collect();
        for (share, whole) in of_samples.iter().zip(first.chunks(3 * 8 * 8)) {
            assert!((0.0..1.0).contains(share), "{of_samples:?}");
            assert!(whole.iter().all(|v| (v - share).abs() < 1e-6), "{whole:?}");
        }
        assert!(of_samples[0] != of_samples[1] && of_samples[1] != of_samples[2]);
        assert_eq!(first, shares("0"));
        assert_ne!(first, shares("1"));
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

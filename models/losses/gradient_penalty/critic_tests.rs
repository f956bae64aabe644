//! Critics of every kind of input against central differences.

use burn::backend::{Autodiff, NdArray};
use burn::module::{AutodiffModule, Module, Param};
use burn::optim::GradientsParams;
use burn::prelude::{Tensor, TensorData};

use super::{Critic, InputGradients, Kind, Length, Penalized, Penalty, RealAndFake};
use crate::backend::Backend;
use crate::noise::Noise;

type Training = Autodiff<NdArray<f64>>;
type Numbers = Tensor<Training, 2>;

const STEP: f64 = 1e-6;

/// A smooth function of vectors.
#[derive(Module, Debug)]
struct Toy<B: Backend> {
    weight: Param<Tensor<B, 2>>,
    out: Param<Tensor<B, 2>>,
}

fn numbers(rows: usize, columns: usize, pace: f64) -> Numbers {
    let values: Vec<f64> = (1..=rows * columns)
        .map(|i| (i as f64 * pace).sin())
        .collect();
    Tensor::from_data(
        TensorData::new(values, [rows, columns]),
        &Default::default(),
    )
}

/// A matrix of zeros with `value` in one place.
fn one_of(rows: usize, columns: usize, place: usize, value: f64) -> Numbers {
    let mut values = vec![0.0; rows * columns];
    values[place] = value;
    Tensor::from_data(
        TensorData::new(values, [rows, columns]),
        &Default::default(),
    )
}

impl<B: Backend> Toy<B> {
    fn logits(&self, x: Tensor<B, 2>) -> Tensor<B, 1> {
        let h = x.matmul(self.weight.val());
        let h = h.clone() * h.clone() * 0.3 + h;
        h.matmul(self.out.val()).flatten(0, 1)
    }
}

#[derive(Module, Debug)]
struct OfImages<B: Backend> {
    toy: Toy<B>,
}

impl<B: Backend> Critic<B> for OfImages<B> {
    type Input = Tensor<B, 4>;

    fn logits(&self, images: Self::Input) -> Tensor<B, 1> {
        self.toy.logits(images.flatten(1, 3))
    }
}

#[derive(Module, Debug)]
struct OfPairs<B: Backend> {
    toy: Toy<B>,
}

impl<B: Backend> Critic<B> for OfPairs<B> {
    type Input = (Tensor<B, 4>, Tensor<B, 2>);

    fn logits(&self, (images, sentences): Self::Input) -> Tensor<B, 1> {
        let images = images.flatten(1, 3);
        self.toy.logits(Tensor::cat(vec![images, sentences], 1))
    }
}

#[derive(Module, Debug)]
struct OfStacks<B: Backend> {
    toy: Toy<B>,
}

impl<B: Backend> Critic<B> for OfStacks<B> {
    type Input = (Tensor<B, 5>, Tensor<B, 2>);

    fn logits(&self, (features, sentences): Self::Input) -> Tensor<B, 1> {
        let features = features.flatten(1, 4);
        self.toy.logits(Tensor::cat(vec![features, sentences], 1))
    }
}

trait Example: Penalized<Training> + AutodiffModule<Training> {
    /// Numbers of the image and of the sentence, per sample.
    const SIZES: [usize; 2];

    fn of(toy: Toy<Training>) -> Self;

    fn toy(&self) -> &Toy<Training>;

    fn input(image: Numbers, sentences: Numbers) -> Self::Input;

    /// With the first weight of a layer changed.
    fn moved([weight, out]: [f64; 2]) -> Self {
        let inputs = Self::SIZES[0] + Self::SIZES[1];
        let (w, o) = (numbers(inputs, 3, 2.3), numbers(3, 1, 1.7));
        Self::of(Toy {
            weight: Param::from_tensor(w * 0.4 + one_of(inputs, 3, 0, weight)),
            out: Param::from_tensor(o * 0.4 + one_of(3, 1, 0, out)),
        })
    }
}

impl Example for OfImages<Training> {
    const SIZES: [usize; 2] = [12, 0];

    fn of(toy: Toy<Training>) -> Self {
        Self { toy }
    }

    fn toy(&self) -> &Toy<Training> {
        &self.toy
    }

    fn input(image: Numbers, _: Numbers) -> Self::Input {
        let [batch, _] = image.dims();
        image.reshape([batch, 3, 2, 2])
    }
}

impl Example for OfPairs<Training> {
    const SIZES: [usize; 2] = [12, 2];

    fn of(toy: Toy<Training>) -> Self {
        Self { toy }
    }

    fn toy(&self) -> &Toy<Training> {
        &self.toy
    }

    fn input(image: Numbers, sentences: Numbers) -> Self::Input {
        let [batch, _] = image.dims();
        (image.reshape([batch, 3, 2, 2]), sentences)
    }
}

impl Example for OfStacks<Training> {
    const SIZES: [usize; 2] = [16, 2];

    fn of(toy: Toy<Training>) -> Self {
        Self { toy }
    }

    fn toy(&self) -> &Toy<Training> {
        &self.toy
    }

    fn input(image: Numbers, sentences: Numbers) -> Self::Input {
        let [batch, _] = image.dims();
        (image.reshape([batch, 2, 2, 2, 2]), sentences)
    }
}

/// Squared lengths of a logit's gradient by the image and by the sentence, by stepping along
/// every number.
fn stepped<C: Example>(critic: &C) -> [f64; 2] {
    let [image, sentence] = C::SIZES;
    let at = |k: usize, step: f64| -> f64 {
        let [mut x, mut s] = [numbers(1, image, 0.9), numbers(1, sentence.max(1), 0.7)];
        if k < image {
            x = x + one_of(1, image, k, step);
        } else {
            s = s + one_of(1, sentence, k - image, step);
        }
        critic.logits(C::input(x, s)).into_scalar()
    };
    let square = |k: usize| ((at(k, STEP) - at(k, -STEP)) / (2.0 * STEP)).powi(2);
    [0..image, image..image + sentence].map(|range| range.map(square).sum())
}

fn lengths_are_those_of_central_differences<C: Example>() {
    let critic = C::moved([0.0; 2]);
    let [image, sentence] = C::SIZES;
    let input = C::input(numbers(1, image, 0.9), numbers(1, sentence.max(1), 0.7));

    let gradients = InputGradients::of(&critic.input_gradients(input));

    let [by_image, by_sentence] = stepped(&critic);
    let joint: f64 = gradients.lengths(Length::Joint, 2.0).into_scalar();
    let sum: f64 = gradients.lengths(Length::Sum, 1.0).into_scalar();
    for (found, expected) in [
        (joint, by_image + by_sentence),
        (sum, by_image.sqrt() + by_sentence.sqrt()),
    ] {
        let scale = expected.abs();
        assert!(
            (found - expected).abs() <= 1e-6 * scale,
            "{found}, not {expected}"
        );
    }
}

fn value<C: Example>(kind: Kind, critic: &C) -> Tensor<Training, 1> {
    let [image, sentence] = C::SIZES;
    let input = |pace| C::input(numbers(3, image, pace), numbers(3, sentence.max(1), 0.7));
    let scored = RealAndFake {
        real: input(0.9),
        fake: input(1.3),
    };
    let penalty = Penalty {
        kind,
        ..Penalty::default()
    };
    penalty.value(critic, &scored, None, (Noise::new(4, 2), "between"))
}

fn slopes_are_those_of_central_differences<C: Example>() {
    for kind in [
        Kind::MatchingAware,
        Kind::R1,
        Kind::ZeroCentred,
        Kind::WganGp,
    ] {
        let critic = C::moved([0.0; 2]);
        let loss = value(kind, &critic);
        let gradients = GradientsParams::from_grads(loss.backward(), &critic);
        let layers = [&critic.toy().weight, &critic.toy().out];
        for (i, layer) in layers.into_iter().enumerate() {
            let at = |step: f64| -> f64 {
                let mut steps = [0.0; 2];
                steps[i] = step;
                value(kind, &C::moved(steps)).into_scalar()
            };

            let slopes = gradients.get::<NdArray<f64>, 2>(layer.id).expect("used");
            let found = slopes.into_data().iter::<f64>().next().expect("not empty");

            let expected = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            assert!(
                (found - expected).abs() <= 1e-5 * expected.abs(),
                "{kind:?}, layer {i}: {found}, not {expected}"
            );
            assert!(expected.abs() > 1e-6, "{kind:?}, layer {i} is not used");
        }
    }
}

#[test]
fn images_alone_are_penalised_as_central_differences_say() {
    lengths_are_those_of_central_differences::<OfImages<Training>>();
    slopes_are_those_of_central_differences::<OfImages<Training>>();
}

#[test]
fn images_with_sentences_are_penalised_as_central_differences_say() {
    lengths_are_those_of_central_differences::<OfPairs<Training>>();
    slopes_are_those_of_central_differences::<OfPairs<Training>>();
}

#[test]
fn stacked_features_with_sentences_are_penalised_as_central_differences_say() {
    lengths_are_those_of_central_differences::<OfStacks<Training>>();
    slopes_are_those_of_central_differences::<OfStacks<Training>>();
}

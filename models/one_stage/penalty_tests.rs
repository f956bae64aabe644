//! Penalties on the gradient of the one-stage discriminator.

use burn::backend::{Autodiff, NdArray};
use burn::module::Param;
use burn::optim::GradientsParams;
use burn::prelude::{Tensor, TensorData};

use super::discriminator::{Discriminator, DiscriminatorConfig};
use crate::losses::gradient_penalty::{Kind, Penalty, RealAndFake};
use crate::noise::Noise;
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

/// Images and their sentences.
type Input = (Tensor<Training, 4>, Tensor<Training, 2>);

fn scored() -> RealAndFake<Input> {
    let device = Default::default();
    let input = |name: &str| {
        let images = NOISE.uniform(name, [3, 3, 8, 8], -1.0, 1.0, &device);
        (images, NOISE.uniform("sentence", [3, 2], 0.0, 1.0, &device))
    };
    RealAndFake {
        real: input("real"),
        fake: input("fake"),
    }
}

fn value(kind: Kind, discriminator: &Discriminator<Training>) -> Tensor<Training, 1> {
    of(kind).value(discriminator, &scored(), None, (NOISE, "between"))
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
    let (images, sentences) = scored().real;
    let logit = |image: Tensor<Training, 4>, sentence: Tensor<Training, 2>| {
        number(discriminator.logits(discriminator.features(image), sentence))
    };
    let (image, sentence) = (images.narrow(0, 0, 1), sentences.narrow(0, 0, 1));
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
    let scored = scored();
    let (real, fake) = (scored.real.0.clone(), scored.fake.0.clone());
    let shares = |purpose: &str| -> Vec<f64> {
        let (between, sentence) = scored.between::<Training>(NOISE, purpose);
        assert_eq!(sentence.into_data(), scored.real.1.to_data());
        let shares = (between - fake.clone()) / (real.clone() - fake.clone());
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

//! The real Inception weights from a package registry, where the cache has them.

use burn::backend::Flex;
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::nn::batch_norm::Mode;
use wordpaint_models::vision::inception::{Inception, InceptionConfig, Layer, Naming};
use wordpaint_models::vision::vgg::spatial_mean;

use crate::support::file::{Golden, Tolerance, cached};

/// Tolerance of networks of this depth with real weights.
const REAL: Tolerance = Tolerance::RelativeToMax(1e-3);

/// The picture that the metadata describe, values 0..255.
fn pattern(golden: &Golden) -> Tensor<Flex, 4> {
    let (a, b): (f64, f64) = (golden.number("a"), golden.number("b"));
    let size: usize = golden.number("size");
    let mut values = Vec::with_capacity(3 * size * size);
    for c in 1..=3 {
        for y in 0..size {
            for x in 0..size {
                let wave = (a * (x * c) as f64).sin() * (b * y as f64).cos();
                values.push((127.5 * (1.0 + wave)).floor() as f32);
            }
        }
    }
    Tensor::from_data(
        TensorData::new(values, [1, 3, size, size]),
        &Default::default(),
    )
}

fn nsfw() -> Option<Inception<Flex>> {
    let weights = cached("inception-nsfw")?;
    assert_eq!(Naming::of(weights.keys()), Some(Naming::Keras));
    let (network, report) = InceptionConfig::KERAS
        .init::<Flex>(&Default::default())
        .load(Naming::Keras, &weights);
    assert!(report.ours.is_complete(), "{report:?}");
    assert!(report.unused.iter().all(|key| key.starts_with("dense_")));
    Some(network)
}

#[test]
fn registry_inception_nsfwjs() {
    let Some(golden) = Golden::open("registry_inception_nsfwjs") else {
        return;
    };
    let Some(network) = nsfw() else {
        return;
    };
    let x = pattern(&golden) / 255.0;
    // Blocks by Keras's number.
    let blocks: Vec<Layer> = Layer::all().skip(7).collect();

    let numbers = golden.keys("out/mean_mixed");
    let mut wanted: Vec<Layer> = numbers
        .iter()
        .map(|number| blocks[number.parse::<usize>().expect("a number")])
        .collect();
    wanted.push(Layer::MIXED_7C);
    let mut maps = network.taps(x, &wanted, Mode::Running);
    let last = maps.pop().expect("one map per layer");

    for (number, map) in numbers.iter().zip(maps) {
        let key = format!("out/mean_mixed{number}");
        golden.check(&key, spatial_mean(map).into_data(), REAL);
    }
    golden.check("out/pool", spatial_mean(last).into_data(), REAL);
}

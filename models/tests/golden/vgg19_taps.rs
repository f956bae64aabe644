//! All taps of a narrow VGG19 and the gradient at its input.

use burn::backend::{Autodiff, Flex};
use burn::prelude::Tensor;
use wordpaint_models::vision::image_space::Preprocessing;
use wordpaint_models::vision::vgg::{Depth, Layer, Pooling, VggConfig};

use crate::support::file::{Golden, Tolerance};

type TestBackend = Autodiff<Flex>;

#[test]
fn vgg19_taps() {
    let Some(golden) = Golden::open("vgg19_taps") else {
        return;
    };
    let device = Default::default();
    let config = VggConfig {
        depth: Depth::Vgg19,
        widths: golden.list("widths").try_into().expect("five widths"),
        ..VggConfig::default()
    };
    let (vgg, report) = config
        .init::<TestBackend>(&device)
        .load_torchvision(|key| golden.get(&format!("w/{key}")));
    assert!(report.is_complete(), "{report:?}");

    let pixels = golden.tensor::<TestBackend, 4>("in/image01") * 2.0 - 1.0;
    let input = Preprocessing::TORCHVISION.apply(pixels).require_grad();
    let layers = Depth::Vgg19.layers();
    for (pooling, name) in [(Pooling::Max, "max"), (Pooling::Average, "avg")] {
        let vgg = vgg.clone().with_pooling(pooling);
        let taps = vgg.taps(input.clone(), &layers);
        let prefix = format!("out/{name}/");
        for key in golden.keys(&prefix) {
            let layer: Layer = key.parse().expect("a layer");
            let alone = vgg.taps(input.clone(), &[layer]).remove(0).into_data();
            golden.check(&format!("{prefix}{key}"), alone, Tolerance::Absolute(1e-5));
        }
        if pooling == Pooling::Max {
            let means = taps.into_iter().map(|tap| tap.abs().mean());
            let sum: Tensor<TestBackend, 1> = means.reduce(|a, b| a + b).expect("there are taps");
            golden.check("out/sum_mean_abs", sum.to_data(), Tolerance::Absolute(1e-5));
            let gradient = input.grad(&sum.backward()).expect("the input is tracked");
            golden.check(
                "grad/normalized_input",
                gradient.into_data(),
                Tolerance::Absolute(1e-6),
            );
        }
    }
}

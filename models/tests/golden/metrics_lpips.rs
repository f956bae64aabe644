//! Perceptual distance: narrow backbones with gradients, and the real weights where the cache has them.

use std::collections::BTreeMap;

use burn::backend::{Autodiff, Flex};
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::backend::Backend;
use wordpaint_models::vision::lpips::{Lpips, LpipsConfig, Net, TAPS};

use crate::support::file::{Golden, Tolerance, cached};

fn load<B: Backend>(config: LpipsConfig, weights: &BTreeMap<String, TensorData>) -> Lpips<B> {
    let (lpips, report) = config.init::<B>(&Default::default()).load(weights);
    assert!(report.ours.is_complete(), "{report:?}");
    assert_eq!(report.unused, Vec::<String>::new());
    lpips
}

fn tiny(name: &str, net: Net) {
    type Training = Autodiff<Flex>;
    let Some(golden) = Golden::open(name) else {
        return;
    };
    let weights = golden.all("w/");
    let widths = std::array::from_fn(|i| weights[&format!("lin{i}.model.1.weight")].shape[1]);
    let lpips = load::<Training>(LpipsConfig { net, widths }, &weights);
    let x = golden.tensor::<Training, 4>("in/x").require_grad();
    let y = golden.tensor::<Training, 4>("in/y");

    for (i, tap) in lpips.taps(x.clone()).into_iter().enumerate() {
        golden.check(
            &format!("out/feat_x_{i}"),
            tap.into_data(),
            Tolerance::RelativeToMax(1e-5),
        );
    }
    let layers = lpips.layers(x.clone(), y.clone());
    assert_eq!(layers.len(), TAPS);
    for (i, layer) in layers.into_iter().enumerate() {
        golden.check(
            &format!("out/layer{i}"),
            layer.into_data(),
            Tolerance::Absolute(1e-5),
        );
    }
    let distance = lpips.forward(x.clone(), y);
    golden.check("out/lpips", distance.to_data(), Tolerance::Absolute(1e-5));
    let gradient = x.grad(&distance.sum().backward()).expect("tracked");
    golden.check(
        "grad/x",
        gradient.into_data(),
        Tolerance::RelativeToMax(1e-4),
    );
}

#[test]
fn metrics_lpips_alex_tiny() {
    tiny("metrics_lpips_alex_tiny", Net::Alex);
}

#[test]
fn metrics_lpips_vgg_tiny() {
    tiny("metrics_lpips_vgg_tiny", Net::Vgg);
}

#[test]
fn metrics_lpips_real_weights() {
    let Some(golden) = Golden::open("metrics_lpips_real_weights") else {
        return;
    };
    for (config, net) in [(LpipsConfig::ALEX, "alex"), (LpipsConfig::VGG, "vgg")] {
        let Some(weights) = cached(&format!("lpips-{net}")) else {
            continue;
        };
        let lpips = load::<Flex>(config, &weights);
        let [x, y] = ["in/x", "in/y"].map(|key| {
            let bytes = golden.tensor::<Flex, 4>(key).permute([0, 3, 1, 2]);
            bytes / 127.5 - 1.0
        });

        for (i, tap) in lpips.taps(x.clone()).into_iter().enumerate() {
            let key = format!("out/{net}_relu{i}_channel_mean");
            // Of the first image.
            let mean: Tensor<Flex, 4> = tap.narrow(0, 0, 1).mean_dim(3).mean_dim(2);
            let found = mean.flatten::<1>(0, 3).into_data();
            golden.check(&key, found, Tolerance::RelativeToMax(1e-4));
        }
        for (i, layer) in lpips.layers(x.clone(), y.clone()).into_iter().enumerate() {
            let key = format!("out/lpips_{net}_layer{i}");
            golden.check(&key, layer.into_data(), Tolerance::Absolute(1e-4));
        }
        let key = format!("out/lpips_{net}");
        let found = lpips.forward(x, y).into_data();
        golden.check(&key, found, Tolerance::Absolute(1e-4));
    }
}

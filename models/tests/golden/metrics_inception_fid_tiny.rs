//! Every layer of a narrow Inception-v3 in the FID and torchvision variants.

use std::collections::BTreeMap;

use burn::backend::Flex;
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::nn::batch_norm::Mode;
use wordpaint_models::vision::inception::{Bias, Inception, InceptionConfig, Layer, Naming};

use crate::support::file::{Golden, Tolerance};

/// Tolerance of the layers before the blocks, and of everything behind them.
const EARLY: Tolerance = Tolerance::RelativeToMax(1e-5);
const DEEP: Tolerance = Tolerance::RelativeToMax(1e-4);

fn network(weights: &BTreeMap<String, TensorData>, published: InceptionConfig) -> Inception<Flex> {
    let config = InceptionConfig {
        divisor: 32 / weights["Conv2d_1a_3x3.conv.weight"].shape[0],
        classes: Some(weights["fc.bias"].shape[0]),
        ..published
    };
    assert_eq!(Naming::of(weights.keys()), Some(Naming::Torch));
    let (network, report) = config
        .init::<Flex>(&Default::default())
        .load(Naming::Torch, weights);
    assert!(report.ours.is_complete(), "{report:?}");
    assert_eq!(report.unused, Vec::<String>::new());
    network
}

#[test]
fn metrics_inception_fid_tiny() {
    let Some(golden) = Golden::open("metrics_inception_fid_tiny") else {
        return;
    };
    let weights = golden.all("w/");
    let fid = network(&weights, InceptionConfig::FID_2015);
    let torchvision = network(&weights, InceptionConfig::TORCHVISION);
    let x: Tensor<Flex, 4> = golden.tensor::<Flex, 4>("in/x01") * 2.0 - 1.0;

    for (network, prefix) in [(&fid, "out/fid_"), (&torchvision, "out/torchvision_")] {
        let layers: Vec<Layer> = Layer::all().collect();
        for (layer, found) in layers
            .iter()
            .zip(network.taps(x.clone(), &layers, Mode::Running))
        {
            let key = format!("{prefix}{layer}");
            let tolerance = if *layer <= Layer::POOL2 { EARLY } else { DEEP };
            if golden.get(&key).is_some() {
                golden.check(&key, found.into_data(), tolerance);
            }
        }
        let pool3 = network.pool3(x.clone(), Mode::Running);
        golden.check(&format!("{prefix}pool3"), pool3.to_data(), DEEP);
    }

    let pool3 = fid.pool3(x, Mode::Running);
    for (bias, key) in [
        (Bias::With, "out/fid_logits"),
        (Bias::Without, "out/fid_logits_unbiased"),
    ] {
        let logits = fid.logits(pool3.clone(), bias).expect("a classifier");
        golden.check(key, logits.into_data(), DEEP);
    }
}

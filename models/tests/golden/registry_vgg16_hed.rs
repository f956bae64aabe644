//! The real VGG16 weights from the HED package, where the cache has them.

use burn::backend::Flex;
use wordpaint_models::vision::image_space::Preprocessing;
use wordpaint_models::vision::vgg::{Layer, VggConfig, spatial_mean};

use crate::support::file::{Golden, Tolerance, cached};

#[test]
fn registry_vgg16_hed() {
    let Some(golden) = Golden::open("registry_vgg16_hed") else {
        return;
    };
    let Some(weights) = cached("vgg16-hed") else {
        return;
    };
    let device = Default::default();
    let (vgg, report) = VggConfig::hed()
        .init::<Flex>(&device)
        .load_torchvision(|key| weights.get(key).cloned());
    assert!(report.is_complete(), "{report:?}");

    let pixels = golden.tensor::<Flex, 4>("in/rgb255") / 127.5 - 1.0;
    let input = Preprocessing::HED.apply(pixels);

    for key in golden.keys("out/mean_") {
        let layer: Layer = key.parse().expect("a layer");
        let mean = spatial_mean(vgg.taps(input.clone(), &[layer]).remove(0));
        golden.check(
            &format!("out/mean_{key}"),
            mean.into_data(),
            Tolerance::RelativeToMax(1e-4),
        );
    }
    let top = vgg
        .taps(input, &[Layer::Conv { group: 5, index: 3 }])
        .remove(0);
    golden.check(
        "out/conv5_3",
        top.into_data(),
        Tolerance::RelativeToMax(1e-4),
    );
}

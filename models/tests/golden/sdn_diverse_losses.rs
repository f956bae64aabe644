//! Losses of SDN with several image heads.

use burn::backend::{Autodiff, Flex};
use burn::optim::GradientsParams;
use burn::prelude::Tensor;
use wordpaint_models::sdn::{
    Config, DiverseFrom, HeadTerm, Stage, choose, head_terms, total_per_head, wanted_maps,
};

use super::sdn_generator_losses::{check_gradients, config, networks};
use crate::support::file::{Golden, Tolerance};

type TestBackend = Autodiff<Flex>;
const VALUE: Tolerance = Tolerance::Absolute(1e-5);

#[test]
fn sdn_diverse_losses() {
    let Some(golden) = Golden::open("sdn_diverse_losses") else {
        return;
    };
    let heads = golden.number("n");
    let config = Config {
        diverse_from: DiverseFrom::Stage1,
        soft_minimum: 0.0,
        ..config(&golden, heads)
    };
    let (sdn, teacher) = networks(&golden, &config);
    let forward = |stage| {
        let wanted = wanted_maps(&config, stage);
        sdn.generator
            .forward(golden.tensor::<TestBackend, 2>("in/text"), &wanted)
    };
    let terms = |stage| {
        head_terms(
            &config,
            stage,
            forward(stage),
            &teacher,
            golden.tensor("in/real"),
        )
    };

    let images = forward(Stage::Features).images;
    let [batch, channels, height, width] = images.dims();
    let images: Tensor<TestBackend, 5> = images.reshape([batch, channels / 3, 3, height, width]);
    check_per_head(&golden, "out/images", images);

    let features: Vec<HeadTerm<TestBackend>> = terms(Stage::Features);
    check_per_head(&golden, "out/image_l1_per_p", features[0].values.clone());
    let totals = total_per_head(&features).expect("terms are switched on");
    check_per_head(&golden, "out/total_per_p", totals.clone());
    let best = totals.argmin(1).reshape([batch]);
    golden.check("out/argmin_p", best.into_data(), Tolerance::Absolute(0.0));

    let soft = choose(features, 0.001)
        .total()
        .expect("terms are switched on");
    golden.check("out/loss_stage2_div_soft", soft.into_data(), VALUE);
    for (stage, loss) in [
        (Stage::Maps, "loss_stage1_div"),
        (Stage::Features, "loss_stage2_div"),
    ] {
        let total = choose(terms(stage), 0.0)
            .total()
            .expect("terms are switched on");
        golden.check(&format!("out/{loss}"), total.to_data(), VALUE);
        let gradients = GradientsParams::from_grads(total.backward(), &sdn);
        let checked = check_gradients(&golden, loss, &sdn, &gradients);
        assert_eq!(checked, golden.keys(&format!("grad/{loss}/G.")).len());
    }
}

/// The file may put the heads before the batch.
fn check_per_head<const D: usize>(golden: &Golden, key: &str, found: Tensor<TestBackend, D>) {
    golden.check(key, found.into_data(), VALUE);
}

//! One step of AttnGAN's discriminator of 64 pixels.

use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::staged::discriminator::Normalization;
use wordpaint_models::staged::keys::discriminator_key;
use wordpaint_models::staged::objective::{discriminator_parts, summed};
use wordpaint_models::system::LossTerms;

use crate::support::file::{Golden, Tolerance};
use crate::support::published::{check_each_gradient, check_state};
use crate::support::staged::{TestBackend, discriminator};

const VALUE: Tolerance = Tolerance::Absolute(1e-5);

#[test]
fn attngan_d_step() {
    let Some(golden) = Golden::open("attngan_d_step") else {
        return;
    };
    let text_dim = golden.dim("in/cond", 1);
    let critic = discriminator(&golden, "w/", text_dim, 0, Normalization::BatchNorm);
    let key = |name: &str| discriminator_key(name, 0, Normalization::BatchNorm);
    let [real, fake] = ["in/real", "in/fake"].map(|k| golden.tensor::<TestBackend, 4>(k));

    let parts = discriminator_parts(&critic, real, fake, golden.tensor("in/cond"));
    for part in &parts {
        let stored = match part.name {
            "real" => "out/real",
            "fake" => "out/fake",
            "real-text" => "out/cond_real",
            "fake-text" => "out/cond_fake",
            "mismatched-text" => "out/cond_wrong",
            other => panic!("unknown part {other}"),
        };
        golden.check(stored, part.value.to_data(), VALUE);
    }
    let value = |name| -> Tensor<TestBackend, 1> {
        let part = parts.iter().find(|p| p.name == name);
        part.expect("a part of this name").value.clone()
    };
    let without = value("real-text") + (value("fake-text") + value("mismatched-text")) / 2.0;
    golden.check("out/errD_no_uncond", without.into_data(), VALUE);
    let terms = summed(LossTerms::new(), "d/", [parts]);
    let total = terms.total().expect("terms are switched on");
    golden.check("out/errD", total.to_data(), VALUE);
    check_state(
        &golden,
        "out/after/",
        &critic,
        key,
        Tolerance::Absolute(1e-4),
        |_, _| true,
    );

    let gradients = GradientsParams::from_grads(total.backward(), &critic);
    let tolerance = Tolerance::RelativeToMax(1e-4);
    check_each_gradient(&golden, "grad/", &critic, &gradients, key, tolerance);

    let adam = AdamConfig::new().with_beta_1(0.5).with_epsilon(1e-8);
    let critic = adam.init().step(2e-4, critic, gradients);
    // Adam blows up the rounding errors of gradients that are 0.
    let is_sure = |key: &str, i: usize| {
        let gradient: TensorData = golden.data(&format!("grad/{key}"));
        gradient
            .iter::<f32>()
            .nth(i)
            .is_some_and(|g| g.abs() > 1e-5)
    };
    check_state(
        &golden,
        "out/after_adam/",
        &critic,
        key,
        Tolerance::Absolute(1e-6),
        is_sure,
    );
}

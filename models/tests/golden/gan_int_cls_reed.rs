//! Generator and discriminator of GAN-INT-CLS in the authors' version.

use burn::backend::{Autodiff, Flex};
use burn::module::AutodiffModule;
use burn::prelude::Tensor;
use burn::tensor::activation::sigmoid;
use wordpaint_models::gan_int_cls::{
    Config, GanIntCls, discriminator_terms, generator_terms, mean_text, reed_key, with_midpoints,
};
use wordpaint_models::system::System;

use crate::support::file::{Golden, Tolerance};
use crate::support::published::{check_gradients, check_terms, load};

type TestBackend = Autodiff<Flex>;
const VALUE: Tolerance = Tolerance::Absolute(1e-5);

#[test]
fn gan_int_cls_reed() {
    let Some(golden) = Golden::open("gan_int_cls_reed") else {
        return;
    };
    let config = Config {
        text_dim: golden.number("ts"),
        projection_dim: golden.number("nt"),
        noise_dim: golden.number("nz"),
        generator_width: golden.number("ngf"),
        discriminator_width: golden.number("ndf"),
        captions: golden.number("numCaption"),
        mismatched_weight: golden.number("cls_weight"),
        interpolation_weight: golden.number("interp_weight"),
        ..Config::default()
    };
    let system = GanIntCls::<TestBackend>::init(&config, &Default::default());
    let system = load(&golden, "w/", system, reed_key);
    let text: Tensor<TestBackend, 2> = mean_text(golden.tensor("in/txt_raw"));
    let real = golden.tensor::<TestBackend, 4>("in/right");
    golden.check("out/txt_mean", text.to_data(), VALUE);
    let conditions = with_midpoints(text.clone());
    golden.check("out/txt_interp", conditions.to_data(), VALUE);

    let frozen = system.valid();
    let fake = frozen
        .generator
        .forward(text.clone().inner(), golden.tensor("in/z_d"));
    golden.check("out/eval/fake", fake.into_data(), VALUE);
    let verdict = frozen
        .critic()
        .forward(real.clone().inner(), text.clone().inner());
    golden.check(
        "out/eval/D_right",
        sigmoid(verdict.logits).into_data(),
        VALUE,
    );

    let fake = system
        .generator
        .forward(text.clone(), golden.tensor("in/z_d"));
    golden.check("out/train/fake_d", fake.to_data(), VALUE);
    let terms = discriminator_terms(
        &config,
        system.critic(),
        real.clone(),
        Some(golden.tensor("in/wrong")),
        fake.detach(),
        text,
    );
    let stored = [
        "errD_real",
        "errD_wrong_weighted",
        "errD_fake_weighted",
        "errD",
    ];
    let total = check_terms(&golden, &terms, &stored.map(|k| format!("out/train/{k}")));
    check_gradients(&golden, "grad/errD/", &system, total, reed_key);

    let fake = system
        .generator
        .forward(conditions.clone(), golden.tensor("in/z_g"));
    golden.check("out/train/fake_g", fake.to_data(), VALUE);
    let verdict = system.critic().forward(fake.clone(), conditions.clone());
    golden.check(
        "out/train/D_fake_g",
        sigmoid(verdict.logits).into_data(),
        VALUE,
    );
    let critic = system.critic();
    let terms = generator_terms(&config, critic, real, fake, conditions);
    let total = terms.total().expect("terms are switched on");
    golden.check("out/train/errG", total.to_data(), VALUE);
    check_gradients(&golden, "grad/errG/", &system, total, reed_key);
}

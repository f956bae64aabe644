//! Generator and discriminator of the PyTorch port of GAN-CLS.

use burn::backend::{Autodiff, Flex};
use burn::module::AutodiffModule;
use burn::prelude::Tensor;
use burn::tensor::activation::sigmoid;
use wordpaint_models::gan_int_cls::{
    Config, GanIntCls, discriminator_terms, generator_terms, port_key,
};
use wordpaint_models::import::Source;
use wordpaint_models::system::System;

use crate::support::file::{Golden, Tolerance};
use crate::support::published::{check_gradients, check_terms, load};

type TestBackend = Autodiff<Flex>;
const VALUE: Tolerance = Tolerance::Absolute(1e-5);

/// The file holds both networks, with a prefix each.
fn key(name: &str) -> Option<Source> {
    let source = port_key(name)?;
    let network = if name.starts_with("generator.") {
        "G"
    } else {
        "D"
    };
    Some(Source {
        key: format!("{network}.{}", source.key),
        ..source
    })
}

#[test]
fn gan_cls_pytorch() {
    let Some(golden) = Golden::open("gan_cls_pytorch") else {
        return;
    };
    let config = Config {
        text_dim: golden.number("ed"),
        projection_dim: golden.number("pd"),
        noise_dim: golden.number("nz"),
        generator_width: golden.number("ngf"),
        discriminator_width: golden.number("ndf"),
        feature_weight: golden.number("l2_coef"),
        image_weight: golden.number("l1_coef"),
        ..Config::port()
    };
    let system = GanIntCls::<TestBackend>::init(&config, &Default::default());
    let system = load(&golden, "w/", system, key);
    let text = golden.tensor::<TestBackend, 2>("in/embed");
    let real = golden.tensor::<TestBackend, 4>("in/right_images");
    let noise = |name: &str| -> Tensor<TestBackend, 2> {
        let z = golden.tensor::<TestBackend, 4>(name);
        let [batch, dim, _, _] = z.dims();
        z.reshape([batch, dim])
    };

    let frozen = system.valid();
    let fake = frozen
        .generator
        .forward(text.clone().inner(), noise("in/z_d").inner());
    golden.check("out/eval/fake", fake.into_data(), VALUE);
    let verdict = frozen
        .critic()
        .forward(real.clone().inner(), text.clone().inner());
    let probability = sigmoid(verdict.logits).into_data();
    golden.check("out/eval/D_prob_right", probability, VALUE);
    golden.check(
        "out/eval/D_inter_right",
        verdict.features.into_data(),
        VALUE,
    );

    let fake = system.generator.forward(text.clone(), noise("in/z_d"));
    golden.check("out/train/fake_d", fake.to_data(), VALUE);
    let terms = discriminator_terms(
        &config,
        system.critic(),
        real.clone(),
        Some(golden.tensor("in/wrong_images")),
        fake.detach(),
        text.clone(),
    );
    let stored = ["real_loss", "wrong_loss", "fake_loss", "d_loss"];
    let total = check_terms(&golden, &terms, &stored.map(|k| format!("out/train/{k}")));
    check_gradients(&golden, "grad/d_loss/", &system, total, key);

    let fake = system.generator.forward(text.clone(), noise("in/z_g"));
    golden.check("out/train/fake_g", fake.to_data(), VALUE);
    let critic = system.critic();
    let terms = generator_terms(&config, critic, real, fake, text);
    let stored = ["g_ce", "g_fm", "g_l1", "g_loss"];
    let total = check_terms(&golden, &terms, &stored.map(|k| format!("out/train/{k}")));
    check_gradients(&golden, "grad/g_loss/", &system, total, key);
}

//! A step of SSA-GAN's generator against its discriminator.

use std::collections::BTreeMap;

use burn::module::{AutodiffModule, Module};
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use wordpaint_models::import::Source;
use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::keys::generator_key;

use super::file::{Golden, Tolerance};
use super::one_stage::{TestBackend, discriminator, generator, is_standardised, last_block};
use super::published::{check_gradient_lengths, check_state};

const ARCHITECTURE: Architecture = Architecture::SsaGan;
const VALUE: Tolerance = Tolerance::Absolute(2e-5);

fn key(name: &str) -> Option<Source> {
    let source = generator_key(name, ARCHITECTURE)?;
    Some(Source {
        key: format!("G.{}", source.key),
        ..source
    })
}

#[test]
fn ssa_gan_g_step() {
    let Some(golden) = Golden::open("ssa_gan_g_step") else {
        return;
    };
    let painter = generator::<TestBackend>(&golden, "w/G.", ARCHITECTURE);
    let judge = discriminator::<TestBackend>(&golden, "w/D.", ARCHITECTURE).no_grad();
    let last = last_block(&golden, "w/G.");
    let is_zero = |key: &str| is_standardised(key, last);

    let fake = painter
        .forward(golden.tensor("in/noise"), golden.tensor("in/sent"))
        .image;
    golden.check("out/fake", fake.to_data(), VALUE);
    let logits = judge.logits(judge.features(fake), golden.tensor("in/sent"));
    let found = logits.clone().unsqueeze_dims::<4>(&[1, 2, 3]).into_data();
    golden.check("out/logits", found, VALUE);
    let loss = logits.mean().neg();
    golden.check("out/errG", loss.to_data(), VALUE);
    let gradients = GradientsParams::from_grads(loss.backward(), &painter);
    check_gradient_lengths::<TestBackend, _>(
        &golden, "grad/", &painter, &gradients, key, 1e-3, is_zero,
    );

    let adam = AdamConfig::new()
        .with_beta_1(0.0)
        .with_beta_2(0.9)
        .with_epsilon(1e-8);
    let painter = adam.init().step(1e-4, painter, gradients);
    // The first step of Adam is the sign of the gradient, which rounding decides near 0.
    let stored = golden.all("grad/").into_iter().map(|(key, gradient)| {
        let values: Vec<f32> = gradient.iter().collect();
        let largest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        (key, (values, largest))
    });
    let stored: BTreeMap<String, (Vec<f32>, f32)> = stored.collect();
    let is_sure = |key: &str, i: usize| match stored.get(key) {
        Some((values, largest)) => !is_zero(key) && values[i].abs() > 1e-2 * largest,
        None => true,
    };
    check_state(&golden, "out/after_step/", &painter, key, VALUE, is_sure);
    assert_eq!(painter.valid().num_params(), painter.num_params());
}

//! A step of SSA-GAN's generator against its discriminator.

use std::collections::BTreeMap;

use burn::module::{AutodiffModule, Module};
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use wordpaint_models::import::Source;
use wordpaint_models::one_stage::generator::{Architecture, Generator};
use wordpaint_models::one_stage::keys::generator_key;

use crate::support::file::{Golden, Tolerance};
use crate::support::one_stage::{
    TestBackend, discriminator, generator, last_block, on_the_side_of, worth,
};
use crate::support::published::{Gradient, check_gradient_lengths, check_state, off_stored};

const ARCHITECTURE: Architecture = Architecture::SsaGan;
const VALUE: Tolerance = Tolerance::Absolute(2e-5);
const GRADIENT: f64 = 1e-3;

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
    let fresh = || generator::<TestBackend>(&golden, "w/G.", ARCHITECTURE);
    let critic = discriminator::<TestBackend>(&golden, "w/D.", ARCHITECTURE).no_grad();
    let last = last_block(&golden, "w/G.");
    let scored = |fake| critic.logits(critic.features(fake), golden.tensor("in/sent"));
    let generate = |generator: &Generator<TestBackend>| {
        let output = generator.forward(golden.tensor("in/noise"), golden.tensor("in/sent"));
        output.image
    };
    let generator = on_the_side_of::<TestBackend, _>(fresh, "stem.bias", GRADIENT, |moved| {
        let loss = scored(generate(moved)).mean().neg();
        let gradients = GradientsParams::from_grads(loss.backward(), moved);
        off_stored::<TestBackend, _>(&golden, ("grad/", "stem.weight"), moved, &gradients, key)
    });

    let fake = generate(&generator);
    golden.check("out/fake", fake.to_data(), VALUE);
    let logits = scored(fake);
    let found = logits.clone().unsqueeze_dims::<4>(&[1, 2, 3]).into_data();
    golden.check("out/logits", found, VALUE);
    let loss = logits.mean().neg();
    golden.check("out/errG", loss.to_data(), VALUE);
    let gradients = GradientsParams::from_grads(loss.backward(), &generator);
    check_gradient_lengths::<TestBackend, _>(
        &golden,
        "grad/",
        &generator,
        &gradients,
        key,
        GRADIENT,
        |key| worth(key, last),
    );

    let adam = AdamConfig::new()
        .with_beta_1(0.0)
        .with_beta_2(0.9)
        .with_epsilon(1e-8);
    let generator = adam.init().step(1e-4, generator, gradients);
    // The first step of Adam is the sign of the gradient, which rounding decides near 0.
    let stored = golden.all("grad/").into_iter().map(|(key, gradient)| {
        let values: Vec<f32> = gradient.iter().collect();
        let largest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        (key, (values, largest))
    });
    let stored: BTreeMap<String, (Vec<f32>, f32)> = stored.collect();
    let is_sure = |key: &str, i: usize| match stored.get(key) {
        Some((values, largest)) => {
            worth(key, last) != Gradient::Zero && values[i].abs() > 1e-2 * largest
        }
        None => true,
    };
    check_state(&golden, "out/after_step/", &generator, key, VALUE, is_sure);
    assert_eq!(generator.valid().num_params(), generator.num_params());
}

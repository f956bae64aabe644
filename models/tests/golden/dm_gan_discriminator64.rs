//! DM-GAN's discriminator of 64 pixels: one forward, gradients, and the singular vectors after it.

use burn::optim::GradientsParams;
use burn::tensor::activation::sigmoid;
use wordpaint_models::staged::discriminator::Normalization;
use wordpaint_models::staged::keys::discriminator_key;

use crate::support::file::{Golden, Tolerance};
use crate::support::published::{check_each_gradient, check_state};
use crate::support::staged::discriminator;

const VALUE: Tolerance = Tolerance::Absolute(1e-4);

#[test]
fn dm_gan_discriminator64() {
    let Some(golden) = Golden::open("dm_gan_discriminator64") else {
        return;
    };
    let text_dim = golden.dim("in/cond", 1);
    let critic = discriminator(&golden, "w/", text_dim, 0, Normalization::Spectral);
    let key = |name: &str| discriminator_key(name, 0, Normalization::Spectral);

    let features = critic.features(golden.tensor("in/img64"));
    let alone = critic
        .alone(features.clone())
        .expect("a head for images alone");
    let joint = critic.with_sentence(features.clone(), golden.tensor("in/cond"));

    golden.check("out/features", features.into_data(), VALUE);
    golden.check("out/uncond_logit", alone.to_data(), VALUE);
    golden.check("out/cond_logit", joint.to_data(), VALUE);
    golden.check("out/uncond_prob", sigmoid(alone.clone()).into_data(), VALUE);
    golden.check("out/cond_prob", sigmoid(joint.clone()).into_data(), VALUE);
    let loss = alone.sum() + joint.sum();
    let gradients = GradientsParams::from_grads(loss.backward(), &critic);
    check_each_gradient(&golden, "grad/", &critic, &gradients, key, VALUE);
    let vectors = Tolerance::Absolute(1e-5);
    check_state(&golden, "out/after/", &critic, key, vectors, |_, _| true);
}

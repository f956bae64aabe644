//! AttnGAN's three discriminators, in evaluation and then in training.

use burn::module::AutodiffModule;
use burn::prelude::Tensor;
use burn::tensor::activation::sigmoid;
use wordpaint_models::backend::Backend;
use wordpaint_models::staged::discriminator::{Discriminator, Normalization};
use wordpaint_models::staged::keys::discriminator_key;

use crate::support::file::{Golden, Tolerance};
use crate::support::published::check_state;
use crate::support::staged::discriminator;

const VALUE: Tolerance = Tolerance::Absolute(1e-4);

fn check<B: Backend>(
    golden: &Golden,
    folder: &str,
    critic: &Discriminator<B>,
    upsampling_steps: usize,
) {
    let image = golden.tensor::<B, 4>("in/img64");
    let sides = 1 << upsampling_steps;
    let row = Tensor::cat(vec![image; sides], 3);
    let features = critic.features(Tensor::cat(vec![row; sides], 2));
    let alone = critic
        .alone(features.clone())
        .expect("a head for images alone");
    let joint = critic.with_sentence(features.clone(), golden.tensor("in/cond"));
    let verdicts = [
        ("features", features.into_data()),
        ("uncond_logit", alone.to_data()),
        ("uncond_prob", sigmoid(alone).into_data()),
        ("cond_logit", joint.to_data()),
        ("cond_prob", sigmoid(joint).into_data()),
    ];
    for (name, found) in verdicts {
        golden.check(&format!("{folder}{name}"), found, VALUE);
    }
}

#[test]
fn attngan_discriminators() {
    let Some(golden) = Golden::open("attngan_discriminators") else {
        return;
    };
    let text_dim = golden.dim("in/cond", 1);
    for upsampling_steps in 0..3 {
        let name = format!("d{}", 64 << upsampling_steps);
        let prefix = format!("w/{name}/");
        let critic = discriminator(
            &golden,
            &prefix,
            text_dim,
            upsampling_steps,
            Normalization::BatchNorm,
        );

        check(
            &golden,
            &format!("out/{name}/eval/"),
            &critic.valid(),
            upsampling_steps,
        );
        check(
            &golden,
            &format!("out/{name}/train/"),
            &critic,
            upsampling_steps,
        );

        let after = format!("out/{name}/after_train/");
        let key = |name: &str| discriminator_key(name, upsampling_steps, Normalization::BatchNorm);
        check_state(&golden, &after, &critic, key, VALUE, |_, _| true);
    }
}

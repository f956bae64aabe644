//! Both steps of SSA-GAN's discriminator: hinge loss, then the penalty at the weights it left, by
//! the same Adam.

use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::prelude::Tensor;
use wordpaint_models::losses::gradient_penalty::{InputGradients, Length};
use wordpaint_models::one_stage::discriminator::{Discriminator, critic};
use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::keys::discriminator_key;
use wordpaint_models::one_stage::objective::{HALF, Mismatched, hinge, mismatched_logits};

use crate::support::file::{Golden, Tolerance};
use crate::support::one_stage::{TestBackend, discriminator_as};
use crate::support::published::{Gradient, check_gradient_lengths, check_most_of_state};

const LOSS: Tolerance = Tolerance::RelativeToMax(1e-5);
const GRADIENT: f64 = 1e-4;
/// Of weights after a step.
const WEIGHT: f32 = 5e-6;
const RATE: f64 = 4e-4;

fn check_gradients(
    golden: &Golden,
    prefix: &str,
    critic: &Discriminator<TestBackend>,
    loss: Tensor<TestBackend, 1>,
) -> GradientsParams {
    let gradients = GradientsParams::from_grads(loss.backward(), critic);
    let key = |name: &str| discriminator_key(name, Architecture::SsaGan);
    check_gradient_lengths::<TestBackend, _>(
        golden,
        prefix,
        critic,
        &gradients,
        key,
        GRADIENT,
        |_| Gradient::Whole,
    );
    gradients
}

/// The penalty as the file has it: `k mean(n^p)`, with the biases that Adam counts.
fn penalty(golden: &Golden, discriminator: &Discriminator<TestBackend>) -> Penalty {
    let scored = critic(
        discriminator,
        golden.tensor("in/real"),
        golden.tensor("in/sent"),
    );
    let (k, p) = (golden.number::<f64>("magp_k"), golden.number("magp_p"));
    let gradients = InputGradients::of(&scored.gradients);
    let value = gradients.matching_aware(Length::Joint, p) * k;
    Penalty {
        value: value + discriminator.biases() * 0.0,
        gradients,
    }
}

struct Penalty {
    value: Tensor<TestBackend, 1>,
    gradients: InputGradients<TestBackend>,
}

#[test]
fn ssa_gan_d_step() {
    let Some(golden) = Golden::open("ssa_gan_d_step") else {
        return;
    };
    let key = |name: &str| discriminator_key(name, Architecture::SsaGan);
    let critic = discriminator_as::<TestBackend>(&golden, "w/", Architecture::SsaGan);
    let sentence = golden.tensor::<TestBackend, 2>("in/sent");

    let features = critic.features(golden.tensor("in/real"));
    let real = critic.logits(features.clone(), sentence.clone());
    let mismatched = mismatched_logits(&critic, features, sentence.clone(), Mismatched::Successor);
    let fake = critic.logits(critic.features(golden.tensor("in/fake")), sentence);
    for (name, logits) in [("real", &real), ("mismatch", &mismatched), ("fake", &fake)] {
        let found = logits.clone().unsqueeze_dims::<4>(&[1, 2, 3]).into_data();
        let tolerance = Tolerance::Absolute(1e-5);
        golden.check(&format!("out/logits_{name}"), found, tolerance);
    }
    let terms = hinge(real, mismatched, fake, None);
    golden.check("out/errD_real", terms.real.to_data(), LOSS);
    golden.check("out/errD_mismatch", terms.mismatched.to_data(), LOSS);
    golden.check("out/errD_fake", terms.fake.to_data(), LOSS);
    let total = terms.real + (terms.mismatched + terms.fake) * HALF;
    golden.check("out/errD", total.to_data(), LOSS);
    let gradients = check_gradients(&golden, "grad/hinge/", &critic, total);

    let first = penalty(&golden, &critic);
    golden.check("out/magp", first.value.to_data(), LOSS);
    let norms = first.gradients.lengths(Length::Joint, 1.0).into_data();
    golden.check("out/grad_norm", norms, LOSS);
    check_gradients(&golden, "grad/magp/", &critic, first.value);

    let adam = AdamConfig::new()
        .with_beta_1(0.0)
        .with_beta_2(0.9)
        .with_epsilon(1e-8);
    let mut adam = adam.init();
    let critic = adam.step(RATE, critic, gradients);
    let prefix = "out/after_hinge_step/";
    check_most_of_state::<TestBackend, _>(&golden, prefix, &critic, key, WEIGHT, |_| true);

    let second = penalty(&golden, &critic).value;
    golden.check("out/magp_after_hinge_step", second.to_data(), LOSS);
    let gradients = GradientsParams::from_grads(second.backward(), &critic);
    let critic = adam.step(RATE, critic, gradients);
    let prefix = "out/after_magp_step/";
    check_most_of_state::<TestBackend, _>(&golden, prefix, &critic, key, WEIGHT, |_| true);
}

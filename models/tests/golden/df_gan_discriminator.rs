//! DF-GAN's discriminator since 2022: hinge loss and penalty from one forward pass, minimised
//! together.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::optim::GradientsParams;
use burn::prelude::Tensor;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::losses::gradient_penalty::{InputGradients, Length};
use wordpaint_models::one_stage::discriminator::{CriticOutput, Discriminator, critic};
use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::keys::discriminator_key;
use wordpaint_models::one_stage::objective::{HALF, Hinge, Mismatched, hinge, mismatched_logits};

use crate::support::file::{Golden, Tolerance};
use crate::support::one_stage::{discriminator, on_the_side_of};
use crate::support::published::{Gradient, check_gradient_lengths, off_stored};

const LOSS: Tolerance = Tolerance::RelativeToMax(1e-5);
const GRADIENT: f64 = 1e-4;

struct Passes<B: AutodiffBackend> {
    real: CriticOutput<B>,
    mismatched: Tensor<B, 1>,
    fake: Tensor<B, 1>,
    terms: Hinge<B>,
    penalty: Tensor<B, 1>,
    total: Tensor<B, 1>,
}

fn forward<B: AutodiffBackend>(golden: &Golden, discriminator: &Discriminator<B>) -> Passes<B> {
    let sentence = || golden.tensor::<B, 2>("in/sent");
    let (k, p) = (golden.number::<f64>("magp_k"), golden.number("magp_p"));
    let real = critic(discriminator, golden.tensor("in/real"), sentence());
    let features = real.features.clone();
    let mismatched = mismatched_logits(discriminator, features, sentence(), Mismatched::Cyclic);
    let fake = discriminator.features(golden.tensor("in/fake"));
    let fake = discriminator.logits(fake, sentence());
    let terms = hinge(real.logits.clone(), mismatched.clone(), fake.clone(), None);
    let penalty = InputGradients::of(&real.gradients).matching_aware(Length::Joint, p) * k;
    let both = terms.mismatched.clone() + terms.fake.clone();
    Passes {
        total: terms.real.clone() + both * HALF + penalty.clone(),
        real,
        mismatched,
        fake,
        terms,
        penalty,
    }
}

fn check<B: AutodiffBackend>(golden: &Golden) {
    let key = |name: &str| discriminator_key(name, Architecture::DfGan2022);
    let fresh = || discriminator::<B>(golden, "w/", Architecture::DfGan2022);
    let gradients = |discriminator: &Discriminator<B>| {
        let total = forward(golden, discriminator).total;
        GradientsParams::from_grads(total.backward(), discriminator)
    };
    let discriminator = on_the_side_of::<B, _>(fresh, "image.bias", GRADIENT, |moved| {
        let place = ("grad/", "image.weight");
        off_stored::<B, _>(golden, place, moved, &gradients(moved), key)
    });

    let passes = forward(golden, &discriminator);

    golden.check("out/features_real", passes.real.features.to_data(), LOSS);
    for (name, logits) in [
        ("real", passes.real.logits),
        ("mismatch", passes.mismatched),
        ("fake", passes.fake),
    ] {
        let found = logits.unsqueeze_dims::<4>(&[1, 2, 3]).into_data();
        golden.check(&format!("out/logits_{name}"), found, LOSS);
    }
    golden.check("out/errD_real", passes.terms.real.to_data(), LOSS);
    golden.check("out/errD_mismatch", passes.terms.mismatched.to_data(), LOSS);
    golden.check("out/errD_fake", passes.terms.fake.to_data(), LOSS);
    let gradients_of_real = InputGradients::of(&passes.real.gradients);
    let norms = gradients_of_real.lengths(Length::Joint, 1.0).into_data();
    golden.check("out/grad_norm", norms, LOSS);
    golden.check("out/magp", passes.penalty.to_data(), LOSS);
    golden.check("out/errD", passes.total.to_data(), LOSS);
    let gradients = gradients(&discriminator);
    let whole = |_: &str| Gradient::Whole;
    check_gradient_lengths::<B, _>(
        golden,
        "grad/",
        &discriminator,
        &gradients,
        key,
        GRADIENT,
        whole,
    );
}

#[test]
fn df_gan_discriminator() {
    let Some(golden) = Golden::open("df_gan_discriminator") else {
        return;
    };
    check::<Autodiff<Flex>>(&golden);
    check::<Autodiff<NdArray>>(&golden);
}

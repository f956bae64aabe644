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

struct EncodedImage<B: AutodiffBackend> {
    real: CriticOutput<B>,
    mismatched: Tensor<B, 1>,
    fake: Tensor<B, 1>,
    terms: Hinge<B>,
    penalty: Tensor<B, 1>,
    total: Tensor<B, 1>,
}

fn see<B: AutodiffBackend>(golden: &Golden, judge_net: &Discriminator<B>) -> EncodedImage<B> {
    let sentence = || golden.tensor::<B, 2>("in/sent");
    let (k, p) = (golden.number::<f64>("magp_k"), golden.number("magp_p"));
    let real = critic(judge_net, golden.tensor("in/real"), sentence());
    let features = real.features.clone();
    let mismatched = mismatched_logits(judge_net, features, sentence(), Mismatched::Cyclic);
    let fake = judge_net.features(golden.tensor("in/fake"));
    let fake = judge_net.logits(fake, sentence());
    let terms = hinge(real.logits.clone(), mismatched.clone(), fake.clone(), None);
    let penalty = InputGradients::of(&real.gradients).matching_aware(Length::Joint, p) * k;
    let both = terms.mismatched.clone() + terms.fake.clone();
    EncodedImage {
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
    let gradients = |judge_net: &Discriminator<B>| {
        let total = see(golden, judge_net).total;
        GradientsParams::from_grads(total.backward(), judge_net)
    };
    let judge_net = on_the_side_of::<B, _>(fresh, "image.bias", GRADIENT, |moved| {
        let place = ("grad/", "image.weight");
        off_stored::<B, _>(golden, place, moved, &gradients(moved), key)
    });

    let seen = see(golden, &judge_net);

    golden.check("out/features_real", seen.real.features.to_data(), LOSS);
    for (name, logits) in [
        ("real", seen.real.logits),
        ("mismatch", seen.mismatched),
        ("fake", seen.fake),
    ] {
        let found = logits.unsqueeze_dims::<4>(&[1, 2, 3]).into_data();
        golden.check(&format!("out/logits_{name}"), found, LOSS);
    }
    golden.check("out/errD_real", seen.terms.real.to_data(), LOSS);
    golden.check("out/errD_mismatch", seen.terms.mismatched.to_data(), LOSS);
    golden.check("out/errD_fake", seen.terms.fake.to_data(), LOSS);
    let gradients_of_real = InputGradients::of(&seen.real.gradients);
    let norms = gradients_of_real.lengths(Length::Joint, 1.0).into_data();
    golden.check("out/grad_norm", norms, LOSS);
    golden.check("out/magp", seen.penalty.to_data(), LOSS);
    golden.check("out/errD", seen.total.to_data(), LOSS);
    let gradients = gradients(&judge_net);
    let whole = |_: &str| Gradient::Whole;
    check_gradient_lengths::<B, _>(
        golden, "grad/", &judge_net, &gradients, key, GRADIENT, whole,
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

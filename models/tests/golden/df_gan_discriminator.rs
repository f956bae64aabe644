//! DF-GAN's discriminator since 2022: hinge loss and penalty from one forward pass, minimised
//! together.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::optim::GradientsParams;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::losses::gradient_penalty::Length;
use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::keys::discriminator_key;
use wordpaint_models::one_stage::objective::{HALF, Mismatched, hinge, mismatched_logits};
use wordpaint_models::one_stage::penalty::judge;

use super::file::{Golden, Tolerance};
use super::one_stage::discriminator;
use super::published::check_gradient_lengths;

const LOSS: Tolerance = Tolerance::RelativeToMax(1e-5);

fn check<B: AutodiffBackend>(golden: &Golden) {
    let judge_net = discriminator::<B>(golden, "w/", Architecture::DfGan2022);
    let sentence = || golden.tensor::<B, 2>("in/sent");
    let (k, p) = (golden.number::<f64>("magp_k"), golden.number("magp_p"));

    let judged = judge(&judge_net, golden.tensor("in/real"), sentence());
    let features = judged.features;
    golden.check("out/features_real", features.to_data(), LOSS);
    let mismatched = mismatched_logits(&judge_net, features, sentence(), Mismatched::Cyclic);
    let fake = judge_net.features(golden.tensor("in/fake"));
    let fake = judge_net.logits(fake, sentence());
    for (name, logits) in [
        ("real", &judged.logits),
        ("mismatch", &mismatched),
        ("fake", &fake),
    ] {
        let found = logits.clone().unsqueeze_dims::<4>(&[1, 2, 3]).into_data();
        golden.check(&format!("out/logits_{name}"), found, LOSS);
    }
    let terms = hinge(judged.logits, mismatched, fake, None);
    golden.check("out/errD_real", terms.real.to_data(), LOSS);
    golden.check("out/errD_mismatch", terms.mismatched.to_data(), LOSS);
    golden.check("out/errD_fake", terms.fake.to_data(), LOSS);
    let norms = judged.gradients.lengths(Length::Joint, 1.0).into_data();
    golden.check("out/grad_norm", norms, LOSS);
    let penalty = judged.gradients.matching_aware(Length::Joint, p) * k;
    golden.check("out/magp", penalty.to_data(), LOSS);
    let total = terms.real + (terms.mismatched + terms.fake) * HALF + penalty;
    golden.check("out/errD", total.to_data(), LOSS);

    let gradients = GradientsParams::from_grads(total.backward(), &judge_net);
    let key = |name: &str| discriminator_key(name, Architecture::DfGan2022);
    check_gradient_lengths::<B, _>(golden, "grad/", &judge_net, &gradients, key, 1e-4, |_| {
        false
    });
}

#[test]
fn df_gan_discriminator() {
    let Some(golden) = Golden::open("df_gan_discriminator") else {
        return;
    };
    check::<Autodiff<Flex>>(&golden);
    check::<Autodiff<NdArray>>(&golden);
}

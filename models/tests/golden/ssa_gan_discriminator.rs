//! SSA-GAN's discriminator, which is that of DF-GAN before June 2022, at full size.

use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::objective::{Mismatched, mismatched_logits};

use crate::support::file::{Golden, Tolerance};
use crate::support::one_stage::{TestBackend, discriminator};

const VALUE: Tolerance = Tolerance::Absolute(1e-5);

#[test]
fn ssa_gan_discriminator() {
    let Some(golden) = Golden::open("ssa_gan_discriminator") else {
        return;
    };
    let critic = discriminator::<TestBackend>(&golden, "w/", Architecture::SsaGan);
    let sentence = golden.tensor::<TestBackend, 2>("in/sent");

    let features = critic.features(golden.tensor("in/image"));
    let logits = critic.logits(features.clone(), sentence.clone());
    let mismatched = mismatched_logits(&critic, features.clone(), sentence, Mismatched::Successor);

    golden.check("out/features", features.into_data(), VALUE);
    for (key, logits) in [("out/logits", logits), ("out/logits_mismatch", mismatched)] {
        let found = logits.unsqueeze_dims::<4>(&[1, 2, 3]).into_data();
        golden.check(key, found, VALUE);
    }
}

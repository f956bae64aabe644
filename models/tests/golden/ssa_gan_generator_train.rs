//! SSA-GAN's generator in training.

use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::keys::generator_key;

use crate::support::file::{Golden, Tolerance};
use crate::support::one_stage::{
    TestBackend, check_generator_gradients, check_masks, generator, last_block, worth,
};
use crate::support::published::check_state;

const VALUE: Tolerance = Tolerance::Absolute(2e-5);
const GRADIENT: f64 = 5e-3;

#[test]
fn ssa_gan_generator_train() {
    let Some(golden) = Golden::open("ssa_gan_generator_train") else {
        return;
    };
    let architecture = Architecture::SsaGan;
    let generator = generator::<TestBackend>(&golden, "w/", architecture);

    let output = generator.forward(golden.tensor("in/noise"), golden.tensor("in/sent"));

    golden.check("out/image", output.image.to_data(), VALUE);
    let masks = output.masks.iter().map(|mask| mask.clone().inner());
    check_masks::<TestBackend>(&golden, masks.collect(), VALUE);
    let key = |name: &str| generator_key(name, architecture);
    let prefix = "out/bn_after/";
    check_state(&golden, prefix, &generator, key, VALUE, |_, _| true);
    let last = last_block(&golden, "w/");
    check_generator_gradients(&golden, "w/", architecture, GRADIENT, |key| {
        worth(key, last)
    });
}

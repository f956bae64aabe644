//! SSA-GAN's generator in evaluation at full size.

use burn::module::AutodiffModule;
use wordpaint_models::one_stage::generator::Architecture;

use crate::support::file::{Golden, Tolerance};
use crate::support::one_stage::{TestBackend, check_masks, generator};

const VALUE: Tolerance = Tolerance::Absolute(2e-5);

#[test]
fn ssa_gan_generator() {
    let Some(golden) = Golden::open("ssa_gan_generator") else {
        return;
    };
    let generator = generator::<TestBackend>(&golden, "w/", Architecture::SsaGan).valid();

    let output = generator.forward(golden.tensor("in/noise"), golden.tensor("in/sent"));

    golden.check("out/image", output.image.into_data(), VALUE);
    check_masks::<TestBackend>(&golden, output.masks, VALUE);
}

//! DF-GAN's generator since 2022.

use wordpaint_models::one_stage::generator::Architecture;

use crate::support::file::{Golden, Tolerance};
use crate::support::one_stage::{TestBackend, check_generator_gradients, generator};
use crate::support::published::Gradient;

#[test]
fn df_gan_generator() {
    let Some(golden) = Golden::open("df_gan_generator") else {
        return;
    };
    let architecture = Architecture::DfGan2022;
    let generator = generator::<TestBackend>(&golden, "w/", architecture);
    let output = generator.forward(golden.tensor("in/noise"), golden.tensor("in/sent"));

    let image = output.image.into_data();
    golden.check("out/image", image, Tolerance::Absolute(2e-5));
    assert!(output.masks.is_empty());
    check_generator_gradients(&golden, "w/", architecture, 1e-3, |_| Gradient::Whole);
}

//! DF-GAN's generator before June 2022.

use wordpaint_models::one_stage::generator::Architecture;

use crate::support::file::{Golden, Tolerance};
use crate::support::one_stage::{TestBackend, generator};

#[test]
fn df_gan_v1_generator() {
    let Some(golden) = Golden::open("df_gan_v1_generator") else {
        return;
    };
    let generator = generator::<TestBackend>(&golden, "w/", Architecture::DfGan2020);

    let output = generator.forward(golden.tensor("in/noise"), golden.tensor("in/sent"));

    let image = output.image.into_data();
    golden.check("out/image", image, Tolerance::Absolute(2e-5));
}

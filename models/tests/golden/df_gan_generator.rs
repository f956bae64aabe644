//! DF-GAN's generator since 2022.

use wordpaint_models::one_stage::generator::Architecture;

use super::file::{Golden, Tolerance};
use super::one_stage::{check_painter_gradients, generator, inputs};

#[test]
fn df_gan_generator() {
    let Some(golden) = Golden::open("df_gan_generator") else {
        return;
    };
    let architecture = Architecture::DfGan2022;
    let generator = generator(&golden, "w/", architecture);
    let inputs = inputs(&golden);
    let [noise, sentence] = inputs.clone();

    let painted = generator.forward(noise, sentence);

    let image = painted.image;
    golden.check("out/image", image.to_data(), Tolerance::Absolute(2e-5));
    assert!(painted.masks.is_empty());
    check_painter_gradients(
        &golden,
        &generator,
        architecture,
        inputs,
        image,
        1e-3,
        |_| false,
    );
}

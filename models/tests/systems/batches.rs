//! Several captions in one pass.

use burn::backend::Flex;
use burn::tensor::Tolerance;
use wordpaint_models::batch::Text;
use wordpaint_models::losses::contrastive::Method;
use wordpaint_models::nn::word_attention::MaskMode;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Frozen, Generate, Generated, Pipeline, System};
use wordpaint_models::{attngan, df_gan, ssa_gan};

use crate::generation::one_stage;
use crate::support::narrow::text;

fn ssa() -> ssa_gan::Config {
    let df_gan::Config {
        resolution,
        generator_width,
        discriminator_width,
        noise_dim,
        text,
        ..
    } = one_stage();
    ssa_gan::Config {
        resolution,
        generator_width,
        discriminator_width,
        mask_width: 3,
        noise_dim,
        text,
        ..ssa_gan::Config::default()
    }
}

/// Every sample of a batch has the image that it has alone, in the same place.
fn images_are_those_of_single_captions<S: System<Flex> + Generate<Flex>>(config: &S::Config) {
    let system = S::init(config, &Default::default());
    let frozen = Frozen::new();
    let pipeline = Pipeline::new(&system, &frozen);
    let noise = Noise::new(5, 1);
    let text: Text<Flex> = text(1);
    let last = |generated: Generated<Flex>| generated.images.last().expect("an image").clone();

    let together = last(pipeline.generate(&text, noise.for_every_sample()));

    let samples = text.samples();
    assert_eq!(samples.len(), together.dims()[0]);
    for (i, sample) in samples.iter().enumerate() {
        let alone = last(pipeline.generate(sample, noise));
        let own = together.clone().narrow(0, i, 1).into_data();
        // Products of matrices may add in another order where there are more rows.
        let tolerance = Tolerance::<f32>::absolute(1e-5);
        own.assert_approx_eq::<f32>(&alone.into_data(), tolerance);
    }
    assert!(!pipeline.mixes_samples());
}

#[test]
fn an_image_does_not_depend_on_the_captions_beside_its_own() {
    images_are_those_of_single_captions::<attngan::AttnGan<Flex>>(&crate::staged::staged(
        2,
        Method::None,
    ));
    images_are_those_of_single_captions::<df_gan::DfGan<Flex>>(&one_stage());
    images_are_those_of_single_captions::<ssa_gan::SsaGan<Flex>>(&ssa());
}

#[test]
fn a_system_with_masks_of_other_samples_says_so() {
    let config = attngan::Config {
        mask: MaskMode::Tiled,
        ..crate::staged::staged(2, Method::None)
    };
    let system = attngan::AttnGan::<Flex>::init(&config, &Default::default());

    assert!(Pipeline::new(&system, &Frozen::new()).mixes_samples());
}

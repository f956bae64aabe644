//! Sizes, settings, and images painted by systems of every size.

use burn::backend::Flex;
use burn::prelude::{Int, Tensor};
use burn::tensor::Tolerance;
use wordpaint_models::auxiliary::AuxiliaryLosses;
use wordpaint_models::df_gan;
use wordpaint_models::losses::contrastive::ContrastiveLoss;
use wordpaint_models::losses::gradient_penalty::Length;
use wordpaint_models::losses::gradient_penalty::{Kind, Penalty, PenaltyStep};
use wordpaint_models::noise::Noise;
use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::system::OneStage;
use wordpaint_models::ssa_gan;
use wordpaint_models::system::{Frozen, Pipeline, System, SystemConfig};

use super::small;
use crate::support::iterate::parameters;
use crate::support::narrow::text;

#[test]
fn sizes_of_the_published_systems_are_the_published_ones() {
    let sizes = |networks: Vec<wordpaint_models::system::NetworkCost>| -> [usize; 2] {
        [networks[0].parameters, networks[1].parameters]
    };
    let ssa = |width| ssa_gan::Config {
        generator_width: width,
        discriminator_width: width,
        ..Default::default()
    };
    let df = |architecture, width| df_gan::Config {
        architecture,
        generator_width: width,
        discriminator_width: width,
        ..Default::default()
    };

    // Published files also count shortcuts that are never used.
    let dead = |channels: usize| channels * (channels + 1);
    assert_eq!(
        sizes(ssa(64).networks()),
        [29_494_273, 80_379_526 - 2 * dead(1024)]
    );
    assert_eq!(
        sizes(ssa(32).networks()),
        [10_327_425, 20_170_566 - 2 * dead(512)]
    );
    for (architecture, width, generator, discriminator) in [
        (
            Architecture::DfGan2020,
            32,
            12_240_010,
            20_170_566 - 2 * dead(512),
        ),
        (
            Architecture::DfGan2020,
            64,
            31_480_074,
            80_379_526 - 2 * dead(1024),
        ),
        (
            Architecture::DfGan2022,
            32,
            9_744_131,
            6_619_206 - 3 * dead(256) + 295_936,
        ),
        (
            Architecture::DfGan2022,
            64,
            31_819_267,
            26_472_582 - 3 * dead(512) + 886_784,
        ),
    ] {
        let found = sizes(df(architecture, width).networks());
        assert_eq!(
            found,
            [generator, discriminator],
            "{architecture:?} {width}"
        );
    }
}

#[test]
fn every_power_of_two_is_painted_and_judged() {
    for resolution in [32, 128] {
        let ssa = ssa_gan::Config {
            resolution,
            ..small()
        };
        let system = OneStage::<Flex, ssa_gan::Family>::init(&ssa, &Default::default());
        let generated = Pipeline::new(&system, &Frozen::new()).generate(&text(1), Noise::new(5, 0));

        let image = generated.images[0].clone();
        assert_eq!(image.dims(), [3, 3, resolution, resolution]);
        let features = system.critic().features(image);
        assert_eq!(features.dims()[2..], [4, 4]);
        let sides: Vec<usize> = generated.masks.iter().map(|m| m.dims()[3]).collect();
        let upsampling_steps = (resolution / 4).ilog2();
        let expected: Vec<usize> = (0..=upsampling_steps).map(|i| 4 << i).collect();
        assert_eq!(sides, expected);
        for network in &ssa.networks()[..2] {
            let counts = parameters(&system, &format!("{}.", network.name));
            let expected: usize = counts.iter().map(|(_, n)| n).sum();
            assert_eq!(
                network.parameters, expected,
                "{resolution} {}",
                network.name
            );
        }
    }
}

#[test]
fn a_caption_is_painted_alike_in_any_batch_from_noise_within_its_limits() {
    let config = df_gan::Config {
        truncation: 0.5,
        ..small()
    };
    let system = OneStage::<Flex, df_gan::Family>::init(&config, &Default::default());
    let mut alone = text(1);
    alone.tokens = alone
        .tokens
        .map(|t: Tensor<Flex, 3, Int>| t.narrow(0, 0, 1));
    alone.lengths.truncate(1);

    let noise = Noise::new(5, 0);
    let all = Pipeline::new(&system, &Frozen::new())
        .generate(&text(1), noise)
        .images[0]
        .clone();
    let one = Pipeline::new(&system, &Frozen::new())
        .generate(&alone, noise)
        .images[0]
        .clone();

    let first = all.narrow(0, 0, 1).into_data();
    first.assert_approx_eq::<f32>(&one.into_data(), Tolerance::absolute(1e-5));
    let drawn: Tensor<Flex, 1> = noise.truncated_normal("z", [5000], 2.0, &Default::default());
    let largest = drawn.clone().abs().max().into_scalar();
    assert!(largest <= 2.0 && largest > 1.9, "{largest}");
    let spread = drawn.square().mean().sqrt().into_scalar();
    // Of a normal distribution cut at two standard deviations.
    assert!((spread - 0.880).abs() < 0.03, "{spread}");
}

#[test]
fn wrong_settings_are_named() {
    let problem = |config: ssa_gan::Config| config.validate().expect_err("wrong").key;
    let ssa = ssa_gan::Config::default;

    let cases = [
        (
            ssa_gan::Config {
                architecture: Architecture::DfGan2022,
                ..ssa()
            },
            "architecture",
        ),
        (
            ssa_gan::Config {
                resolution: 48,
                ..ssa()
            },
            "resolution",
        ),
        (
            ssa_gan::Config {
                resolution: 16,
                ..ssa()
            },
            "resolution",
        ),
        (
            ssa_gan::Config {
                penalty: Penalty {
                    power: 1.0,
                    step: PenaltyStep::Joint,
                    ..Penalty::default()
                },
                ..ssa()
            },
            "penalty.power",
        ),
        (
            ssa_gan::Config {
                penalty: Penalty {
                    kind: Kind::R1,
                    length: Length::Sum,
                    ..Penalty::default()
                },
                ..ssa()
            },
            "penalty.length",
        ),
        (
            ssa_gan::Config {
                auxiliary: AuxiliaryLosses {
                    contrastive: ContrastiveLoss {
                        real_to_fake: -1.0,
                        ..ContrastiveLoss::default()
                    },
                    ..ssa().auxiliary
                },
                ..ssa()
            },
            "contrastive.real_to_fake",
        ),
    ];
    for (config, key) in cases {
        assert_eq!(problem(config), key);
    }
    assert_eq!(ssa().validate(), Ok(()));
    assert_eq!(df_gan::Config::default().validate(), Ok(()));
}

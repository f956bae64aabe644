//! One iteration: the reference backend agrees with the fast one, and every parameter of a phase's
//! groups takes part.

use burn::backend::Flex;
use wordpaint_models::df_gan;
use wordpaint_models::one_stage::system::OneStage;
use wordpaint_models::ssa_gan;
use wordpaint_models::system::{Phase, System, SystemConfig, Train};

use super::{old_df_gan, small, steps_alike};
use crate::support::iterate::Fast;
use crate::support::narrow::iteration;

#[test]
fn df_gan_steps_alike_on_both_backends() {
    steps_alike(
        0.1,
        &small::<df_gan::Family>(),
        &["discriminator.", "generator."],
    );
}

#[test]
fn df_gan_before_2022_steps_alike_on_both_backends() {
    let phases = ["discriminator.", "discriminator.", "generator."];
    steps_alike(0.1, &old_df_gan(), &phases);
}

#[test]
fn ssa_gan_steps_alike_on_both_backends() {
    let phases = ["discriminator.", "discriminator.", "generator."];
    // Gradients through random encoders this narrow are large.
    steps_alike(0.001, &small::<ssa_gan::Family>(), &phases);
}

#[test]
fn a_lazy_phase_counts_its_loss_for_the_iterations_it_skips_and_tells_it_as_it_is() {
    let config = small::<df_gan::Family>();
    let system = OneStage::<Fast, df_gan::Family>::init(&config, &Default::default());
    let iteration = iteration(&config);
    let phase = config.plan().stages[0].phases[0].clone();
    let step = |phase: &Phase| {
        let losses = phase.losses(&system, &iteration, system.begin(&iteration));
        let (gradients, values) = losses.backward(&system);
        let kernel = system.critic().image.weight.id;
        let gradient = gradients.get::<Flex, 4>(kernel).expect("it is trained");
        (gradient, values.read())
    };

    let (plain, values) = step(&phase);
    let (lazy, lazy_values) = step(&phase.clone().lazy(4));
    let (now_and_then, _) = step(&phase.every(4));

    assert_eq!(values, lazy_values);
    assert_eq!(now_and_then.into_data(), plain.to_data());
    let off = (lazy - plain.clone() * 4.0).abs().max().into_scalar();
    assert!(off <= 1e-5 * plain.abs().max().into_scalar(), "{off}");
}

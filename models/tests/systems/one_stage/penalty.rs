//! The penalty on the discriminator's gradient in training.

use burn::backend::Flex;
use burn::module::{AutodiffModule, Param};
use burn::optim::GradientsParams;
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::losses::gradient_penalty::Length;
use wordpaint_models::losses::gradient_penalty::{InputGradients, Kind, PenaltyStep};
use wordpaint_models::one_stage::discriminator::critic;
use wordpaint_models::one_stage::system::OneStage;
use wordpaint_models::ssa_gan;
use wordpaint_models::state::named_tensors;
use wordpaint_models::system::{System, Train};

use super::{OTHERS, penalised, small, start, steps_alike, terms};
use crate::support::iterate::{Fast, Named, iterate_at};
use crate::support::narrow::iteration;

#[test]
fn every_penalty_steps_alike_on_both_backends() {
    for kind in OTHERS {
        let separate = penalised(kind, 2.0, PenaltyStep::Separate);
        let phases = ["discriminator.", "discriminator.", "generator."];
        steps_alike(0.1, &separate, &phases);
        let joint = penalised(kind, 2.0, PenaltyStep::Joint);
        steps_alike(0.1, &joint, &["discriminator.", "generator."]);
    }
}

#[test]
fn every_penalty_moves_the_discriminator_its_own_way_and_is_named() {
    let after = |config: &ssa_gan::Config| -> Named {
        let system =
            iterate_at::<Fast, OneStage<Fast, _>>(0.1, &start(config), config, &iteration(config));
        let weights = named_tensors(&system.0.valid()).into_iter();
        let of_discriminator = weights.filter(|(name, _)| name.starts_with("discriminator."));
        of_discriminator.collect()
    };
    for step in [PenaltyStep::Separate, PenaltyStep::Joint] {
        let mut seen = vec![after(&penalised(Kind::R1, 0.0, step))];
        for kind in [&OTHERS[..], &[Kind::MatchingAware]].concat() {
            let config = penalised(kind, 0.5, step);
            let name = match step {
                PenaltyStep::Separate => kind.term(),
                PenaltyStep::Joint => "d/penalty",
            };
            assert!(terms(&config).contains(&format!("{name} 0.5")), "{kind:?}");

            let weights = after(&config);

            for (name, data) in &weights {
                assert!(data.iter::<f32>().all(f32::is_finite), "{kind:?}: {name}");
            }
            assert!(!seen.contains(&weights), "{kind:?}, {step:?}");
            seen.push(weights);
        }
    }
}

/// Gradients by the discriminator's parameters of its penalty.
fn penalty_gradients(
    system: &OneStage<Fast, ssa_gan::Family>,
    length: Length,
) -> (f32, Vec<TensorData>) {
    let iteration = iteration::<Fast>(&small::<ssa_gan::Family>());
    let shared = system.begin(&iteration);
    let sentence = shared[0].words.sentence.clone();
    let scored = critic(system.critic(), iteration.batch.real(), sentence);
    let penalty = InputGradients::of(&scored.gradients).matching_aware(length, 6.0);
    let value = penalty.clone().into_scalar();
    let gradients = GradientsParams::from_grads(penalty.backward(), system.critic());
    let kernels = system.critic().blocks.iter().flat_map(|b| &b.residual);
    let found = kernels
        .map(|conv| {
            let gradient = gradients.get::<Flex, 4>(conv.weight.id);
            gradient.map_or_else(
                || conv.weight.val().zeros_like().into_data(),
                Tensor::into_data,
            )
        })
        .collect();
    (value, found)
}

#[test]
fn a_discriminator_that_sees_nothing_has_a_finite_penalty_and_slope() {
    let config = small::<ssa_gan::Family>();
    let mut system = OneStage::<Fast, ssa_gan::Family>::init(&config, &Default::default());
    let critic = system.discriminator.as_mut().expect("there in training");
    let zeros = critic.logit.weight.val().inner().zeros_like();
    critic.logit.weight = Param::from_tensor(Tensor::from_inner(zeros));

    for length in [Length::Joint, Length::Sum] {
        let (value, gradients) = penalty_gradients(&system, length);

        assert_eq!(value, 0.0, "{length:?}");
        for gradient in gradients {
            assert!(gradient.iter::<f32>().all(|v| v == 0.0), "{length:?}");
        }
    }
}

#[test]
fn a_discriminator_that_sees_nothing_steps_to_finite_weights_whatever_the_penalty() {
    for kind in [&OTHERS[..], &[Kind::MatchingAware]].concat() {
        for step in [PenaltyStep::Separate, PenaltyStep::Joint] {
            let config = penalised(kind, 2.0, step);
            let mut weights = start(&config);
            for head in ["discriminator.logit.weight", "discriminator.joint.weight"] {
                let found = weights.iter_mut().find(|(name, _)| name == head);
                let data = &mut found.expect("it is there").1;
                *data = TensorData::zeros::<f32, _>(data.shape.clone());
            }

            let (after, _) = iterate_at::<Fast, OneStage<Fast, ssa_gan::Family>>(
                0.1,
                &weights,
                &config,
                &iteration(&config),
            );

            for (name, data) in named_tensors(&after.valid()) {
                let is_finite = data.iter::<f32>().all(f32::is_finite);
                assert!(is_finite, "{kind:?}, {step:?}: {name}");
            }
        }
    }
}

/// The value of the penalty's own step where the last layer of the discriminator is `factor` times
/// what it was, with that layer's gradient.
fn penalty_of_scaled(factor: f32) -> (f32, TensorData) {
    let config = small::<ssa_gan::Family>();
    let mut system = OneStage::<Fast, ssa_gan::Family>::init(&config, &Default::default());
    let critic = system.discriminator.as_mut().expect("there in training");
    let scaled = critic.logit.weight.val().inner() * factor;
    critic.logit.weight = Param::from_tensor(Tensor::from_inner(scaled));
    let id = critic.logit.weight.id;
    let iteration = iteration::<Fast>(&config);
    let losses = system.losses("penalty", &iteration, &system.begin(&iteration));
    let value = losses.terms()[0].value.clone();
    let gradients = GradientsParams::from_grads(value.backward(), system.critic());
    let gradient = gradients.get::<Flex, 4>(id);
    (
        value.into_scalar(),
        gradient.expect("it is used").into_data(),
    )
}

#[test]
fn a_penalty_beyond_the_range_of_numbers_is_infinite_and_one_of_no_numbers_none() {
    let (usual, gradient) = penalty_of_scaled(1.0);
    assert!(usual.is_finite() && usual > 0.0, "{usual}");
    assert!(gradient.iter::<f32>().all(f32::is_finite));

    // Its sixth power is beyond single precision, its square is not.
    let (exploding, _) = penalty_of_scaled(1e15);
    assert_eq!(exploding, f32::INFINITY);
    let (none, _) = penalty_of_scaled(f32::NAN);
    assert!(none.is_nan(), "{none}");
}

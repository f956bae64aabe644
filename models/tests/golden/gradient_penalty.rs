//! The matching-aware penalty of SSA-GAN's discriminator, whose gradient comes from nested automatic
//! differentiation, against the tangent pass and torch's double backward.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::optim::GradientsParams;
use burn::prelude::Tensor;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::losses::gradient_penalty::{InputGradients, Length};
use wordpaint_models::one_stage::discriminator::{Discriminator, SLOPE, critic};
use wordpaint_models::one_stage::generator::Architecture;
use wordpaint_models::one_stage::keys::discriminator_key;
use wordpaint_models::state::param_ids;

use crate::support::file::{Golden, Tolerance};
use crate::support::one_stage::discriminator_as;
use crate::support::published::{Gradient, check_gradient_lengths, distance};
use crate::support::tangent::Dual;

const LOSS: f32 = 1e-5;
/// Of the distance between two gradients to the length of the expected one.
const GRADIENT: f64 = 1e-4;

/// Derivative of the logits along a direction of image and sentence, `[batch]`.
fn tangent<B: AutodiffBackend>(
    discriminator: &Discriminator<B>,
    image: Dual<B, 4>,
    sentence: Dual<B, 2>,
) -> Tensor<B, 1> {
    let mut h = image.convolve(&discriminator.image);
    for block in &discriminator.blocks {
        let mut r = h.clone();
        for conv in &block.residual {
            r = r.convolve(conv).leaky_relu(SLOPE);
        }
        let shortcut = match &block.shortcut {
            Some(conv) => h.convolve(conv),
            None => h,
        };
        h = shortcut.halve() + r.scale(&block.gamma);
    }
    let [_, _, height, width] = h.value.dims();
    let joint = h.cat(sentence.tile([height, width]), 1);
    let h = joint.convolve(&discriminator.joint).leaky_relu(SLOPE);
    h.convolve(&discriminator.logit).tangent.flatten(0, 3)
}

fn check<B: AutodiffBackend>(golden: &Golden) {
    let discriminator = discriminator_as::<B>(golden, "w/", Architecture::SsaGan);
    let (k, p) = (
        golden.number::<f64>("magp_k"),
        golden.number::<f64>("magp_p"),
    );

    let scored = critic(
        &discriminator,
        golden.tensor("in/real"),
        golden.tensor("in/sent"),
    );
    let (by_image, by_sentence) = scored.gradients.clone();
    let g = InputGradients::of(&scored.gradients);
    for (key, found) in [
        ("out/grad_image", by_image.to_data()),
        ("out/grad_sent", by_sentence.to_data()),
    ] {
        let [distance, length] = distance(&golden.data(key), &found);
        assert!(
            distance <= GRADIENT * length,
            "{key}: {distance} of {length}"
        );
    }
    let norms = g.lengths(Length::Joint, 1.0).inner();
    let relative = Tolerance::RelativeToMax(LOSS);
    golden.check("out/grad_norm", norms.to_data(), relative);

    // Along g itself the logit grows by |g|^2; constants make the penalty's gradient of that.
    let image = Dual::new(golden.tensor("in/real"), by_image.inner());
    let sentence = Dual::new(golden.tensor("in/sent"), by_sentence.inner());
    let derivative = tangent(&discriminator, image, sentence);
    let squares = norms.clone().square().into_data();
    let growth = derivative.to_data();
    for (e, f) in squares.iter::<f32>().zip(growth.iter::<f32>()) {
        assert!(
            (e - f).abs() <= LOSS * e.abs(),
            "{growth:?}, not {squares:?}"
        );
    }
    let [batch] = norms.dims();
    let factor = norms.powf_scalar(p - 2.0) * (k * p / batch as f64);
    let surrogate = (derivative * Tensor::from_inner(factor)).sum();

    let penalty = g.matching_aware(Length::Joint, p) * k;
    golden.check("out/magp", penalty.to_data(), relative);
    // Torch stores zeros where neither way has a gradient.
    for loss in [penalty, surrogate] {
        let mut gradients = GradientsParams::from_grads(loss.backward(), &discriminator);
        for (name, id) in param_ids::<B, _>(&discriminator) {
            if name.ends_with("bias") {
                let key = discriminator_key(&name, Architecture::SsaGan)
                    .expect("a name")
                    .key;
                let channels = golden.dim(&format!("grad/magp/{key}"), 0);
                let found = gradients.get::<B::InnerBackend, 1>(id);
                assert!(found.is_none(), "{name}: {found:?}");
                let zeros = Tensor::<B::InnerBackend, 1>::zeros([channels], &Default::default());
                gradients.register(id, zeros);
            }
        }
        let key = |name: &str| discriminator_key(name, Architecture::SsaGan);
        check_gradient_lengths::<B, _>(
            golden,
            "grad/magp/",
            &discriminator,
            &gradients,
            key,
            GRADIENT,
            |_| Gradient::Whole,
        );
    }
}

#[test]
fn both_ways_to_the_penalty_agree_with_torch() {
    let Some(golden) = Golden::open("ssa_gan_d_step") else {
        return;
    };
    check::<Autodiff<Flex>>(&golden);
    check::<Autodiff<NdArray>>(&golden);
}

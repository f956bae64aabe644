//! One-stage generators and discriminators of the sizes of a file.

use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module, Param};
use burn::optim::GradientsParams;
use burn::prelude::Tensor;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::import::{Source, import};
use wordpaint_models::one_stage::discriminator::{Discriminator, DiscriminatorConfig};
use wordpaint_models::one_stage::generator::{Architecture, Generator, GeneratorConfig};
use wordpaint_models::one_stage::keys::{discriminator_key, generator_key};
use wordpaint_models::one_stage::penalty::judge;
use wordpaint_models::state::named_tensors;

use super::file::{Golden, Tolerance};
use super::published::{check_gradient_lengths, distance};

pub(super) type TestBackend = Autodiff<Flex>;

/// An activation within rounding of its kink may fall on either side (in SSA-GAN's file one of
/// -8e-8 beside a mean magnitude of 0.4), which changes gradients by more than rounding. Added to
/// the first bias, one of these brings it to the reference's side.
const SHIFTS: [f64; 9] = [0.0, 3e-8, -3e-8, 1e-7, -1e-7, 3e-7, -3e-7, 1e-6, -1e-6];

/// Loads every array below `prefix` but those in `without`; none is missing or left over.
fn load<B: AutodiffBackend, M: Module<B>>(
    golden: &Golden,
    prefix: &str,
    module: M,
    key: impl Fn(&str) -> Option<Source>,
    is_dead: impl Fn(&str) -> bool,
) -> M {
    let (module, report) = import::<B, _>(module, &golden.all(prefix), key);
    let left = report.unused.iter().find(|key| !is_dead(key));
    assert!(report.ours.is_complete() && left.is_none(), "{report:?}");
    module
}

/// Number of parameters of `module`.
fn parameters<B: AutodiffBackend, M: AutodiffModule<B>>(module: &M) -> usize {
    let tensors = named_tensors(&module.valid()).into_iter();
    tensors
        .filter(|(name, _)| !name.contains("running_"))
        .map(|(_, data)| data.num_elements())
        .sum()
}

/// The generator below `prefix` with its weights.
pub(super) fn generator<B: AutodiffBackend>(
    golden: &Golden,
    prefix: &str,
    architecture: Architecture,
) -> Generator<B> {
    let head = match architecture {
        Architecture::SsaGan => "conv_img.2",
        Architecture::DfGan2020 => "conv_img.1",
        Architecture::DfGan2022 => "to_rgb.1",
    };
    let is_masked = architecture == Architecture::SsaGan;
    let config = GeneratorConfig {
        architecture,
        width: golden.dim(&format!("{prefix}{head}.weight"), 1),
        mask_width: if is_masked {
            golden.dim(&format!("{prefix}conv_mask.0.weight"), 0)
        } else {
            1
        },
        text_dim: golden.dim("in/sent", 1),
        noise_dim: golden.dim("in/noise", 1),
        resolution: golden.number("resolution"),
    };
    let generator = config.init::<B>(&Default::default());
    let key = |name: &str| generator_key(name, architecture);
    let generator = load::<B, _>(golden, prefix, generator, key, |_| false);
    assert_eq!(config.cost().parameters, parameters::<B, _>(&generator));
    generator
}

/// The discriminator below `prefix` with its weights; published files also hold shortcuts that are
/// never used.
pub(super) fn discriminator<B: AutodiffBackend>(
    golden: &Golden,
    prefix: &str,
    architecture: Architecture,
) -> Discriminator<B> {
    let key = |name: &str| discriminator_key(name, architecture);
    let first = key("image.weight").expect("a parameter").key;
    let config = DiscriminatorConfig {
        width: golden.dim(&format!("{prefix}{first}"), 0),
        most: architecture.most_judged(),
        text_dim: golden.dim("in/sent", 1),
        resolution: golden.number("resolution"),
    };
    let discriminator = config.init::<B>(&Default::default());
    let is_dead = |key: &str| {
        key.rsplit_once('.')
            .is_some_and(|(l, _)| l.ends_with("conv_s"))
    };
    let discriminator = load::<B, _>(golden, prefix, discriminator, key, is_dead);
    let expected = parameters::<B, _>(&discriminator);
    assert_eq!(config.cost().parameters, expected);
    discriminator
}

/// `discriminator` with activations within rounding of their kink on the side they have in the
/// file, by the gradient of the logits of `in/real` with `in/sent`.
pub(super) fn on_the_side_of<B: AutodiffBackend>(
    golden: &Golden,
    discriminator: &Discriminator<B>,
) -> Discriminator<B> {
    let expected = golden.data("out/grad_image");
    let shifted = SHIFTS.map(|shift| {
        let mut moved = discriminator.clone();
        moved.image.bias = moved.image.bias.map(|bias| {
            let moved = bias.val().inner() + shift;
            Param::from_tensor(Tensor::from_inner(moved))
        });
        let judged = judge(&moved, golden.tensor("in/real"), golden.tensor("in/sent"));
        let [distance, _] = distance(&expected, &judged.gradients.image.to_data());
        (distance, moved)
    });
    let nearest = shifted.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    nearest.expect("there are shifts").1
}

/// Whether the true gradient of a generator's parameter is 0: biases of what is standardised next.
pub(super) fn is_standardised(key: &str, last_block: usize) -> bool {
    let key = key.strip_prefix("G.").unwrap_or(key);
    let last = |name: &str| key == format!("block{last_block}.{name}.bias");
    key.ends_with("conv_mask.0.bias")
        || key.starts_with("block") && key.ends_with(".c1.bias")
        || last("c2")
        || last("c_sc")
}

/// Number of the last block below `prefix`.
pub(super) fn last_block(golden: &Golden, prefix: &str) -> usize {
    let blocks = golden.keys(&format!("{prefix}block")).into_iter();
    let gammas = blocks.filter_map(|key| key.strip_suffix(".gamma")?.parse().ok());
    gammas.max().expect("there are blocks")
}

/// Compares masks with `out/mask_*`.
pub(super) fn check_masks<B: AutodiffBackend>(
    golden: &Golden,
    masks: Vec<Tensor<B::InnerBackend, 4>>,
    tolerance: Tolerance,
) {
    assert_eq!(masks.len(), golden.keys("out/mask_").len());
    for mask in masks {
        let key = format!("out/mask_{}", mask.dims()[3]);
        golden.check(&key, mask.into_data(), tolerance);
    }
}

/// Noise and sentence, which record gradients.
pub(super) fn inputs(golden: &Golden) -> [Tensor<TestBackend, 2>; 2] {
    ["in/noise", "in/sent"].map(|key| golden.tensor(key).require_grad())
}

/// Gradients of `sum(image * in/cotangent)` by parameters and `inputs` against everything below
/// `grad/`.
pub(super) fn check_painter_gradients(
    golden: &Golden,
    generator: &Generator<TestBackend>,
    architecture: Architecture,
    inputs: [Tensor<TestBackend, 2>; 2],
    image: Tensor<TestBackend, 4>,
    relative: f64,
    is_zero: impl Fn(&str) -> bool,
) {
    let loss = (image * golden.tensor("in/cotangent")).sum();
    let mut all = loss.backward();
    for (key, input) in ["grad/noise", "grad/sent"].into_iter().zip(inputs) {
        let found = input.grad(&all).expect("used").into_data();
        let [distance, length] = distance(&golden.data(key), &found);
        assert!(
            distance <= relative * length,
            "{key}: {distance} of {length}"
        );
    }
    let gradients = GradientsParams::from_module(&mut all, generator);
    check_gradient_lengths::<TestBackend, _>(
        golden,
        "grad/",
        generator,
        &gradients,
        |name| generator_key(name, architecture),
        relative,
        is_zero,
    );
}

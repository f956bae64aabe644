//! One-stage generators and discriminators of the sizes of a file.

use std::collections::BTreeMap;

use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module};
use burn::optim::GradientsParams;
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::import::{Source, import};
use wordpaint_models::one_stage::discriminator::critic;
use wordpaint_models::one_stage::discriminator::{Discriminator, DiscriminatorConfig};
use wordpaint_models::one_stage::generator::{Architecture, Generator, GeneratorConfig};
use wordpaint_models::one_stage::keys::{discriminator_key, generator_key};
use wordpaint_models::state::{load_named, named_tensors};

use super::file::{Golden, Tolerance};
use super::published::{Gradient, check_gradient_lengths, distance};

pub(crate) type TestBackend = Autodiff<Flex>;

/// An activation within rounding of its kink may fall on either side (in SSA-GAN's file one of
/// -8e-8 beside a mean magnitude of 0.4), which changes gradients by more than rounding. Added to
/// the first bias, one of these brings it to the reference's side.
const SHIFTS: [f64; 8] = [3e-8, -3e-8, 1e-7, -1e-7, 3e-7, -3e-7, 1e-6, -1e-6];

/// The `fresh` network, with its bias `first` moved by the first of [`SHIFTS`] that brings
/// activations to the side they have in the file; `off` gives the distance of a gradient from the
/// stored one, and the length of that, which differ by more than `relative` where one is on the other
/// side. Every network is made anew, because copies share the statistics of batches.
pub(crate) fn on_the_side_of<B: AutodiffBackend, M: AutodiffModule<B>>(
    fresh: impl Fn() -> M,
    first: &str,
    relative: f64,
    off: impl Fn(&M) -> [f64; 2],
) -> M {
    let tensors: BTreeMap<String, TensorData> =
        named_tensors(&fresh().valid()).into_iter().collect();
    let moved = |shift: f64| {
        let (moved, report) = load_named::<B, M>(fresh(), |name, _| {
            let data = tensors.get(name)?.clone();
            let moved = |value: f32| (f64::from(value) + shift) as f32;
            Some(if name == first {
                let values: Vec<f32> = data.iter::<f32>().map(moved).collect();
                TensorData::new(values, data.shape)
            } else {
                data
            })
        });
        assert!(report.is_complete(), "{report:?}");
        moved
    };
    let mut nearest = (f64::INFINITY, 0.0);
    for shift in std::iter::once(0.0).chain(SHIFTS) {
        let [distance, length] = off(&moved(shift));
        if distance < nearest.0 {
            nearest = (distance, shift);
        }
        if distance <= relative * length {
            break;
        }
    }
    moved(nearest.1)
}

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
pub(crate) fn generator<B: AutodiffBackend>(
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
pub(crate) fn discriminator<B: AutodiffBackend>(
    golden: &Golden,
    prefix: &str,
    architecture: Architecture,
) -> Discriminator<B> {
    let key = |name: &str| discriminator_key(name, architecture);
    let first = key("image.weight").expect("a parameter").key;
    let config = DiscriminatorConfig {
        width: golden.dim(&format!("{prefix}{first}"), 0),
        most: architecture.max_discriminator_factor(),
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

/// [`discriminator`] on the side of the file by the gradient of the logits of `in/real` with
/// `in/sent`.
pub(crate) fn discriminator_as<B: AutodiffBackend>(
    golden: &Golden,
    prefix: &str,
    architecture: Architecture,
) -> Discriminator<B> {
    let expected = golden.data("out/grad_image");
    let fresh = || discriminator::<B>(golden, prefix, architecture);
    on_the_side_of::<B, _>(fresh, "image.bias", 1e-5, |moved| {
        let scored = critic(moved, golden.tensor("in/real"), golden.tensor("in/sent"));
        distance(&expected, &scored.gradients.0.to_data())
    })
}

/// What the gradient of a generator's parameter is worth. A bias changes nothing where a batch norm
/// comes next. What a block adds everywhere alike is removed by the batch norms along the shortcuts
/// and is seen by the heads that predict masks alone, and by these only at the padded rim: PyTorch's
/// own gradients of these biases are up to 5e-3 off those in f64.
pub(crate) fn worth(key: &str, last_block: usize) -> Gradient {
    let key = key.strip_prefix("G.").unwrap_or(key);
    let last = format!("block{last_block}");
    let is_block = key.starts_with("block");
    match key.split_once('.') {
        Some(("conv_mask", "0.bias")) => Gradient::Zero,
        Some((_, "c1.bias" | "conv_mask.0.bias")) if is_block => Gradient::Zero,
        Some((block, "c2.bias" | "c_sc.bias")) if block == last => Gradient::Zero,
        Some((_, "c2.bias" | "c_sc.bias")) if is_block => Gradient::Rest,
        _ => Gradient::Whole,
    }
}

/// Number of the last block below `prefix`.
pub(crate) fn last_block(golden: &Golden, prefix: &str) -> usize {
    let blocks = golden.keys(&format!("{prefix}block")).into_iter();
    let gammas = blocks.filter_map(|key| key.strip_suffix(".gamma")?.parse().ok());
    gammas.max().expect("there are blocks")
}

/// Compares masks with `out/mask_*`.
pub(crate) fn check_masks<B: AutodiffBackend>(
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
pub(crate) fn inputs(golden: &Golden) -> [Tensor<TestBackend, 2>; 2] {
    ["in/noise", "in/sent"].map(|key| golden.tensor(key).require_grad())
}

/// Gradients of `sum(image * in/cotangent)` by parameters and inputs against everything below
/// `grad/`.
pub(crate) fn check_generator_gradients(
    golden: &Golden,
    prefix: &str,
    architecture: Architecture,
    relative: f64,
    worth: impl Fn(&str) -> Gradient,
) {
    let gradients = |generator: &Generator<TestBackend>| {
        let [noise, sentence] = inputs(golden);
        let image = generator.forward(noise.clone(), sentence.clone()).image;
        let mut all = (image * golden.tensor("in/cotangent")).sum().backward();
        let by_inputs = [("grad/noise", noise), ("grad/sent", sentence)]
            .map(|(key, input)| (key, input.grad(&all).expect("used").into_data()));
        (by_inputs, GradientsParams::from_module(&mut all, generator))
    };
    let off = |found: &(&str, TensorData)| distance(&golden.data(found.0), &found.1);
    let fresh = || generator::<TestBackend>(golden, prefix, architecture);
    let generator = on_the_side_of::<TestBackend, _>(fresh, "stem.bias", relative, |moved| {
        off(&gradients(moved).0[0])
    });
    let (by_inputs, gradients) = gradients(&generator);
    for found in &by_inputs {
        let [distance, length] = off(found);
        assert!(
            distance <= relative * length,
            "{}: {distance} of {length}",
            found.0
        );
    }
    check_gradient_lengths::<TestBackend, _>(
        golden,
        "grad/",
        &generator,
        &gradients,
        |name| generator_key(name, architecture),
        relative,
        worth,
    );
}

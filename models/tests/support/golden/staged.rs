//! Staged generators and discriminators of the sizes of a file.

use burn::backend::{Autodiff, Flex};
use burn::module::Module;
use burn::prelude::{Bool, Tensor};
use wordpaint_models::backend::Backend;
use wordpaint_models::import::Source;
use wordpaint_models::nn::word_attention::MaskMode;
use wordpaint_models::staged::conditioning::Gaussian;
use wordpaint_models::staged::discriminator::{Discriminator, DiscriminatorConfig, Normalization};
use wordpaint_models::staged::generator::{Draw, Generator, GeneratorConfig, Output};
use wordpaint_models::staged::keys::{discriminator_key, generator_key};
use wordpaint_models::staged::word_module::{Caption, WordModule};

use super::file::{Golden, Tolerance};
use super::published::load;

pub(crate) type TestBackend = Autodiff<Flex>;

/// Of attention maps.
const MAP: Tolerance = Tolerance::Absolute(5e-5);
/// Of everything but images and maps.
const REST: Tolerance = Tolerance::Absolute(1e-5);

/// Name of a generator's parameter in the file.
pub(crate) fn generator_name(name: &str) -> Option<Source> {
    generator_key(name, false)
}

/// The generator below `prefix` with its weights.
pub(crate) fn generator(
    golden: &Golden,
    prefix: &str,
    word_module: WordModule,
    mask: MaskMode,
) -> Generator<TestBackend> {
    let images = golden.keys(&format!("{prefix}img_net"));
    let blocks = golden.keys(&format!("{prefix}h_net2.residual."));
    let first_conv = |key: &&String| key.ends_with("block.0.weight");
    let config = GeneratorConfig {
        width: golden.dim(&format!("{prefix}img_net1.img.0.weight"), 1),
        text_dim: golden.dim("in/sent_emb", 1),
        condition_dim: golden.dim("in/eps", 1),
        noise_dim: golden.dim("in/z", 1),
        residuals: blocks.iter().filter(first_conv).count(),
        stages: images.len(),
        word_module,
        mask,
        has_last_image_only: false,
    };
    let generator = config.init::<TestBackend>(&Default::default());
    let parameters = config.cost(1).parameters;
    assert_eq!(parameters, learnt(&generator, &[".running_"]));
    load(golden, prefix, generator, generator_name)
}

/// Number of parameters whose names hold none of `state`.
fn learnt<M: Module<TestBackend>>(module: &M, state: &[&str]) -> usize {
    let tensors = wordpaint_models::state::named_tensors(module).into_iter();
    tensors
        .filter(|(name, _)| !state.iter().any(|s| name.contains(s)))
        .map(|(_, data)| data.num_elements())
        .sum()
}

/// The discriminator of `64 << doublings` pixels below `prefix` with its weights.
pub(crate) fn discriminator(
    golden: &Golden,
    prefix: &str,
    text_dim: usize,
    upsampling_steps: usize,
    normalization: Normalization,
) -> Discriminator<TestBackend> {
    let first = match normalization {
        Normalization::BatchNorm => "img_code_s16.0.weight",
        Normalization::Spectral => "img_code_s16.0.module.weight_bar",
    };
    let config = DiscriminatorConfig {
        width: golden.dim(&format!("{prefix}{first}"), 0),
        text_dim,
        upsampling_steps,
        normalization,
        is_joint: true,
    };
    let discriminator = config.init::<TestBackend>(&Default::default());
    let parameters = config.cost().parameters;
    assert_eq!(
        parameters,
        learnt(&discriminator, &[".running_", ".spectral."])
    );
    let key = |name: &str| discriminator_key(name, upsampling_steps, normalization);
    load(golden, prefix, discriminator, key)
}

/// Sentence, words and random numbers of a file.
pub(crate) struct Inputs<B: Backend> {
    pub(crate) sentence: Tensor<B, 2>,
    pub(crate) caption: Caption<B>,
    pub(crate) draw: Draw<B>,
}

pub(crate) fn inputs<B: Backend>(golden: &Golden) -> Inputs<B> {
    Inputs {
        sentence: golden.tensor("in/sent_emb"),
        caption: Caption {
            words: golden.tensor("in/word_embs"),
            padding: padding(golden),
        },
        draw: Draw {
            z: golden.tensor("in/z"),
            epsilon: golden.tensor("in/eps"),
        },
    }
}

/// `in/mask`, which is 1 where a caption has ended.
fn padding<B: Backend>(golden: &Golden) -> Tensor<B, 2, Bool> {
    golden.tensor::<B, 2>("in/mask").greater_elem(0.5)
}

/// Every `step`-th pixel.
pub(crate) fn every<B: Backend>(x: Tensor<B, 4>, step: usize) -> Tensor<B, 4> {
    let [batch, channels, height, width] = x.dims();
    let (rows, columns) = (height / step, width / step);
    let x = x
        .reshape([batch, channels * rows, step, width])
        .narrow(2, 0, 1);
    let x = x
        .reshape([batch, channels * rows * columns, step])
        .narrow(2, 0, 1);
    x.reshape([batch, channels, rows, columns])
}

/// Compares whatever the file holds of `output` below `folder`.
pub(crate) fn check_output<B: Backend>(
    golden: &Golden,
    folder: &str,
    output: &Output<B>,
    image: Tolerance,
) {
    let check = |name: &str, found: burn::prelude::TensorData, tolerance| {
        let key = format!("{folder}{name}");
        if golden.get(&key).is_some() {
            golden.check(&key, found, tolerance);
            1
        } else {
            0
        }
    };
    let mut checked = 0;
    for (i, x) in output.images.iter().enumerate() {
        let (side, step) = (64 << i, 1 << i);
        let name = match step {
            1 => "img64".to_owned(),
            _ => format!("img{side}_stride{step}"),
        };
        checked += check(&name, every(x.clone(), step).into_data(), image);
        let mean = x
            .clone()
            .abs()
            .flatten::<2>(1, 3)
            .mean_dim(1)
            .flatten::<1>(0, 1);
        checked += check(&format!("img{side}_mean_abs"), mean.into_data(), image);
    }
    for (i, x) in output.attention.iter().enumerate() {
        let (side, step) = (64 << i, if i == 0 { 2 } else { 8 });
        let name = format!("att{side}_stride{step}");
        checked += check(&name, every(x.clone(), step).into_data(), MAP);
    }
    let Gaussian { mean, log_variance } = output.condition.clone();
    checked += check("mu", mean.into_data(), REST);
    checked += check("logvar", log_variance.into_data(), REST);
    let first = output.first_map.clone().into_data();
    checked += check("h_code1", first, REST);
    assert!(checked >= 5, "only {checked} tensors below {folder}");
}

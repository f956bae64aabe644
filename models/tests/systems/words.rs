//! Word-level parts on narrow shapes: the reference backend agrees with the fast one, forward and
//! backward.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::module::AutodiffModule;
use burn::optim::GradientsParams;
use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_models::attngan;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::dm_gan;
use wordpaint_models::losses::damsm::{Gammas, sentence_matching, word_matching};
use wordpaint_models::losses::gaussian_kl::gaussian_kl;
use wordpaint_models::nn::word_attention::MaskMode;
use wordpaint_models::noise::Noise;
use wordpaint_models::staged::discriminator::{DiscriminatorConfig, Normalization};
use wordpaint_models::staged::generator::{Draw, GeneratorConfig};
use wordpaint_models::staged::objective::{discriminator_parts, generator_parts};
use wordpaint_models::staged::word_module::{Caption, WordModule};
use wordpaint_models::state::{load_named, named_tensors, param_ids};
use wordpaint_models::system::{NetworkCost, SystemConfig};
use wordpaint_models::text::lstm::{EncoderConfig, Kind};
use wordpaint_models::text::padding;

type Fast = Autodiff<Flex>;
type Reference = Autodiff<NdArray<f32>>;

const BATCH: usize = 2;
const WORDS: usize = 3;
const DIM: usize = 4;

/// Values and gradients by name.
type Results = Vec<(String, TensorData)>;

/// The same weights on every backend.
fn fixed<B: AutodiffBackend, M: AutodiffModule<B>>(module: M) -> M {
    let (module, report) = load_named::<B, _>(module, |name, shape| {
        let count = shape.iter().product();
        let noise = Noise::new(7, 0);
        let values = noise.normal::<B::InnerBackend, 1>(name, [count], &Default::default()) * 0.1;
        let is_variance = name.ends_with("running_var") || name.ends_with("gamma");
        let values = if is_variance {
            values.abs() + 0.5
        } else {
            values
        };
        Some(TensorData {
            shape: shape.to_vec().into(),
            ..values.into_data()
        })
    });
    assert!(report.is_complete(), "{report:?}");
    module
}

/// Gradients of the matrices and kernels of `module`.
fn gradients<B: AutodiffBackend, M: AutodiffModule<B>>(
    label: &str,
    module: &M,
    loss: Tensor<B, 1>,
) -> Results {
    let mut results = vec![(format!("{label} loss"), loss.to_data())];
    let gradients = GradientsParams::from_grads(loss.backward(), module);
    let shapes = named_tensors::<B::InnerBackend, _>(&module.valid());
    for (name, id) in param_ids::<B, _>(module) {
        let shape = shapes.iter().find(|(n, _)| *n == name);
        let rank = shape.expect("the same names").1.shape.len();
        let found = match rank {
            1 => gradients
                .get::<B::InnerBackend, 1>(id)
                .map(Tensor::into_data),
            2 => gradients
                .get::<B::InnerBackend, 2>(id)
                .map(Tensor::into_data),
            _ => gradients
                .get::<B::InnerBackend, 4>(id)
                .map(Tensor::into_data),
        };
        if name.contains("running_") || name.contains("spectral") {
            assert!(found.is_none(), "{label} {name} is no parameter");
        } else {
            let found = found.unwrap_or_else(|| panic!("{label} {name} has no gradient"));
            results.push((format!("{label} {name}"), found));
        }
    }
    results
}

fn random<B: AutodiffBackend, const D: usize>(purpose: &str, shape: [usize; D]) -> Tensor<B, D> {
    Noise::new(3, 0).normal(purpose, shape, &Default::default())
}

fn adversaries<B: AutodiffBackend>(
    word_module: WordModule,
    normalization: Normalization,
) -> Results {
    let generator = GeneratorConfig {
        width: 2,
        text_dim: DIM,
        condition_dim: 3,
        noise_dim: 2,
        residuals: 1,
        stages: 2,
        word_module,
        mask: MaskMode::Own,
        has_last_image_only: false,
    };
    let generator = fixed::<B, _>(generator.init::<B>(&Default::default()));
    let critic = |upsampling_steps| {
        let config = DiscriminatorConfig {
            width: 2,
            text_dim: DIM,
            upsampling_steps,
            normalization,
            is_joint: true,
        };
        fixed::<B, _>(config.init::<B>(&Default::default()))
    };
    let sentence = random("sentence", [BATCH, DIM]);
    let caption = Caption {
        words: random("words", [BATCH, DIM, WORDS]),
        padding: padding(&[WORDS, 1], WORDS, &Default::default()),
    };
    let draw = Draw {
        z: random("z", [BATCH, 2]),
        epsilon: random("epsilon", [BATCH, 3]),
    };
    let output = generator.forward(sentence.clone(), &caption, draw);
    let small = output.images[0].clone().detach();
    let real = random::<B, 4>("real", small.dims()).tanh();
    let first = critic(0);
    let parts = discriminator_parts(&first, real, small, sentence.clone());
    let loss = parts
        .into_iter()
        .map(|p| p.value * p.weight)
        .reduce(|a, b| a + b);
    let mut results = gradients("d", &first, loss.expect("there are parts"));
    let condition = output.condition;
    let mut loss = gaussian_kl(condition.mean, condition.log_variance);
    for (upsampling_steps, fake) in output.images.into_iter().enumerate() {
        for part in generator_parts(&critic(upsampling_steps), fake, sentence.clone()) {
            loss = loss + part.value;
        }
    }
    results.extend(gradients("g", &generator, loss));
    results
}

fn matching<B: AutodiffBackend>(kind: Kind) -> Results {
    let config = EncoderConfig {
        kind,
        embedding_dim: 3,
        dim: DIM,
        dropout: 0.5,
    };
    let encoder = fixed::<B, _>(config.init::<B>(9, &Default::default()));
    let ids = Tensor::<B, 2, Int>::from_ints([[1, 2, 3], [4, 0, 0]], &Default::default());
    let noise = Noise::new(5, 0);
    let features = encoder.encode_with(ids, &[3, 1], noise, "dropout");
    let gammas = Gammas::default();
    let regions = random("regions", [BATCH, DIM, 2, 2]);
    let words = word_matching(features.words, features.padding, regions, None, &gammas);
    let codes = random("codes", [BATCH, DIM]);
    let whole = sentence_matching(features.sentence, codes, None, &gammas);
    gradients("text", &encoder, words.sum() + whole.sum())
}

fn agree(fast: Results, reference: Results) {
    assert_eq!(fast.len(), reference.len());
    for ((name, a), (other, b)) in fast.into_iter().zip(reference) {
        assert_eq!(name, other);
        let largest = b.iter::<f32>().fold(0.0_f32, |m, v| m.max(v.abs()));
        let differences = a
            .iter::<f32>()
            .zip(b.iter::<f32>())
            .map(|(a, b)| (a - b).abs());
        let worst = differences.fold(0.0_f32, f32::max);
        assert!(
            worst <= 1e-4 * largest + 1e-6,
            "{name}: {worst} of {largest}"
        );
    }
}

#[test]
fn staged_networks_step_alike_on_both_backends() {
    for (word_module, normalization) in [
        (WordModule::Attention, Normalization::BatchNorm),
        (WordModule::Memory, Normalization::Spectral),
    ] {
        agree(
            adversaries::<Fast>(word_module, normalization),
            adversaries::<Reference>(word_module, normalization),
        );
    }
}

#[test]
fn text_encoders_match_alike_on_both_backends() {
    for kind in [Kind::Lstm, Kind::Gru] {
        agree(matching::<Fast>(kind), matching::<Reference>(kind));
    }
}

#[test]
fn published_widths_have_the_published_numbers_of_parameters() {
    let sizes = |config: &dyn Fn() -> Vec<NetworkCost>| -> Vec<usize> {
        config().iter().map(|network| network.parameters).collect()
    };

    let attngan = sizes(&|| attngan::Config::default().networks());
    let dm_gan = sizes(&|| dm_gan::Config::default().networks());

    let published = [7_084_592, 6_313_730, 19_424_002, 71_858_946, 2_075_320];
    assert_eq!(attngan, published);
    let published = [21_449_042, 1_878_242, 5_155_810, 18_264_546, 2_075_320];
    assert_eq!(dm_gan, published);
    let coco = attngan::Config {
        generator_width: 48,
        discriminator_width: 96,
        residuals: 3,
        ..Default::default()
    };
    let published = [13_811_456, 13_304_450, 42_800_258, 160_774_274];
    assert_eq!(sizes(&|| coco.networks())[..4], published);
}

//! Generation on a GPU agrees with the CPU. Needs the feature `wgpu` and a Vulkan, Metal or DX12
//! driver (a software one will do).

use burn::backend::{Flex, Wgpu};
use burn::module::Module;
use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_models::auxiliary::TextInput;
use wordpaint_models::backend::Backend;
use wordpaint_models::batch::Text;
use wordpaint_models::noise::Noise;
use wordpaint_models::staged::config::{Config, Variant};
use wordpaint_models::state::{load_named, named_tensors};
use wordpaint_models::system::{Family, Frozen, Pipeline, System, SystemConfig, TextForm};
use wordpaint_models::text::lstm::EncoderConfig;
use wordpaint_models::{attngan, dm_gan, gan_int_cls, sdn};

const BATCH: usize = 3;
/// Largest difference of a pixel, whose range is [-1, 1].
const TOLERANCE: f32 = 1e-3;

/// Text as the system wants it, the same on every backend.
fn text<B: Backend>(form: TextForm, noise: Noise, device: &B::Device) -> Text<B> {
    match form {
        TextForm::Embedding { dim } => {
            Text::from_embeddings(noise.normal("text", [BATCH, 1, dim], device))
        }
        TextForm::Tokens(form) => {
            let (length, vocabulary) = (form.length, form.vocabulary);
            let lengths: Vec<usize> = (0..BATCH).map(|i| length - i).collect();
            let ids = lengths.iter().enumerate().flat_map(|(i, &words)| {
                let id = move |k: usize| {
                    if k < words {
                        1 + (i + k) % (vocabulary - 1)
                    } else {
                        0
                    }
                };
                (0..length).map(move |k| id(k) as i32)
            });
            let data = TensorData::new(ids.collect::<Vec<_>>(), [BATCH, 1, length]);
            Text {
                embeddings: None,
                tokens: Some(Tensor::<B, 3, Int>::from_data(data, device)),
                lengths,
            }
        }
        TextForm::None => panic!("no generator wants {form:?}"),
    }
}

fn generate<F: Family, B: Backend>(
    config: &F::Config,
    weights: &[(String, TensorData)],
) -> Vec<f32> {
    let device = B::Device::default();
    let fresh = F::System::<B>::init(config, &device);
    let (system, report) = load_named::<B, _>(fresh, |name, _| {
        weights
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, data)| data.clone())
    });
    assert!(report.is_complete(), "{report:?}");
    let noise = Noise::new(5, 1);
    let text = text::<B>(config.needs().text, noise, &device);
    let generator = system.generator().expect("the family makes images");
    let images = Pipeline::new(generator, &Frozen::new())
        .generate(&text, noise)
        .images;
    images
        .into_iter()
        .flat_map(|image| image.into_data().iter::<f32>().collect::<Vec<_>>())
        .collect()
}

fn agrees<F: Family>(config: &F::Config) {
    let cpu = F::System::<Flex>::init(config, &Default::default());
    let _ = Module::<Flex>::num_params(&cpu);
    let weights = named_tensors::<Flex, _>(&cpu);
    let expected = generate::<F, Flex>(config, &weights);
    let got = generate::<F, Wgpu>(config, &weights);
    assert_eq!(expected.len(), got.len());
    let worst = expected
        .iter()
        .zip(&got)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    eprintln!("largest difference {worst:e} over {} values", got.len());
    assert!(worst < TOLERANCE, "largest difference {worst}");
}

#[test]
fn sdn_generates_the_same_on_the_gpu() {
    let config = sdn::Config {
        text_dim: 12,
        widths: [8, 8, 16, 16, 16],
        fc_width: 16,
        base: 2,
        heads: 2,
        ..Default::default()
    };
    agrees::<sdn::Family>(&config);
}

#[test]
fn gan_int_cls_generates_the_same_on_the_gpu() {
    let config = gan_int_cls::Config {
        text_dim: 12,
        generator_width: 4,
        discriminator_width: 4,
        ..Default::default()
    };
    agrees::<gan_int_cls::Family>(&config);
}

fn staged<F: Variant>() -> Config<F> {
    Config {
        stages: 2,
        generator_width: 4,
        discriminator_width: 2,
        residuals: 1,
        noise_dim: 5,
        condition_dim: 6,
        text: TextInput {
            encoder: EncoderConfig {
                embedding_dim: 5,
                dim: 8,
                ..EncoderConfig::default()
            },
            vocabulary: 20,
            words: 6,
        },
        ..F::published()
    }
}

#[test]
fn systems_that_read_words_generate_the_same_on_the_gpu() {
    agrees::<attngan::Family>(&staged());
    agrees::<dm_gan::Family>(&staged());
}

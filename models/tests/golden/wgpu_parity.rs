//! Generation on a GPU agrees with the CPU. Needs the feature `wgpu` and a Vulkan, Metal or DX12
//! driver (a software one will do).

use burn::backend::{Flex, Wgpu};
use burn::module::Module;
use burn::prelude::Tensor;
use wordpaint_models::backend::Backend;
use wordpaint_models::batch::Text;
use wordpaint_models::noise::Noise;
use wordpaint_models::state::{load_named, named_tensors};
use wordpaint_models::system::{Family, System};
use wordpaint_models::{gan_int_cls, sdn};

const BATCH: usize = 3;
/// Largest difference of a pixel, whose range is [-1, 1].
const TOLERANCE: f32 = 1e-3;

fn paint<F: Family, B: Backend>(
    config: &F::Config,
    dim: usize,
    weights: &[(String, burn::prelude::TensorData)],
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
    let text: Tensor<B, 3> = noise.normal("text", [BATCH, 1, dim], &device);
    let generator = system.generator().expect("the family makes images");
    let images = generator
        .generate(&Text::from_embeddings(text), noise)
        .images;
    images
        .into_iter()
        .flat_map(|image| image.into_data().iter::<f32>().collect::<Vec<_>>())
        .collect()
}

fn agrees<F: Family>(config: &F::Config, dim: usize) {
    let cpu = F::System::<Flex>::init(config, &Default::default());
    let _ = Module::<Flex>::num_params(&cpu);
    let weights = named_tensors::<Flex, _>(&cpu);
    let expected = paint::<F, Flex>(config, dim, &weights);
    let got = paint::<F, Wgpu>(config, dim, &weights);
    assert_eq!(expected.len(), got.len());
    let worst = expected
        .iter()
        .zip(&got)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    println!("largest difference {worst:e} over {} values", got.len());
    assert!(worst < TOLERANCE, "largest difference {worst}");
}

#[test]
fn sdn_paints_the_same_on_the_gpu() {
    let config = sdn::Config {
        text_dim: 12,
        widths: [8, 8, 16, 16, 16],
        fc_width: 16,
        base: 2,
        heads: 2,
        ..Default::default()
    };
    agrees::<sdn::Family>(&config, 12);
}

#[test]
fn gan_int_cls_paints_the_same_on_the_gpu() {
    let config = gan_int_cls::Config {
        text_dim: 12,
        generator_width: 4,
        discriminator_width: 4,
        ..Default::default()
    };
    agrees::<gan_int_cls::Family>(&config, 12);
}

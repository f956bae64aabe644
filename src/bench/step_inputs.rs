//! Random batches and frozen networks of the sizes an experiment asks for.

use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_models::backend::Backend;
use wordpaint_models::batch::{Batch, Layout, Text};
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Annotations, Description, Needs, Pretrained, TextForm};
use wordpaint_models::vision::vgg::VggConfig;

use crate::config::family::Facts;
use crate::config::pretrained::VggSettings;
use crate::config::{ConfigError, Experiment};
use crate::setup::pretrained::{Use, wanted};

/// A batch of random numbers in the form a system needs; `attributes` is their number.
pub(super) fn batch<B: Backend>(
    needs: &Needs,
    attributes: usize,
    n: usize,
    device: &B::Device,
) -> Batch<B> {
    let noise = Noise::new(0, 0);
    let image = |purpose: &str, size: usize| {
        noise.uniform::<B, 4>(purpose, [n, 3, size, size], -1.0, 1.0, device)
    };
    let largest = needs.image_sizes.last().copied().unwrap_or(0);
    Batch {
        images: needs
            .image_sizes
            .iter()
            .map(|&size| image("real", size))
            .collect(),
        mismatched: needs.has_mismatched.then(|| image("mismatched", largest)),
        text: Text {
            embeddings: match needs.text {
                TextForm::Embedding { dim } => {
                    Some(noise.normal("text", [n, needs.captions, dim], device))
                }
                TextForm::None | TextForm::Tokens(_) => None,
            },
            tokens: match needs.text {
                TextForm::Tokens(form) => {
                    let shape = [n, needs.captions, form.length];
                    Some(zeros(shape.iter().product(), device).reshape(shape))
                }
                TextForm::None | TextForm::Embedding { .. } => None,
            },
            lengths: vec![1; n * needs.captions],
        },
        classes: zeros(n, device),
        labels: None,
        features: needs
            .features
            .map(|dim| noise.normal("features", [n, dim], device)),
        attributes: needs
            .has_attributes
            .then(|| zeros(n * attributes, device).reshape([n, attributes])),
        layout: layout(needs.annotations, n, device),
        indices: (0..n).collect(),
    }
}

/// Boxes in the middle of the images, or parts that cannot be seen.
fn layout<B: Backend>(annotations: Annotations, n: usize, device: &B::Device) -> Layout<B> {
    let middle = Tensor::<B, 2>::from_floats([[0.25, 0.25, 0.5, 0.5]], device);
    Layout {
        boxes: (annotations == Annotations::Boxes).then(|| middle.expand([n, 4])),
        parts: match annotations {
            Annotations::Parts(count) => Some(Tensor::zeros([n, count, 3], device)),
            Annotations::None | Annotations::Boxes => None,
        },
    }
}

fn zeros<B: Backend>(length: usize, device: &B::Device) -> Tensor<B, 1, Int> {
    Tensor::from_data(TensorData::new(vec![0_i32; length], [length]), device)
}

/// The frozen VGG that an experiment asks for, where its sizes are known.
pub(super) fn teacher(
    experiment: &Experiment,
    facts: &Facts,
) -> Result<Option<VggConfig>, ConfigError> {
    let mut frozen = wanted(&facts.components, Use::Continuing).into_iter();
    let vgg = frozen.find(|one| one.key == VggConfig::KEY);
    let Some(wanted) = vgg.and_then(Pretrained::wanted::<VggConfig>) else {
        return Ok(None);
    };
    let settings: VggSettings = experiment.pretrained_settings(VggConfig::KEY)?;
    Ok(Some(VggConfig {
        pooling: settings.pooling,
        ..*wanted
    }))
}

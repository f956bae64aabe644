//! Narrow encoders and what an iteration of a system that reads words is made of.

use burn::module::Module;
use burn::prelude::{Tensor, TensorData};
use wordpaint_models::auxiliary::TextInput;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::batch::{Batch, Layout, Text};
use wordpaint_models::damsm::{self, Pretraining};
use wordpaint_models::losses::contrastive::{ContrastiveLoss, Method};
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Frozen, Iteration, System, SystemConfig};
use wordpaint_models::text::lstm::EncoderConfig;
use wordpaint_models::vision::backbone::{BackboneConfig, VggBackboneConfig};
use wordpaint_models::vision::matching::Damsm;
use wordpaint_models::vision::vgg::{Depth, Layer, Vgg, VggConfig};

use super::iterate::fresh;

pub(crate) const BATCH: usize = 3;
pub(crate) const WORDS: usize = 4;
pub(crate) const VOCABULARY: usize = 7;

pub(crate) fn encoder() -> EncoderConfig {
    EncoderConfig {
        embedding_dim: 3,
        dim: 4,
        ..EncoderConfig::default()
    }
}

pub(crate) fn text_input() -> TextInput {
    TextInput {
        encoder: encoder(),
        vocabulary: VOCABULARY,
        words: WORDS,
    }
}

pub(crate) fn layers() -> VggBackboneConfig {
    VggBackboneConfig {
        depth: Depth::Vgg16,
        widths: [2, 2, 3, 3, 4],
        regions: Layer::Conv { group: 4, index: 2 },
    }
}

pub(crate) fn pretraining(method: Method) -> damsm::Config {
    damsm::Config {
        text: text_input(),
        backbone: BackboneConfig::Vgg(layers()),
        image_size: 32,
        contrastive: contrastive(method),
        ..damsm::Config::default()
    }
}

pub(crate) fn contrastive(method: Method) -> ContrastiveLoss {
    ContrastiveLoss {
        method,
        ..ContrastiveLoss::default()
    }
}

/// A frozen VGG that is the same on every backend.
pub(crate) fn vgg<B: AutodiffBackend>(backbone: &VggBackboneConfig) -> Vgg<B> {
    let config = VggConfig {
        depth: backbone.depth,
        widths: backbone.widths,
        ..VggConfig::default()
    };
    let noise = Noise::new(9, 0);
    let (vgg, report) = config
        .init::<B>(&Default::default())
        .load_torchvision(|key| {
            let channels = [3, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4];
            let position: usize = key.split('.').nth(1)?.parse().ok()?;
            let order = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
            let i = order.iter().position(|&p| p == position)?;
            let shape: &[usize] = if key.ends_with("bias") {
                &[channels[i + 1]]
            } else {
                &[channels[i + 1], channels[i], 3, 3]
            };
            let count = shape.iter().product();
            let values = noise.normal::<B::InnerBackend, 1>(key, [count], &Default::default());
            Some(TensorData {
                shape: shape.to_vec().into(),
                ..(values * 0.3).into_data()
            })
        });
    assert!(report.is_complete(), "{report:?}");
    vgg.no_grad()
}

pub(crate) fn text<B: Backend>(captions: usize) -> Text<B> {
    let rows = [[1, 2, 3, 4], [5, 6, 0, 0], [2, 0, 0, 0]];
    let lengths = [4, 2, 1];
    let ids: Vec<i32> = (0..BATCH * captions).flat_map(|i| rows[i % 3]).collect();
    let data = TensorData::new(ids, [BATCH, captions, WORDS]);
    Text {
        embeddings: None,
        tokens: Some(Tensor::from_data(data, &Default::default())),
        lengths: (0..BATCH * captions).map(|i| lengths[i % 3]).collect(),
    }
}

/// The first of two captions per image.
pub(crate) fn first_of_two<B: Backend>() -> Text<B> {
    let both = text::<B>(2);
    Text {
        tokens: both.tokens.map(|tokens| tokens.narrow(1, 0, 1)),
        lengths: both.lengths.into_iter().step_by(2).collect(),
        embeddings: None,
    }
}

/// The first of two captions per image, twice.
pub(crate) fn first_twice<B: Backend>() -> Text<B> {
    let first = first_of_two::<B>();
    Text {
        tokens: first
            .tokens
            .map(|tokens| Tensor::cat(vec![tokens.clone(), tokens], 1)),
        lengths: first.lengths.iter().flat_map(|&n| [n, n]).collect(),
        embeddings: None,
    }
}

pub(crate) fn iteration<B: AutodiffBackend>(config: &impl SystemConfig) -> Iteration<B> {
    let device = Default::default();
    let noise = Noise::new(11, 3);
    let needs = config.needs();
    let image = |&size: &usize| noise.uniform("real", [BATCH, 3, size, size], -1.0, 1.0, &device);
    let trained = pretraining(Method::None);
    let vgg = vgg::<B>(&layers());
    let start = fresh::<Pretraining<burn::backend::Flex>>(&trained);
    let (pair, report) = wordpaint_models::state::load_named::<B, _>(
        Pretraining::<B>::init(&trained, &device),
        |name, _| {
            start
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, data)| data.clone())
        },
    );
    assert!(report.is_complete(), "{report:?}");
    let damsm: Option<Damsm<B>> = pair.into_pair(Some(vgg.clone()));
    assert!(damsm.is_some(), "it looks through this VGG");
    Iteration {
        batch: Batch {
            images: needs.image_sizes.iter().map(image).collect(),
            mismatched: None,
            text: text(needs.captions),
            classes: Tensor::from_ints([0, 1, 0], &device),
            labels: None,
            features: None,
            attributes: None,
            layout: Layout::default(),
            indices: vec![0, 1, 2],
        },
        frozen: damsm
            .into_iter()
            .fold(Frozen::new().with(vgg), Frozen::with),
        noise,
        step: 0,
        stage: "any",
    }
}

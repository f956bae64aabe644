//! Losses of SDN (Eq. 1 to 5 of the paper).

use burn::module::AutodiffModule;
use burn::prelude::Tensor;

use crate::backend::{AutodiffBackend, Backend};
use crate::losses::l1::l1_per_sample;
use crate::losses::soft_min::soft_min_weights;
use crate::sdn::config::{Config, DiverseFrom, IMAGE};
use crate::sdn::generator::Output;
use crate::system::LossTerms;
use crate::vision::vgg::{Layer, Vgg};

/// What a stage minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Eq. 2: the image alone.
    Image,
    /// Eq. 1 (4 with several heads): the generator's maps match the teacher's layers.
    Maps,
    /// Eq. 3 (5 with several heads): the teacher sees in the fake what it sees in the real image.
    Features,
    /// Eq. 1 and 3 together, with the image once.
    Joint,
}

impl Stage {
    /// Every stage, the two of the full system in the middle.
    pub const ALL: [Self; 4] = [Self::Image, Self::Maps, Self::Features, Self::Joint];

    /// Name in experiment files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Maps => "stage-1",
            Self::Features => "stage-2",
            Self::Joint => "joint",
        }
    }

    /// The stage called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether the generator's own maps are compared.
    pub const fn has_maps(self) -> bool {
        matches!(self, Self::Maps | Self::Joint)
    }

    /// Whether the fake image goes through the teacher.
    pub const fn has_features(self) -> bool {
        matches!(self, Self::Features | Self::Joint)
    }

    /// Whether all heads are still one.
    pub fn has_tied_heads(self, config: &Config) -> bool {
        config.diverse_from == DiverseFrom::Stage2 && !self.has_features()
    }
}

/// One term before the choice among heads.
#[derive(Debug, Clone)]
pub struct HeadTerm<B: Backend> {
    /// Name in logs.
    pub name: String,
    /// Factor in the total.
    pub weight: f64,
    /// `[batch, heads]`, or `[batch, 1]` where the heads have the term in common.
    pub values: Tensor<B, 2>,
}

/// Layers whose maps the generator has to hand out in `stage`.
pub fn wanted_maps(config: &Config, stage: Stage) -> Vec<Layer> {
    if stage.has_maps() {
        config.map_taps()
    } else {
        Vec::new()
    }
}

/// Every term of `stage` for every sample and head.
///
/// # Shapes
///
/// - `output`: maps as asked for by [`wanted_maps`]
/// - `real`: `[batch, 3, size, size]` in the input space of the teacher, without a graph
pub fn head_terms<B: AutodiffBackend>(
    config: &Config,
    stage: Stage,
    output: Output<B>,
    teacher: &Vgg<B>,
    real: Tensor<B::InnerBackend, 4>,
) -> Vec<HeadTerm<B>> {
    let [batch, channels, height, width] = output.images.dims();
    let heads = channels / 3;
    let images = output.images.reshape([batch * heads, 3, height, width]);
    let images = if stage.has_tied_heads(config) && heads > 1 {
        // The mean over heads gives all of them the same gradient, so they stay one head.
        let stacked = images.reshape([batch, heads, 3, height, width]);
        stacked.mean_dim(1).reshape([batch, 3, height, width])
    } else {
        images
    };

    let mut terms = Vec::new();
    let mut compare = |name: String, weight, fake, real| {
        let values = l1_per_sample(fake, Tensor::from_inner(real), config.reduction);
        terms.push(HeadTerm {
            name,
            weight,
            values,
        });
    };
    if config.weight(IMAGE) != 0.0 {
        compare(
            "g/image".to_owned(),
            config.weight(IMAGE),
            images.clone(),
            real.clone(),
        );
    }
    let maps = wanted_maps(config, stage);
    let features = if stage.has_features() {
        config.feature_taps()
    } else {
        Vec::new()
    };
    let layers: Vec<Layer> = config.depth.layers();
    let layers = layers
        .into_iter()
        .filter(|l| maps.contains(l) || features.contains(l));
    let layers: Vec<Layer> = layers.collect();
    if layers.is_empty() {
        return terms;
    }
    let targets = teacher.valid().taps(real, &layers);
    let target = |layer: Layer| {
        let i = layers.iter().position(|l| *l == layer);
        targets[i.expect("one target per layer")].clone()
    };
    for (map, layer) in output.maps.into_iter().zip(maps) {
        let weight = config.weight(&layer.to_string());
        compare(format!("g/maps/{layer}"), weight, map, target(layer));
    }
    if !features.is_empty() {
        let fakes = teacher.taps(images, &features);
        for (fake, layer) in fakes.into_iter().zip(features) {
            let weight = config.feature_weight(layer);
            compare(format!("g/features/{layer}"), weight, fake, target(layer));
        }
    }
    terms
}

/// Total of `terms` per sample and head, `[batch, heads]`.
pub fn total_per_head<B: Backend>(terms: &[HeadTerm<B>]) -> Option<Tensor<B, 2>> {
    terms
        .iter()
        .map(|t| t.values.clone() * t.weight)
        .reduce(|a, b| a + b)
}

/// Named loss terms: each is the mean over the batch of its value at the heads that the soft
/// minimum of the total chooses, so that their weighted sum is that soft minimum.
pub fn choose<B: Backend>(terms: Vec<HeadTerm<B>>, soft_minimum: f64) -> LossTerms<B> {
    let detached: Vec<HeadTerm<B>> = terms
        .iter()
        .map(|t| HeadTerm {
            values: t.values.clone().detach(),
            ..t.clone()
        })
        .collect();
    let Some(total) = total_per_head(&detached) else {
        return LossTerms::new();
    };
    let [batch, heads] = total.dims();
    let share = (heads > 1).then(|| soft_min_weights(total, soft_minimum));
    terms.into_iter().fold(LossTerms::new(), |all, term| {
        all.with(term.name, term.weight, || match share.clone() {
            Some(share) => (term.values * share).sum() / batch as f64,
            None => term.values.mean(),
        })
    })
}

//! `[model]` table of SDN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::losses::l1::Reduction;
use crate::nn::cost::Cost;
use crate::sdn::objective::Stage;
use crate::system::{
    Component, Group, Needs, Optimizer, Phase, Plan, Pretrained, Problem, Sampling, Schedule, Size,
    StagePlan, SystemConfig, TextForm, check,
};
use crate::vision::image_space::Preprocessing;
use crate::vision::vgg::{Depth, GROUPS, Layer, VggConfig};

/// Which layers of the teacher enter the losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taps {
    /// Convolutions and pooling layers (published code).
    #[default]
    ConvAndPool,
    /// Convolutions only.
    ConvOnly,
}

/// Initial weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Keeps the spread of activations; for image spaces of about unit spread.
    #[default]
    He,
    /// The same spread, in pairs of opposite sign that make the generator linear at the start. The
    /// stack has neither normalisation nor shortcuts, and with independent weights its ReLUs make
    /// the maps of all captions alike: short runs then spend their time on telling them apart.
    LooksLinear,
    /// N(0, 0.1²) for linear layers, N(0, 0.02²) for convolutions (published code); made for image
    /// spaces of 0..255.
    Published,
}

/// When the image heads part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiverseFrom {
    /// Separate heads from the start (Eq. 4, then Eq. 5).
    #[serde(rename = "stage-1")]
    Stage1,
    /// One head until the first stage that uses the teacher's features of the fake image; then
    /// copies of it with N(0, 0.02²) added.
    #[default]
    #[serde(rename = "stage-2")]
    Stage2,
}

/// Configuration of SDN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Length of the sentence embedding.
    pub text_dim: usize,
    /// Factor on the sentence embedding: 1 as published. Embeddings whose values are far below 1
    /// reach the generator's first layer faster with a larger one.
    pub text_gain: f64,
    /// Depth of the teacher, which the generator mirrors.
    pub depth: Depth,
    /// Channels per group of the teacher and of the generator.
    pub widths: [usize; GROUPS],
    /// Width of the first two linear layers.
    pub fc_width: usize,
    /// Side of the first map; images have 32 times as many pixels.
    pub base: usize,
    /// Initial weights of the generator.
    pub init: Init,
    /// Input space of the teacher, of the generator's images.
    pub preprocessing: Preprocessing,
    /// Layers that enter the losses.
    pub taps: Taps,
    /// Layers beyond this one are left out of the losses.
    pub deepest_tap: Layer,
    /// Weights of single terms by name (`image`, `conv1_1`, `pool5`), 1 where nothing is said.
    pub weights: BTreeMap<String, f64>,
    /// Weights of the terms on what the generated image causes in the teacher (Eq. 3), by layer;
    /// those of `weights` where nothing is said.
    pub feature_weights: BTreeMap<String, f64>,
    /// Reduction of every term.
    pub reduction: Reduction,
    /// Number of images per caption.
    pub heads: usize,
    /// When the heads part.
    pub diverse_from: DiverseFrom,
    /// Share of the mean over heads beside their minimum.
    pub soft_minimum: f64,
}

impl Default for Config {
    /// The published network for a teacher with torchvision's ImageNet weights.
    fn default() -> Self {
        Self {
            text_dim: 1024,
            text_gain: 1.0,
            depth: Depth::Vgg19,
            widths: [64, 128, 256, 512, 512],
            fc_width: 4096,
            base: 7,
            init: Init::He,
            preprocessing: Preprocessing::TORCHVISION,
            taps: Taps::ConvAndPool,
            deepest_tap: Layer::Pool { group: GROUPS },
            weights: BTreeMap::new(),
            feature_weights: BTreeMap::new(),
            reduction: Reduction::Mean,
            heads: 1,
            diverse_from: DiverseFrom::Stage2,
            soft_minimum: 0.001, // Chen & Koltun 2017
        }
    }
}

/// Most images per caption.
const MOST_HEADS: usize = 1000;

/// Name of the image term in [`Config::weights`].
pub(super) const IMAGE: &str = "image";

impl Config {
    /// The network as the published code trains it: raw BGR images of 0..255.
    pub fn published() -> Self {
        Self {
            init: Init::Published,
            preprocessing: Preprocessing::SDN_PUBLISHED,
            ..Self::default()
        }
    }

    /// Side of the images in pixels.
    pub const fn image_size(&self) -> usize {
        self.base << GROUPS
    }

    /// Weight of the term called `name`.
    pub fn weight(&self, name: &str) -> f64 {
        self.weights.get(name).copied().unwrap_or(1.0)
    }

    /// Weight of the term on what the generated image causes at `layer`.
    pub fn feature_weight(&self, layer: Layer) -> f64 {
        let name = layer.to_string();
        match self.feature_weights.get(&name) {
            Some(weight) => *weight,
            None => self.weight(&name),
        }
    }

    /// Layers compared with the generator's maps, in forward order.
    pub fn map_taps(&self) -> Vec<Layer> {
        self.taps(|layer| self.weight(&layer.to_string()))
    }

    /// Layers at which the generated and the real image are compared, in forward order.
    pub fn feature_taps(&self) -> Vec<Layer> {
        self.taps(|layer| self.feature_weight(layer))
    }

    fn taps(&self, weight: impl Fn(Layer) -> f64) -> Vec<Layer> {
        let layers = self.depth.layers();
        let end = layers
            .iter()
            .position(|l| *l == self.deepest_tap)
            .map_or(0, |i| i + 1);
        layers
            .into_iter()
            .take(end)
            .filter(|l| self.taps == Taps::ConvAndPool || matches!(l, Layer::Conv { .. }))
            .filter(|l| weight(*l) != 0.0)
            .collect()
    }

    /// Channels of the image layer, three per head.
    pub const fn image_channels(&self) -> usize {
        3 * self.heads
    }

    /// Input and output channels of every convolution of the generator, from the first to the
    /// image. Each inverts one convolution of the teacher, the deepest first.
    pub fn generator_channels(&self) -> Vec<[usize; 2]> {
        let teacher = self.depth.channels(self.widths);
        let mut mirrored: Vec<[usize; 2]> = teacher
            .into_iter()
            .rev()
            .map(|[inputs, outputs]| [outputs, inputs])
            .collect();
        if let Some(image) = mirrored.last_mut() {
            image[1] = self.image_channels();
        }
        mirrored
    }

    fn generator_cost(&self) -> Cost {
        let flat = self.base * self.base * self.widths[GROUPS - 1];
        let mut cost = Cost::default()
            .linear(self.text_dim, self.fc_width)
            .linear(self.fc_width, self.fc_width)
            .linear(self.fc_width, flat);
        let mut channels = self.generator_channels().into_iter();
        for group in (1..=GROUPS).rev() {
            let side = self.image_size() >> (group - 1);
            cost = cost.map(self.widths[group - 1], side);
            for [inputs, outputs] in channels.by_ref().take(self.depth.convs()[group - 1]) {
                cost = cost.conv(3, inputs, outputs, side);
            }
        }
        cost
    }
}

impl Config {
    /// The VGG that it learns from.
    fn teacher(&self) -> VggConfig {
        VggConfig {
            depth: self.depth,
            widths: self.widths,
            preprocessing: self.preprocessing,
            ..VggConfig::default()
        }
    }

    fn check_teacher(&self, vgg: &VggConfig) -> Result<(), Problem> {
        if vgg.depth != self.depth {
            let message = format!("the teacher has depth {}", u32::from(vgg.depth));
            return Err(Problem::new("depth", message));
        }
        if vgg.widths != self.widths {
            return Err(Problem::new(
                "widths",
                format!("the teacher's are {:?}", vgg.widths),
            ));
        }
        // The published code feeds raw BGR images to weights made for RGB minus the mean.
        let is_as_published = self.preprocessing == Preprocessing::SDN_PUBLISHED;
        if vgg.preprocessing != self.preprocessing && !is_as_published {
            let message = format!("the teacher's weights expect {:?}", vgg.preprocessing);
            return Err(Problem::new("preprocessing", message));
        }
        Ok(())
    }
}

impl SystemConfig for Config {
    fn validate(&self) -> Result<(), Problem> {
        check::counts(&[("text_dim", self.text_dim), ("fc_width", self.fc_width)])?;
        check::counts(&self.widths.map(|width| ("widths", width)))?;
        check::within("base", self.base, 1..=check::LARGEST_SIDE >> GROUPS)?;
        check::within("heads", self.heads, 1..=MOST_HEADS)?;
        let halved = self.widths.iter().chain([&self.fc_width]);
        if self.init == Init::LooksLinear && halved.into_iter().any(|width| width % 2 != 0) {
            let message = "`looks-linear` pairs channels: `widths` and `fc_width` must be even";
            return Err(Problem::new("init", message));
        }
        check::sharpness("text_gain", self.text_gain)?;
        if !(0.0..=1.0).contains(&self.soft_minimum) {
            return Err(Problem::new("soft_minimum", "is a share between 0 and 1"));
        }
        let layers = self.depth.layers();
        if !layers.contains(&self.deepest_tap) {
            let message = format!("VGG{} has no {}", u32::from(self.depth), self.deepest_tap);
            return Err(Problem::new("deepest_tap", message));
        }
        let weights = self.weights.iter().map(|entry| ("weights", entry));
        let of_features = self.feature_weights.iter();
        let of_features = of_features.map(|entry| ("feature_weights", entry));
        for (key, (name, weight)) in weights.chain(of_features) {
            let is_layer = layers.iter().any(|l| l.to_string() == *name);
            let is_image = key == "weights" && name == IMAGE;
            if !is_layer && !is_image {
                let image = if key == "weights" { "`image` or " } else { "" };
                let message = format!("expected {image}a layer of the teacher such as `conv1_1`");
                return Err(Problem::new(format!("{key}.{name}"), message));
            }
            check::weights(&[(&format!("{key}.{name}"), *weight)])?;
        }
        let has_taps = !self.map_taps().is_empty() || !self.feature_taps().is_empty();
        if !has_taps && self.weight(IMAGE) == 0.0 {
            return Err(Problem::new("weights", "leave no term to train on"));
        }
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs {
            image_sizes: vec![self.image_size()],
            text: TextForm::Embedding { dim: self.text_dim },
            sampling: Sampling::Pairs,
            ..Needs::default()
        }
    }

    fn plan(&self) -> Plan {
        let stage =
            |stage: Stage| StagePlan::new(stage.name(), vec![Phase::new("g", ["generator"])]);
        Plan {
            groups: vec![Group {
                name: "generator",
                prefixes: vec!["generator."],
                // SDN, section 4; betas and eps are TensorFlow's defaults.
                optimizer: Optimizer::Adam {
                    lr: 1e-4,
                    betas: [0.9, 0.999],
                    eps: 1e-8,
                },
                schedule: Schedule::Constant,
                clip: None,
            }],
            stages: Stage::ALL.map(stage).to_vec(),
        }
    }

    fn components(&self) -> Vec<Component> {
        let teacher = self.teacher();
        let used = self.taps(|l| self.weight(&l.to_string()).max(self.feature_weight(l)));
        let deepest = used.last().copied().unwrap_or(self.deepest_tap);
        let size = Size::Layers(teacher.cost(self.image_size(), deepest));
        // The second stage: the real image forward, every fake one forward and back to the input.
        let passes = 1.0 + 2.0 * self.heads as f64;
        let config = self.clone();
        let pretrained = Pretrained::new(move |found| config.check_teacher(found));
        vec![
            Component::own("generator", self.generator_cost(), 3.0),
            Component::frozen("teacher", pretrained.like(teacher), size, passes),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_sizes_are_those_of_the_paper() {
        let config = Config::default();

        let networks = config.networks();

        assert_eq!(config.image_size(), 224);
        assert_eq!(config.map_taps().len(), 21);
        assert_eq!(config.feature_taps(), config.map_taps());
        assert_eq!(networks[0].parameters, 143_789_123);
        assert_eq!(networks[1].parameters, 20_024_384);
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn taps_beyond_the_deepest_and_those_of_weight_zero_are_left_out() {
        let config = Config {
            depth: Depth::Vgg16,
            deepest_tap: Layer::Conv { group: 4, index: 3 },
            taps: Taps::ConvOnly,
            weights: BTreeMap::from([("conv1_1".to_owned(), 0.0)]),
            feature_weights: BTreeMap::from([("conv1_2".to_owned(), 0.0)]),
            ..Config::default()
        };

        let names: Vec<String> = config.map_taps().iter().map(Layer::to_string).collect();
        let of_features = config.feature_taps();

        assert_eq!(names.first().map(String::as_str), Some("conv1_2"));
        assert_eq!(names.last().map(String::as_str), Some("conv4_3"));
        assert_eq!(names.len(), 9);
        assert_eq!(
            of_features.first().map(Layer::to_string).as_deref(),
            Some("conv2_1")
        );
    }

    #[test]
    fn a_teacher_of_other_sizes_or_another_image_space_is_refused() {
        let unit = VggConfig {
            preprocessing: Preprocessing::UNIT,
            ..VggConfig::default()
        };
        let key = |config: Config, vgg| config.check_teacher(&vgg).err().map(|problem| problem.key);

        let hed = key(Config::default(), VggConfig::hed());

        assert_eq!(hed.as_deref(), Some("depth"));
        assert_eq!(
            key(Config::default(), unit).as_deref(),
            Some("preprocessing")
        );
        assert_eq!(key(Config::default(), VggConfig::default()), None);
        assert_eq!(key(Config::published(), VggConfig::default()), None);
    }

    #[test]
    fn wrong_values_are_refused_with_their_key() {
        let wrong = [
            (
                Config {
                    heads: 0,
                    ..Config::default()
                },
                "heads",
            ),
            (
                Config {
                    soft_minimum: 1.5,
                    ..Config::default()
                },
                "soft_minimum",
            ),
            (
                Config {
                    depth: Depth::Vgg16,
                    deepest_tap: Layer::Conv { group: 5, index: 4 },
                    ..Config::default()
                },
                "deepest_tap",
            ),
            (
                Config {
                    weights: BTreeMap::from([("conv9_1".to_owned(), 1.0)]),
                    ..Config::default()
                },
                "weights.conv9_1",
            ),
            (
                Config {
                    feature_weights: BTreeMap::from([("image".to_owned(), 1.0)]),
                    ..Config::default()
                },
                "feature_weights.image",
            ),
        ];
        for (config, key) in wrong {
            let problem = config.validate().expect_err("the value is wrong");

            assert_eq!(problem.key, key);
        }
    }
}

//! `[model]` table of the VGG classifier.

use serde::{Deserialize, Serialize};

use crate::system::{
    Classes, Component, Group, Needs, Optimizer, Plan, Problem, Schedule, SystemConfig, check,
};
use crate::vision::image_space::Preprocessing;
use crate::vision::vgg::{Depth, GROUPS, Layer, Pooling, VggConfig};

/// Most classes: more images than any dataset of the field has.
const MOST_CLASSES: usize = 1 << 24;

/// Configuration of the classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// 16 or 19.
    pub depth: Depth,
    /// Channels per group.
    pub widths: [usize; GROUPS],
    /// Pooling at the end of each group.
    pub pooling: Pooling,
    /// Side of the images in pixels, a multiple of 32.
    pub image_size: usize,
    /// Number of classes of the dataset, all splits together.
    pub classes: usize,
    /// Whether images are mirrored at random.
    pub has_flip: bool,
}

impl Default for Config {
    /// A narrow VGG19 for images of 64 pixels.
    fn default() -> Self {
        Self {
            depth: Depth::Vgg19,
            widths: [16, 32, 64, 64, 64],
            pooling: Pooling::Average, // that of the published SDN code
            image_size: 64,
            classes: 200,
            has_flip: true,
        }
    }
}

impl Config {
    /// Configuration of the convolution stack after folding.
    pub const fn stack(&self) -> VggConfig {
        VggConfig {
            depth: self.depth,
            widths: self.widths,
            pooling: self.pooling,
            has_ceil: false,
            preprocessing: Preprocessing::UNIT,
            classifier: None,
        }
    }
}

impl SystemConfig for Config {
    fn validate(&self) -> Result<(), Problem> {
        check::counts(&self.widths.map(|width| ("widths", width)))?;
        check::side("image_size", self.image_size, 1 << GROUPS)?;
        check::within("classes", self.classes, 2..=MOST_CLASSES)
    }

    fn classes(&self) -> Classes {
        Classes::Targets
    }

    fn needs(&self) -> Needs {
        Needs::of_images(vec![self.image_size])
    }

    fn plan(&self) -> Plan {
        let group = Group {
            name: "classifier",
            prefixes: vec!["blocks.", "head."],
            optimizer: Optimizer::Adam {
                lr: 1e-3,
                betas: [0.9, 0.999],
                eps: 1e-8,
            },
            schedule: Schedule::Constant,
            clip: None,
        };
        Plan::single("train", "train", group)
    }

    fn components(&self) -> Vec<Component> {
        let stack = self
            .stack()
            .cost(self.image_size, Layer::Pool { group: GROUPS });
        // A bias makes way for scale and shift of the batch normalisation, which keeps its own map.
        let norms: usize = self
            .depth
            .channels(self.widths)
            .iter()
            .map(|[_, o]| o)
            .sum();
        let mut cost = stack.linear(self.widths[GROUPS - 1], self.classes);
        cost.parameters += norms;
        cost.activations *= 2.0;
        vec![Component::whole("classifier", cost, 3.0)]
    }
}

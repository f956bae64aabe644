//! `[model]` table of the attribute probe.

use serde::{Deserialize, Serialize};

use crate::nn::cost::Cost;
use crate::system::{
    Component, Group, Needs, Optimizer, Plan, Problem, Schedule, SystemConfig, check,
};

/// Convolution blocks, each halving the image.
pub const BLOCKS: usize = 4;

/// Configuration of the probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Side of the images in pixels, a multiple of 16.
    pub image_size: usize,
    /// Channels per block.
    pub widths: [usize; BLOCKS],
    /// Number of values of every attribute.
    pub values: Vec<usize>,
}

impl Default for Config {
    /// The sixteen attributes of built-in birds at 64 pixels.
    fn default() -> Self {
        Self {
            image_size: 64,
            widths: [32, 64, 96, 128],
            values: vec![13, 13, 16, 13, 5, 4, 3, 5, 3, 6, 2, 6, 4, 3, 3, 6],
        }
    }
}

impl Config {
    /// Input and output channels of every block.
    pub fn channels(&self) -> [[usize; 2]; BLOCKS] {
        let [a, b, c, d] = self.widths;
        [[3, a], [a, b], [b, c], [c, d]]
    }

    /// Length of the last map as a vector.
    pub fn flat(&self) -> usize {
        self.widths[BLOCKS - 1] * (self.image_size >> BLOCKS).pow(2)
    }
}

impl SystemConfig for Config {
    fn validate(&self) -> Result<(), Problem> {
        check::counts(&self.widths.map(|width| ("widths", width)))?;
        check::side("image_size", self.image_size, 1 << BLOCKS)?;
        if self.values.is_empty() || self.values.iter().any(|n| *n < 2) {
            return Err(Problem::new(
                "values",
                "needs at least 2 values for every attribute",
            ));
        }
        let values: Vec<_> = self.values.iter().map(|n| ("values", *n)).collect();
        check::counts(&values)
    }

    fn needs(&self) -> Needs {
        Needs {
            has_attributes: true,
            ..Needs::of_images(vec![self.image_size])
        }
    }

    fn plan(&self) -> Plan {
        let group = Group {
            name: "probe",
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
        let mut cost = Cost::default();
        for (i, [inputs, outputs]) in self.channels().into_iter().enumerate() {
            let side = self.image_size >> i;
            cost = cost.conv_norm(inputs, outputs, side).map(outputs, side / 2);
        }
        let cost = cost.linear(self.flat(), self.values.iter().sum());
        vec![Component::whole("probe", cost, 3.0)]
    }
}

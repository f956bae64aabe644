//! Names and order of the layers of a VGG convolution stack.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Groups of convolutions, each followed by a pooling layer.
pub const GROUPS: usize = 5;

/// Which of the published stacks: the number counts convolutions plus three linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Depth {
    /// 13 convolutions: 2, 2, 3, 3, 3.
    Vgg16,
    /// 16 convolutions: 2, 2, 4, 4, 4.
    #[default]
    Vgg19,
}

impl TryFrom<u32> for Depth {
    type Error = String;

    fn try_from(depth: u32) -> Result<Self, String> {
        match depth {
            16 => Ok(Self::Vgg16),
            19 => Ok(Self::Vgg19),
            other => Err(format!("a VGG stack has depth 16 or 19, not {other}")),
        }
    }
}

impl From<Depth> for u32 {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::Vgg16 => 16,
            Depth::Vgg19 => 19,
        }
    }
}

impl Depth {
    /// Convolutions per group.
    pub const fn convs(self) -> [usize; GROUPS] {
        match self {
            Self::Vgg16 => [2, 2, 3, 3, 3],
            Self::Vgg19 => [2, 2, 4, 4, 4],
        }
    }

    /// Every layer in forward order.
    pub fn layers(self) -> Vec<Layer> {
        let mut layers = Vec::new();
        for (group, count) in (1..).zip(self.convs()) {
            layers.extend((1..=count).map(|index| Layer::Conv { group, index }));
            layers.push(Layer::Pool { group });
        }
        layers
    }

    /// Input and output channels of every convolution in forward order, for groups of `widths`.
    pub fn channels(self, widths: [usize; GROUPS]) -> Vec<[usize; 2]> {
        let mut previous = 3;
        let mut channels = Vec::new();
        for (count, width) in self.convs().into_iter().zip(widths) {
            for _ in 0..count {
                channels.push([previous, width]);
                previous = width;
            }
        }
        channels
    }
}

/// A layer whose output can be tapped; groups and convolutions count from 1 (`conv5_4`, `pool5`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Layer {
    /// A convolution after its ReLU.
    Conv {
        /// Group, 1 to 5.
        group: usize,
        /// Position within the group, from 1.
        index: usize,
    },
    /// The pooling layer at the end of a group.
    Pool {
        /// Group, 1 to 5.
        group: usize,
    },
}

impl Layer {
    /// Group, 1 to 5.
    pub const fn group(self) -> usize {
        match self {
            Self::Conv { group, .. } | Self::Pool { group } => group,
        }
    }

    /// Halvings of the image size up to and including this layer.
    pub const fn downsampling_steps(self) -> usize {
        match self {
            Self::Conv { group, .. } => group - 1,
            Self::Pool { group } => group,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conv { group, index } => write!(f, "conv{group}_{index}"),
            Self::Pool { group } => write!(f, "pool{group}"),
        }
    }
}

impl From<Layer> for String {
    fn from(layer: Layer) -> Self {
        layer.to_string()
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        // VGG19 has every layer that VGG16 has.
        Depth::Vgg19
            .layers()
            .into_iter()
            .find(|l| l.to_string() == name)
            .ok_or_else(|| {
                format!("`{name}` is no VGG layer; expected conv1_1 to conv5_4 or pool1 to pool5")
            })
    }
}

impl TryFrom<String> for Layer {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_layers_can_be_read_back() {
        for layer in Depth::Vgg19.layers() {
            assert_eq!(layer.to_string().parse(), Ok(layer));
        }
        assert!("conv6_1".parse::<Layer>().is_err());
        assert_eq!(Depth::Vgg16.layers().len(), 13 + GROUPS);
        assert_eq!(Depth::Vgg19.layers().len(), 16 + GROUPS);
    }
}

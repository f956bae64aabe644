//! Names of published Inception weights.

use super::plan::{self, Branch};
use super::{AveragePool, LastPool};
use crate::import::Source;

/// Who named the arrays of a weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Torchvision, `pytorch-fid`, `torch-fidelity`, DAMSM: `Mixed_5b.branch1x1.conv.weight`.
    Torch,
    /// The frozen graph of 2015-12-05: `mixed/conv/conv2d_params`.
    Graph,
    /// The TF-slim network of StackGAN: `mixed_35x35x256a/branch1x1/Conv/weights`, with or without
    /// `/ExponentialMovingAverage`.
    Slim,
    /// Keras, convolutions numbered in the order of their creation: `conv2d_6/kernel`.
    Keras,
}

/// Scopes of the blocks in TF-slim.
const SLIM_BLOCKS: [&str; 11] = [
    "mixed_35x35x256a",
    "mixed_35x35x288a",
    "mixed_35x35x288b",
    "mixed_17x17x768a",
    "mixed_17x17x768b",
    "mixed_17x17x768c",
    "mixed_17x17x768d",
    "mixed_17x17x768e",
    "mixed_17x17x1280a",
    "mixed_8x8x2048a",
    "mixed_8x8x2048b",
];

/// Suffix of the averaged variables of a TF-slim checkpoint.
const AVERAGED: &str = "/ExponentialMovingAverage";

impl Naming {
    /// The naming of a file, by the name of its first convolution.
    pub fn of<'a>(keys: impl IntoIterator<Item = &'a String>) -> Option<Self> {
        keys.into_iter().find_map(|key| {
            let key = key.trim_start_matches("module.");
            match key.strip_suffix(AVERAGED).unwrap_or(key) {
                "Conv2d_1a_3x3.conv.weight" => Some(Self::Torch),
                "conv/conv2d_params" => Some(Self::Graph),
                "conv0/weights" => Some(Self::Slim),
                "conv2d_1/kernel" => Some(Self::Keras),
                _ => None,
            }
        })
    }

    /// Whether the batch normalisations have a scale.
    pub const fn has_scale(self) -> bool {
        matches!(self, Self::Torch | Self::Graph)
    }

    /// Where to find our parameter `name`, alternatives in order; empty for an unknown name.
    pub(crate) fn sources(self, name: &str) -> Vec<Source> {
        let found = match name {
            "head.weight" => Some(self.head_weight()),
            "head.bias" => Some(self.head_bias()),
            _ => self.conv(name),
        };
        let Some(source) = found else {
            return Vec::new();
        };
        if self != Self::Slim {
            return vec![source];
        }
        let averaged = Source {
            key: format!("{}{AVERAGED}", source.key),
            ..source.clone()
        };
        vec![averaged, source]
    }

    fn head_weight(self) -> Source {
        match self {
            Self::Torch => Source::transposed("fc.weight"),
            Self::Graph => Source::same("softmax/weights"),
            Self::Slim => Source::same("logits/logits/weights"),
            Self::Keras => Source::same("predictions/kernel"),
        }
    }

    fn head_bias(self) -> Source {
        let key = match self {
            Self::Torch => "fc.bias",
            Self::Graph => "softmax/biases",
            Self::Slim => "logits/logits/biases",
            Self::Keras => "predictions/bias",
        };
        Source::same(key)
    }

    /// Parameter of a convolution or of its normalisation.
    fn conv(self, name: &str) -> Option<Source> {
        let (path, field) = name
            .rsplit_once(".conv.")
            .or_else(|| name.rsplit_once(".norm."))?;
        let place = Place::of(path)?;
        let scope = match self {
            Self::Torch => place.torch(),
            Self::Graph => place.graph(),
            Self::Slim => place.slim(),
            Self::Keras => place.number().to_string(),
        };
        if field == "weight" {
            return Some(match self {
                Self::Torch => Source::same(format!("{scope}.conv.weight")),
                Self::Graph => Source::hwio(format!("{scope}/conv2d_params")),
                Self::Slim => Source::hwio(format!("{scope}/weights")),
                Self::Keras => Source::hwio(format!("conv2d_{scope}/kernel")),
            });
        }
        if self == Self::Torch {
            return Source::norm(&format!("{scope}.bn"), field);
        }
        let field = match field {
            "gamma" if !self.has_scale() => return None,
            "gamma" | "beta" | "running_mean" => field.trim_start_matches("running_"),
            "running_var" => "variance",
            _ => return None,
        };
        let field = match field {
            "mean" | "variance" => format!("moving_{field}"),
            field => field.to_owned(),
        };
        Some(Source::same(match self {
            Self::Keras => format!("batch_normalization_{scope}/{field}"),
            Self::Slim => format!("{scope}/BatchNorm/{field}"),
            _ => format!("{scope}/batchnorm/{field}"),
        }))
    }
}

/// A convolution of the tree.
enum Place {
    /// Index in the stem.
    Stem(usize),
    /// Index of the block, of the branch, and of the convolution in [`Branch::all`].
    Block(usize, usize, usize),
}

/// The table, whose names do not depend on widths or pools.
fn blocks() -> Vec<plan::Block> {
    plan::blocks(1, AveragePool::Inside, LastPool::Max)
}

impl Place {
    /// Reads `stem.0` or `blocks.0.branches.1.convs.0`.
    fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('.').collect();
        let index = |text: &str| text.parse::<usize>().ok();
        match parts[..] {
            ["stem", i] => {
                Some(Self::Stem(index(i)?)).filter(|_| index(i) < Some(plan::STEM.len()))
            }
            ["blocks", block, "branches", branch, list, i] => {
                let (block, branch) = (index(block)?, index(branch)?);
                let blocks = blocks();
                let plan = blocks.get(block)?.branches.get(branch)?;
                let before = match list {
                    "convs" => 0,
                    "split" => plan.convs.len(),
                    _ => return None,
                };
                let conv = before + index(i)?;
                (conv < plan.all().count()).then_some(Self::Block(block, branch, conv))
            }
            _ => None,
        }
    }

    fn torch(&self) -> String {
        match *self {
            Self::Stem(i) => plan::STEM[i].to_owned(),
            Self::Block(block, branch, conv) => {
                let block = &blocks()[block];
                format!("{}.{}", block.name, nth(&block.branches[branch], conv))
            }
        }
    }

    /// Number from 1 in the order of creation.
    fn number(&self) -> usize {
        match *self {
            Self::Stem(i) => i + 1,
            Self::Block(block, branch, conv) => {
                let blocks = blocks();
                let before = blocks[..block].iter().flat_map(|block| &block.branches);
                let beside = &blocks[block].branches[..branch];
                let count: usize = before.chain(beside).map(|b| b.all().count()).sum();
                plan::STEM.len() + count + conv + 1
            }
        }
    }

    fn slim(&self) -> String {
        match *self {
            Self::Stem(i) => format!("conv{i}"),
            Self::Block(block, branch, conv) => {
                let branch = &blocks()[block].branches[branch];
                let conv = numbered("Conv", conv);
                format!("{}/{}/{conv}", SLIM_BLOCKS[block], family(branch))
            }
        }
    }

    fn graph(&self) -> String {
        match *self {
            Self::Stem(i) => numbered("conv", i),
            Self::Block(block, branch, conv) => {
                let scope = numbered("mixed", block);
                let blocks = blocks();
                let branches = &blocks[block].branches;
                // Branches of one convolution stand in the block itself, the others in towers.
                let is_direct = |b: &Branch| matches!(family(b), "branch1x1") || is_lone(b);
                if is_direct(&branches[branch]) {
                    return format!("{scope}/conv");
                }
                let towers = branches[..branch].iter().filter(|b| !is_direct(b)).count();
                let tower = numbered("tower", towers);
                let plan = &branches[branch];
                match conv.checked_sub(plan.convs.len()) {
                    Some(beside) => {
                        format!("{scope}/{tower}/mixed/{}", numbered("conv", beside))
                    }
                    None => format!("{scope}/{tower}/{}", numbered("conv", conv)),
                }
            }
        }
    }
}

/// `branch3x3` with one convolution, in `Mixed_6a`.
fn is_lone(branch: &Branch) -> bool {
    branch.pool.is_none() && branch.all().count() == 1
}

/// `name`, `name_1`, `name_2` ...
fn numbered(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        i => format!("{name}_{i}"),
    }
}

/// Torchvision's name of a convolution of a branch.
fn nth(branch: &Branch, conv: usize) -> &'static str {
    branch.all().nth(conv).map_or("", |conv| conv.name)
}

/// Torchvision's name of a branch without the number of a convolution.
fn family(branch: &Branch) -> &'static str {
    let name = nth(branch, 0);
    match name.rsplit_once('_') {
        Some((family, number)) if number.starts_with(|c: char| c.is_ascii_digit()) => family,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(name: &str) -> [String; 4] {
        [Naming::Torch, Naming::Graph, Naming::Slim, Naming::Keras].map(|naming| {
            naming
                .sources(name)
                .pop()
                .map_or_else(String::new, |s| s.key)
        })
    }

    #[test]
    fn names_are_those_of_the_publishers() {
        assert_eq!(
            keys("stem.4.norm.running_var"),
            [
                "Conv2d_4a_3x3.bn.running_var",
                "conv_4/batchnorm/moving_variance",
                "conv4/BatchNorm/moving_variance",
                "batch_normalization_5/moving_variance"
            ]
        );
        assert_eq!(
            keys("blocks.0.branches.1.convs.1.conv.weight"),
            [
                "Mixed_5b.branch5x5_2.conv.weight",
                "mixed/tower/conv_1/conv2d_params",
                "mixed_35x35x256a/branch5x5/Conv_1/weights",
                "conv2d_8/kernel"
            ]
        );
        assert_eq!(
            keys("blocks.3.branches.1.convs.0.norm.gamma"),
            [
                "Mixed_6a.branch3x3dbl_1.bn.weight",
                "mixed_3/tower/conv/batchnorm/gamma",
                "",
                ""
            ]
        );
        assert_eq!(
            keys("blocks.10.branches.2.split.1.norm.beta"),
            [
                "Mixed_7c.branch3x3dbl_3b.bn.bias",
                "mixed_10/tower_1/mixed/conv_1/batchnorm/beta",
                "mixed_8x8x2048b/branch3x3dbl/Conv_3/BatchNorm/beta",
                "batch_normalization_93/beta"
            ]
        );
        assert_eq!(
            keys("blocks.8.branches.0.convs.1.norm.running_mean")[1],
            "mixed_8/tower/conv_1/batchnorm/moving_mean"
        );
        assert_eq!(
            keys("blocks.9.branches.3.convs.0.conv.weight")[1..],
            [
                "mixed_9/tower_2/conv/conv2d_params",
                "mixed_8x8x2048a/branch_pool/Conv/weights",
                "conv2d_85/kernel"
            ]
        );
        assert_eq!(keys("blocks.11.branches.0.convs.0.conv.weight")[0], "");
    }

    #[test]
    fn averaged_variables_come_first() {
        let sources = Naming::Slim.sources("head.bias");

        assert_eq!(sources.len(), 2);
        assert!(sources[0].key.ends_with("/ExponentialMovingAverage"));
    }
}

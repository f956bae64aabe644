//! The convolutions of Inception-v3 (Szegedy et al. 2016) as a table.

use super::{AveragePool, LastPool};
use crate::nn::cost::Cost;

/// A convolution without bias, followed by batch normalisation and a ReLU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conv {
    /// Torchvision's name within the block; empty in the stem.
    pub(super) name: &'static str,
    /// Input channels, output channels.
    pub(super) channels: [usize; 2],
    /// Height, width.
    pub(super) kernel: [usize; 2],
    /// Step.
    pub(super) stride: usize,
    /// Zeros above and below, left and right.
    pub(super) padding: [usize; 2],
}

/// How a branch pools its input before its convolutions, always with a 3x3 window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// Average of the same size.
    Average(AveragePool),
    /// Maximum of the same size.
    Max,
    /// Maximum with stride 2 and no padding.
    Halving,
}

/// Pooling, convolutions in sequence, then two side by side where `split` is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Branch {
    pub(super) pool: Option<Pool>,
    pub(super) convs: Vec<Conv>,
    pub(super) split: Vec<Conv>,
}

impl Branch {
    /// Channels of its result, given those of the block's input.
    fn outputs(&self, inputs: usize) -> usize {
        if !self.split.is_empty() {
            return self.split.iter().map(|conv| conv.channels[1]).sum();
        }
        self.convs.last().map_or(inputs, |conv| conv.channels[1])
    }

    /// In the order in which the published networks number them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Conv> {
        self.convs.iter().chain(&self.split)
    }
}

/// A block: branches joined along the channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Torchvision's name.
    pub(super) name: &'static str,
    pub(super) branches: Vec<Branch>,
}

/// A convolution under construction: kernel, stride and padding are those of most.
fn conv(name: &'static str, outputs: usize) -> Conv {
    Conv {
        name,
        channels: [0, outputs],
        kernel: [1, 1],
        stride: 1,
        padding: [0, 0],
    }
}

impl Conv {
    /// Kernel of this size, with the padding that keeps the map.
    const fn sized(mut self, height: usize, width: usize) -> Self {
        self.kernel = [height, width];
        self.padding = [height / 2, width / 2];
        self
    }

    /// Side of its output for an input of `side` pixels. The blocks' kernels that are not square
    /// keep the size.
    pub(super) const fn side(&self, side: usize) -> usize {
        (side + 2 * self.padding[0] - self.kernel[0]) / self.stride + 1
    }

    /// `cost` and that of this convolution with its normalisation, at an output of `side` pixels.
    pub(super) fn cost(&self, cost: Cost, side: usize) -> Cost {
        let [inputs, outputs] = self.channels;
        let weights = inputs * outputs * self.kernel[0] * self.kernel[1];
        let map = Cost {
            parameters: weights,
            macs: (weights * side * side) as f64,
            activations: (outputs * side * side) as f64,
        };
        (cost + map).norm(outputs, side)
    }

    /// 3x3 without padding.
    const fn valid(mut self, stride: usize) -> Self {
        self.kernel = [3, 3];
        self.stride = stride;
        self
    }
}

fn branch(pool: Option<Pool>, convs: &[Conv], split: &[Conv]) -> Branch {
    Branch {
        pool,
        convs: convs.to_vec(),
        split: split.to_vec(),
    }
}

/// Names of the stem's convolutions.
pub(super) const STEM: [&str; 5] = [
    "Conv2d_1a_3x3",
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",
    "Conv2d_3b_1x1",
    "Conv2d_4a_3x3",
];

/// Whether a halving max pool follows convolution `index` of the stem.
pub(super) const fn is_halved_after(index: usize) -> bool {
    matches!(index, 2 | 4)
}

/// The five convolutions before the blocks, every width divided by `divisor`.
pub(super) fn stem(divisor: usize) -> Vec<Conv> {
    let convs = [
        conv("", 32).valid(2),
        conv("", 32).valid(1),
        conv("", 64).sized(3, 3),
        conv("", 80),
        conv("", 192).valid(1),
    ];
    chain(&convs, 3, divisor)
}

/// Sets the input channels of convolutions in sequence.
fn chain(convs: &[Conv], mut inputs: usize, divisor: usize) -> Vec<Conv> {
    let mut chained = convs.to_vec();
    for conv in &mut chained {
        conv.channels = [inputs, conv.channels[1] / divisor];
        inputs = conv.channels[1];
    }
    chained
}

/// The eleven blocks, every width divided by `divisor`.
pub(super) fn blocks(divisor: usize, average: AveragePool, last: LastPool) -> Vec<Block> {
    let average = Pool::Average(average);
    let last = match last {
        LastPool::Average => average,
        LastPool::Max => Pool::Max,
    };
    let table = [
        ("Mixed_5b", narrow(average, 32)),
        ("Mixed_5c", narrow(average, 64)),
        ("Mixed_5d", narrow(average, 64)),
        ("Mixed_6a", narrow_to_middle()),
        ("Mixed_6b", middle(average, 128)),
        ("Mixed_6c", middle(average, 160)),
        ("Mixed_6d", middle(average, 160)),
        ("Mixed_6e", middle(average, 192)),
        ("Mixed_7a", middle_to_wide()),
        ("Mixed_7b", wide(average)),
        ("Mixed_7c", wide(last)),
    ];
    let mut inputs = 192 / divisor;
    table
        .into_iter()
        .map(|(name, mut branches)| {
            for branch in &mut branches {
                branch.convs = chain(&branch.convs, inputs, divisor);
                let inner = branch.convs.last().map_or(inputs, |conv| conv.channels[1]);
                for conv in &mut branch.split {
                    *conv = chain(&[*conv], inner, divisor)[0];
                }
            }
            inputs = branches.iter().map(|branch| branch.outputs(inputs)).sum();
            Block { name, branches }
        })
        .collect()
}

/// 35x35 maps.
fn narrow(pool: Pool, pooled: usize) -> Vec<Branch> {
    let fives = [conv("branch5x5_1", 48), conv("branch5x5_2", 64).sized(5, 5)];
    let threes = [
        conv("branch3x3dbl_1", 64),
        conv("branch3x3dbl_2", 96).sized(3, 3),
        conv("branch3x3dbl_3", 96).sized(3, 3),
    ];
    vec![
        branch(None, &[conv("branch1x1", 64)], &[]),
        branch(None, &fives, &[]),
        branch(None, &threes, &[]),
        branch(Some(pool), &[conv("branch_pool", pooled)], &[]),
    ]
}

/// 35x35 to 17x17.
fn narrow_to_middle() -> Vec<Branch> {
    let threes = [
        conv("branch3x3dbl_1", 64),
        conv("branch3x3dbl_2", 96).sized(3, 3),
        conv("branch3x3dbl_3", 96).valid(2),
    ];
    vec![
        branch(None, &[conv("branch3x3", 384).valid(2)], &[]),
        branch(None, &threes, &[]),
        branch(Some(Pool::Halving), &[], &[]),
    ]
}

/// 17x17 maps; `inner` is the width between the factors of the 7x7 kernels.
fn middle(pool: Pool, inner: usize) -> Vec<Branch> {
    let sevens = [
        conv("branch7x7_1", inner),
        conv("branch7x7_2", inner).sized(1, 7),
        conv("branch7x7_3", 192).sized(7, 1),
    ];
    let doubled = [
        conv("branch7x7dbl_1", inner),
        conv("branch7x7dbl_2", inner).sized(7, 1),
        conv("branch7x7dbl_3", inner).sized(1, 7),
        conv("branch7x7dbl_4", inner).sized(7, 1),
        conv("branch7x7dbl_5", 192).sized(1, 7),
    ];
    vec![
        branch(None, &[conv("branch1x1", 192)], &[]),
        branch(None, &sevens, &[]),
        branch(None, &doubled, &[]),
        branch(Some(pool), &[conv("branch_pool", 192)], &[]),
    ]
}

/// 17x17 to 8x8.
fn middle_to_wide() -> Vec<Branch> {
    let threes = [conv("branch3x3_1", 192), conv("branch3x3_2", 320).valid(2)];
    let sevens = [
        conv("branch7x7x3_1", 192),
        conv("branch7x7x3_2", 192).sized(1, 7),
        conv("branch7x7x3_3", 192).sized(7, 1),
        conv("branch7x7x3_4", 192).valid(2),
    ];
    vec![
        branch(None, &threes, &[]),
        branch(None, &sevens, &[]),
        branch(Some(Pool::Halving), &[], &[]),
    ]
}

/// 8x8 maps.
fn wide(pool: Pool) -> Vec<Branch> {
    let threes = [
        conv("branch3x3_2a", 384).sized(1, 3),
        conv("branch3x3_2b", 384).sized(3, 1),
    ];
    let doubled = [
        conv("branch3x3dbl_1", 448),
        conv("branch3x3dbl_2", 384).sized(3, 3),
    ];
    let ends = [
        conv("branch3x3dbl_3a", 384).sized(1, 3),
        conv("branch3x3dbl_3b", 384).sized(3, 1),
    ];
    vec![
        branch(None, &[conv("branch1x1", 320)], &[]),
        branch(None, &[conv("branch3x3_1", 384)], &threes),
        branch(None, &doubled, &ends),
        branch(Some(pool), &[conv("branch_pool", 192)], &[]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_published_convolutions() {
        let blocks = blocks(1, AveragePool::Inside, LastPool::Max);

        let convs: Vec<Conv> = stem(1)
            .into_iter()
            .chain(
                blocks
                    .iter()
                    .flat_map(|block| &block.branches)
                    .flat_map(|branch| branch.all().copied().collect::<Vec<_>>()),
            )
            .collect();
        let weights: usize = convs
            .iter()
            .map(|conv| conv.channels.iter().chain(&conv.kernel).product::<usize>())
            .sum();
        let channels: usize = convs.iter().map(|conv| conv.channels[1]).sum();

        assert_eq!(convs.len(), 94);
        // Trunk of torchvision's network: 21,785,568 parameters, two of them per channel.
        assert_eq!(weights + 2 * channels, 21_785_568);
    }
}

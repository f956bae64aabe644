//! Inception-v3 (Szegedy et al. 2016) in the variants that evaluation and DAMSM use: one tree of
//! modules, told apart by its average pools, its last pool, its classes and its weights.

mod block;
mod keys;
mod layer;
mod plan;

use std::collections::BTreeMap;

use burn::module::Module;
use burn::prelude::{Tensor, TensorData};
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::import::{ImportReport, import_any};
use crate::nn::batch_norm::Mode;
use crate::nn::cost::Cost;
use crate::nn::linear::{Linear, LinearConfig};
use crate::state::drawn;
use crate::system::{Description, PretrainedNetwork};
use crate::vision::conv_bn::ConvBn;
use crate::vision::vgg::spatial_mean;
use block::{Block, halve};

pub use keys::Naming;
pub use layer::Layer;

/// Divisor of the 3x3 average pools at the border of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AveragePool {
    /// The number of pixels inside of the map (TensorFlow, Keras).
    Inside,
    /// Always nine, zeros outside (torchvision).
    Nine,
}

/// Pool of the last branch of the last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastPool {
    /// As in the blocks before.
    Average,
    /// A slip of the graph of 2015-12-05, kept by everyone who computes FID.
    Max,
}

/// Configuration of [`Inception`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InceptionConfig {
    /// Divisor of the average pools.
    pub average: AveragePool,
    /// Pool in `Mixed_7c`.
    pub last_pool: LastPool,
    /// Classes of the linear layer behind `pool3`; `None` leaves it out.
    pub classes: Option<usize>,
    /// Every published width is divided by it: 1, or 8 and 16 in tests.
    pub divisor: usize,
}

impl InceptionConfig {
    /// The graph of 2015-12-05 behind the published FID and Inception Score.
    pub const FID_2015: Self = Self {
        average: AveragePool::Inside,
        last_pool: LastPool::Max,
        classes: Some(1008),
        divisor: 1,
    };
    /// Torchvision's ImageNet network.
    pub const TORCHVISION: Self = Self {
        average: AveragePool::Nine,
        last_pool: LastPool::Average,
        classes: Some(1000),
        divisor: 1,
    };
    /// Trunk of the DAMSM image encoder.
    pub const DAMSM: Self = Self {
        classes: None,
        ..Self::TORCHVISION
    };
    /// Keras's network, without its classifier.
    pub const KERAS: Self = Self {
        average: AveragePool::Inside,
        last_pool: LastPool::Average,
        classes: None,
        divisor: 1,
    };
    /// StackGAN's network, fine-tuned on the 50 test classes of CUB; class 0 is background.
    pub const CUB: Self = Self {
        classes: Some(51),
        ..Self::KERAS
    };
    /// StackGAN's network, fine-tuned on the 20 test classes of Oxford Flowers; class 0 is
    /// background.
    pub const FLOWERS: Self = Self {
        classes: Some(21),
        ..Self::KERAS
    };

    /// Length of the vector after the last average pool.
    pub const fn features(&self) -> usize {
        320 / self.divisor + 4 * (384 / self.divisor) + 192 / self.divisor
    }

    /// Network with random weights on `device`.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Inception<B> {
        let blocks = plan::blocks(self.divisor, self.average, self.last_pool);
        let head = self
            .classes
            .map(|classes| LinearConfig::new(self.features(), classes).init(device));
        drawn::<B, _>(Inception {
            stem: plan::stem(self.divisor)
                .iter()
                .map(|conv| conv.init(device))
                .collect(),
            blocks: blocks
                .iter()
                .map(|block| Block::init(block, device))
                .collect(),
            head,
            config: *self,
        })
    }

    /// Cost of a square image of `size` pixels.
    pub fn cost(&self, size: usize) -> Cost {
        let mut cost = Cost::default();
        let mut side = size;
        for (i, conv) in plan::stem(self.divisor).iter().enumerate() {
            side = conv.side(side);
            cost = conv.cost(cost, side);
            if plan::is_halved_after(i) {
                side = (side - 3) / 2 + 1;
            }
        }
        for block in plan::blocks(self.divisor, self.average, self.last_pool) {
            let mut end = side;
            for branch in &block.branches {
                let mut inner = side;
                for conv in branch.all() {
                    inner = conv.side(inner);
                    cost = conv.cost(cost, inner);
                }
                end = end.min(inner);
            }
            side = end;
        }
        match self.classes {
            Some(classes) => cost.linear(self.features(), classes),
            None => cost,
        }
    }
}

/// Smallest side of an image, in pixels.
pub const SMALLEST: usize = 75;

/// Side of the maps of [`Layer::MIXED_6E`] for square images of `size` pixels.
pub const fn regions(size: usize) -> usize {
    const fn halved(side: usize) -> usize {
        (side - 3) / 2 + 1
    }
    // Two convolutions without padding lie between the halvings.
    halved(halved(halved(halved(size) - 2) - 2))
}

/// Inception-v3. Images come at 299 pixels a side, in the range that the weights expect.
#[derive(Module, Debug)]
pub struct Inception<B: Backend> {
    stem: Vec<ConvBn<B>>,
    blocks: Vec<Block<B>>,
    head: Option<Linear<B>>,
    #[module(skip)]
    config: InceptionConfig,
}

impl<B: Backend> Inception<B> {
    /// What it was built from.
    pub const fn config(&self) -> &InceptionConfig {
        &self.config
    }

    /// Outputs of the `wanted` layers, in their order. Nothing is computed beyond the deepest one.
    ///
    /// `mode` chooses the statistics of the batch normalisations: [`Mode::Running`] for a frozen
    /// network, also where gradients flow through it.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, 3, height, width]`, at least 75 pixels a side
    /// - outputs: `[batch, channels, height, width]` of the layer
    pub fn taps(&self, x: Tensor<B, 4>, wanted: &[Layer], mode: Mode) -> Vec<Tensor<B, 4>> {
        let mut taps = vec![None; wanted.len()];
        let mut h = x;
        for (layer, step) in Layer::all().zip(self.steps()) {
            if taps.iter().all(Option::is_some) {
                break;
            }
            h = match step {
                Step::Conv(conv) => relu(conv.forward(h, mode)),
                Step::Halve => halve(h),
                Step::Block(block) => block.forward(h, mode),
            };
            for (tap, _) in taps.iter_mut().zip(wanted).filter(|(_, l)| **l == layer) {
                *tap = Some(h.clone());
            }
        }
        taps.into_iter()
            .map(|tap| tap.expect("every layer is one of the steps"))
            .collect()
    }

    /// Vector behind the last average pool (`pool3`).
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, 3, height, width]`
    /// - output: `[batch, features]` (2048)
    pub fn pool3(&self, x: Tensor<B, 4>, mode: Mode) -> Tensor<B, 2> {
        spatial_mean(self.taps(x, &[Layer::MIXED_7C], mode).remove(0))
    }

    /// Class scores; without `bias` as the published Inception Score has them, `None` where the
    /// network has no classifier.
    ///
    /// # Shapes
    ///
    /// - `pool3`: `[batch, features]`
    /// - output: `[batch, classes]`
    pub fn logits(&self, pool3: Tensor<B, 2>, bias: Bias) -> Option<Tensor<B, 2>> {
        let head = self.head.as_ref()?;
        Some(match bias {
            Bias::With => head.forward(pool3),
            Bias::Without => pool3.matmul(head.weight.val()),
        })
    }

    /// The same network with every batch normalisation folded into its convolution: fewer passes
    /// over memory for the same features, up to rounding. The mode has no meaning any more.
    #[must_use]
    pub fn fold(mut self) -> Self {
        self.stem = self.stem.into_iter().map(ConvBn::fold).collect();
        self.blocks = self.blocks.into_iter().map(Block::fold).collect();
        self
    }

    /// Replaces the weights by published ones with names as in `naming`.
    pub fn load(
        self,
        naming: Naming,
        arrays: &BTreeMap<String, TensorData>,
    ) -> (Self, ImportReport) {
        let (network, mut report) = import_any(self, arrays, |name| naming.sources(name));
        if !naming.has_scale() {
            // The scale is 1, as it is from the start.
            let is_scale = |name: &str| name.rsplit('.').next() == Some("gamma");
            report.ours.missing.retain(|name| !is_scale(name));
        }
        (network, report)
    }

    fn steps(&self) -> Vec<Step<'_, B>> {
        let mut steps = Vec::new();
        for (i, conv) in self.stem.iter().enumerate() {
            steps.push(Step::Conv(conv));
            if plan::is_halved_after(i) {
                steps.push(Step::Halve);
            }
        }
        steps.extend(self.blocks.iter().map(Step::Block));
        steps
    }
}

/// Whether class scores include the bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// As the network was trained.
    With,
    /// As the code of the Inception Score computes them.
    Without,
}

enum Step<'a, B: Backend> {
    Conv(&'a ConvBn<B>),
    Halve,
    Block(&'a Block<B>),
}

impl Description for InceptionConfig {
    const KEY: &'static str = "inception";
}

impl<B: Backend> PretrainedNetwork for Inception<B> {
    type Description = InceptionConfig;

    fn describe(&self) -> InceptionConfig {
        *self.config()
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Flex, NdArray};
    use burn::tensor::{Distribution, Tolerance};

    use super::*;
    use crate::state::{load_named, named_tensors};

    const TINY: InceptionConfig = InceptionConfig {
        classes: Some(3),
        divisor: 16,
        ..InceptionConfig::FID_2015
    };

    #[test]
    fn cost_counts_every_parameter() {
        let network = TINY.init::<Flex>(&Default::default());

        let trained: usize = named_tensors::<Flex, _>(&network)
            .into_iter()
            .filter(|(name, _)| !name.contains("running_"))
            .map(|(_, data)| data.num_elements())
            .sum();
        assert_eq!(TINY.cost(299).parameters, trained);
        let full = InceptionConfig::TORCHVISION.cost(299);
        assert_eq!(full.parameters, 21_785_568 + 2049 * 1000);
        assert!((full.macs / 5.7e9 - 1.0).abs() < 0.02, "{}", full.macs);
    }

    #[test]
    fn folded_networks_give_the_same_features() {
        let device = Default::default();
        let x = Tensor::<Flex, 4>::random([2, 3, 83, 91], Distribution::Default, &device);
        // Statistics unlike the initial ones.
        let (network, _) = load_named(TINY.init::<Flex>(&device), |name, shape| {
            let values: Vec<f32> = (0..shape[0]).map(|i| 0.5 + 0.1 * (i % 7) as f32).collect();
            name.contains("norm")
                .then(|| TensorData::new(values, shape.to_vec()))
        });

        let plain = network.pool3(x.clone(), Mode::Running);
        let folded = network.fold().pool3(x, Mode::Running);

        folded
            .into_data()
            .assert_approx_eq::<f32>(&plain.into_data(), Tolerance::rel_abs(1e-3, 1e-4));
    }

    #[test]
    fn backends_agree() {
        let device = Default::default();
        let flex = TINY.init::<Flex>(&device);
        let weights: BTreeMap<String, TensorData> =
            named_tensors::<Flex, _>(&flex).into_iter().collect();
        let device = Default::default();
        let (ndarray, report) = load_named(TINY.init::<NdArray>(&device), |name, _| {
            weights.get(name).cloned()
        });
        assert!(report.is_complete(), "{report:?}");
        let x =
            Tensor::<Flex, 4>::random([1, 3, 75, 79], Distribution::Default, &Default::default());
        let same = Tensor::<NdArray, 4>::from_data(x.to_data(), &device);

        let by_flex = flex.pool3(x, Mode::Running);
        let by_ndarray = ndarray.pool3(same, Mode::Running);

        by_ndarray
            .into_data()
            .assert_approx_eq::<f32>(&by_flex.into_data(), Tolerance::rel_abs(1e-4, 1e-5));
    }

    #[test]
    fn a_file_of_another_network_is_named_by_what_it_lacks() {
        let arrays = BTreeMap::from([(
            "features.0.weight".to_owned(),
            TensorData::new(vec![0.0_f32; 27], [1, 3, 3, 3]),
        )]);

        assert_eq!(Naming::of(arrays.keys()), None);
        let (_, report) = TINY
            .init::<Flex>(&Default::default())
            .load(Naming::Torch, &arrays);

        assert!(!report.ours.is_complete());
        assert_eq!(report.unused, ["features.0.weight"]);
    }
}

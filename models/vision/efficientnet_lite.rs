//! EfficientNet-Lite0 (Tan & Le 2019, without squeeze-excitation and with ReLU6), for features and
//! class scores.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::prelude::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::import::{ImportReport, Source, import};
use crate::nn::batch_norm::Mode;
use crate::nn::conv::Conv2dConfig;
use crate::nn::linear::{Linear, LinearConfig};
use crate::state::drawn;
use crate::vision::conv_bn::ConvBn;
use crate::vision::vgg::spatial_mean;

/// Kernel, output channels, stride and repetitions of each stage; the first block of a stage has
/// the stride.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (3, 16, 1, 1),
    (3, 24, 2, 2),
    (5, 40, 2, 2),
    (3, 80, 2, 3),
    (5, 112, 1, 3),
    (5, 192, 2, 4),
    (3, 320, 1, 1),
];

/// Factor between the channels of a block's input and its depthwise convolution, but in the first.
const EXPANSION: usize = 6;

/// Configuration of [`EfficientNetLite`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EfficientNetLiteConfig {
    /// Classes of the linear layer.
    pub classes: usize,
    /// Every published width is divided by it: 1, or 8 in tests.
    pub divisor: usize,
}

impl EfficientNetLiteConfig {
    /// The published network.
    pub const LITE0: Self = Self {
        classes: 1000,
        divisor: 1,
    };

    /// Length of the feature vector.
    pub const fn features(&self) -> usize {
        1280 / self.divisor
    }

    /// Network with random weights on `device`.
    pub fn init<B: Backend>(&self, device: &B::Device) -> EfficientNetLite<B> {
        let mut inputs = 32 / self.divisor;
        let stem = Same::init([3, inputs], 3, 2, 1, device);
        let mut blocks = Vec::new();
        for (kernel, outputs, stride, count) in STAGES {
            for i in 0..count {
                let channels = [inputs, outputs / self.divisor];
                let stride = if i == 0 { stride } else { 1 };
                let expansion = if blocks.is_empty() { 1 } else { EXPANSION };
                blocks.push(Block::init(channels, kernel, stride, expansion, device));
                inputs = channels[1];
            }
        }
        drawn::<B, _>(EfficientNetLite {
            stem,
            blocks,
            head: ConvBn::init(Conv2dConfig::new([inputs, self.features()], [1, 1]), device),
            classifier: LinearConfig::new(self.features(), self.classes).init(device),
        })
    }
}

/// Convolution with TensorFlow's "same" padding, which puts the odd zero behind, and its
/// normalisation.
#[derive(Module, Debug)]
struct Same<B: Backend> {
    conv: ConvBn<B>,
    #[module(skip)]
    kernel: usize,
    #[module(skip)]
    stride: usize,
}

impl<B: Backend> Same<B> {
    fn init(
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        groups: usize,
        device: &B::Device,
    ) -> Self {
        let conv = Conv2dConfig::new(channels, [kernel; 2])
            .with_stride([stride; 2])
            .with_groups(groups);
        Self {
            conv: ConvBn::init(conv, device),
            kernel,
            stride,
        }
    }

    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let [.., height, width] = x.dims();
        let around = |size: usize| {
            let covered = (size.div_ceil(self.stride) - 1) * self.stride + self.kernel;
            let zeros = covered.saturating_sub(size);
            (zeros / 2, zeros - zeros / 2)
        };
        let ((top, bottom), (left, right)) = (around(height), around(width));
        let x = x.pad((left, right, top, bottom), 0.0);
        relu6(self.conv.forward(x, Mode::Running))
    }
}

fn relu6<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    x.clamp(0.0, 6.0)
}

/// Inverted residual: expansion, depthwise convolution, projection.
#[derive(Module, Debug)]
struct Block<B: Backend> {
    expand: Option<ConvBn<B>>,
    depthwise: Same<B>,
    project: ConvBn<B>,
    #[module(skip)]
    has_skip: bool,
}

impl<B: Backend> Block<B> {
    fn init(
        [inputs, outputs]: [usize; 2],
        kernel: usize,
        stride: usize,
        expansion: usize,
        device: &B::Device,
    ) -> Self {
        let point = |channels| ConvBn::init(Conv2dConfig::new(channels, [1, 1]), device);
        let inner = inputs * expansion;
        Self {
            expand: (expansion > 1).then(|| point([inputs, inner])),
            depthwise: Same::init([inner, inner], kernel, stride, inner, device),
            project: point([inner, outputs]),
            has_skip: stride == 1 && inputs == outputs,
        }
    }

    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let mut h = x.clone();
        if let Some(expand) = &self.expand {
            h = relu6(expand.forward(h, Mode::Running));
        }
        let y = self
            .project
            .forward(self.depthwise.forward(h), Mode::Running);
        if self.has_skip { y + x } else { y }
    }
}

/// EfficientNet-Lite0 with running statistics.
#[derive(Module, Debug)]
pub struct EfficientNetLite<B: Backend> {
    stem: Same<B>,
    blocks: Vec<Block<B>>,
    head: ConvBn<B>,
    classifier: Linear<B>,
}

impl<B: Backend> EfficientNetLite<B> {
    /// Mean of the last map.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, 3, height, width]`, RGB, (0..255 - 127) / 128; published at 224 pixels
    /// - output: `[batch, features]` (1280)
    pub fn features(&self, x: Tensor<B, 4>) -> Tensor<B, 2> {
        let mut h = self.stem.forward(x);
        for block in &self.blocks {
            h = block.forward(h);
        }
        spatial_mean(relu6(self.head.forward(h, Mode::Running)))
    }

    /// Class scores.
    ///
    /// # Shapes
    ///
    /// - `features`: `[batch, features]`
    /// - output: `[batch, classes]`
    pub fn logits(&self, features: Tensor<B, 2>) -> Tensor<B, 2> {
        self.classifier.forward(features)
    }

    /// The same network with every batch normalisation folded into its convolution.
    #[must_use]
    pub fn fold(mut self) -> Self {
        self.stem.conv = self.stem.conv.fold();
        self.head = self.head.fold();
        for block in &mut self.blocks {
            block.expand = block.expand.take().map(ConvBn::fold);
        }
        self.blocks = self
            .blocks
            .into_iter()
            .map(|mut block| {
                block.depthwise.conv = block.depthwise.conv.fold();
                block.project = block.project.fold();
                block
            })
            .collect();
        self
    }

    /// Replaces the weights by the published ones (`_blocks.0._depthwise_conv.weight`).
    pub fn load(self, arrays: &BTreeMap<String, TensorData>) -> (Self, ImportReport) {
        let (network, mut report) = import(self, arrays, source);
        report
            .unused
            .retain(|key| !key.ends_with("num_batches_tracked"));
        (network, report)
    }
}

/// Where a published file has our parameter `name`.
pub fn source(name: &str) -> Option<Source> {
    if let Some(field) = name.strip_prefix("classifier.") {
        return Source::linear("_fc", field);
    }
    let (path, part, field) = match name.rsplit_once(".norm.") {
        Some((path, field)) => (path, "norm", field),
        None => (name.strip_suffix(".conv.weight")?, "conv", "weight"),
    };
    let (block, layer) = match path.strip_prefix("blocks.") {
        Some(rest) => {
            let (index, layer) = rest.split_once('.')?;
            (format!("_blocks.{index}."), layer)
        }
        None => (String::new(), path),
    };
    let (conv, norm) = match layer {
        "stem.conv" => ("_conv_stem", "_bn0"),
        "head" => ("_conv_head", "_bn1"),
        "expand" => ("_expand_conv", "_bn0"),
        "depthwise.conv" => ("_depthwise_conv", "_bn1"),
        "project" => ("_project_conv", "_bn2"),
        _ => return None,
    };
    if part == "norm" {
        return Source::norm(&format!("{block}{norm}"), field);
    }
    Some(Source::same(format!("{block}{conv}.weight")))
}

#[cfg(test)]
mod tests {
    use burn::backend::{Flex, NdArray};
    use burn::tensor::{Distribution, Tolerance};

    use super::*;
    use crate::state::{load_named, named_tensors};

    const TINY: EfficientNetLiteConfig = EfficientNetLiteConfig {
        classes: 5,
        divisor: 8,
    };

    #[test]
    fn published_widths_have_the_published_number_of_parameters() {
        let network = EfficientNetLiteConfig::LITE0.init::<Flex>(&Default::default());

        let trained: usize = named_tensors::<Flex, _>(&network)
            .iter()
            .filter(|(name, _)| !name.contains("running_"))
            .map(|(_, data)| data.num_elements())
            .sum();

        // 4.7 million in the release of the Lite models.
        assert_eq!(trained, 4_652_008);
    }

    #[test]
    fn folding_and_the_backend_change_nothing() {
        let network = TINY.init::<Flex>(&Default::default());
        let weights: BTreeMap<String, TensorData> =
            named_tensors::<Flex, _>(&network).into_iter().collect();
        let device = Default::default();
        let (other, report) = load_named(TINY.init::<NdArray>(&device), |name, _| {
            weights.get(name).cloned()
        });
        assert!(report.is_complete(), "{report:?}");
        let x =
            Tensor::<Flex, 4>::random([1, 3, 33, 47], Distribution::Default, &Default::default());
        let same = Tensor::<NdArray, 4>::from_data(x.to_data(), &device);

        let features = network.features(x.clone()).into_data();
        let folded = network.fold().features(x).into_data();
        let elsewhere = other.features(same).into_data();

        let tolerance = Tolerance::<f32>::rel_abs(1e-4, 1e-4);
        folded.assert_approx_eq(&features, tolerance);
        elsewhere.assert_approx_eq(&features, tolerance);
    }

    #[test]
    fn every_parameter_has_a_published_name() {
        let network = TINY.init::<Flex>(&Default::default());
        let names: Vec<String> = named_tensors::<Flex, _>(&network)
            .into_iter()
            .map(|(n, _)| n)
            .collect();

        let sources: std::collections::BTreeSet<String> = names
            .iter()
            .map(|name| source(name).unwrap_or_else(|| panic!("{name}")).key)
            .collect();

        assert_eq!(sources.len(), names.len());
        assert!(sources.contains("_blocks.3._expand_conv.weight"));
        assert!(sources.contains("_blocks.15._bn2.running_var"));
    }
}

//! Convolutions of AlexNet in torchvision's form (Krizhevsky 2014), frozen.

use burn::module::Module;
use burn::prelude::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::nn::conv::{Conv2d, Square};
use crate::nn::init::he_std;
use crate::state::drawn;

/// Index of every convolution in torchvision's `features`.
pub const FEATURES: [usize; 5] = [0, 3, 6, 8, 10];

/// Configuration of [`AlexNet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlexNetConfig {
    /// Channels of the convolutions.
    pub widths: [usize; 5],
}

impl Default for AlexNetConfig {
    /// The published widths.
    fn default() -> Self {
        Self {
            widths: [64, 192, 384, 256, 256],
        }
    }
}

impl AlexNetConfig {
    /// Frozen convolutions with random weights on `device`.
    pub fn init<B: Backend>(&self, device: &B::Device) -> AlexNet<B> {
        let inputs = [
            3,
            self.widths[0],
            self.widths[1],
            self.widths[2],
            self.widths[3],
        ];
        // Kernel, stride, padding.
        let shapes = [(11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1)];
        let convs = inputs.into_iter().zip(self.widths).zip(shapes).map(
            |((inputs, outputs), (kernel, stride, padding))| {
                let std = he_std(inputs * kernel * kernel);
                let square = Square {
                    kernel,
                    stride,
                    padding,
                    has_bias: true,
                    std,
                };
                square.conv(inputs, outputs, device)
            },
        );
        drawn::<B, _>(AlexNet {
            convs: convs.collect(),
        })
        .no_grad()
    }
}

/// Five convolutions. Their parameters are frozen; gradients flow through them to the input.
#[derive(Module, Debug)]
pub struct AlexNet<B: Backend> {
    convs: Vec<Conv2d<B>>,
}

impl<B: Backend> AlexNet<B> {
    /// Outputs of the five convolutions after their ReLUs.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, 3, height, width]`, at least 63 pixels a side
    /// - outputs: `[batch, width, height, width]` at a quarter, an eighth and thrice a sixteenth
    ///   of the size, about
    pub fn taps(&self, x: Tensor<B, 4>) -> Vec<Tensor<B, 4>> {
        let mut h = x;
        let mut taps = Vec::with_capacity(self.convs.len());
        for (i, conv) in self.convs.iter().enumerate() {
            if matches!(i, 1 | 2) {
                h = max_pool2d(h, [3, 3], [2, 2], [0, 0], [1, 1], false);
            }
            h = relu(conv.forward(h));
            taps.push(h.clone());
        }
        taps
    }
}

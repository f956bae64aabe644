//! One convolution with or without its gradients.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2dConfig, ConvTranspose2dConfig};
use burn::prelude::Tensor;
use serde::{Deserialize, Serialize};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::nn::conv::Square;
use wordpaint_models::noise::Noise;

use super::{Layers, Prepared};

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    /// The output.
    Forward,
    /// The output, then the gradient of the input: a frozen network in the way of gradients.
    Input,
    /// The output, then the gradients of weight and bias: the first layer of a network.
    Weight,
    /// The output, then all gradients.
    Both,
}

impl Pass {
    /// Every pass.
    pub const ALL: [Self; 4] = [Self::Forward, Self::Input, Self::Weight, Self::Both];

    /// Name in tables and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Input => "input",
            Self::Weight => "weight",
            Self::Both => "both",
        }
    }

    /// Convolution-like contractions.
    const fn contractions(self) -> f64 {
        match self {
            Self::Forward => 1.0,
            Self::Input | Self::Weight => 2.0,
            Self::Both => 3.0,
        }
    }
}

/// A square convolution of square maps, with bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv {
    /// Samples.
    pub batch: usize,
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Side of the input.
    pub size: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step.
    pub stride: usize,
    /// Zeros on every side.
    pub padding: usize,
    /// Whether it is the transpose of a convolution.
    pub is_transposed: bool,
    /// What is computed.
    pub pass: Pass,
}

impl Conv {
    /// Multiplications and additions of all contractions; the bias is not counted.
    pub fn operations(&self) -> f64 {
        let side = if self.is_transposed {
            self.size
        } else {
            (self.size + 2 * self.padding - self.kernel) / self.stride + 1
        };
        let [inputs, outputs] = self.channels;
        let positions = self.batch * side * side;
        let weights = inputs * outputs * self.kernel * self.kernel;
        2.0 * positions as f64 * weights as f64 * self.pass.contractions()
    }

    pub(super) fn prepare<B: AutodiffBackend>(
        &self,
        layers: Layers,
        device: &B::Device,
    ) -> Prepared {
        if self.pass == Pass::Forward {
            return self.forward::<B::InnerBackend>(layers, device);
        }
        let x = self.input::<B>(device);
        let x = match self.pass {
            Pass::Input | Pass::Both => x.require_grad(),
            Pass::Forward | Pass::Weight => x,
        };
        let layer = self.layer::<B>(layers, device);
        let device = device.clone();
        Prepared::new(move || {
            // Burn starts the backward pass with ones of the output's shape.
            let gradients = layer(x.clone()).backward();
            B::sync(&device).expect("the device answered before");
            drop(gradients);
        })
    }

    fn forward<B: Backend>(&self, layers: Layers, device: &B::Device) -> Prepared {
        let x = self.input::<B>(device);
        let layer = self.layer::<B>(layers, device);
        let device = device.clone();
        Prepared::new(move || {
            let y = layer(x.clone());
            B::sync(&device).expect("the device answered before");
            drop(y);
        })
    }

    fn input<B: Backend>(&self, device: &B::Device) -> Tensor<B, 4> {
        let shape = [self.batch, self.channels[0], self.size, self.size];
        Noise::new(0, 0).normal("x", shape, device)
    }

    fn layer<B: Backend>(
        &self,
        layers: Layers,
        device: &B::Device,
    ) -> Box<dyn Fn(Tensor<B, 4>) -> Tensor<B, 4>> {
        match (layers, self.is_transposed) {
            (Layers::Own, false) => {
                let [inputs, outputs] = self.channels;
                let layer = self.ready::<B, _>(self.square().conv(inputs, outputs, device));
                Box::new(move |x| layer.forward(x))
            }
            (Layers::Own, true) => {
                let [inputs, outputs] = self.channels;
                let layer = self.ready::<B, _>(self.square().transposed(inputs, outputs, device));
                Box::new(move |x| layer.forward(x))
            }
            (Layers::Burn, false) => {
                let p = self.padding;
                let config = Conv2dConfig::new(self.channels, [self.kernel; 2])
                    .with_stride([self.stride; 2])
                    .with_padding(PaddingConfig2d::Explicit(p, p, p, p));
                let layer = self.ready::<B, _>(config.init(device));
                Box::new(move |x| layer.forward(x))
            }
            (Layers::Burn, true) => {
                let config = ConvTranspose2dConfig::new(self.channels, [self.kernel; 2])
                    .with_stride([self.stride; 2])
                    .with_padding([self.padding; 2]);
                let layer = self.ready::<B, _>(config.init(device));
                Box::new(move |x| layer.forward(x))
            }
        }
    }

    /// Draws the weights, which Burn would do at first use, and freezes them where they get no
    /// gradient.
    fn ready<B: Backend, M: Module<B>>(&self, layer: M) -> M {
        let _ = layer.num_params();
        match self.pass {
            Pass::Input => layer.no_grad(),
            Pass::Forward | Pass::Weight | Pass::Both => layer,
        }
    }

    const fn square(&self) -> Square {
        Square {
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            has_bias: true,
            std: 0.02,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_convolution_does_the_work_of_the_convolution_it_turns_around() {
        let down = Conv {
            batch: 2,
            channels: [3, 5],
            size: 8,
            kernel: 4,
            stride: 2,
            padding: 1,
            is_transposed: false,
            pass: Pass::Both,
        };
        let up = Conv {
            channels: [5, 3],
            size: 4,
            is_transposed: true,
            ..down
        };

        assert_eq!(down.operations(), 3.0 * 2.0 * (2 * 3 * 5 * 16 * 16) as f64);
        assert_eq!(up.operations(), down.operations());
    }
}

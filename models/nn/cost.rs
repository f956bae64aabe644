//! Arithmetic of layer sizes, for the cost report of an experiment.

use std::ops::Add;

/// Parameters, multiply-accumulates and kept values of some layers, for one sample.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[must_use]
pub struct Cost {
    /// Number of parameters.
    pub parameters: usize,
    /// Multiply-accumulates of a forward pass.
    pub macs: f64,
    /// Values of all feature maps.
    pub activations: f64,
}

/// Pixels of a map. In floating point: with widths at their bounds, operations exceed 64 bits.
fn area(side: usize) -> f64 {
    side as f64 * side as f64
}

impl Cost {
    /// Adds a linear layer with bias.
    pub fn linear(self, inputs: usize, outputs: usize) -> Self {
        Self {
            parameters: self.parameters + (inputs + 1) * outputs,
            macs: self.macs + inputs as f64 * outputs as f64,
            activations: self.activations + outputs as f64,
        }
    }

    /// Adds a square convolution with bias whose output has `side` x `side` pixels.
    pub fn conv(self, kernel: usize, inputs: usize, outputs: usize, side: usize) -> Self {
        let weights = kernel * kernel * inputs * outputs;
        Self {
            parameters: self.parameters + weights + outputs,
            macs: self.macs + weights as f64 * area(side),
            activations: self.activations + outputs as f64 * area(side),
        }
    }

    /// Adds a 3x3 convolution without bias and its batch normalisation.
    pub fn conv_norm(self, inputs: usize, outputs: usize, side: usize) -> Self {
        let added = self.conv(3, inputs, outputs, side).map(outputs, side);
        Self {
            parameters: added.parameters + outputs,
            ..added
        }
    }

    /// Adds a square convolution without bias whose output has `side` x `side` pixels.
    pub fn conv_without_bias(
        self,
        kernel: usize,
        inputs: usize,
        outputs: usize,
        side: usize,
    ) -> Self {
        let cost = self.conv(kernel, inputs, outputs, side);
        Self {
            parameters: cost.parameters - outputs,
            ..cost
        }
    }

    /// Adds a square transposed convolution without bias whose output has `side` x `side` pixels,
    /// each a sum over `reach` x `reach` input pixels.
    pub fn transposed_conv(
        self,
        kernel: usize,
        reach: usize,
        [inputs, outputs]: [usize; 2],
        side: usize,
    ) -> Self {
        let pairs = inputs * outputs;
        Self {
            parameters: self.parameters + kernel * kernel * pairs,
            macs: self.macs + (reach * reach * pairs) as f64 * area(side),
            activations: self.activations + outputs as f64 * area(side),
        }
    }

    /// Adds a batch normalisation; its running statistics are no parameters.
    pub fn norm(self, channels: usize, side: usize) -> Self {
        let values = channels as f64 * area(side);
        Self {
            parameters: self.parameters + 2 * channels,
            macs: self.macs + values,
            activations: self.activations + values,
        }
    }

    /// The same layers, of whose maps none is kept for the backward pass.
    pub fn unkept(self) -> Self {
        Self {
            activations: 0.0,
            ..self
        }
    }

    /// Adds a layer without parameters whose output has `side` x `side` pixels.
    pub fn map(self, channels: usize, side: usize) -> Self {
        Self {
            activations: self.activations + channels as f64 * area(side),
            ..self
        }
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            parameters: self.parameters + other.parameters,
            macs: self.macs + other.macs,
            activations: self.activations + other.activations,
        }
    }
}

//! First stage: from a vector to a map of 64x64.

use burn::module::{Module, Param};
use burn::prelude::Tensor;

use crate::backend::Backend;
use crate::nn::batch_norm::BatchNorm;
use crate::nn::cost::Cost;
use crate::nn::gated::{UpBlock, glu, norm, up_cost};
use crate::nn::orthogonal::orthogonal;

/// Doublings from the first map.
const UPSAMPLING_STEPS: usize = 4;
/// Side of the first map.
const FIRST_SIDE: usize = 4;
/// Side of what the stage gives.
pub const SIDE: usize = FIRST_SIDE << UPSAMPLING_STEPS;

/// A gated linear map and four doublings, each of which halves the channels.
#[derive(Module, Debug)]
pub struct InitialStage<B: Backend> {
    /// `[inputs, outputs]`, without bias.
    weight: Param<Tensor<B, 2>>,
    norm: BatchNorm<B>,
    ups: Vec<UpBlock<B>>,
}

/// Channels before, between and after the doublings.
fn channels(width: usize) -> [usize; UPSAMPLING_STEPS + 1] {
    std::array::from_fn(|i| width << (UPSAMPLING_STEPS - i))
}

impl<B: Backend> InitialStage<B> {
    /// A stage that ends with `width` channels.
    pub fn init(inputs: usize, width: usize, device: &B::Device) -> Self {
        let channels = channels(width);
        let outputs = 2 * channels[0] * FIRST_SIDE * FIRST_SIDE;
        let ups = channels.windows(2);
        Self {
            weight: orthogonal([inputs, outputs], device),
            norm: norm(outputs, device),
            ups: ups.map(|c| UpBlock::init(c[0], c[1], device)).collect(),
        }
    }

    /// # Shapes
    ///
    /// - `condition`: `[batch, condition_dim]`
    /// - `z`: `[batch, noise_dim]`
    /// - output: `[batch, width, 64, 64]`
    pub fn forward(&self, condition: Tensor<B, 2>, z: Tensor<B, 2>) -> Tensor<B, 4> {
        let [batch, _] = z.dims();
        let x = Tensor::cat(vec![condition, z], 1).matmul(self.weight.val());
        let h = glu(self.norm.forward(x));
        let channels = h.dims()[1] / (FIRST_SIDE * FIRST_SIDE);
        let first = h.reshape([batch, channels, FIRST_SIDE, FIRST_SIDE]);
        self.ups.iter().fold(first, |h, up| up.forward(h))
    }
}

/// Size of an [`InitialStage`].
pub fn cost(inputs: usize, width: usize) -> Cost {
    let channels = channels(width);
    let outputs = 2 * channels[0] * FIRST_SIDE * FIRST_SIDE;
    let mut cost = Cost::default().linear(inputs, outputs).norm(outputs, 1);
    cost.parameters -= outputs;
    for (i, c) in channels.windows(2).enumerate() {
        cost = cost + up_cost(c[0], c[1], FIRST_SIDE << (i + 1));
    }
    cost
}

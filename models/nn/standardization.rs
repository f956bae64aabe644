//! Batch normalisation without scale and shift.

use burn::module::{Module, RunningState};
use burn::prelude::{Config, Tensor};

use super::batch_norm::{flat, track};
use crate::backend::{Backend, ops};

/// Configuration of [`Standardization`].
#[derive(Config, Debug)]
pub struct StandardizationConfig {
    /// Number of channels.
    pub channels: usize,
    /// Added to the variance before the root.
    #[config(default = 1e-5)]
    pub epsilon: f64,
    /// Share of the batch in the update of the running statistics.
    #[config(default = 0.1)]
    pub momentum: f64,
}

/// Brings every channel to mean 0 and variance 1, with the statistics of
/// [`super::batch_norm::BatchNorm`].
#[derive(Module, Debug)]
pub struct Standardization<B: Backend> {
    /// Running mean, `[channels]`.
    pub running_mean: RunningState<Tensor<B, 1>>,
    /// Running unbiased variance, `[channels]`.
    pub running_var: RunningState<Tensor<B, 1>>,
    epsilon: f64,
    momentum: f64,
}

impl StandardizationConfig {
    /// Running mean 0 and variance 1.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Standardization<B> {
        let shape = [self.channels];
        Standardization {
            running_mean: RunningState::new(Tensor::zeros(shape, device)),
            running_var: RunningState::new(Tensor::ones(shape, device)),
            epsilon: self.epsilon,
            momentum: self.momentum,
        }
    }
}

impl<B: Backend> Standardization<B> {
    /// By the statistics of the batch, which the running ones follow, where gradients are recorded;
    /// by the running ones elsewhere.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, channels, height, width]`
    /// - output: as `x`
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let dims = x.dims();
        let [batch, channels, area] = flat(dims);
        let device = x.device();
        let is_training = B::ad_enabled(&device);
        let x = x.reshape([batch, channels, area]);
        if is_training {
            let one = Tensor::ones([1, channels], &device);
            let zero = Tensor::zeros([1, channels], &device);
            let found = ops::batch_norm(x, one, zero, self.epsilon);
            let running = [&self.running_mean, &self.running_var];
            let count = batch * area;
            track(running, [found.mean, found.var], count, self.momentum);
            return found.y.reshape(dims);
        }
        let scale = (self.running_var.value() + self.epsilon).sqrt().recip();
        let shift = self.running_mean.value().neg() * scale.clone();
        let [scale, shift] = [scale, shift].map(|v| v.reshape([1, channels]));
        ops::modulate(x, scale, shift).reshape(dims)
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::module::AutodiffModule;
    use burn::tensor::{Distribution, Tolerance};

    use super::*;
    use crate::nn::batch_norm::BatchNormConfig;

    #[test]
    fn it_is_a_batch_normalisation_that_learns_nothing() {
        type Training = Autodiff<Flex>;
        let device = burn_flex::FlexDevice;
        let norm = BatchNormConfig::new(3).init::<Training>(&device);
        let plain = StandardizationConfig::new(3).init::<Training>(&device);
        let x = Tensor::<Training, 4>::random([2, 3, 4, 5], Distribution::Default, &device);
        let tolerance = Tolerance::<f32>::rel_abs(1e-6, 1e-6);

        let trained = plain.forward(x.clone()).into_data();
        trained.assert_approx_eq(&norm.forward(x.clone()).into_data(), tolerance);
        let (norm, plain) = (norm.valid(), plain.valid());

        let x = x.inner();
        let expected = plain.forward(x.clone()).into_data();
        expected.assert_approx_eq(&norm.forward(x).into_data(), tolerance);
    }
}

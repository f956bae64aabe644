//! Batch normalisation with the statistics of the published code.

use burn::module::{Initializer, Module, Param, RunningState};
use burn::prelude::{Config, Tensor};

use crate::backend::{Backend, ops};

/// Configuration of [`BatchNorm`].
#[derive(Config, Debug)]
pub struct BatchNormConfig {
    /// Number of channels.
    pub channels: usize,
    /// Added to the variance before the root.
    #[config(default = 1e-5)]
    pub epsilon: f64,
    /// Share of the batch in the update of the running statistics.
    #[config(default = 0.1)]
    pub momentum: f64,
}

/// Which statistics normalise the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Batch statistics with an update of the running ones where gradients are recorded, running
    /// statistics elsewhere: what `train()` and `eval()` choose in the published code.
    #[default]
    Auto,
    /// Batch statistics; the running ones stay as they are.
    Batch,
    /// Running statistics, also where gradients are recorded (frozen encoders).
    Running,
}

/// Batch normalisation over `[batch, channels, ...]`.
///
/// The running variance is the unbiased one, unlike that of Burn's layer, while the biased one
/// normalises the batch. Twice differentiable.
#[derive(Module, Debug)]
pub struct BatchNorm<B: Backend> {
    /// Scale, `[channels]`.
    pub gamma: Param<Tensor<B, 1>>,
    /// Shift, `[channels]`.
    pub beta: Param<Tensor<B, 1>>,
    /// Running mean, `[channels]`.
    pub running_mean: RunningState<Tensor<B, 1>>,
    /// Running unbiased variance, `[channels]`.
    pub running_var: RunningState<Tensor<B, 1>>,
    epsilon: f64,
    momentum: f64,
}

impl BatchNormConfig {
    /// Scale 1, shift 0, running mean 0 and variance 1.
    pub fn init<B: Backend>(&self, device: &B::Device) -> BatchNorm<B> {
        self.init_with_gamma(&Initializer::Ones, device)
    }

    /// Scale drawn from `gamma`, the rest as in [`Self::init`].
    pub fn init_with_gamma<B: Backend>(
        &self,
        gamma: &Initializer,
        device: &B::Device,
    ) -> BatchNorm<B> {
        let shape = [self.channels];
        BatchNorm {
            gamma: gamma.init(shape, device),
            beta: Initializer::Zeros.init(shape, device),
            running_mean: RunningState::new(Tensor::zeros(shape, device)),
            running_var: RunningState::new(Tensor::ones(shape, device)),
            epsilon: self.epsilon,
            momentum: self.momentum,
        }
    }
}

impl<B: Backend> BatchNorm<B> {
    /// Normalises `x` in [`Mode::Auto`].
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, channels]` or `[batch, channels, height, width]`
    /// - output: as `x`
    pub fn forward<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        self.forward_with(x, Mode::Auto)
    }

    /// Normalises `x` with the statistics of `mode`; shapes as in [`Self::forward`].
    pub fn forward_with<const D: usize>(&self, x: Tensor<B, D>, mode: Mode) -> Tensor<B, D> {
        match mode {
            Mode::Running => self.with_running(x),
            Mode::Auto if !B::ad_enabled(&x.device()) => self.with_running(x),
            Mode::Auto => self.with_batch(x, true),
            Mode::Batch => self.with_batch(x, false),
        }
    }

    /// Factor and offset per channel, `[channels]` each, that normalise by the running statistics.
    pub fn running_affine(&self) -> (Tensor<B, 1>, Tensor<B, 1>) {
        let std = (self.running_var.value() + self.epsilon).sqrt();
        let scale = self.gamma.val() / std;
        let shift = self.beta.val() - self.running_mean.value() * scale.clone();
        (scale, shift)
    }

    /// One multiplication and one addition per value.
    fn with_running<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        let dims = x.dims();
        let [batch, channels, area] = flat(dims);
        let (scale, shift) = self.running_affine();
        let [scale, shift] = [scale, shift].map(|v| v.reshape([1, channels]));
        ops::modulate(x.reshape([batch, channels, area]), scale, shift).reshape(dims)
    }

    fn with_batch<const D: usize>(&self, x: Tensor<B, D>, is_tracked: bool) -> Tensor<B, D> {
        let dims = x.dims();
        let [batch, channels, area] = flat(dims);
        let [scale, shift] = [&self.gamma, &self.beta].map(|p| p.val().reshape([1, channels]));
        let x = x.reshape([batch, channels, area]);
        let found = ops::batch_norm(x, scale, shift, self.epsilon);
        if is_tracked {
            self.track(found.mean, found.var, batch * area);
        }
        found.y.reshape(dims)
    }

    fn track(&self, mean: Tensor<B, 1>, var: Tensor<B, 1>, count: usize) {
        let running = [&self.running_mean, &self.running_var];
        track(running, [mean, var], count, self.momentum);
    }
}

/// Moves the running mean and unbiased variance towards mean and biased variance of a batch with
/// `count` values per channel.
pub(super) fn track<B: Backend>(
    [running_mean, running_var]: [&RunningState<Tensor<B, 1>>; 2],
    [mean, var]: [Tensor<B, 1>; 2],
    count: usize,
    momentum: f64,
) {
    let unbiased = count as f64 / count.saturating_sub(1).max(1) as f64;
    let keep = 1.0 - momentum;
    let mean = running_mean.value_sync() * keep + mean.detach() * momentum;
    let var = running_var.value_sync() * keep + var.detach() * (momentum * unbiased);
    running_mean.update(mean.detach());
    running_var.update(var.detach());
}

/// Shape with all spatial axes in one.
pub(super) fn flat<const D: usize>(dims: [usize; D]) -> [usize; 3] {
    [dims[0], dims[1], dims[2..].iter().product()]
}

#[cfg(test)]
mod tests {
    use burn::backend::Autodiff;
    use burn::module::AutodiffModule;
    use burn::tensor::Tolerance;

    use super::*;

    type Inference = burn_flex::Flex;
    type Training = Autodiff<Inference>;

    /// `[batch, channels] = [3, 2]`.
    fn first() -> Tensor<Training, 2> {
        Tensor::from_floats([[1.0, 2.0], [3.0, 6.0], [5.0, 1.0]], &burn_flex::FlexDevice)
    }

    /// Root of the biased variance of `values`.
    fn std(values: [f32; 3]) -> f32 {
        let mean = values.iter().sum::<f32>() / 3.0;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 3.0 + 1e-5).sqrt()
    }

    fn close<B: Backend, const D: usize>(got: Tensor<B, D>, expected: Tensor<B, D>) {
        got.into_data()
            .assert_approx_eq::<f32>(&expected.into_data(), Tolerance::rel_abs(1e-6, 1e-6));
    }

    #[test]
    fn training_normalises_by_the_biased_variance() {
        let device = burn_flex::FlexDevice;
        let norm = BatchNormConfig::new(2).init::<Training>(&device);

        let y = norm.forward(first());

        let (a, b) = (std([1.0, 3.0, 5.0]), std([2.0, 6.0, 1.0]));
        let expected = [[-2.0 / a, -1.0 / b], [0.0, 3.0 / b], [2.0 / a, -2.0 / b]];
        close(y, Tensor::from_floats(expected, &device));
    }

    #[test]
    fn running_statistics_follow_torch_over_two_steps() {
        let device = burn_flex::FlexDevice;
        let norm = BatchNormConfig::new(2).init::<Training>(&device);

        norm.forward(first());
        norm.forward(first() * 2.0);
        let norm = norm.valid();

        // Unbiased variances 4 and 7 of the first batch, 16 and 28 of the second.
        let mean = [0.1 * 3.0 * 0.9 + 0.1 * 6.0, 0.1 * 3.0 * 0.9 + 0.1 * 6.0];
        let var = [(0.9 + 0.4) * 0.9 + 1.6, (0.9 + 0.7) * 0.9 + 2.8];
        close(
            norm.running_mean.value(),
            Tensor::from_floats(mean, &device),
        );
        close(norm.running_var.value(), Tensor::from_floats(var, &device));
        let x = Tensor::<Inference, 2>::from_floats([[1.0, 2.0]], &device);
        let expected: [f32; 2] =
            std::array::from_fn(|c| ([1.0, 2.0][c] - mean[c]) / (var[c] + 1e-5_f32).sqrt());
        close(norm.forward(x), Tensor::from_floats([expected], &device));
    }

    #[test]
    fn images_are_normalised_over_batch_and_space() {
        let device = burn_flex::FlexDevice;
        let norm = BatchNormConfig::new(2).init::<Training>(&device);
        let rows = first();
        // The same six values, laid out as [1, 2, 3, 1].
        let image = rows.clone().swap_dims(0, 1).reshape([1, 2, 3, 1]);

        let by_rows = norm.forward_with(rows, Mode::Batch);
        let by_image = norm.forward(image);

        close(by_image.reshape([2, 3]).swap_dims(0, 1), by_rows);
        close(
            norm.valid().running_var.value(),
            Tensor::from_floats([0.9 + 0.4, 0.9 + 0.7], &device),
        );
    }

    #[test]
    fn untracked_and_running_modes_leave_the_statistics_alone() {
        let device = burn_flex::FlexDevice;
        let norm = BatchNormConfig::new(2).init::<Training>(&device);

        let batch = norm.forward_with(first(), Mode::Batch);
        let running = norm.forward_with(first(), Mode::Running);

        close(
            norm.valid().running_mean.value(),
            Tensor::zeros([2], &device),
        );
        close(running, first() / (1.0_f32 + 1e-5).sqrt());
        close(batch.mean_dim(0), Tensor::zeros([1, 2], &device));
    }

    #[test]
    fn gradients_match_the_closed_form() {
        let device = burn_flex::FlexDevice;
        let norm = BatchNormConfig::new(1).init::<Training>(&device);
        let values = [1.0_f32, 4.0, 2.0];
        let weights = [0.5_f32, -1.0, 2.0];
        let x = Tensor::<Training, 1>::from_floats(values, &device)
            .reshape([3, 1])
            .require_grad();
        let w = Tensor::<Training, 1>::from_floats(weights, &device).reshape([3, 1]);

        let grads = (norm.forward(x.clone()) * w).sum().backward();

        let s = std(values);
        let mean = values.iter().sum::<f32>() / 3.0;
        let hat = values.map(|v| (v - mean) / s);
        let g_mean = weights.iter().sum::<f32>() / 3.0;
        let g_hat = weights.iter().zip(hat).map(|(w, h)| w * h).sum::<f32>() / 3.0;
        let expected: [f32; 3] =
            std::array::from_fn(|i| (weights[i] - g_mean - hat[i] * g_hat) / s);
        let gx = x.grad(&grads).expect("the input is tracked").reshape([3]);
        let gamma = norm.gamma.grad(&grads).expect("gamma is used");
        let beta = norm.beta.grad(&grads).expect("beta is used");
        close(gx, Tensor::from_floats(expected, &device));
        close(gamma, Tensor::from_floats([3.0 * g_hat], &device));
        close(beta, Tensor::from_floats([3.0 * g_mean], &device));
    }
}

//! Adam in one sweep over the parameters.

use burn::optim::{AdamState, AdaptiveMomentumState, LearningRate, SimpleOptimizer};
use burn::prelude::Tensor;
use burn::tensor::ops::Device;
use wordpaint_models::backend::{AdamFactors, Backend, ops};

/// Burn's Adam without weight decay, clipping and AMSGrad: the same formula, the same state, the
/// same record.
#[derive(Debug, Clone)]
pub struct Adam {
    betas: [f32; 2],
    epsilon: f32,
}

impl Adam {
    /// With the decay rates of both moments and what is added to the root of the second.
    pub const fn new(betas: [f32; 2], epsilon: f32) -> Self {
        Self { betas, epsilon }
    }

    /// Factors of the step number `time`, from 1 on.
    fn factors(&self, time: usize, lr: LearningRate) -> AdamFactors {
        let [beta_1, beta_2] = self.betas;
        let time = time as i32;
        let root = (1.0 - beta_2.powi(time)).sqrt();
        AdamFactors {
            beta_1,
            beta_2,
            epsilon: self.epsilon * root,
            correction: root / (1.0 - beta_1.powi(time)),
            lr,
        }
    }
}

impl<B: Backend> SimpleOptimizer<B> for Adam {
    type State<const D: usize> = AdamState<B, D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<B, D>,
        grad: Tensor<B, D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<B, D>, Option<Self::State<D>>) {
        let (time, moments) = match state {
            Some(AdamState { momentum }) => {
                (momentum.time + 1, [momentum.moment_1, momentum.moment_2])
            }
            None => (1, [grad.zeros_like(), grad.zeros_like()]),
        };
        let factors = self.factors(time, lr);
        let [tensor, moment_1, moment_2] = ops::adam(tensor, grad, moments, factors);
        let momentum = AdaptiveMomentumState::new(time, moment_1, moment_2);
        (tensor, Some(AdamState::new(momentum)))
    }

    fn to_device<const D: usize>(mut state: Self::State<D>, device: &Device<B>) -> Self::State<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::module::Initializer;
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::adaptor::OptimizerAdaptor;
    use burn::optim::{AdamConfig, GradientsParams, Optimizer};
    use burn::prelude::TensorData;

    use super::*;

    type Training = Autodiff<Flex>;

    fn layer() -> Linear<Training> {
        LinearConfig::new(7, 5)
            .with_initializer(Initializer::Constant { value: 0.3 })
            .init(&Default::default())
    }

    /// Parameters after three steps whose gradients depend on them.
    fn after_three<O>(mut optimizer: O) -> TensorData
    where
        O: Optimizer<Linear<Training>, Training>,
    {
        let mut layer = layer();
        let values: Vec<f32> = (0..35).map(|i| (i as f32 - 15.0) / 10.0).collect();
        let values = TensorData::new(values, [5, 7]);
        let x = Tensor::<Training, 2>::from_data(values, &Default::default());
        for _ in 0..3 {
            let loss = layer.forward(x.clone()).square().mean();
            let grads = GradientsParams::from_grads(loss.backward(), &layer);
            layer = optimizer.step(1e-2, layer, grads);
        }
        layer.weight.val().into_data()
    }

    #[test]
    fn steps_have_the_bits_of_burns_optimiser() {
        let burns = AdamConfig::new().with_beta_1(0.5).with_epsilon(1e-8);

        let ours = after_three(OptimizerAdaptor::from(Adam::new([0.5, 0.999], 1e-8)));

        assert_eq!(ours, after_three(burns.init()));
    }
}

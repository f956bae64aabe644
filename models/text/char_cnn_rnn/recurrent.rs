//! The two recurrences of the char-CNN-RNN.

use burn::module::{Initializer, Module};
use burn::prelude::Tensor;
use burn::tensor::activation::{relu, sigmoid, tanh};

use super::Variant;
use crate::backend::Backend;
use crate::nn::linear::{Linear, LinearConfig};

/// A map of the input and one of the state.
#[derive(Module, Debug)]
pub struct Pair<B: Backend> {
    /// Of the input.
    pub input: Linear<B>,
    /// Of the state.
    pub state: Linear<B>,
}

/// Plain or gated recurrence, followed by the mean over the steps.
#[derive(Module, Debug)]
pub struct Recurrent<B: Backend> {
    candidate: Pair<B>,
    gates: Option<Gates<B>>,
}

/// Gates of the gated recurrence.
#[derive(Module, Debug)]
pub struct Gates<B: Backend> {
    update: Pair<B>,
    reset: Pair<B>,
}

impl<B: Backend> Pair<B> {
    fn init(dim: usize, initializer: &Initializer, device: &B::Device) -> Self {
        let linear = || LinearConfig::new(dim, dim).init_with(initializer, device);
        Self {
            input: linear(),
            state: linear(),
        }
    }

    /// Input part of every step, `[batch, dim]` each.
    fn inputs(&self, x: Tensor<B, 3>) -> Vec<Tensor<B, 2>> {
        let [batch, steps, dim] = x.dims();
        let y = self.input.forward(x);
        let step = |t| y.clone().slice([0..batch, t..t + 1]).reshape([batch, dim]);
        (0..steps).map(step).collect()
    }
}

impl<B: Backend> Recurrent<B> {
    pub(super) fn init(
        variant: Variant,
        dim: usize,
        initializer: &Initializer,
        device: &B::Device,
    ) -> Self {
        let pair = || Pair::init(dim, initializer, device);
        Self {
            candidate: pair(),
            gates: (variant == Variant::Gru18).then(|| Gates {
                update: pair(),
                reset: pair(),
            }),
        }
    }

    /// Mean state over the steps. The first state takes no part of an earlier one, not even the
    /// bias of its map.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, steps, dim]`
    /// - output: `[batch, dim]`
    pub fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 2> {
        let states = match &self.gates {
            None => self.plain(x),
            Some(gates) => self.gated(gates, x),
        };
        let steps = states.len() as f64;
        let sum = states.into_iter().reduce(|a, b| a + b);
        sum.expect("there is at least one step") / steps
    }

    fn plain(&self, x: Tensor<B, 3>) -> Vec<Tensor<B, 2>> {
        let mut states: Vec<Tensor<B, 2>> = Vec::new();
        for input in self.candidate.inputs(x) {
            let state = match states.last() {
                None => input,
                Some(last) => input + self.candidate.state.forward(last.clone()),
            };
            states.push(relu(state));
        }
        states
    }

    /// Unlike the usual gated unit this one resets the state before its map, and its update gate is
    /// the share of the candidate.
    fn gated(&self, gates: &Gates<B>, x: Tensor<B, 3>) -> Vec<Tensor<B, 2>> {
        let inputs = self.candidate.inputs(x.clone());
        let updates = gates.update.inputs(x.clone());
        let resets = gates.reset.inputs(x);
        let mut states: Vec<Tensor<B, 2>> = Vec::new();
        for ((input, update), reset) in inputs.into_iter().zip(updates).zip(resets) {
            let state = match states.last() {
                None => tanh(input),
                Some(last) => {
                    let update = sigmoid(update + gates.update.state.forward(last.clone()));
                    let reset = sigmoid(reset + gates.reset.state.forward(last.clone()));
                    let memory = self.candidate.state.forward(reset * last.clone());
                    let candidate = tanh(input + memory);
                    last.clone() + update * (candidate - last.clone())
                }
            };
            states.push(state);
        }
        states
    }
}

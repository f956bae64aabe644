//! One direction of a packed recurrence, with torch's equations and layouts.

use burn::module::{Initializer, Module, Param};
use burn::prelude::Tensor;
use burn::tensor::activation::{sigmoid, tanh};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;

/// Kind of recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Long short-term memory: gates i, f, g, o.
    #[default]
    Lstm,
    /// Gated recurrent unit: gates r, z, n.
    Gru,
}

impl Kind {
    /// Rows of the weights per hidden unit.
    pub const fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }
}

/// Weights of one direction, in torch's layout.
#[derive(Module, Debug)]
pub struct Cell<B: Backend> {
    /// `[gates * hidden, inputs]`.
    input_weight: Param<Tensor<B, 2>>,
    /// `[gates * hidden, hidden]`.
    state_weight: Param<Tensor<B, 2>>,
    /// `[gates * hidden]`.
    input_bias: Param<Tensor<B, 1>>,
    /// `[gates * hidden]`.
    state_bias: Param<Tensor<B, 1>>,
    #[module(skip)]
    kind: Kind,
}

/// What one direction read.
#[derive(Debug, Clone)]
pub(in crate::text) struct States<B: Backend> {
    /// Hidden state after every word, `[batch, words, hidden]`, 0 at padding.
    pub states: Tensor<B, 3>,
    /// Hidden state after the last word read, `[batch, hidden]`.
    pub last: Tensor<B, 2>,
}

impl<B: Backend> Cell<B> {
    /// All values from U(-1/sqrt(hidden), 1/sqrt(hidden)), as torch.
    pub fn init(kind: Kind, inputs: usize, hidden: usize, device: &B::Device) -> Self {
        let max = 1.0 / (hidden as f64).sqrt();
        let uniform = Initializer::Uniform { min: -max, max };
        let rows = kind.gates() * hidden;
        Self {
            input_weight: uniform.init([rows, inputs], device),
            state_weight: uniform.init([rows, hidden], device),
            input_bias: uniform.init([rows], device),
            state_bias: uniform.init([rows], device),
            kind,
        }
    }

    /// Its equations.
    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Length of the hidden state.
    pub(in crate::text) fn hidden(&self) -> usize {
        self.state_weight.dims()[1]
    }

    /// Reads words from first to last, or from last to first.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, words, inputs]`
    /// - `present`: `[batch, words]`, 1 at words, 0 at padding
    pub(in crate::text) fn run(
        &self,
        x: Tensor<B, 3>,
        present: Tensor<B, 2>,
        is_reversed: bool,
    ) -> States<B> {
        let [batch, words, inputs] = x.dims();
        let [rows, hidden] = self.state_weight.dims();
        let gates = x
            .reshape([batch * words, inputs])
            .matmul(self.input_weight.val().transpose())
            + self.input_bias.val().unsqueeze();
        let gates = gates.reshape([batch, words, rows]);
        let weight = self.state_weight.val().transpose();
        let bias = self.state_bias.val().unsqueeze::<2>();
        let zeros = Tensor::<B, 2>::zeros([batch, hidden], &present.device());
        let (mut state, mut memory) = (zeros.clone(), zeros);
        let mut states = Vec::with_capacity(words);
        let steps: Vec<usize> = if is_reversed {
            (0..words).rev().collect()
        } else {
            (0..words).collect()
        };
        for t in steps {
            let input = gates.clone().slice([0..batch, t..t + 1, 0..rows]);
            let input = input.reshape([batch, rows]);
            let recurrent = state.clone().matmul(weight.clone()) + bias.clone();
            let (next, next_memory) = match self.kind {
                Kind::Lstm => lstm(input + recurrent, memory.clone()),
                Kind::Gru => {
                    let next = gru(input, recurrent, state.clone());
                    (next.clone(), next)
                }
            };
            let is_word = present.clone().slice([0..batch, t..t + 1]);
            states.push((next.clone() * is_word.clone()).unsqueeze_dim::<3>(1));
            let is_over = is_word.clone().neg() + 1.0;
            state = next * is_word.clone() + state * is_over.clone();
            memory = next_memory * is_word + memory * is_over;
        }
        if is_reversed {
            states.reverse();
        }
        States {
            states: Tensor::cat(states, 1),
            last: state,
        }
    }
}

/// Next hidden state and memory; `gates` is `[batch, 4 * hidden]`.
fn lstm<B: Backend>(gates: Tensor<B, 2>, memory: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 2>) {
    let parts: [Tensor<B, 2>; 4] = parts(gates);
    let [input, forget, candidate, output] = parts;
    let memory = sigmoid(forget) * memory + sigmoid(input) * tanh(candidate);
    (sigmoid(output) * tanh(memory.clone()), memory)
}

/// Next hidden state; `input` and `recurrent` are `[batch, 3 * hidden]`.
fn gru<B: Backend>(
    input: Tensor<B, 2>,
    recurrent: Tensor<B, 2>,
    state: Tensor<B, 2>,
) -> Tensor<B, 2> {
    let [reset, update, candidate]: [Tensor<B, 2>; 3] = parts(input);
    let [reset_state, update_state, candidate_state]: [Tensor<B, 2>; 3] = parts(recurrent);
    let reset = sigmoid(reset + reset_state);
    let update = sigmoid(update + update_state);
    let candidate = tanh(candidate + reset * candidate_state);
    candidate.clone() + update * (state - candidate)
}

/// Equal parts of the columns.
fn parts<B: Backend, const N: usize>(x: Tensor<B, 2>) -> [Tensor<B, 2>; N] {
    let [rows, columns] = x.dims();
    let width = columns / N;
    std::array::from_fn(|i| x.clone().slice([0..rows, i * width..(i + 1) * width]))
}

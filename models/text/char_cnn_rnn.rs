//! char-CNN-RNN text encoder (Reed et al., Learning Deep Representations of Fine-Grained Visual
//! Descriptions, CVPR 2016).

mod keys;
mod recurrent;

use burn::module::{Initializer, Module, Param};
use burn::prelude::{Int, Tensor};
use burn::tensor::module::max_pool1d;
use burn::tensor::ops::ConvOptions;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::backend::ops::convolution;
use crate::nn::cost::Cost;
use crate::nn::linear::{Linear, LinearConfig};

pub use keys::{port_key, torch7_key};
pub use recurrent::Recurrent;

/// Characters that have an id; 0 stands for nothing.
pub const CHARACTERS: usize = 70; // cvpr2016, alphabet
/// Characters of a text.
pub const LENGTH: usize = 201; // cvpr2016, doc_length
/// Length of every convolution kernel.
const KERNEL: usize = 4; // cvpr2016, modules/HybridCNN
/// Kernel of every pooling.
const POOL: usize = 3;
/// Smaller values become 0.
const THRESHOLD: f64 = 1e-6; // Torch7, nn.Threshold

/// Published kinds of recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// A third pooling and 8 steps of a plain recurrence with ReLU.
    Rnn8,
    /// 18 steps of a gated recurrence.
    #[default]
    Gru18,
}

impl Variant {
    /// Steps of the recurrence.
    pub const fn steps(self) -> usize {
        match self {
            Self::Rnn8 => 8,
            Self::Gru18 => 18,
        }
    }
}

/// Sizes of a [`CharCnnRnn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharCnnRnnConfig {
    /// Recurrence.
    pub variant: Variant,
    /// Channels of the first two convolutions.
    pub conv_channels: [usize; 2],
    /// Channels of the last convolution and of the recurrence.
    pub cnn_dim: usize,
    /// Length of the embedding.
    pub embedding_dim: usize,
}

/// Weights of a one-dimensional convolution.
#[derive(Module, Debug)]
pub struct Conv<B: Backend> {
    /// `[outputs, inputs, kernel]`.
    pub weight: Param<Tensor<B, 3>>,
    /// `[outputs]`.
    pub bias: Param<Tensor<B, 1>>,
}

/// Three convolutions over characters, a recurrence over what they find, and the mean of its steps.
#[derive(Module, Debug)]
pub struct CharCnnRnn<B: Backend> {
    conv1: Conv<B>,
    conv2: Conv<B>,
    conv3: Conv<B>,
    recurrent: Recurrent<B>,
    projection: Linear<B>,
    #[module(skip)]
    variant: Variant,
}

/// Embedding and what leads to it.
#[derive(Debug, Clone)]
pub struct Output<B: Backend> {
    /// After the first pooling, `[batch, channels, 66]`.
    pub first: Tensor<B, 3>,
    /// Input of the recurrence, `[batch, cnn_dim, steps]`.
    pub steps: Tensor<B, 3>,
    /// `[batch, embedding_dim]`.
    pub embedding: Tensor<B, 2>,
}

impl CharCnnRnnConfig {
    /// All parameters from U(-0.08, 0.08).
    pub fn init<B: Backend>(&self, device: &B::Device) -> CharCnnRnn<B> {
        let uniform = Initializer::Uniform {
            min: -0.08, // cvpr2016, train_sje_hybrid.lua
            max: 0.08,
        };
        let conv = |inputs, outputs| Conv {
            weight: uniform.init([outputs, inputs, KERNEL], device),
            bias: uniform.init([outputs], device),
        };
        let [first, second] = self.conv_channels;
        CharCnnRnn {
            conv1: conv(CHARACTERS, first),
            conv2: conv(first, second),
            conv3: conv(second, self.cnn_dim),
            recurrent: Recurrent::init(self.variant, self.cnn_dim, &uniform, device),
            projection: LinearConfig::new(self.cnn_dim, self.embedding_dim)
                .init_with(&uniform, device),
            variant: self.variant,
        }
    }

    /// Size for one text.
    pub fn cost(&self) -> Cost {
        let [first, second] = self.conv_channels;
        let mut cost = Cost::default();
        let mut length = LENGTH;
        let sizes = [(CHARACTERS, first), (first, second), (second, self.cnn_dim)];
        for (i, (inputs, outputs)) in sizes.into_iter().enumerate() {
            length -= KERNEL - 1;
            let weights = KERNEL * inputs * outputs;
            cost.parameters += weights + outputs;
            // The first convolution looks its products up instead of multiplying.
            let products = if i == 0 { 0 } else { weights };
            cost.macs += (products * length) as f64;
            cost.activations += (outputs * length) as f64;
            if i < 2 {
                length /= POOL;
            }
        }
        let pairs = match self.variant {
            Variant::Rnn8 => 1,
            Variant::Gru18 => 3,
        };
        let steps = self.variant.steps() as f64;
        let step =
            (0..2 * pairs).fold(Cost::default(), |c, _| c.linear(self.cnn_dim, self.cnn_dim));
        cost.parameters += step.parameters;
        cost.macs += step.macs * steps;
        cost.activations += step.activations * steps;
        cost.linear(self.cnn_dim, self.embedding_dim)
    }
}

impl<B: Backend> CharCnnRnn<B> {
    /// Embeds texts.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[batch, 201]` of characters, 0 = nothing there
    /// - output: `[batch, embedding_dim]`
    pub fn encode(&self, ids: Tensor<B, 2, Int>) -> Tensor<B, 2> {
        self.forward(ids).embedding
    }

    /// Embeds texts and shows the way; see [`Self::encode`].
    pub fn forward(&self, ids: Tensor<B, 2, Int>) -> Output<B> {
        // The threshold is monotone, so it may follow the pooling, where there is less to do.
        let first = threshold(pool(self.conv1.of_characters(ids), POOL));
        let h = threshold(pool(self.conv2.forward(first.clone()), POOL));
        let h = threshold(self.conv3.forward(h));
        let steps = match self.variant {
            Variant::Rnn8 => pool(h, 2),
            Variant::Gru18 => h,
        };
        let mean = self.recurrent.forward(steps.clone().swap_dims(1, 2));
        Output {
            first,
            steps,
            embedding: self.projection.forward(mean),
        }
    }
}

impl<B: Backend> Conv<B> {
    /// Convolution without padding, `[batch, inputs, length]` to `[batch, outputs, length - 3]`.
    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        let weight = self.weight.val().unsqueeze_dim(2);
        let y = convolution(x.unsqueeze_dim(2), weight, Some(self.bias.val()), options);
        y.squeeze_dim(2)
    }

    /// The same for one-hot vectors of `ids`, `[batch, length]`, where 0 stands for a vector of
    /// zeros: every kernel position adds the column of its character.
    fn of_characters(&self, ids: Tensor<B, 2, Int>) -> Tensor<B, 3> {
        let [outputs, characters, kernel] = self.weight.dims();
        let [batch, length] = ids.dims();
        let windows = length - kernel + 1;
        let empty = Tensor::zeros([1, outputs], &ids.device());
        // [kernel, characters, outputs]
        let columns = self.weight.val().permute([2, 1, 0]);
        let looked_up = (0..kernel).map(|k| {
            let column = columns.clone().narrow(0, k, 1);
            let table = Tensor::cat(
                vec![empty.clone(), column.reshape([characters, outputs])],
                0,
            );
            let at = ids.clone().slice([0..batch, k..k + windows]);
            table.select(0, at.reshape([batch * windows]))
        });
        let sum = looked_up
            .reduce(|a, b| a + b)
            .expect("a kernel has positions");
        let y = sum + self.bias.val().reshape([1, outputs]);
        y.reshape([batch, windows, outputs]).swap_dims(1, 2)
    }
}

fn pool<B: Backend>(x: Tensor<B, 3>, stride: usize) -> Tensor<B, 3> {
    max_pool1d(x, POOL, stride, 0, 1, false)
}

/// `x` where it is greater than the threshold, 0 elsewhere.
fn threshold<B: Backend>(x: Tensor<B, 3>) -> Tensor<B, 3> {
    let is_small = x.clone().lower_equal_elem(THRESHOLD);
    x.mask_fill(is_small, 0.0)
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Tolerance;

    use wordpaint_data::tokenizers::characters::{Unknown, encode};

    use super::*;

    const TINY: CharCnnRnnConfig = CharCnnRnnConfig {
        variant: Variant::Rnn8,
        conv_channels: [3, 4],
        cnn_dim: 5,
        embedding_dim: 6,
    };

    fn ids(text: &str) -> Tensor<Flex, 2, Int> {
        let ids = encode(text, LENGTH, Unknown::Empty);
        Tensor::<Flex, 1, Int>::from_data(ids.as_slice(), &burn_flex::FlexDevice)
            .reshape([1, LENGTH])
    }

    #[test]
    fn looking_up_equals_the_convolution_of_one_hot_vectors() {
        let encoder = TINY.init::<Flex>(&burn_flex::FlexDevice);
        let ids = ids("a bird - with é!");

        let looked_up = encoder.conv1.of_characters(ids.clone());

        let one_hot =
            ids.one_hot::<3>(CHARACTERS + 1)
                .float()
                .slice([0..1, 0..LENGTH, 1..CHARACTERS + 1]);
        let convolved = encoder.conv1.forward(one_hot.swap_dims(1, 2));
        looked_up
            .into_data()
            .assert_approx_eq::<f32>(&convolved.into_data(), Tolerance::rel_abs(1e-6, 1e-6));
    }

    #[test]
    fn steps_are_those_of_the_variants() {
        for variant in [Variant::Rnn8, Variant::Gru18] {
            let encoder = CharCnnRnnConfig { variant, ..TINY }.init(&burn_flex::FlexDevice);

            let output = encoder.forward(ids("a small bird"));

            assert_eq!(output.first.dims(), [1, 3, 66]);
            assert_eq!(output.steps.dims(), [1, 5, variant.steps()]);
            assert_eq!(output.embedding.dims(), [1, 6]);
        }
    }

    #[test]
    fn a_batch_does_not_mix_its_texts() {
        let variant = Variant::Gru18;
        let encoder = CharCnnRnnConfig { variant, ..TINY }.init(&burn_flex::FlexDevice);
        let texts = [ids("a red bird"), ids("the petals are white and pointed")];

        let together = encoder.encode(Tensor::cat(texts.to_vec(), 0));

        let alone = Tensor::cat(texts.map(|t| encoder.encode(t)).to_vec(), 0);
        together
            .into_data()
            .assert_approx_eq::<f32>(&alone.into_data(), Tolerance::rel_abs(1e-6, 1e-6));
    }

    #[test]
    fn cost_counts_every_parameter() {
        for variant in [Variant::Rnn8, Variant::Gru18] {
            let config = CharCnnRnnConfig { variant, ..TINY };
            let encoder = config.init::<Flex>(&burn_flex::FlexDevice);

            assert_eq!(config.cost().parameters, encoder.num_params());
        }
    }
}

//! What a later stage reads from the words: by attention (AttnGAN) or through a dynamic memory
//! (DM-GAN).

use burn::module::{Initializer, Module, Param};
use burn::prelude::{Bool, Tensor};
use burn::tensor::activation::{relu, sigmoid};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::nn::cost::Cost;
use crate::nn::orthogonal::orthogonal;
use crate::nn::word_attention::{MaskMode, read_words};

/// How a stage reads the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordModule {
    /// The mean of projected words by attention, beside the map.
    Attention,
    /// A memory written with words and image, read by attention and gated.
    Memory,
}

/// Reads the words of a caption at every position of a map.
#[expect(
    clippy::large_enum_variant,
    reason = "a generator has two; boxed modules cannot be derived"
)]
#[derive(Module, Debug)]
pub enum WordLayer<B: Backend> {
    /// See [`WordModule::Attention`].
    Attention(Attention<B>),
    /// See [`WordModule::Memory`].
    Memory(Memory<B>),
}

/// Words for a stage.
#[derive(Debug, Clone)]
pub struct Caption<B: Backend> {
    /// `[batch, dim, words]`.
    pub words: Tensor<B, 3>,
    /// `[batch, words]`, true = padding; every caption has a word.
    pub padding: Tensor<B, 2, Bool>,
}

/// A map that knows the words.
#[derive(Debug, Clone)]
pub struct AttendedFeatures<B: Backend> {
    /// `[batch, 2 channels, height, width]`.
    pub map: Tensor<B, 4>,
    /// `[batch, words, height, width]`.
    pub attention: Tensor<B, 4>,
    /// Inside of a memory.
    pub memory: Option<Trace<B>>,
}

/// Inside of a memory, for tests and figures.
#[derive(Debug, Clone)]
pub struct Trace<B: Backend> {
    /// What the words write, `[batch, 2 channels, words]`.
    pub from_words: Tensor<B, 3>,
    /// What the image writes, `[batch, 2 channels, 1]`.
    pub from_image: Tensor<B, 3>,
    /// `[batch, channels, words]`.
    pub key: Tensor<B, 3>,
    /// `[batch, channels, words]`.
    pub value: Tensor<B, 3>,
    /// Share of what was read, `[batch, 1, height, width]`.
    pub gate: Tensor<B, 4>,
}

impl<B: Backend> WordLayer<B> {
    /// Fresh weights.
    pub fn init(kind: WordModule, channels: usize, text_dim: usize, device: &B::Device) -> Self {
        match kind {
            WordModule::Attention => Self::Attention(Attention {
                context: orthogonal([channels, text_dim], device),
            }),
            WordModule::Memory => Self::Memory(Memory::init(channels, text_dim, device)),
        }
    }

    /// # Shapes
    ///
    /// - `h`: `[batch, channels, height, width]`
    pub fn forward(
        &self,
        h: Tensor<B, 4>,
        caption: &Caption<B>,
        mode: MaskMode,
    ) -> AttendedFeatures<B> {
        match self {
            Self::Attention(attention) => attention.forward(h, caption, mode),
            Self::Memory(memory) => memory.forward(h, caption, mode),
        }
    }
}

/// One matrix that makes keys, which are the values as well, of words.
#[derive(Module, Debug)]
pub struct Attention<B: Backend> {
    /// `[channels, text_dim]`.
    context: Param<Tensor<B, 2>>,
}

impl<B: Backend> Attention<B> {
    fn forward(
        &self,
        h: Tensor<B, 4>,
        caption: &Caption<B>,
        mode: MaskMode,
    ) -> AttendedFeatures<B> {
        let keys = project(self.context.val(), caption.words.clone());
        let read = read_words(h.clone(), keys.clone(), keys, &caption.padding, mode);
        AttendedFeatures {
            map: Tensor::cat(vec![h, read.context], 1),
            attention: read.attention,
            memory: None,
        }
    }
}

/// Affine map of columns followed by a ReLU.
#[derive(Module, Debug)]
pub struct Projection<B: Backend> {
    /// `[outputs, inputs]`.
    weight: Param<Tensor<B, 2>>,
    /// `[outputs]`.
    bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> Projection<B> {
    fn init(inputs: usize, outputs: usize, device: &B::Device) -> Self {
        let max = 1.0 / (inputs as f64).sqrt();
        Self {
            weight: orthogonal([outputs, inputs], device),
            bias: Initializer::Uniform { min: -max, max }.init([outputs], device),
        }
    }

    /// Before the ReLU, `[batch, inputs, columns]` to `[batch, outputs, columns]`.
    fn affine(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let [outputs] = self.bias.dims();
        project(self.weight.val(), x) + self.bias.val().reshape([1, outputs, 1])
    }

    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        relu(self.affine(x))
    }
}

/// Key-value memory with one slot per word (DM-GAN).
#[derive(Module, Debug)]
pub struct Memory<B: Backend> {
    /// Writing gate's view of a word, `[1, text_dim]`.
    gate_word: Param<Tensor<B, 2>>,
    /// Writing gate's view of the image, `[1, channels]`.
    gate_image: Param<Tensor<B, 2>>,
    write_word: Projection<B>,
    write_image: Projection<B>,
    key: Projection<B>,
    value: Projection<B>,
    response: Projection<B>,
}

impl<B: Backend> Memory<B> {
    fn init(channels: usize, text_dim: usize, device: &B::Device) -> Self {
        Self {
            gate_word: orthogonal([1, text_dim], device),
            gate_image: orthogonal([1, channels], device),
            write_word: Projection::init(text_dim, 2 * channels, device),
            write_image: Projection::init(channels, 2 * channels, device),
            key: Projection::init(2 * channels, channels, device),
            value: Projection::init(2 * channels, channels, device),
            response: Projection::init(2 * channels, 1, device),
        }
    }

    fn forward(
        &self,
        h: Tensor<B, 4>,
        caption: &Caption<B>,
        mode: MaskMode,
    ) -> AttendedFeatures<B> {
        let [batch, channels, height, width] = h.dims();
        let words = caption.words.clone();
        // Published: the summary teaches the memory, not the map.
        let summary = h.clone().flatten::<3>(2, 3).mean_dim(2).detach();
        let word_side = project(self.gate_word.val(), words.clone());
        let image_side = project(self.gate_image.val(), summary.clone());
        let gate = sigmoid(word_side + image_side);
        let from_words = self.write_word.forward(words);
        let from_image = self.write_image.forward(summary);
        let memory = gate.clone() * from_words.clone() + (gate.neg() + 1.0) * from_image.clone();
        let key = self.key.forward(memory.clone());
        let value = self.value.forward(memory);
        let read = read_words(
            h.clone(),
            key.clone(),
            value.clone(),
            &caption.padding,
            mode,
        );
        let both = Tensor::cat(vec![h.clone(), read.context.clone()], 1);
        let both = both.reshape([batch, 2 * channels, height * width]);
        let gate = sigmoid(self.response.affine(both)).reshape([batch, 1, height, width]);
        let updated = (gate.clone().neg() + 1.0) * h + gate.clone() * read.context;
        AttendedFeatures {
            // Published: the same map twice.
            map: Tensor::cat(vec![updated.clone(), updated], 1),
            attention: read.attention,
            memory: Some(Trace {
                from_words,
                from_image,
                key,
                value,
                gate,
            }),
        }
    }
}

/// `[outputs, inputs]` times every column of `[batch, inputs, columns]`.
fn project<B: Backend>(weight: Tensor<B, 2>, x: Tensor<B, 3>) -> Tensor<B, 3> {
    let [batch, inputs, _] = x.dims();
    let [outputs, _] = weight.dims();
    let weight = weight.unsqueeze_dim::<3>(0);
    weight.expand([batch, outputs, inputs]).matmul(x)
}

/// Size of a [`WordLayer`] for a map of `side` x `side` pixels and captions of `words` words.
pub fn cost(kind: WordModule, channels: usize, text_dim: usize, side: usize, words: usize) -> Cost {
    let area = side * side;
    // Scores and their softmax, then the reading.
    let read = Cost {
        parameters: 0,
        macs: (2 * channels * words * area) as f64,
        activations: (2 * words * area) as f64,
    };
    let map = read.map(3 * channels, side);
    let per_word = match kind {
        WordModule::Attention => Cost {
            parameters: channels * text_dim,
            macs: (channels * text_dim) as f64,
            activations: channels as f64,
        },
        WordModule::Memory => Cost::default()
            .linear(text_dim, 2 * channels)
            .linear(2 * channels, channels)
            .linear(2 * channels, channels),
    };
    let all = Cost {
        parameters: per_word.parameters,
        macs: per_word.macs * words as f64,
        activations: per_word.activations * words as f64,
    };
    match kind {
        WordModule::Attention => map + all,
        WordModule::Memory => {
            let once =
                Cost::default()
                    .linear(channels, 2 * channels)
                    .conv(1, 2 * channels, 1, side);
            let mut cost = map + all + once;
            cost.parameters += text_dim + channels;
            cost.map(2 * channels, side)
        }
    }
}

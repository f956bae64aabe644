//! What one training or evaluation step sees.

use burn::prelude::{Int, Tensor};

use crate::backend::Backend;

/// Text side of a batch; which fields are filled follows [`crate::system::Needs`].
#[derive(Debug, Clone)]
pub struct Text<B: Backend> {
    /// Sentence embeddings, `[batch, captions, dim]`.
    pub embeddings: Option<Tensor<B, 3>>,
    /// Ids of a tokenizer, `[batch, captions, length]`, 0 = nothing there.
    pub tokens: Option<Tensor<B, 3, Int>>,
    /// Number of valid tokens of every caption, `[batch][captions]` flattened.
    pub lengths: Vec<usize>,
}

impl<B: Backend> Text<B> {
    /// Text made of sentence embeddings only, `[batch, captions, dim]`.
    pub fn from_embeddings(embeddings: Tensor<B, 3>) -> Self {
        Self {
            embeddings: Some(embeddings),
            tokens: None,
            lengths: Vec::new(),
        }
    }

    /// Sentence embeddings of a system that asked for them, `[batch, captions, dim]`.
    ///
    /// # Panics
    ///
    /// If the batch has none: the loader fills what [`crate::system::Needs`] names, so this is a
    /// programming error.
    pub fn sentence_embeddings(&self) -> Tensor<B, 3> {
        self.embeddings
            .clone()
            .expect("the loader fills embeddings when Needs::text asks for them")
    }

    /// Ids and lengths of the caption at `position` of every sample, `[batch, length]`.
    ///
    /// # Panics
    ///
    /// If the batch has no tokens, or fewer captions per sample.
    pub fn caption(&self, position: usize) -> (Tensor<B, 2, Int>, Vec<usize>) {
        let tokens = self
            .tokens
            .clone()
            .expect("the loader fills tokens when Needs::text asks for them");
        let [batch, captions, length] = tokens.dims();
        let ids = tokens.slice([0..batch, position..position + 1, 0..length]);
        let lengths = self.lengths.iter().skip(position).step_by(captions);
        (ids.reshape([batch, length]), lengths.copied().collect())
    }

    /// The same as batches of one sample each.
    pub fn samples(&self) -> Vec<Self> {
        let embeddings = self.embeddings.as_ref().map(|all| all.dims()[0]);
        let tokens = self.tokens.as_ref().map(|all| all.dims()[0]);
        let count = embeddings.or(tokens).unwrap_or(0);
        let captions = self.lengths.len() / count.max(1);
        let one = |i: usize| Self {
            embeddings: self.embeddings.clone().map(|all| all.narrow(0, i, 1)),
            tokens: self.tokens.clone().map(|all| all.narrow(0, i, 1)),
            lengths: self.lengths[i * captions..(i + 1) * captions].to_vec(),
        };
        (0..count).map(one).collect()
    }

    /// The first caption's embedding, `[batch, dim]`.
    pub fn first_embedding(&self) -> Tensor<B, 2> {
        let all = self.sentence_embeddings();
        let [batch, _, dim] = all.dims();
        all.slice([0..batch, 0..1, 0..dim]).reshape([batch, dim])
    }
}

/// Where things are in the images of a batch; which fields are filled follows
/// [`crate::system::Needs`].
///
/// Lengths and places are shares of the side of an image as it is delivered, cropped and perhaps
/// mirrored: (0, 0) is its top-left corner and (1, 1) the opposite one. What lies beyond the crop is
/// not cut, so that shares below 0 and above 1 occur.
#[derive(Debug, Clone)]
pub struct Layout<B: Backend> {
    /// Left, top, width and height of the box around the object, `[batch, 4]`.
    pub boxes: Option<Tensor<B, 2>>,
    /// Horizontal place, vertical place and 1 of every part that can be seen, 0, 0 and 0 of others,
    /// `[batch, parts, 3]`. A mirrored image keeps the names of its parts: the left wing is then what
    /// looks like the right one.
    pub parts: Option<Tensor<B, 3>>,
}

impl<B: Backend> Default for Layout<B> {
    fn default() -> Self {
        Self {
            boxes: None,
            parts: None,
        }
    }
}

/// One batch, already on the device. Pixel range is [-1, 1] everywhere.
#[derive(Debug, Clone)]
pub struct Batch<B: Backend> {
    /// Real images, one tensor `[batch, 3, size, size]` per entry of `Needs::image_sizes`.
    pub images: Vec<Tensor<B, 4>>,
    /// Images of another class than the text, `[batch, 3, size, size]` at the last size.
    pub mismatched: Option<Tensor<B, 4>>,
    /// Captions in the form the system asked for.
    pub text: Text<B>,
    /// Class index of every sample, `[batch]`.
    pub classes: Tensor<B, 1, Int>,
    /// Multi-hot labels, `[batch, categories]`, of multi-label data.
    pub labels: Option<Tensor<B, 2>>,
    /// Precomputed image features, `[batch, dim]`.
    pub features: Option<Tensor<B, 2>>,
    /// Attribute values, `[batch, attributes]`, of built-in birds.
    pub attributes: Option<Tensor<B, 2, Int>>,
    /// Boxes and parts, of systems that ask for them.
    pub layout: Layout<B>,
    /// Dataset index of every sample, for messages.
    pub indices: Vec<usize>,
}

impl<B: Backend> Batch<B> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Real images at the largest size, `[batch, 3, size, size]`, range [-1, 1].
    ///
    /// # Panics
    ///
    /// If the system asked for no images.
    pub fn real(&self) -> Tensor<B, 4> {
        self.images
            .last()
            .cloned()
            .expect("the loader fills images when Needs::image_sizes is set")
    }
}

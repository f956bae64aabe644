//! Text encoders, and a captioner.

pub mod captioner;
pub mod char_cnn_rnn;
pub mod clip;
pub mod lstm;
pub mod minilm;

use burn::prelude::{Bool, Tensor, TensorData};

use crate::backend::Backend;

/// Words of the longest caption.
fn longest(lengths: &[usize]) -> usize {
    lengths.iter().copied().max().unwrap_or_default()
}

/// Where captions of `lengths` words have ended, `[batch, words]`, true = padding.
pub fn padding<B: Backend>(
    lengths: &[usize],
    words: usize,
    device: &B::Device,
) -> Tensor<B, 2, Bool> {
    let ended = lengths
        .iter()
        .flat_map(|&length| (0..words).map(move |t| t >= length));
    let data = TensorData::new(ended.collect::<Vec<bool>>(), [lengths.len(), words]);
    Tensor::from_data(data, device)
}

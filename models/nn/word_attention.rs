//! Attention of image positions over the words of their caption.

use burn::prelude::{Bool, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, ops};

/// Score of padding.
const NEVER: f64 = -1e9;

/// Whose padding is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskMode {
    /// Each image's own.
    #[default]
    Own,
    /// That of sample `(b * positions + q) mod batch` for position `q` of image `b`: the published
    /// code tiles the mask along the wrong axis, and the published weights were trained so.
    Tiled,
}

/// What the positions of an image read.
#[derive(Debug, Clone)]
pub struct Read<B: Backend> {
    /// Mean of the values, `[batch, channels, height, width]`.
    pub context: Tensor<B, 4>,
    /// Weight of every word at every position, `[batch, words, height, width]`.
    pub attention: Tensor<B, 4>,
}

/// Softmax over the words of `<h, key>`, without scaling, and the mean of the values by it.
///
/// # Shapes
///
/// - `h`: `[batch, channels, height, width]`
/// - `keys`: `[batch, channels, words]`
/// - `values`: `[batch, outputs, words]`
/// - `padding`: `[batch, words]`, true = padding; every caption has a word
pub fn read_words<B: Backend>(
    h: Tensor<B, 4>,
    keys: Tensor<B, 3>,
    values: Tensor<B, 3>,
    padding: &Tensor<B, 2, Bool>,
    mode: MaskMode,
) -> Read<B> {
    let [batch, channels, height, width] = h.dims();
    let [_, outputs, words] = values.dims();
    let positions = height * width;
    // Words before positions: the maps come out as they are wanted, nothing large is transposed.
    let scores = keys
        .swap_dims(1, 2)
        .matmul(h.reshape([batch, channels, positions]));
    let attention = ops::softmax(scores + penalties(padding, positions, mode), 1);
    let context = values.matmul(attention.clone());
    Read {
        context: context.reshape([batch, outputs, height, width]),
        attention: attention.reshape([batch, words, height, width]),
    }
}

/// What is added to the scores, `[batch, words, positions]` or with one position for all.
fn penalties<B: Backend>(
    padding: &Tensor<B, 2, Bool>,
    positions: usize,
    mode: MaskMode,
) -> Tensor<B, 3> {
    let [batch, words] = padding.dims();
    let penalty = padding.clone().float() * NEVER;
    match mode {
        MaskMode::Own => penalty.unsqueeze_dim(2),
        MaskMode::Tiled => {
            let rows: Vec<i32> = (0..batch * positions)
                .map(|row| (row % batch) as i32)
                .collect();
            let data = TensorData::new(rows, [batch * positions]);
            let rows = Tensor::<B, 1, Int>::from_data(data, &penalty.device());
            penalty
                .select(0, rows)
                .reshape([batch, positions, words])
                .swap_dims(1, 2)
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    /// Two captions of one and two words, seen from three positions.
    fn attention(mode: MaskMode) -> Vec<f32> {
        let device = burn_flex::FlexDevice;
        let h = Tensor::<Flex, 4>::ones([2, 1, 1, 3], &device);
        let keys = Tensor::<Flex, 3>::zeros([2, 1, 2], &device);
        let padding = padding(device);
        let read = read_words(h, keys.clone(), keys, &padding, mode);
        read.attention.into_data().to_vec().expect("f32")
    }

    fn padding(device: burn_flex::FlexDevice) -> Tensor<Flex, 2, Bool> {
        Tensor::from_data([[false, true], [false, false]], &device)
    }

    #[test]
    fn each_image_leaves_its_own_padding_out() {
        let (alone, shared) = ([1.0; 3], [0.5; 3]);

        let expected = [alone, [0.0; 3], shared, shared].concat();
        assert_eq!(attention(MaskMode::Own), expected);
    }

    #[test]
    fn the_published_order_mixes_the_samples() {
        // Rows 0 to 5 of (sample, position) use the masks of samples 0 1 0 1 0 1.
        let first = [[1.0, 0.5, 1.0], [0.0, 0.5, 0.0]].concat();
        let second = [[0.5, 1.0, 0.5], [0.5, 0.0, 0.5]].concat();

        assert_eq!(attention(MaskMode::Tiled), [first, second].concat());
    }
}

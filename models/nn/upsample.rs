//! Enlargement of feature maps.

use burn::prelude::Tensor;

use crate::backend::{Backend, ops};

/// Repeats every pixel into a 2x2 block.
///
/// # Shapes
///
/// - `x`: `[batch, channels, height, width]`
/// - output: `[batch, channels, 2 height, 2 width]`
pub fn nearest_x2<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let [_, _, height, width] = x.dims();
    ops::repeat_blocks(x, 1.0, [2 * height, 2 * width])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_becomes_a_block() {
        let device = Default::default();
        let x =
            Tensor::<burn::backend::Flex, 4>::from_floats([[[[1.0, 2.0], [3.0, 4.0]]]], &device);

        let y = nearest_x2(x).into_data().to_vec::<f32>().expect("f32");

        let (top, bottom) = ([1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]);
        assert_eq!(y, [top, top, bottom, bottom].concat());
    }
}

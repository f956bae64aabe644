//! Enlargement of feature maps.

use burn::prelude::Tensor;

use crate::backend::Backend;

/// Repeats every pixel into a 2x2 block, written with operations whose second derivative exists.
///
/// # Shapes
///
/// - `x`: `[batch, channels, height, width]`
/// - output: `[batch, channels, 2 height, 2 width]`
pub fn nearest_x2<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch, channels, height, 1, width, 1])
        .expand([batch, channels, height, 2, width, 2])
        .reshape([batch, channels, 2 * height, 2 * width])
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

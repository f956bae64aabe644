//! Default bodies: Burn's own operations.

use burn::tensor::ops::{ConvOptions, FloatTensor};
use burn::tensor::{Shape, TensorMetadata};

use super::Backend;

pub(super) fn input_gradient<B: Backend>(
    dy: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
    x_shape: [usize; 4],
    options: ConvOptions<2>,
) -> FloatTensor<B> {
    let x = stand_in::<B>(&dy, x_shape);
    let dx = B::conv2d_x_backward(x, weight, dy, options);
    match bias {
        Some(bias) => {
            let shape = Shape::new([1, x_shape[1], 1, 1]);
            B::float_add(dx, B::float_reshape(bias, shape))
        }
        None => dx,
    }
}

pub(super) fn weight_gradient<B: Backend>(
    x: FloatTensor<B>,
    dy: FloatTensor<B>,
    weight_shape: [usize; 4],
    options: ConvOptions<2>,
) -> FloatTensor<B> {
    let weight = stand_in::<B>(&dy, weight_shape);
    B::conv2d_weight_backward(x, weight, dy, options)
}

pub(super) fn bias_gradient<B: Backend>(dy: FloatTensor<B>) -> FloatTensor<B> {
    let [batch, channels, height, width] = dy.shape().dims();
    let rows = B::float_reshape(dy, Shape::new([batch, channels, height * width]));
    let sums = B::float_sum_dim(B::float_sum_dim(rows, 2), 0);
    B::float_reshape(sums, Shape::new([channels]))
}

/// A tensor of which Burn's backward functions only read the shape; it takes no memory.
fn stand_in<B: Backend>(like: &FloatTensor<B>, shape: [usize; 4]) -> FloatTensor<B> {
    let device = B::float_device(like);
    let zero = B::float_zeros(Shape::new([1; 4]), &device, like.dtype().into());
    B::float_expand(zero, Shape::new(shape))
}

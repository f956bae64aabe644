//! The kernels on tensors whose values lie in the memory of the CPU.

use burn::tensor::ops::{ConvOptions, FloatTensor};
use burn::tensor::{DType, Shape, TensorMetadata};
use wordpaint_kernels::conv::Conv2d;

use super::values::Values;
use super::{Backend, default};

pub(super) fn convolution<B>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
    options: ConvOptions<2>,
) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    let Some(sizes) = sizes(&x, x.shape().dims(), weight.shape().dims(), &options) else {
        return B::conv2d(x, weight, bias, options);
    };
    let (x, weight, bias) = (x.in_order(), weight.in_order(), bias.map(Values::in_order));
    let mut y = vec![0.0; sizes.output_len()];
    let bias = bias.as_ref().map(Values::values);
    sizes.forward(x.values(), weight.values(), bias, &mut y);
    let [height, width] = sizes.output_size();
    let shape = Shape::new([sizes.batch, sizes.channels_out, height, width]);
    Values::from_values(y, shape)
}

pub(super) fn input_gradient<B>(
    dy: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
    x_shape: [usize; 4],
    options: ConvOptions<2>,
) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    let Some(sizes) = sizes(&dy, x_shape, weight.shape().dims(), &options) else {
        return default::input_gradient::<B>(dy, weight, bias, x_shape, options);
    };
    let (dy, weight, bias) = (dy.in_order(), weight.in_order(), bias.map(Values::in_order));
    let mut dx = vec![0.0; sizes.input_len()];
    let bias = bias.as_ref().map(Values::values);
    sizes.input_gradient(dy.values(), weight.values(), bias, &mut dx);
    Values::from_values(dx, Shape::new(x_shape))
}

pub(super) fn weight_gradient<B>(
    x: FloatTensor<B>,
    dy: FloatTensor<B>,
    weight_shape: [usize; 4],
    options: ConvOptions<2>,
) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    let Some(sizes) = sizes(&x, x.shape().dims(), weight_shape, &options) else {
        return default::weight_gradient::<B>(x, dy, weight_shape, options);
    };
    let (x, dy) = (x.in_order(), dy.in_order());
    let mut dw = vec![0.0; sizes.weight_len()];
    sizes.weight_gradient(x.values(), dy.values(), &mut dw);
    Values::from_values(dw, Shape::new(weight_shape))
}

pub(super) fn bias_gradient<B>(dy: FloatTensor<B>) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    let [batch, channels, height, width] = dy.shape().dims();
    let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
    let pixel = [channels, 1, 1, 1];
    let Some(sizes) = sizes(&dy, [batch, 1, height, width], pixel, &options) else {
        return default::bias_gradient::<B>(dy);
    };
    let dy = dy.in_order();
    let mut db = vec![0.0; channels];
    sizes.bias_gradient(dy.values(), &mut db);
    Values::from_values(db, Shape::new([channels]))
}

/// What the kernels are told, where they can do it: they know one precision, and mistakes in
/// shapes are left to Burn's messages.
fn sizes(
    tensor: &impl TensorMetadata,
    [batch, channels_in, height, width]: [usize; 4],
    [channels_out, inputs, kernel_height, kernel_width]: [usize; 4],
    options: &ConvOptions<2>,
) -> Option<Conv2d> {
    let sizes = Conv2d {
        batch,
        channels_in,
        channels_out,
        groups: options.groups,
        size: [height, width],
        kernel: [kernel_height, kernel_width],
        stride: options.stride,
        padding: options.padding,
        dilation: options.dilation,
    };
    let fits = inputs * options.groups == channels_in;
    (tensor.dtype() == DType::F32 && fits && sizes.is_supported()).then_some(sizes)
}

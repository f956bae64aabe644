//! The kernels of the operations that memory bounds.

use burn::tensor::ops::{ActivationOps, FloatTensor};
use burn::tensor::{DType, Shape, TensorMetadata};
use wordpaint_kernels::activation::{self, leaky_relu, leaky_relu_backward};
use wordpaint_kernels::adam::{Adam, adam as adam_kernel, ema as ema_kernel};
use wordpaint_kernels::blocks::{Maps, repeat_blocks as repeat, sum_blocks as sum};
use wordpaint_kernels::softmax::{self as softmax_kernel, Axis};
use wordpaint_kernels::{distance as rows_kernel, gate as gate_kernel, masked, norm};

use super::values::Values;
use super::{AdamFactors, Backend, Normalised, memory_bound as default};

/// The kernels know one precision.
fn is_single<T: TensorMetadata>(x: &T) -> bool {
    x.dtype() == DType::F32
}

fn norm_shape(x: &impl TensorMetadata) -> norm::Shape {
    let [batch, channels, area] = x.shape().dims();
    norm::Shape {
        batch,
        channels,
        area,
    }
}

fn affine<'a, T: Values>(scale: &'a T, shift: &'a T) -> norm::Affine<'a> {
    norm::Affine {
        scale: scale.values(),
        shift: shift.values(),
    }
}

/// Gradients per plane as those of rows: the sum over the batch where there is one row for all.
fn rows<T: Values>(planes: Vec<f32>, rows: usize, channels: usize) -> T {
    let values = if rows * channels == planes.len() {
        planes
    } else {
        let column = |c: usize| {
            let values = planes.iter().skip(c).step_by(channels);
            values.map(|v| f64::from(*v)).sum::<f64>() as f32
        };
        (0..channels).map(column).collect()
    };
    T::from_values(values, Shape::new([rows, channels]))
}

pub(super) fn batch_norm<B>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
    epsilon: f64,
) -> Normalised<FloatTensor<B>>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::batch_norm::<B>(x, scale, shift, epsilon);
    }
    let shape = norm_shape(&x);
    let (x, scale, shift) = (x.in_order(), scale.in_order(), shift.in_order());
    let mut y = vec![0.0; shape.len()];
    let affine = affine(&scale, &shift);
    let statistics = norm::batch_norm(shape, x.values(), affine, epsilon, &mut y);
    let channels = Shape::new([shape.channels]);
    Normalised {
        y: Values::from_values(y, x.shape()),
        mean: Values::from_values(statistics.mean, channels.clone()),
        var: Values::from_values(statistics.var, channels),
    }
}

pub(super) fn batch_norm_backward<B>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    statistics: [FloatTensor<B>; 2],
    dy: FloatTensor<B>,
    epsilon: f64,
) -> [FloatTensor<B>; 3]
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::batch_norm_backward::<B>(x, scale, statistics, dy, epsilon);
    }
    let shape = norm_shape(&x);
    let [scale_rows, _] = scale.shape().dims();
    let (x, scale) = (x.in_order(), scale.in_order());
    let [mean, var] = statistics.map(|s| s.in_order().values().to_vec());
    let mut grad = dy.into_values();
    let gradients = norm::batch_norm_backward(
        shape,
        x.values(),
        scale.values(),
        &norm::Statistics { mean, var },
        epsilon,
        &mut grad,
    );
    [
        Values::from_values(grad, x.shape()),
        rows(gradients.scale, scale_rows, shape.channels),
        rows(gradients.shift, scale_rows, shape.channels),
    ]
}

pub(super) fn modulate<B>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::modulate::<B>(x, scale, shift);
    }
    let (shape, dims) = (norm_shape(&x), x.shape());
    let (scale, shift) = (scale.in_order(), shift.in_order());
    let affine = affine(&scale, &shift);
    let mut values = x.into_values();
    norm::modulate(shape, &mut values, affine);
    Values::from_values(values, dims)
}

pub(super) fn modulate_backward<B>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    dy: FloatTensor<B>,
) -> [FloatTensor<B>; 3]
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::modulate_backward::<B>(x, scale, dy);
    }
    let shape = norm_shape(&x);
    let [scale_rows, _] = scale.shape().dims();
    let (x, scale) = (x.in_order(), scale.in_order());
    let mut grad = dy.into_values();
    let gradients = norm::modulate_backward(shape, x.values(), scale.values(), &mut grad);
    [
        Values::from_values(grad, x.shape()),
        rows(gradients.scale, scale_rows, shape.channels),
        rows(gradients.shift, scale_rows, shape.channels),
    ]
}

pub(super) fn modulate_masked<B>(
    x: FloatTensor<B>,
    mask: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::modulate_masked::<B>(x, mask, scale, shift);
    }
    let (shape, dims) = (norm_shape(&x), x.shape());
    let (mask, scale, shift) = (mask.in_order(), scale.in_order(), shift.in_order());
    let affine = affine(&scale, &shift);
    let mut values = x.into_values();
    masked::modulate_masked(shape, &mut values, mask.values(), affine);
    Values::from_values(values, dims)
}

pub(super) fn modulate_masked_backward<B>(
    [x, mask, scale, shift]: [FloatTensor<B>; 4],
    dy: FloatTensor<B>,
) -> [FloatTensor<B>; 4]
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::modulate_masked_backward::<B>([x, mask, scale, shift], dy);
    }
    let shape = norm_shape(&x);
    let [scale_rows, _] = scale.shape().dims();
    let [x, mask, scale, shift] = [x, mask, scale, shift].map(Values::in_order);
    let affine = affine(&scale, &shift);
    let mut grad = dy.into_values();
    let (to_mask, gradients) =
        masked::modulate_masked_backward(shape, x.values(), mask.values(), affine, &mut grad);
    [
        Values::from_values(grad, x.shape()),
        Values::from_values(to_mask, mask.shape()),
        rows(gradients.scale, scale_rows, shape.channels),
        rows(gradients.shift, scale_rows, shape.channels),
    ]
}

pub(super) fn rectify<B>(x: FloatTensor<B>, slope: f64) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::rectify::<B>(x, slope);
    }
    let shape = x.shape();
    let mut values = x.into_values();
    leaky_relu(&mut values, slope as f32);
    Values::from_values(values, shape)
}

pub(super) fn rectify_backward<B>(
    y: FloatTensor<B>,
    dy: FloatTensor<B>,
    slope: f64,
) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&y) {
        return default::rectify_backward::<B>(y, dy, slope);
    }
    let y = y.in_order();
    let mut grad = dy.into_values();
    leaky_relu_backward(y.values(), &mut grad, slope as f32);
    Values::from_values(grad, y.shape())
}

pub(super) fn tanh<B>(x: FloatTensor<B>) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return B::float_tanh(x);
    }
    let shape = x.shape();
    let mut values = x.into_values();
    activation::tanh(&mut values);
    Values::from_values(values, shape)
}

pub(super) fn tanh_backward<B>(y: FloatTensor<B>, dy: FloatTensor<B>) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&y) {
        return default::tanh_backward::<B>(y, dy);
    }
    let y = y.in_order();
    let mut grad = dy.into_values();
    activation::tanh_backward(y.values(), &mut grad);
    Values::from_values(grad, y.shape())
}

pub(super) fn softmax<B>(x: FloatTensor<B>, dim: usize) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return <B as ActivationOps<B>>::softmax(x, dim);
    }
    let shape = x.shape();
    let mut values = x.into_values();
    softmax_kernel::softmax(axis(&shape, dim), &mut values);
    Values::from_values(values, shape)
}

pub(super) fn softmax_backward<B>(
    y: FloatTensor<B>,
    dy: FloatTensor<B>,
    dim: usize,
) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&y) {
        return default::softmax_backward::<B>(y, dy, dim);
    }
    let (y, shape) = (y.in_order(), dy.shape());
    let mut grad = dy.into_values();
    softmax_kernel::softmax_backward(axis(&shape, dim), y.values(), &mut grad);
    Values::from_values(grad, shape)
}

fn axis(shape: &[usize], dim: usize) -> Axis {
    Axis {
        outer: shape[..dim].iter().product(),
        count: shape[dim],
        inner: shape[dim + 1..].iter().product(),
    }
}

pub(super) fn gate<B>(x: FloatTensor<B>) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::gate::<B>(x);
    }
    let [batch, _, len] = x.shape().dims();
    let mut y = vec![0.0; batch * len];
    gate_kernel::gate(len, x.in_order().values(), &mut y);
    Values::from_values(y, Shape::new([batch, len]))
}

pub(super) fn gate_backward<B>(x: FloatTensor<B>, dy: FloatTensor<B>) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::gate_backward::<B>(x, dy);
    }
    let [_, _, len] = x.shape().dims();
    let (x, dy) = (x.in_order(), dy.in_order());
    let mut dx = vec![0.0; x.values().len()];
    gate_kernel::gate_backward(len, x.values(), dy.values(), &mut dx);
    Values::from_values(dx, x.shape())
}

pub(super) fn sum_blocks<B>(x: FloatTensor<B>, factor: f64) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::sum_blocks::<B>(x, factor);
    }
    let [batch, channels, height, width] = x.shape().dims();
    let maps = Maps {
        planes: batch * channels,
        height,
        width,
    };
    let mut y = vec![0.0; maps.halved_len()];
    sum(maps, x.in_order().values(), factor as f32, &mut y);
    Values::from_values(y, Shape::new([batch, channels, height / 2, width / 2]))
}

pub(super) fn repeat_blocks<B>(
    x: FloatTensor<B>,
    factor: f64,
    [height, width]: [usize; 2],
) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&x) {
        return default::repeat_blocks::<B>(x, factor, [height, width]);
    }
    let [batch, channels, ..] = x.shape().dims::<4>();
    let maps = Maps {
        planes: batch * channels,
        height,
        width,
    };
    let mut y = vec![0.0; maps.len()];
    repeat(maps, x.in_order().values(), factor as f32, &mut y);
    Values::from_values(y, Shape::new([batch, channels, height, width]))
}

pub(super) fn distance<B>(a: FloatTensor<B>, b: FloatTensor<B>) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&a) {
        return default::distance::<B>(a, b);
    }
    let sizes = sizes(&a);
    let (a, b) = (a.in_order(), b.in_order());
    let mut sums = vec![0.0; sizes.batch * sizes.heads];
    rows_kernel::distance(sizes, a.values(), b.values(), &mut sums);
    Values::from_values(sums, Shape::new([sizes.batch, sizes.heads]))
}

pub(super) fn distance_backward<B>(
    a: FloatTensor<B>,
    b: FloatTensor<B>,
    dy: FloatTensor<B>,
) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&a) {
        return default::distance_backward::<B>(a, b, dy);
    }
    let sizes = sizes(&a);
    let (a, b, dy) = (a.in_order(), b.in_order(), dy.in_order());
    let mut da = vec![0.0; a.values().len()];
    rows_kernel::distance_backward(sizes, a.values(), b.values(), dy.values(), &mut da);
    Values::from_values(da, a.shape())
}

fn sizes(a: &impl TensorMetadata) -> rows_kernel::Rows {
    let [batch, heads, elements] = a.shape().dims();
    rows_kernel::Rows {
        batch,
        heads,
        elements,
    }
}

pub(super) fn adam<B>(
    param: FloatTensor<B>,
    grad: FloatTensor<B>,
    moments: [FloatTensor<B>; 2],
    factors: AdamFactors,
) -> [FloatTensor<B>; 3]
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&param) {
        return default::adam::<B>(param, grad, moments, factors);
    }
    let shape = param.shape();
    let grad = grad.in_order();
    let mut param = param.into_values();
    let [mut first, mut second] = moments.map(Values::into_values);
    let factors = Adam {
        beta_1: factors.beta_1,
        beta_2: factors.beta_2,
        epsilon: factors.epsilon,
        correction: factors.correction,
        lr: factors.lr as f32,
    };
    adam_kernel(factors, &mut param, grad.values(), &mut first, &mut second);
    [param, first, second].map(|values| Values::from_values(values, shape.clone()))
}

pub(super) fn ema<B>(average: FloatTensor<B>, value: FloatTensor<B>, decay: f64) -> FloatTensor<B>
where
    B: Backend<FloatTensorPrimitive: Values>,
{
    if !is_single(&average) {
        return default::ema::<B>(average, value, decay);
    }
    let shape = average.shape();
    let mut average = average.into_values();
    ema_kernel(decay, &mut average, value.in_order().values());
    Values::from_values(average, shape)
}

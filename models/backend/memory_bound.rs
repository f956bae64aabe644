//! Default bodies of the operations that memory bounds: Burn's own operations.

use burn::prelude::Tensor;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Shape, TensorMetadata};

use super::ops::{primitive, tensor};
use super::{AdamFactors, Backend, Normalised};

pub(super) fn batch_norm<B: Backend>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
    epsilon: f64,
) -> Normalised<FloatTensor<B>> {
    let x: Tensor<B, 3> = tensor(x);
    let channels = x.dims()[1];
    let (mean, var) = statistics(x.clone());
    let factor = per_plane::<B>(scale) / (var.clone() + epsilon).sqrt();
    let y = (x - mean.clone()) * factor + per_plane::<B>(shift);
    Normalised {
        y: primitive(y),
        mean: primitive(mean.reshape([channels])),
        var: primitive(var.reshape([channels])),
    }
}

/// Mean and biased variance, `[1, channels, 1]` each.
fn statistics<B: Backend>(x: Tensor<B, 3>) -> (Tensor<B, 3>, Tensor<B, 3>) {
    let mean = mean(x.clone());
    let var = self::mean((x - mean.clone()).square());
    (mean, var)
}

fn mean<B: Backend>(x: Tensor<B, 3>) -> Tensor<B, 3> {
    x.mean_dim(2).mean_dim(0)
}

/// `[rows, channels]` as `[rows, channels, 1]`.
fn per_plane<B: Backend>(affine: FloatTensor<B>) -> Tensor<B, 3> {
    tensor::<B, 2>(affine).unsqueeze_dim(2)
}

pub(super) fn batch_norm_backward<B: Backend>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    [mean, var]: [FloatTensor<B>; 2],
    dy: FloatTensor<B>,
    epsilon: f64,
) -> [FloatTensor<B>; 3] {
    let x: Tensor<B, 3> = tensor(x);
    let shape = [1, x.dims()[1], 1];
    let mean = tensor::<B, 1>(mean).reshape(shape);
    let var = tensor::<B, 1>(var).reshape(shape);
    gradients(x, scale, [mean, var], dy, epsilon)
}

/// As [`batch_norm_backward`], with statistics computed anew so that gradients flow into them.
pub(super) fn differentiable_batch_norm_backward<B: Backend>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    dy: FloatTensor<B>,
    epsilon: f64,
) -> [FloatTensor<B>; 3] {
    let x: Tensor<B, 3> = tensor(x);
    let (mean, var) = statistics(x.clone());
    gradients(x, scale, [mean, var], dy, epsilon)
}

fn gradients<B: Backend>(
    x: Tensor<B, 3>,
    scale: FloatTensor<B>,
    [mean, var]: [Tensor<B, 3>; 2],
    dy: FloatTensor<B>,
    epsilon: f64,
) -> [FloatTensor<B>; 3] {
    let [rows, _] = scale.shape().dims();
    let dy: Tensor<B, 3> = tensor(dy);
    let std = (var + epsilon).sqrt();
    let hat = (x - mean) / std.clone();
    let d_scale = reduce(dy.clone() * hat.clone(), rows);
    let d_shift = reduce(dy.clone(), rows);
    let d_hat = dy * per_plane::<B>(scale);
    let along = self::mean(d_hat.clone() * hat.clone());
    let alone = self::mean(d_hat.clone());
    let dx = (d_hat - alone - hat * along) / std;
    [primitive(dx), d_scale, d_shift]
}

/// Sum over each plane, and over the batch where there is one row for all samples.
fn reduce<B: Backend>(x: Tensor<B, 3>, rows: usize) -> FloatTensor<B> {
    let [_, channels, _] = x.dims();
    let sums = x.sum_dim(2);
    let sums = if rows == 1 { sums.sum_dim(0) } else { sums };
    primitive(sums.reshape([rows, channels]))
}

pub(super) fn modulate<B: Backend>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
) -> FloatTensor<B> {
    primitive(tensor::<B, 3>(x) * per_plane::<B>(scale) + per_plane::<B>(shift))
}

pub(super) fn modulate_backward<B: Backend>(
    x: FloatTensor<B>,
    scale: FloatTensor<B>,
    dy: FloatTensor<B>,
) -> [FloatTensor<B>; 3] {
    let [rows, _] = scale.shape().dims();
    let dy: Tensor<B, 3> = tensor(dy);
    let d_scale = reduce(dy.clone() * tensor(x), rows);
    let d_shift = reduce(dy.clone(), rows);
    [primitive(dy * per_plane::<B>(scale)), d_scale, d_shift]
}

pub(super) fn modulate_masked<B: Backend>(
    x: FloatTensor<B>,
    mask: FloatTensor<B>,
    scale: FloatTensor<B>,
    shift: FloatTensor<B>,
) -> FloatTensor<B> {
    let x: Tensor<B, 3> = tensor(x);
    let mapped = x.clone() * per_plane::<B>(scale) + per_plane::<B>(shift);
    primitive(x + mapped * per_pixel::<B>(mask))
}

/// `[batch, area]` as `[batch, 1, area]`.
fn per_pixel<B: Backend>(mask: FloatTensor<B>) -> Tensor<B, 3> {
    tensor::<B, 2>(mask).unsqueeze_dim(1)
}

pub(super) fn modulate_masked_backward<B: Backend>(
    [x, mask, scale, shift]: [FloatTensor<B>; 4],
    dy: FloatTensor<B>,
) -> [FloatTensor<B>; 4] {
    let ([rows, _], pixels) = (scale.shape().dims(), mask.shape());
    let (x, dy): (Tensor<B, 3>, Tensor<B, 3>) = (tensor(x), tensor(dy));
    let scale = per_plane::<B>(scale);
    let mapped = x.clone() * scale.clone() + per_plane::<B>(shift);
    let to_mask = (dy.clone() * mapped).sum_dim(1);
    let through = dy.clone() * per_pixel::<B>(mask);
    let to_scale = reduce(through.clone() * x, rows);
    let to_shift = reduce(through.clone(), rows);
    [
        primitive(dy + through * scale),
        B::float_reshape(primitive(to_mask), pixels),
        to_scale,
        to_shift,
    ]
}

pub(super) fn rectify<B: Backend>(x: FloatTensor<B>, slope: f64) -> FloatTensor<B> {
    let shape = x.shape();
    let x = flat::<B>(x);
    let y = if slope == 0.0 {
        relu(x)
    } else {
        let is_flat = x.clone().lower_equal_elem(0.0);
        x.clone().mask_where(is_flat, x * slope)
    };
    B::float_reshape(primitive(y), shape)
}

pub(super) fn rectify_backward<B: Backend>(
    y: FloatTensor<B>,
    dy: FloatTensor<B>,
    slope: f64,
) -> FloatTensor<B> {
    let shape = dy.shape();
    let is_flat = flat::<B>(y).lower_equal_elem(0.0);
    let dy = flat::<B>(dy);
    let dx = dy.clone().mask_where(is_flat, dy * slope);
    B::float_reshape(primitive(dx), shape)
}

pub(super) fn tanh_backward<B: Backend>(y: FloatTensor<B>, dy: FloatTensor<B>) -> FloatTensor<B> {
    let shape = dy.shape();
    let slope = flat::<B>(y).square().neg() + 1.0;
    B::float_reshape(primitive(flat::<B>(dy) * slope), shape)
}

fn flat<B: Backend>(x: FloatTensor<B>) -> Tensor<B, 1> {
    let len = x.shape().num_elements();
    tensor(B::float_reshape(x, Shape::new([len])))
}

pub(super) fn softmax_backward<B: Backend>(
    y: FloatTensor<B>,
    dy: FloatTensor<B>,
    dim: usize,
) -> FloatTensor<B> {
    let along = B::float_sum_dim(B::float_mul(dy.clone(), y.clone()), dim);
    B::float_mul(B::float_sub(dy, along), y)
}

pub(super) fn gate<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let x: Tensor<B, 3> = tensor(x);
    let [batch, _, len] = x.dims();
    let [values, gates] = halves(x);
    primitive((values * sigmoid(gates)).reshape([batch, len]))
}

/// `[batch, 2, len]` as two of `[batch, 1, len]`.
fn halves<B: Backend>(x: Tensor<B, 3>) -> [Tensor<B, 3>; 2] {
    [0, 1].map(|half| x.clone().narrow(1, half, 1))
}

pub(super) fn gate_backward<B: Backend>(x: FloatTensor<B>, dy: FloatTensor<B>) -> FloatTensor<B> {
    let [values, gates] = halves(tensor::<B, 3>(x));
    let open = sigmoid(gates);
    let dy: Tensor<B, 3> = tensor::<B, 2>(dy).unsqueeze_dim(1);
    let slope = open.clone() * (open.clone().neg() + 1.0);
    let to_gates = dy.clone() * values * slope;
    primitive(Tensor::cat(vec![dy * open, to_gates], 1))
}

pub(super) fn sum_blocks<B: Backend>(x: FloatTensor<B>, factor: f64) -> FloatTensor<B> {
    let [batch, channels, height, width] = x.shape().dims();
    let [rows, columns] = [height / 2, width / 2];
    let x: Tensor<B, 4> = tensor(x);
    let even = x.slice([0..batch, 0..channels, 0..2 * rows, 0..2 * columns]);
    let blocks = even.reshape([batch * channels, rows, 2, columns, 2]);
    let sums = blocks.sum_dim(4).sum_dim(2) * factor;
    primitive(sums.reshape([batch, channels, rows, columns]))
}

pub(super) fn repeat_blocks<B: Backend>(
    x: FloatTensor<B>,
    factor: f64,
    [height, width]: [usize; 2],
) -> FloatTensor<B> {
    let [batch, channels, rows, columns] = x.shape().dims();
    let x = tensor::<B, 4>(x) * factor;
    let y = x
        .reshape([batch * channels, rows, 1, columns, 1])
        .expand([batch * channels, rows, 2, columns, 2])
        .reshape([batch, channels, 2 * rows, 2 * columns]);
    if [height, width] == [2 * rows, 2 * columns] {
        return primitive(y);
    }
    // With the type of `y`: padding would take the default one of the device.
    let options = (&y.device(), y.dtype());
    let zeros = Tensor::<B, 4>::zeros([batch, channels, height, width], options);
    let even = [0..batch, 0..channels, 0..2 * rows, 0..2 * columns];
    primitive(zeros.slice_assign(even, y))
}

fn difference<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>) -> Tensor<B, 3> {
    tensor::<B, 3>(a) - tensor::<B, 2>(b).unsqueeze_dim(1)
}

pub(super) fn distance<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>) -> FloatTensor<B> {
    let [batch, heads, _] = a.shape().dims();
    let sums = difference::<B>(a, b).abs().sum_dim(2);
    primitive(sums.reshape([batch, heads]))
}

pub(super) fn distance_backward<B: Backend>(
    a: FloatTensor<B>,
    b: FloatTensor<B>,
    dy: FloatTensor<B>,
) -> FloatTensor<B> {
    let sign = difference::<B>(a, b).sign();
    primitive(sign * tensor::<B, 2>(dy).unsqueeze_dim(2))
}

pub(super) fn adam<B: Backend>(
    param: FloatTensor<B>,
    grad: FloatTensor<B>,
    [first, second]: [FloatTensor<B>; 2],
    factors: AdamFactors,
) -> [FloatTensor<B>; 3] {
    let AdamFactors {
        beta_1,
        beta_2,
        epsilon,
        correction,
        lr,
    } = factors;
    let shape = param.shape();
    let (param, grad) = (flat::<B>(param), flat::<B>(grad));
    let (first, second) = (flat::<B>(first), flat::<B>(second));
    let first = first * beta_1 + grad.clone() * (1.0 - beta_1);
    let second = second * beta_2 + grad.square() * (1.0 - beta_2);
    let step = first.clone() * correction / (second.clone().sqrt() + epsilon);
    let param = param - step * lr;
    [param, first, second].map(|t| B::float_reshape(primitive(t), shape.clone()))
}

pub(super) fn ema<B: Backend>(
    average: FloatTensor<B>,
    value: FloatTensor<B>,
    decay: f64,
) -> FloatTensor<B> {
    let shape = average.shape();
    let average = flat::<B>(average) * decay + flat::<B>(value) * (1.0 - decay);
    B::float_reshape(primitive(average), shape)
}

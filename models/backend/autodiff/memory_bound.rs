//! Nodes of the operations that memory bounds.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::TensorMetadata;
use burn::tensor::backend::AutodiffBackend as _;
use burn::tensor::ops::FloatTensor;

use super::super::{Backend, Normalised};

/// Hands the gradients of arguments to those that are tracked.
fn register<B: Backend, S, const N: usize>(
    ops: Ops<S, N>,
    grads: &mut Gradients,
    found: [FloatTensor<B>; N],
) where
    S: Clone + Send + std::fmt::Debug + 'static,
{
    for (parent, gradient) in ops.parents.into_iter().zip(found) {
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, gradient);
        }
    }
}

/// `x`, scale, mean and variance, and what was added to the variance.
type NormState<B> = ([FloatTensor<B>; 4], f64);

#[derive(Debug)]
struct BatchNorm;

impl<B: Backend> Backward<B, 3> for BatchNorm {
    type State = NormState<B>;

    fn backward(self, ops: Ops<NormState<B>, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let ([x, scale, mean, var], epsilon) = ops.state.clone();
        let found = B::batch_norm_backward(x, scale, [mean, var], dy, epsilon);
        register::<B, _, 3>(ops, grads, found);
    }
}

pub(super) fn batch_norm<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    scale: FloatTensor<Autodiff<B, C>>,
    shift: FloatTensor<Autodiff<B, C>>,
    epsilon: f64,
) -> Normalised<FloatTensor<Autodiff<B, C>>> {
    let nodes = [x.node.clone(), scale.node.clone(), shift.node.clone()];
    let prep = BatchNorm.prepare::<C>(nodes).compute_bound().stateful();
    let (x, scale) = (x.primitive, scale.primitive);
    let forward = |x, scale| B::batch_norm(x, scale, shift.primitive, epsilon);
    let (y, mean, var) = match prep {
        OpsKind::Tracked(prep) => {
            let Normalised { y, mean, var } = forward(x.clone(), scale.clone());
            let state = ([x, scale, mean.clone(), var.clone()], epsilon);
            (prep.finish(state, y), mean, var)
        }
        OpsKind::UnTracked(prep) => {
            let Normalised { y, mean, var } = forward(x, scale);
            (prep.finish(y), mean, var)
        }
    };
    Normalised {
        y,
        mean: Autodiff::<B, C>::from_inner(mean),
        var: Autodiff::<B, C>::from_inner(var),
    }
}

#[derive(Debug)]
struct Modulate;

impl<B: Backend> Backward<B, 3> for Modulate {
    /// `x` and scale.
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [x, scale] = ops.state.clone();
        let found = B::modulate_backward(x, scale, dy);
        register::<B, _, 3>(ops, grads, found);
    }
}

pub(super) fn modulate<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    scale: FloatTensor<Autodiff<B, C>>,
    shift: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let nodes = [x.node.clone(), scale.node.clone(), shift.node.clone()];
    let prep = Modulate.prepare::<C>(nodes).compute_bound().stateful();
    let (x, scale) = (x.primitive, scale.primitive);
    match prep {
        OpsKind::Tracked(prep) => {
            let y = B::modulate(x.clone(), scale.clone(), shift.primitive);
            prep.finish([x, scale], y)
        }
        OpsKind::UnTracked(prep) => prep.finish(B::modulate(x, scale, shift.primitive)),
    }
}

#[derive(Debug)]
struct ModulateMasked;

impl<B: Backend> Backward<B, 4> for ModulateMasked {
    /// All arguments.
    type State = [FloatTensor<B>; 4];

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let found = B::modulate_masked_backward(ops.state.clone(), dy);
        register::<B, _, 4>(ops, grads, found);
    }
}

pub(super) fn modulate_masked<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    mask: FloatTensor<Autodiff<B, C>>,
    scale: FloatTensor<Autodiff<B, C>>,
    shift: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let arguments = [x, mask, scale, shift];
    let nodes = arguments.each_ref().map(|argument| argument.node.clone());
    let prep = ModulateMasked
        .prepare::<C>(nodes)
        .compute_bound()
        .stateful();
    let arguments = arguments.map(|argument| argument.primitive);
    let forward =
        |[x, mask, scale, shift]: [FloatTensor<B>; 4]| B::modulate_masked(x, mask, scale, shift);
    match prep {
        OpsKind::Tracked(prep) => {
            let y = forward(arguments.clone());
            prep.finish(arguments, y)
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(arguments)),
    }
}

/// The rectifier and its gradient by the incoming gradient, which is the same linear map of it.
#[derive(Debug)]
struct Rectify;

impl<B: Backend> Backward<B, 1> for Rectify {
    /// Output and slope.
    type State = (FloatTensor<B>, f64);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            let (y, slope) = ops.state;
            grads.register::<B>(parent.id, B::rectify_backward(y, dy, slope));
        }
    }
}

pub(super) fn rectify<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    slope: f64,
) -> FloatTensor<Autodiff<B, C>> {
    let prep = Rectify.prepare::<C>([x.node]).compute_bound().stateful();
    let y = B::rectify(x.primitive, slope);
    match prep {
        OpsKind::Tracked(prep) => prep.finish((y.clone(), slope), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

/// The output only says where the slope is which: it has no gradient.
pub(super) fn rectify_backward<B: Backend, C: CheckpointStrategy>(
    y: FloatTensor<Autodiff<B, C>>,
    dy: FloatTensor<Autodiff<B, C>>,
    slope: f64,
) -> FloatTensor<Autodiff<B, C>> {
    let prep = Rectify.prepare::<C>([dy.node]).compute_bound().stateful();
    let dx = B::rectify_backward(y.primitive.clone(), dy.primitive, slope);
    match prep {
        OpsKind::Tracked(prep) => prep.finish((y.primitive, slope), dx),
        OpsKind::UnTracked(prep) => prep.finish(dx),
    }
}

#[derive(Debug)]
struct Tanh;

impl<B: Backend> Backward<B, 1> for Tanh {
    /// Output.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::tanh_backward(ops.state, dy));
        }
    }
}

pub(super) fn tanh<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let prep = Tanh.prepare::<C>([x.node]).compute_bound().stateful();
    let y = B::tanh(x.primitive);
    match prep {
        OpsKind::Tracked(prep) => prep.finish(y.clone(), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

#[derive(Debug)]
struct Softmax;

impl<B: Backend> Backward<B, 1> for Softmax {
    /// Output and axis.
    type State = (FloatTensor<B>, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            let (y, dim) = ops.state;
            grads.register::<B>(parent.id, B::softmax_backward(y, dy, dim));
        }
    }
}

pub(super) fn softmax<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    dim: usize,
) -> FloatTensor<Autodiff<B, C>> {
    let prep = Softmax.prepare::<C>([x.node]).compute_bound().stateful();
    let y = <B as Backend>::softmax(x.primitive, dim);
    match prep {
        OpsKind::Tracked(prep) => prep.finish((y.clone(), dim), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

#[derive(Debug)]
struct Gate;

impl<B: Backend> Backward<B, 1> for Gate {
    /// Input.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::gate_backward(ops.state, dy));
        }
    }
}

pub(super) fn gate<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let prep = Gate.prepare::<C>([x.node]).compute_bound().stateful();
    let y = B::gate(x.primitive.clone());
    match prep {
        OpsKind::Tracked(prep) => prep.finish(x.primitive, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

/// Sums over blocks, given the size of the maps, or their repetition.
#[derive(Debug, Clone, Copy)]
enum Blocks {
    Sum { factor: f64, size: [usize; 2] },
    Repeat { factor: f64 },
}

#[derive(Debug)]
struct BlocksNode;

impl<B: Backend> Backward<B, 1> for BlocksNode {
    type State = Blocks;

    fn backward(self, ops: Ops<Blocks, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            let dx = match ops.state {
                Blocks::Sum { factor, size } => B::repeat_blocks(dy, factor, size),
                Blocks::Repeat { factor } => B::sum_blocks(dy, factor),
            };
            grads.register::<B>(parent.id, dx);
        }
    }
}

pub(super) fn sum_blocks<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    factor: f64,
) -> FloatTensor<Autodiff<B, C>> {
    let [_, _, height, width] = x.shape().dims();
    let size = [height, width];
    let prep = BlocksNode.prepare::<C>([x.node]).compute_bound().stateful();
    let y = B::sum_blocks(x.primitive, factor);
    match prep {
        OpsKind::Tracked(prep) => prep.finish(Blocks::Sum { factor, size }, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

pub(super) fn repeat_blocks<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    factor: f64,
    size: [usize; 2],
) -> FloatTensor<Autodiff<B, C>> {
    let prep = BlocksNode.prepare::<C>([x.node]).compute_bound().stateful();
    let y = B::repeat_blocks(x.primitive, factor, size);
    match prep {
        OpsKind::Tracked(prep) => prep.finish(Blocks::Repeat { factor }, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

#[derive(Debug)]
struct Distance;

impl<B: Backend> Backward<B, 2> for Distance {
    /// Both arguments.
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<B>(&ops.node);
        let [a, b] = ops.state;
        let shape = b.shape();
        let da = B::distance_backward(a, b, dy);
        let [to_a, to_b] = ops.parents;
        if let Some(parent) = to_b {
            let sum = B::float_neg(B::float_sum_dim(da.clone(), 1));
            grads.register::<B>(parent.id, B::float_reshape(sum, shape));
        }
        if let Some(parent) = to_a {
            grads.register::<B>(parent.id, da);
        }
    }
}

pub(super) fn distance<B: Backend, C: CheckpointStrategy>(
    a: FloatTensor<Autodiff<B, C>>,
    b: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let nodes = [a.node, b.node];
    let prep = Distance.prepare::<C>(nodes).compute_bound().stateful();
    let (a, b) = (a.primitive, b.primitive);
    let sums = B::distance(a.clone(), b.clone());
    match prep {
        OpsKind::Tracked(prep) => prep.finish([a, b], sums),
        OpsKind::UnTracked(prep) => prep.finish(sums),
    }
}

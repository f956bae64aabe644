//! Nodes of the convolution and of its gradients.

use burn::backend::Autodiff;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, ComputePropertyDone, Ops, OpsKind, OpsPrep};
use burn::tensor::TensorMetadata;
use burn::tensor::ops::{ConvOptions, FloatTensor};

use super::Backend;

/// An argument of the trilinear form `sum(conv(input, weight) * output)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Input,
    Weight,
    Output,
}

impl Slot {
    /// The other two, in their order.
    const fn others(self) -> [Self; 2] {
        match self {
            Self::Input => [Self::Weight, Self::Output],
            Self::Weight => [Self::Input, Self::Output],
            Self::Output => [Self::Input, Self::Weight],
        }
    }
}

#[derive(Debug, Clone)]
struct Geometry {
    x_shape: [usize; 4],
    weight_shape: [usize; 4],
    options: ConvOptions<2>,
}

impl Geometry {
    /// What `slot` multiplies: the form contracted over the tensors in the other two slots.
    fn contract<B: Backend>(
        &self,
        slot: Slot,
        [first, second]: [FloatTensor<B>; 2],
        bias: Option<FloatTensor<B>>,
    ) -> FloatTensor<B> {
        let options = self.options.clone();
        match slot {
            Slot::Output => B::convolution(first, second, bias, options),
            Slot::Input => {
                B::convolution_input_gradient(second, first, bias, self.x_shape, options)
            }
            Slot::Weight => {
                B::convolution_weight_gradient(first, second, self.weight_shape, options)
            }
        }
    }
}

/// The operation that fills one slot from the other two; its parents are these two and, where there
/// is one, the bias of what it fills.
#[derive(Debug)]
struct Contraction {
    fills: Slot,
}

#[derive(Debug, Clone)]
struct State {
    /// The two arguments, where the gradient of the other one is wanted.
    arguments: [Option<NodeId>; 2],
    geometry: Geometry,
}

impl<B: Backend, const N: usize> Backward<B, N> for Contraction {
    type State = State;

    fn backward(self, ops: Ops<State, N>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let incoming = grads.consume::<B>(&ops.node);
        let State {
            arguments,
            geometry,
        } = ops.state;
        let slots = self.fills.others();
        let mut kept = arguments
            .map(|id| id.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id)));
        for (i, parent) in ops.parents.into_iter().enumerate() {
            let Some(parent) = parent else { continue };
            let gradient = if i == 2 {
                B::convolution_bias_gradient(incoming.clone())
            } else {
                let other = slots[1 - i];
                let kept = kept[1 - i]
                    .take()
                    .expect("kept for the gradient of a tracked parent");
                // The two tensors, in the order of their slots.
                let pair = if slots[i].others()[0] == other {
                    [kept, incoming.clone()]
                } else {
                    [incoming.clone(), kept]
                };
                geometry.contract::<B>(slots[i], pair, None)
            };
            grads.register::<B>(parent.id, gradient);
        }
    }
}

fn record<B: Backend, C: CheckpointStrategy, const N: usize>(
    prep: OpsPrep<Contraction, B, State, C, N, ComputePropertyDone>,
    fills: Slot,
    [first, second]: [FloatTensor<Autodiff<B, C>>; 2],
    bias: Option<FloatTensor<B>>,
    geometry: Geometry,
) -> FloatTensor<Autodiff<B, C>> {
    match prep.stateful() {
        OpsKind::Tracked(mut prep) => {
            let arguments = [
                second.is_tracked().then(|| prep.checkpoint(&first)),
                first.is_tracked().then(|| prep.checkpoint(&second)),
            ];
            let pair = [first.primitive, second.primitive];
            let filled = geometry.contract::<B>(fills, pair, bias);
            let state = State {
                arguments,
                geometry,
            };
            prep.finish(state, filled)
        }
        OpsKind::UnTracked(prep) => {
            let pair = [first.primitive, second.primitive];
            prep.finish(geometry.contract::<B>(fills, pair, bias))
        }
    }
}

fn bilinear<B: Backend, C: CheckpointStrategy>(
    fills: Slot,
    pair: [FloatTensor<Autodiff<B, C>>; 2],
    geometry: Geometry,
) -> FloatTensor<Autodiff<B, C>> {
    let nodes = [pair[0].node.clone(), pair[1].node.clone()];
    let prep = Contraction { fills }.prepare::<C>(nodes).compute_bound();
    record::<B, C, 2>(prep, fills, pair, None, geometry)
}

fn affine<B: Backend, C: CheckpointStrategy>(
    fills: Slot,
    pair: [FloatTensor<Autodiff<B, C>>; 2],
    bias: Option<FloatTensor<Autodiff<B, C>>>,
    geometry: Geometry,
) -> FloatTensor<Autodiff<B, C>> {
    let Some(bias) = bias else {
        return bilinear::<B, C>(fills, pair, geometry);
    };
    let [first, second] = [pair[0].node.clone(), pair[1].node.clone()];
    let prep = Contraction { fills }
        .prepare::<C>([first, second, bias.node.clone()])
        .compute_bound();
    record::<B, C, 3>(prep, fills, pair, Some(bias.primitive), geometry)
}

pub(super) fn forward<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    bias: Option<FloatTensor<Autodiff<B, C>>>,
    options: ConvOptions<2>,
) -> FloatTensor<Autodiff<B, C>> {
    let geometry = Geometry {
        x_shape: x.shape().dims(),
        weight_shape: weight.shape().dims(),
        options,
    };
    affine::<B, C>(Slot::Output, [x, weight], bias, geometry)
}

pub(super) fn input_gradient<B: Backend, C: CheckpointStrategy>(
    dy: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    bias: Option<FloatTensor<Autodiff<B, C>>>,
    x_shape: [usize; 4],
    options: ConvOptions<2>,
) -> FloatTensor<Autodiff<B, C>> {
    let geometry = Geometry {
        x_shape,
        weight_shape: weight.shape().dims(),
        options,
    };
    affine::<B, C>(Slot::Input, [weight, dy], bias, geometry)
}

pub(super) fn weight_gradient<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    dy: FloatTensor<Autodiff<B, C>>,
    weight_shape: [usize; 4],
    options: ConvOptions<2>,
) -> FloatTensor<Autodiff<B, C>> {
    let geometry = Geometry {
        x_shape: x.shape().dims(),
        weight_shape,
        options,
    };
    bilinear::<B, C>(Slot::Weight, [x, dy], geometry)
}

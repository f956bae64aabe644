//! The memory-bound operations against their default bodies in double precision, which are Burn's
//! own operations and Burn's own gradients.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::prelude::{Tensor, TensorData};
use burn::tensor::DType;
use burn::tensor::activation::softmax;
use proptest::prelude::*;

use super::{AdamFactors, AutodiffBackend, Backend, memory_bound, ops};
use crate::noise::Noise;

type Double = NdArray<f64>;

const EPSILON: f64 = 1e-3;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Op {
    BatchNorm,
    Modulate,
    ModulateMasked,
    Rectify(f64),
    Tanh,
    Softmax(usize),
    Gate,
    Distance,
    Sum,
    Repeat,
}

/// An operation and the sizes and the seed of its arguments.
#[derive(Debug, Clone, Copy)]
struct Case {
    op: Op,
    batch: usize,
    channels: usize,
    size: [usize; 2],
    is_per_plane: bool,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let op = prop_oneof![
        Just(Op::BatchNorm),
        Just(Op::Modulate),
        Just(Op::ModulateMasked),
        Just(Op::Rectify(0.0)),
        Just(Op::Rectify(0.2)),
        Just(Op::Tanh),
        (0..3_usize).prop_map(Op::Softmax),
        Just(Op::Gate),
        Just(Op::Distance),
        Just(Op::Sum),
        Just(Op::Repeat),
    ];
    let sizes = (1..4_usize, 1..4_usize, [2..8_usize, 2..8_usize]);
    (op, sizes, any::<bool>(), any::<u64>()).prop_map(
        |(op, (batch, channels, size), is_per_plane, seed)| Case {
            op,
            batch,
            channels,
            size,
            is_per_plane,
            seed,
        },
    )
}

impl Case {
    fn rows(&self) -> usize {
        if self.is_per_plane { self.batch } else { 1 }
    }

    /// Input, scale, shift and mask, flat; a distance is between the first two, one head per channel.
    fn arguments(&self) -> [TensorData; 4] {
        let [height, width] = match self.op {
            Op::Repeat => self.size.map(|side| side / 2),
            Op::Gate => [2 * self.size[0], self.size[1]],
            _ => self.size,
        };
        let len = self.batch * self.channels * height * width;
        let affine = match self.op {
            Op::Distance => len / self.channels,
            _ => self.rows() * self.channels,
        };
        let mask = len / self.channels;
        let sizes = [
            ("x", len),
            ("scale", affine),
            ("shift", affine),
            ("mask", mask),
        ];
        sizes.map(|(name, len)| self.noise(name, len))
    }

    fn noise(&self, name: &str, len: usize) -> TensorData {
        Noise::new(self.seed, 0)
            .normal::<Flex, 1>(name, [len], &Default::default())
            .into_data()
    }

    /// The operation of the trait or its default body, on flat arguments and with a flat result.
    fn apply<B: Backend>(&self, is_default: bool, arguments: &[Tensor<B, 1>; 4]) -> Tensor<B, 1> {
        let [x, scale, shift, mask] = arguments.clone();
        let ([batch, channels], [height, width]) = ([self.batch, self.channels], self.size);
        let planes = [batch, channels, x.dims()[0] / (batch * channels)];
        let affine = match self.op {
            Op::Distance => [batch, planes[2]],
            _ => [self.rows(), channels],
        };
        let (scale, shift) = (scale.reshape(affine), shift.reshape(affine));
        let mask = mask.reshape([batch, planes[2]]);
        let (p, t) = (ops::primitive::<B, 3>, ops::tensor::<B, 3>);
        let (p2, p4, t4) = (
            ops::primitive::<B, 2>,
            ops::primitive::<B, 4>,
            ops::tensor::<B, 4>,
        );
        match (self.op, is_default) {
            (Op::BatchNorm, false) => ops::batch_norm(x.reshape(planes), scale, shift, EPSILON)
                .y
                .flatten(0, 2),
            (Op::BatchNorm, true) => {
                let x = p(x.reshape(planes));
                t(memory_bound::batch_norm::<B>(x, p2(scale), p2(shift), EPSILON).y).flatten(0, 2)
            }
            (Op::Modulate, false) => ops::modulate(x.reshape(planes), scale, shift).flatten(0, 2),
            (Op::Modulate, true) => {
                let x = p(x.reshape(planes));
                t(memory_bound::modulate::<B>(x, p2(scale), p2(shift))).flatten(0, 2)
            }
            (Op::ModulateMasked, false) => {
                ops::modulate_masked(x.reshape(planes), mask, scale, shift).flatten(0, 2)
            }
            (Op::ModulateMasked, true) => {
                let (x, mask) = (p(x.reshape(planes)), p2(mask));
                let y = memory_bound::modulate_masked::<B>(x, mask, p2(scale), p2(shift));
                t(y).flatten(0, 2)
            }
            (Op::Rectify(slope), false) => ops::rectify(x, slope),
            (Op::Rectify(slope), true) => {
                ops::tensor(memory_bound::rectify::<B>(ops::primitive(x), slope))
            }
            (Op::Distance, false) => ops::distance(x.reshape(planes), scale).flatten(0, 1),
            (Op::Distance, true) => {
                let x = p(x.reshape(planes));
                ops::tensor::<B, 2>(memory_bound::distance::<B>(x, p2(scale))).flatten(0, 1)
            }
            (Op::Gate, is_default) => {
                let x = x.reshape([batch, 2, channels * height * width]);
                let y = if is_default {
                    ops::tensor::<B, 2>(memory_bound::gate::<B>(p(x)))
                } else {
                    ops::gate(x)
                };
                y.flatten(0, 1)
            }
            (Op::Tanh, false) => ops::tanh(x),
            (Op::Tanh, true) => x.tanh(),
            (Op::Softmax(dim), false) => ops::softmax(x.reshape(planes), dim).flatten(0, 2),
            (Op::Softmax(dim), true) => softmax(x.reshape(planes), dim).flatten(0, 2),
            (Op::Sum, _) => {
                let x = x.reshape([batch, channels, height, width]);
                let y = if is_default {
                    t4(memory_bound::sum_blocks::<B>(p4(x), 0.25))
                } else {
                    ops::sum_blocks(x, 0.25)
                };
                y.flatten(0, 3)
            }
            (Op::Repeat, _) => {
                let x = x.reshape([batch, channels, height / 2, width / 2]);
                let y = if is_default {
                    t4(memory_bound::repeat_blocks::<B>(p4(x), 0.5, self.size))
                } else {
                    ops::repeat_blocks(x, 0.5, self.size)
                };
                y.flatten(0, 3)
            }
        }
    }

    /// How many arguments the operation has.
    fn count(&self) -> usize {
        match self.op {
            Op::ModulateMasked => 4,
            Op::BatchNorm | Op::Modulate => 3,
            Op::Distance => 2,
            _ => 1,
        }
    }

    /// Result and gradients of a weighted sum of it. The type is explicit: the default one belongs
    /// to a device, which NdArray has in common for both precisions.
    fn first_order<B: AutodiffBackend>(&self, dtype: DType, is_default: bool) -> Vec<TensorData> {
        let options = (&B::Device::default(), dtype);
        let leaves = self
            .arguments()
            .map(|data| Tensor::<B, 1>::from_data(data, options).require_grad());
        let y = self.apply(is_default, &leaves);
        let weights = Tensor::from_data(self.noise("weights", y.dims()[0]), options);
        let grads = (y.clone() * weights).sum().backward();
        let found = leaves[..self.count()].iter().map(|leaf| leaf.grad(&grads));
        let found = found.map(|g| g.expect("the argument is tracked").into_data());
        std::iter::once(y.into_data()).chain(found).collect()
    }

    /// Gradients of the squared norm of a gradient by the input.
    fn second_order<B: AutodiffBackend>(&self, dtype: DType, is_default: bool) -> Vec<TensorData> {
        let options = (&B::Device::default(), dtype);
        let leaves = self
            .arguments()
            .map(|data| Tensor::<B, 1>::from_data(data, options).require_grad());
        let outer = leaves
            .clone()
            .map(|leaf| Tensor::<Autodiff<B>, 1>::from_inner(leaf).require_grad());
        let y = self.apply(is_default, &outer);
        let weights = Tensor::from_data(self.noise("weights", y.dims()[0]), options);
        let loss = (y.clone() * y * weights).sum();
        let slope = outer[0].grad(&loss.backward()).expect("tracked");
        let grads = slope.square().sum().backward();
        leaves[..self.count()]
            .iter()
            .map(|leaf| match leaf.grad(&grads) {
                Some(gradient) => gradient.into_data(),
                None => leaf.clone().inner().zeros_like().into_data(),
            })
            .collect()
    }
}

/// Largest difference of values.
fn difference(expected: &[f64], found: &TensorData) -> f64 {
    let pairs = expected.iter().zip(found.iter::<f64>());
    pairs.fold(0.0, |most, (e, f)| most.max((e - f).abs()))
}

/// Whether `found` is as near to `expected` as single precision allows; `rounded` are the values of
/// Burn's operations in it.
fn check(
    what: &str,
    found: &[TensorData],
    expected: &[TensorData],
    rounded: Option<&[TensorData]>,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (which, (found, expected)) in found.iter().zip(expected).enumerate() {
        prop_assert_eq!(&found.shape, &expected.shape, "{}", what);
        let expected: Vec<f64> = expected.iter().collect();
        let largest = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
        // Sums of large terms that cancel lose the digits of single precision in Burn's operations, too.
        let rounding = rounded.map_or(0.0, |rounded| difference(&expected, &rounded[which]));
        let tolerance = (2e-5 * largest).max(4.0 * rounding);
        for (i, (e, f)) in expected.iter().zip(found.iter::<f64>()).enumerate() {
            let is_close = (e - f).abs() <= tolerance;
            prop_assert!(
                is_close,
                "{what} {which}, element {i}: expected {e}, got {f}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn values_and_gradients_equal_burns(case in case()) {
        let expected = case.first_order::<Autodiff<Double>>(DType::F64, true);

        check("flex", &case.first_order::<Autodiff<Flex>>(DType::F32, false), &expected, None)?;
        check("ndarray", &case.first_order::<Autodiff<NdArray>>(DType::F32, false), &expected, None)?;
        check("default", &case.first_order::<Autodiff<Double>>(DType::F64, false), &expected, None)?;
    }

    #[test]
    fn second_derivatives_equal_burns(case in case()) {
        let expected = case.second_order::<Autodiff<Double>>(DType::F64, true);
        let rounded = case.second_order::<Autodiff<Flex>>(DType::F32, true);

        let flex = case.second_order::<Autodiff<Flex>>(DType::F32, false);
        check("flex", &flex, &expected, Some(&rounded))?;
        let ndarray = case.second_order::<Autodiff<NdArray>>(DType::F32, false);
        check("ndarray", &ndarray, &expected, Some(&rounded))?;
    }
}

#[test]
fn sums_that_cancel_are_as_exact_as_burns() {
    let case = Case {
        op: Op::ModulateMasked,
        batch: 1,
        channels: 1,
        size: [3, 6],
        is_per_plane: false,
        seed: 12554829099674548079,
    };
    let expected = case.second_order::<Autodiff<Double>>(DType::F64, true);
    let of = |data: &TensorData| data.iter::<f64>().collect::<Vec<_>>();
    let ours = case.second_order::<Autodiff<Flex>>(DType::F32, false);
    let burns = case.second_order::<Autodiff<Flex>>(DType::F32, true);
    for ((expected, ours), burns) in expected.iter().zip(&ours).zip(&burns) {
        let (ours, burns) = (
            difference(&of(expected), ours),
            difference(&of(expected), burns),
        );
        assert!(
            ours <= (4.0 * burns).max(2e-5),
            "{ours:e}, Burn's {burns:e}"
        );
    }
}

#[test]
fn the_result_of_an_operation_does_not_change_what_others_hold() {
    let device = Default::default();
    let x = Tensor::<Flex, 1>::from_floats([-1.0, 2.0, -3.0], &device);

    let y = ops::rectify(x.clone(), 0.5);

    let values = |t: Tensor<Flex, 1>| t.into_data().to_vec::<f32>().expect("f32");
    assert_eq!(values(x), [-1.0, 2.0, -3.0]);
    assert_eq!(values(y), [-0.5, 2.0, -1.5]);
}

#[test]
fn the_softmax_of_a_tensor_out_of_order_is_that_of_its_values() {
    let x = Noise::new(5, 0).normal::<Flex, 3>("x", [3, 4, 5], &Default::default());
    let in_order = Tensor::from_data(x.clone().swap_dims(0, 2).into_data(), &x.device());

    let y = ops::softmax(x.swap_dims(0, 2), 1);

    assert_eq!(
        y.into_data(),
        ops::softmax::<Flex, 3>(in_order, 1).into_data()
    );
}

#[test]
fn the_softmax_shares_burns_view_of_infinities() {
    let never = f32::NEG_INFINITY;
    let rows = [[never, 0.0, 0.0], [never; 3], [f32::INFINITY, 0.0, 0.0]];
    for dim in [0, 1] {
        let x = Tensor::<Flex, 2>::from_floats(rows, &Default::default());
        let x = if dim == 0 { x.transpose() } else { x };

        let ours = ops::softmax(x.clone(), dim).into_data();

        let expected = softmax(x, dim).into_data();
        for (ours, expected) in ours.iter::<f32>().zip(expected.iter::<f32>()) {
            assert!(
                ours == expected || ours.is_nan() && expected.is_nan(),
                "{ours}, {expected}"
            );
        }
    }
}

#[test]
fn optimiser_steps_have_the_bits_of_burns_operations() {
    let factors = AdamFactors {
        beta_1: 0.5,
        beta_2: 0.999,
        epsilon: 1e-8,
        correction: 0.3,
        lr: 2e-4,
    };
    let noise = Noise::new(3, 0);
    let device = Default::default();
    let names = ["param", "grad", "first", "second"];
    let [param, grad, first, second] =
        names.map(|name| noise.normal::<Flex, 2>(name, [41, 53], &device));
    let second = second.square();

    let ours = ops::adam(
        param.clone(),
        grad.clone(),
        [first.clone(), second.clone()],
        factors,
    );
    let average = ops::ema(param.clone(), grad.clone(), 0.999);

    let [p, g, m, v] = [param, grad, first, second].map(ops::primitive);
    let expected = memory_bound::adam::<Flex>(p.clone(), g.clone(), [m, v], factors);
    for (ours, expected) in ours.into_iter().zip(expected) {
        assert_eq!(
            ours.into_data(),
            ops::tensor::<Flex, 2>(expected).into_data()
        );
    }
    let expected = ops::tensor::<Flex, 2>(memory_bound::ema::<Flex>(p, g, 0.999));
    assert_eq!(average.into_data(), expected.into_data());
}

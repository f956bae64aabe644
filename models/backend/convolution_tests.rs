//! The operations, and Burn's own that stand in for them, against sums in double precision.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::prelude::{Tensor, TensorData};
use burn::tensor::DType;
use burn::tensor::ops::ConvOptions;
use proptest::prelude::*;

use super::{AutodiffBackend, Backend, default, ops};
use crate::noise::Noise;

/// Sizes of a convolution and the seed of its arguments.
#[derive(Debug, Clone)]
struct Case {
    x: [usize; 4],
    weight: [usize; 4],
    options: ConvOptions<2>,
    seed: u64,
}

impl Case {
    fn output(&self) -> [usize; 4] {
        let side = |i: usize| {
            let reach = self.options.dilation[i] * (self.weight[2 + i] - 1) + 1;
            let size = self.x[2 + i] + 2 * self.options.padding[i];
            (size - reach) / self.options.stride[i] + 1
        };
        [self.x[0], self.weight[0], side(0), side(1)]
    }

    fn values(&self, name: &str, shape: [usize; 4]) -> TensorData {
        Noise::new(self.seed, 0)
            .normal::<Flex, 4>(name, shape, &Default::default())
            .into_data()
    }
}

/// Sizes of one axis that leave at least one output: input, kernel, stride, padding, dilation.
fn axis() -> impl Strategy<Value = [usize; 5]> {
    (1_usize..10, 1_usize..5, 1_usize..4, 0_usize..3, 1_usize..3)
        .prop_filter("the kernel fits", |(size, kernel, _, padding, dilation)| {
            dilation * (kernel - 1) < size + 2 * padding
        })
        .prop_map(|(size, kernel, stride, padding, dilation)| {
            [size, kernel, stride, padding, dilation]
        })
}

fn case() -> impl Strategy<Value = Case> {
    let channels = (1_usize..4, 1_usize..6, 1_usize..6);
    (1_usize..4, channels, axis(), axis(), any::<u64>()).prop_map(
        |(batch, (groups, inputs, outputs), rows, columns, seed)| {
            let pair = |i: usize| [rows[i], columns[i]];
            Case {
                x: [batch, groups * inputs, rows[0], columns[0]],
                weight: [groups * outputs, inputs, rows[1], columns[1]],
                options: ConvOptions::new(pair(2), pair(3), pair(4), groups),
                seed,
            }
        },
    )
}

/// Output, input and weight that belong to the arguments of a case, and the sums of the output's
/// gradient and of the input over all but the channels: gradients of biases.
struct Filled {
    y: Vec<f64>,
    dx: Vec<f64>,
    dw: Vec<f64>,
    db: Vec<f64>,
    x_sums: Vec<f64>,
}

/// Of single precision whatever the default of the device is.
fn tensor<B: Backend, const D: usize>(data: &TensorData) -> Tensor<B, D> {
    Tensor::from_data(data.clone(), (&B::Device::default(), DType::F32))
}

fn wide(data: TensorData) -> Vec<f64> {
    data.iter::<f64>().collect()
}

/// The sum over every product of a pixel, a weight and an output, and its derivatives.
fn reference(case: &Case) -> Filled {
    let (output, options) = (case.output(), &case.options);
    let x = wide(case.values("x", case.x));
    let weight = wide(case.values("weight", case.weight));
    let dy = wide(case.values("dy", output));
    let at = |[_, b, c, d]: [usize; 4], [i, j, k, l]: [usize; 4]| ((i * b + j) * c + k) * d + l;
    let mut filled = Filled {
        y: vec![0.0; dy.len()],
        dx: vec![0.0; x.len()],
        dw: vec![0.0; weight.len()],
        db: vec![0.0; output[1]],
        x_sums: vec![0.0; case.x[1]],
    };
    for (i, x) in x.iter().enumerate() {
        filled.x_sums[i / (case.x[2] * case.x[3]) % case.x[1]] += x;
    }
    let indices = |[a, b, c, d]: [usize; 4]| {
        (0..a * b * c * d).map(move |i| [i / (b * c * d), i / (c * d) % b, i / d % c, i % d])
    };
    for y in indices(output) {
        let [n, o, ..] = y;
        let yi = at(output, y);
        filled.db[o] += dy[yi];
        for [_, c, ky, kx] in indices([1, case.weight[1], case.weight[2], case.weight[3]]) {
            let group = o / (case.weight[0] / options.groups);
            let side = |axis: usize, tap: usize| {
                (y[2 + axis] * options.stride[axis] + tap * options.dilation[axis])
                    .checked_sub(options.padding[axis])
                    .filter(|&i| i < case.x[2 + axis])
            };
            let (Some(row), Some(column)) = (side(0, ky), side(1, kx)) else {
                continue;
            };
            let xi = at(case.x, [n, group * case.weight[1] + c, row, column]);
            let wi = at(case.weight, [o, c, ky, kx]);
            filled.y[yi] += x[xi] * weight[wi];
            filled.dx[xi] += dy[yi] * weight[wi];
            filled.dw[wi] += dy[yi] * x[xi];
        }
    }
    filled
}

fn check(
    what: &str,
    found: TensorData,
    shape: &[usize],
    expected: &[f64],
) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.shape.to_vec(), shape, "{}", what);
    let largest = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (i, (e, f)) in expected.iter().zip(found.iter::<f64>()).enumerate() {
        let is_close = (e - f).abs() <= 1e-5 * largest;
        prop_assert!(is_close, "{what}, element {i}: expected {e}, got {f}");
    }
    Ok(())
}

fn values_equal_the_sums<B: Backend>(case: &Case) -> Result<(), TestCaseError> {
    let expected = reference(case);
    let x = || tensor::<B, 4>(&case.values("x", case.x));
    let weight = || tensor::<B, 4>(&case.values("weight", case.weight));
    let dy = || tensor::<B, 4>(&case.values("dy", case.output()));
    let options = || case.options.clone();
    let [batch, inputs, height, width] = case.x;
    let shift = case.values("shift", [1, 1, 1, inputs]);
    let bias = || tensor::<B, 4>(&shift).reshape([inputs]);
    let shift = wide(shift.clone());
    let shifted: Vec<f64> = (0..batch * inputs)
        .flat_map(|plane| [shift[plane % inputs]].repeat(height * width))
        .zip(&expected.dx)
        .map(|(shift, dx)| shift + dx)
        .collect();
    let (float, back) = (ops::primitive::<B, 4>, ops::tensor::<B, 4>);

    let ours = [
        ops::convolution(x(), weight(), None, options()),
        ops::convolution_input_gradient(dy(), weight(), Some(bias()), case.x, options()),
        ops::convolution_weight_gradient(x(), dy(), case.weight, options()),
    ];
    let burns = [
        B::conv2d(float(x()), float(weight()), None, options()),
        default::input_gradient::<B>(
            float(dy()),
            float(weight()),
            Some(ops::primitive(bias())),
            case.x,
            options(),
        ),
        default::weight_gradient::<B>(float(x()), float(dy()), case.weight, options()),
    ];
    let bias_gradients = [
        ops::convolution_bias_gradient(dy()),
        ops::tensor(default::bias_gradient::<B>(float(dy()))),
    ];

    for [y, dx, dw] in [ours, burns.map(back)] {
        check("output", y.into_data(), &case.output(), &expected.y)?;
        check("input gradient", dx.into_data(), &case.x, &shifted)?;
        check(
            "weight gradient",
            dw.into_data(),
            &case.weight,
            &expected.dw,
        )?;
    }
    for db in bias_gradients {
        check(
            "bias gradient",
            db.into_data(),
            &case.weight[..1],
            &expected.db,
        )?;
    }
    Ok(())
}

/// All three operations contract the form `sum(conv(x, weight) * dy)`, so the gradients of this
/// form by its arguments are the same whichever operation computes it.
fn gradients_equal_the_sums<B: AutodiffBackend>(case: &Case) -> Result<(), TestCaseError> {
    let expected = reference(case);
    let leaf = |name: &str, shape| tensor::<B, 4>(&case.values(name, shape)).require_grad();
    for operation in ["convolution", "input gradient", "weight gradient"] {
        let x = leaf("x", case.x);
        let weight = leaf("weight", case.weight);
        let dy = leaf("dy", case.output());
        let is_input = operation == "input gradient";
        let channels = if is_input { case.x[1] } else { case.weight[0] };
        let zeros = TensorData::zeros::<f32, _>([channels]);
        let bias = tensor::<B, 1>(&zeros).require_grad();
        let options = case.options.clone();
        let form = match operation {
            "convolution" => {
                let bias = Some(bias.clone());
                ops::convolution(x.clone(), weight.clone(), bias, options) * dy.clone()
            }
            "input gradient" => {
                let (dy, weight, bias) = (dy.clone(), weight.clone(), Some(bias.clone()));
                ops::convolution_input_gradient(dy, weight, bias, case.x, options) * x.clone()
            }
            _ => {
                let (x, dy) = (x.clone(), dy.clone());
                ops::convolution_weight_gradient(x, dy, case.weight, options) * weight.clone()
            }
        };

        let grads = form.sum().backward();

        let gradient = |leaf: &Tensor<B, 4>| leaf.grad(&grads).expect("tracked").into_data();
        check(
            &format!("{operation} by x"),
            gradient(&x),
            &case.x,
            &expected.dx,
        )?;
        check(
            &format!("{operation} by weight"),
            gradient(&weight),
            &case.weight,
            &expected.dw,
        )?;
        check(
            &format!("{operation} by dy"),
            gradient(&dy),
            &case.output(),
            &expected.y,
        )?;
        let by_bias = match operation {
            "convolution" => &expected.db,
            "input gradient" => &expected.x_sums,
            _ => continue,
        };
        let gradient = bias.grad(&grads).expect("tracked").into_data();
        check(
            &format!("{operation} by bias"),
            gradient,
            &[channels],
            by_bias,
        )?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn values_of_ours_and_of_burns_operations(case in case()) {
        values_equal_the_sums::<Flex>(&case)?;
        values_equal_the_sums::<NdArray>(&case)?;
    }

    #[test]
    fn gradients_of_every_operation(case in case()) {
        gradients_equal_the_sums::<Autodiff<Flex>>(&case)?;
        gradients_equal_the_sums::<Autodiff<NdArray>>(&case)?;
    }
}

#[test]
fn tensors_out_of_order_are_taken_as_they_are_indexed() {
    fn check_on<B: Backend>() {
        let noise = Noise::new(5, 0);
        let x = noise.normal::<Flex, 4>("x", [6, 2, 7, 3], &Default::default());
        let weight = noise.normal::<Flex, 4>("weight", [2, 3, 4, 3], &Default::default());
        let (x, weight) = (
            tensor::<B, 4>(&x.into_data()),
            tensor::<B, 4>(&weight.into_data()),
        );
        let options = ConvOptions::new([1, 2], [1, 1], [1, 1], 1);

        // Views: the batch is part of a larger one, rows and channels are swapped.
        let view = x.narrow(0, 1, 4).swap_dims(1, 3);
        let turned = weight.permute([2, 1, 0, 3]);
        let copy = tensor::<B, 4>(&view.to_data());
        let turned_copy = tensor::<B, 4>(&turned.to_data());
        let found = ops::convolution(view, turned, None, options.clone());

        let expected = ops::convolution(copy, turned_copy, None, options);
        assert_eq!(found.into_data(), expected.into_data());
    }
    check_on::<Flex>();
    check_on::<NdArray>();
}

#[test]
fn only_tracked_arguments_get_gradients() {
    type B = Autodiff<Flex>;
    let device = Default::default();
    let noise = Noise::new(6, 0);
    let options = || ConvOptions::new([2, 2], [1, 1], [1, 1], 1);
    let x: Tensor<B, 4> = noise.normal("x", [2, 3, 8, 8], &device);
    let weight: Tensor<B, 4> = noise.normal("weight", [4, 3, 4, 4], &device);
    let tracked = weight.clone().require_grad();

    let by_weight = ops::convolution(x.clone(), tracked.clone(), None, options());
    let grads = by_weight.sum().backward();
    let nothing = ops::convolution(x.clone(), weight, None, options());

    assert!(tracked.grad(&grads).is_some());
    assert!(x.grad(&grads).is_none());
    assert!(!nothing.is_require_grad());
}

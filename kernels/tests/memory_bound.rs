//! The memory-bound kernels against references in double precision, for every set of instructions
//! and several numbers of threads.

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use wordpaint_kernels::activation::{leaky_relu, leaky_relu_backward, tanh, tanh_backward};
use wordpaint_kernels::adam::{Adam, adam, ema};
use wordpaint_kernels::blocks::{Maps, repeat_blocks, sum_blocks};
use wordpaint_kernels::distance::{Rows, distance, distance_backward};
use wordpaint_kernels::gate::{gate, gate_backward};
use wordpaint_kernels::masked::{modulate_masked, modulate_masked_backward};
use wordpaint_kernels::norm::{
    Affine, Shape, batch_norm, batch_norm_backward, modulate, modulate_backward,
};

use support::{assert_close, everywhere, values, wide};

const EPSILON: f64 = 1e-5;

/// Shapes from one value to maps that are shared among threads.
fn shapes() -> impl Strategy<Value = Shape> {
    let area = prop_oneof![1..5_usize, 5..70_usize, Just(2049), Just(5000)];
    (1..4_usize, 1..6_usize, area).prop_map(|(batch, channels, area)| Shape {
        batch,
        channels,
        area,
    })
}

/// Normalised values and `1 / sqrt(var + epsilon)` per channel, with mean and variance.
struct Normalised {
    hat: Vec<f64>,
    rstd: Vec<f64>,
    mean: Vec<f64>,
    var: Vec<f64>,
}

fn normalised(shape: Shape, x: &[f32]) -> Normalised {
    let Shape {
        batch,
        channels,
        area,
    } = shape;
    let channel = |i: usize| (i / area) % channels;
    let count = (batch * area) as f64;
    let (mut mean, mut var) = (vec![0.0; channels], vec![0.0; channels]);
    for (i, v) in x.iter().enumerate() {
        mean[channel(i)] += f64::from(*v) / count;
    }
    for (i, v) in x.iter().enumerate() {
        var[channel(i)] += (f64::from(*v) - mean[channel(i)]).powi(2) / count;
    }
    let rstd: Vec<f64> = var.iter().map(|v| 1.0 / (v + EPSILON).sqrt()).collect();
    let hat = x.iter().enumerate();
    let hat = hat
        .map(|(i, v)| (f64::from(*v) - mean[channel(i)]) * rstd[channel(i)])
        .collect();
    Normalised {
        hat,
        rstd,
        mean,
        var,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn batch_norm_and_its_gradients_follow_the_definition(
        shape in shapes(),
        is_per_plane in any::<bool>(),
        offset in -20.0_f32..20.0,
        seed in any::<u64>(),
    ) {
        let x: Vec<f32> = values(shape.len(), seed).into_iter().map(|v| 2.0 * v + offset).collect();
        let dy = values(shape.len(), seed ^ 1);
        let rows = if is_per_plane { shape.batch } else { 1 };
        let scale = values(rows * shape.channels, seed ^ 2);
        let shift = values(rows * shape.channels, seed ^ 3);

        let (y, statistics, dx, gradients) = everywhere(|| {
            let mut y = vec![0.0; shape.len()];
            let affine = Affine { scale: &scale, shift: &shift };
            let statistics = batch_norm(shape, &x, affine, EPSILON, &mut y);
            let mut dx = dy.clone();
            let gradients =
                batch_norm_backward(shape, &x, &scale, &statistics, EPSILON, &mut dx);
            (y, statistics, dx, gradients)
        });

        let n = normalised(shape, &x);
        let plane = |i: usize| i / shape.area;
        let channel = |i: usize| plane(i) % shape.channels;
        let row = |i: usize| plane(i) % scale.len();
        let count = (shape.batch * shape.area) as f64;
        let planes = shape.batch * shape.channels;
        let (mut d_scale, mut d_shift) = (vec![0.0; planes], vec![0.0; planes]);
        let (mut alone, mut along) = (vec![0.0; shape.channels], vec![0.0; shape.channels]);
        let mut expected_y = Vec::new();
        for i in 0..shape.len() {
            let (s, g) = (f64::from(scale[row(i)]), f64::from(dy[i]));
            expected_y.push(n.hat[i] * s + f64::from(shift[row(i)]));
            d_scale[plane(i)] += g * n.hat[i];
            d_shift[plane(i)] += g;
            alone[channel(i)] += s * g / count;
            along[channel(i)] += s * g * n.hat[i] / count;
        }
        let expected_dx: Vec<f64> = (0..shape.len())
            .map(|i| {
                let c = channel(i);
                let g = f64::from(scale[row(i)]) * f64::from(dy[i]);
                n.rstd[c] * (g - alone[c] - n.hat[i] * along[c])
            })
            .collect();
        // A mean that is rounded to single precision is off by 2^-25 of itself, which counts in
        // units of the standard deviation.
        let rstd = n.rstd.iter().copied().fold(1.0, f64::max);
        let unit = 1.0 + f64::from(offset.abs()) * rstd;
        assert_close("mean", &statistics.mean, &n.mean, 1.0);
        assert_close("var", &statistics.var, &n.var, 1.0);
        assert_close("y", &y, &expected_y, 4.0 * unit);
        let sums = (shape.area as f64).sqrt() * unit;
        assert_close("shift", &gradients.shift, &d_shift, sums);
        assert_close("scale", &gradients.scale, &d_scale, 4.0 * sums * unit);
        assert_close("dx", &dx, &expected_dx, 4.0 * rstd * unit * unit);
    }

    #[test]
    fn modulation_and_its_gradients_follow_the_definition(
        shape in shapes(),
        is_per_plane in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let (x, dy) = (values(shape.len(), seed), values(shape.len(), seed ^ 1));
        let rows = if is_per_plane { shape.batch } else { 1 };
        let scale = values(rows * shape.channels, seed ^ 2);
        let shift = values(rows * shape.channels, seed ^ 3);

        let (y, dx, gradients) = everywhere(|| {
            let mut y = x.clone();
            modulate(shape, &mut y, Affine { scale: &scale, shift: &shift });
            let mut dx = dy.clone();
            let gradients = modulate_backward(shape, &x, &scale, &mut dx);
            (y, dx, gradients)
        });

        let row = |i: usize| (i / shape.area) % scale.len();
        let (s, b) = (wide(&scale), wide(&shift));
        let expected_y: Vec<f64> =
            wide(&x).iter().enumerate().map(|(i, v)| v * s[row(i)] + b[row(i)]).collect();
        let expected_dx: Vec<f64> =
            wide(&dy).iter().enumerate().map(|(i, g)| g * s[row(i)]).collect();
        let (d, v) = (wide(&dy), wide(&x));
        let d_shift: Vec<f64> = d.chunks(shape.area).map(|g| g.iter().sum()).collect();
        let d_scale: Vec<f64> = d
            .chunks(shape.area)
            .zip(v.chunks(shape.area))
            .map(|(g, x)| g.iter().zip(x).map(|(g, x)| g * x).sum())
            .collect();
        assert_close("y", &y, &expected_y, 1.0);
        assert_close("dx", &dx, &expected_dx, 1.0);
        let sums = (shape.area as f64).sqrt();
        assert_close("shift", &gradients.shift, &d_shift, sums);
        assert_close("scale", &gradients.scale, &d_scale, sums);
    }

    #[test]
    fn masked_modulation_and_its_gradients_follow_the_definition(
        shape in shapes(),
        is_per_plane in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let (x, dy) = (values(shape.len(), seed), values(shape.len(), seed ^ 1));
        let rows = if is_per_plane { shape.batch } else { 1 };
        let scale = values(rows * shape.channels, seed ^ 2);
        let shift = values(rows * shape.channels, seed ^ 3);
        let mask = values(shape.batch * shape.area, seed ^ 4);

        let (y, dx, to_mask, gradients) = everywhere(|| {
            let affine = Affine { scale: &scale, shift: &shift };
            let mut y = x.clone();
            modulate_masked(shape, &mut y, &mask, affine);
            let mut dx = dy.clone();
            let (to_mask, gradients) = modulate_masked_backward(shape, &x, &mask, affine, &mut dx);
            (y, dx, to_mask, gradients)
        });

        let plane = |i: usize| i / shape.area;
        let row = |i: usize| plane(i) % scale.len();
        let pixel = |i: usize| plane(i) / shape.channels * shape.area + i % shape.area;
        let planes = shape.batch * shape.channels;
        let (mut d_scale, mut d_shift) = (vec![0.0; planes], vec![0.0; planes]);
        let mut d_mask = vec![0.0; mask.len()];
        let (mut expected_y, mut expected_dx) = (Vec::new(), Vec::new());
        for i in 0..shape.len() {
            let [x, g, m] = [x[i], dy[i], mask[pixel(i)]].map(f64::from);
            let [scale, shift] = [scale[row(i)], shift[row(i)]].map(f64::from);
            expected_y.push(x + m * (x * scale + shift));
            expected_dx.push(g * (1.0 + m * scale));
            d_mask[pixel(i)] += g * (x * scale + shift);
            d_scale[plane(i)] += g * m * x;
            d_shift[plane(i)] += g * m;
        }
        assert_close("y", &y, &expected_y, 1.0);
        assert_close("dx", &dx, &expected_dx, 1.0);
        assert_close("mask", &to_mask, &d_mask, shape.channels as f64);
        let sums = (shape.area as f64).sqrt();
        assert_close("shift", &gradients.shift, &d_shift, sums);
        assert_close("scale", &gradients.scale, &d_scale, sums);
    }

    #[test]
    fn rectifiers_follow_the_definition(
        len in prop_oneof![0..70_usize, Just(40_001)],
        slope in prop_oneof![Just(0.0_f32), Just(0.2), Just(1.0)],
        seed in any::<u64>(),
    ) {
        let mut x = values(len, seed);
        if let Some(first) = x.first_mut() {
            *first = 0.0;
        }
        let dy = values(len, seed ^ 1);

        let (y, from_input, from_output) = everywhere(|| {
            let mut y = x.clone();
            leaky_relu(&mut y, slope);
            let (mut from_input, mut from_output) = (dy.clone(), dy.clone());
            leaky_relu_backward(&x, &mut from_input, slope);
            leaky_relu_backward(&y, &mut from_output, slope);
            (y, from_input, from_output)
        });

        let expected_y: Vec<f32> =
            x.iter().map(|v| if *v > 0.0 { *v } else { v * slope }).collect();
        let expected_dx: Vec<f32> = x
            .iter()
            .zip(&dy)
            .map(|(v, g)| if *v > 0.0 { *g } else { g * slope })
            .collect();
        assert_eq!(&y, &expected_y);
        assert_eq!(&from_input, &expected_dx);
        assert_eq!(&from_output, &expected_dx);
        assert!(slope != 0.0 || y.iter().all(|v| v.is_sign_positive()));
    }

    #[test]
    fn the_hyperbolic_tangent_is_right_to_the_last_digits(
        len in prop_oneof![0..70_usize, Just(40_001)],
        range in prop_oneof![Just(0.01_f32), Just(1.0), Just(5.0), Just(100.0)],
        seed in any::<u64>(),
    ) {
        let x: Vec<f32> = values(len, seed).into_iter().map(|v| v * range).collect();
        let dy = values(len, seed ^ 1);

        let (y, dx) = everywhere(|| {
            let (mut y, mut dx) = (x.clone(), dy.clone());
            tanh(&mut y);
            tanh_backward(&y, &mut dx);
            (y, dx)
        });

        for (x, y) in x.iter().zip(&y) {
            let expected = f64::from(*x).tanh();
            let error = (f64::from(*y) - expected).abs();
            prop_assert!(error <= 2.0 * f64::from(f32::EPSILON) * expected.abs(), "{x}: {y}");
        }
        let expected: Vec<f64> =
            wide(&y).iter().zip(wide(&dy)).map(|(y, g)| g * (1.0 - y * y)).collect();
        // The square of y is rounded to 2^-25 before it is taken from 1.
        assert_close("dx", &dx, &expected, 0.1);
    }

    #[test]
    fn gates_follow_the_definition(
        batch in 1..4_usize,
        len in prop_oneof![1..70_usize, Just(9000), Just(20_001)],
        factor in prop_oneof![Just(1.0_f32), Just(30.0), Just(200.0)],
        seed in any::<u64>(),
    ) {
        let x: Vec<f32> = values(2 * batch * len, seed).into_iter().map(|v| factor * v).collect();
        let dy = values(batch * len, seed ^ 1);

        let (y, dx) = everywhere(|| {
            let mut y = vec![f32::NAN; dy.len()];
            gate(len, &x, &mut y);
            let mut dx = vec![f32::NAN; x.len()];
            gate_backward(len, &x, &dy, &mut dx);
            (y, dx)
        });

        let (mut expected_y, mut expected_dx) = (Vec::new(), vec![0.0; x.len()]);
        for (i, g) in dy.iter().enumerate() {
            let at = i / len * 2 * len + i % len;
            let [a, b, g] = [x[at], x[at + len], *g].map(f64::from);
            let open = 1.0 / (1.0 + (-b).exp());
            expected_y.push(a * open);
            expected_dx[at] = g * open;
            expected_dx[at + len] = g * a * open * (1.0 - open);
        }
        // Digits count in small results too, down to where e^-87 stands for all below.
        assert_close("y", &y, &expected_y, 1e-29);
        assert_close("dx", &dx, &expected_dx, f64::from(factor) * 0.1);
    }

    #[test]
    fn blocks_are_summed_and_repeated(
        planes in 1..5_usize,
        size in prop_oneof![[1..9_usize, 1..9_usize], [90..105_usize, 90..105_usize]],
        factor in prop_oneof![Just(1.0_f32), Just(0.25)],
        seed in any::<u64>(),
    ) {
        let [height, width] = size;
        let [rows, columns] = [height / 2, width / 2];
        let maps = Maps { planes, height, width };
        let large = values(maps.len(), seed);
        let small = values(maps.halved_len(), seed ^ 1);

        let (sums, repeated) = everywhere(|| {
            let mut sums = vec![f32::NAN; small.len()];
            sum_blocks(maps, &large, factor, &mut sums);
            let mut repeated = vec![f32::NAN; large.len()];
            repeat_blocks(maps, &small, factor, &mut repeated);
            (sums, repeated)
        });

        let factor = f64::from(factor);
        let mut expected_sums = vec![0.0; small.len()];
        let mut expected = vec![0.0; large.len()];
        for i in 0..large.len() {
            let (p, r, c) = (i / (height * width), i / width % height / 2, i % width / 2);
            if r < rows && c < columns {
                let block = (p * rows + r) * columns + c;
                expected_sums[block] += factor * f64::from(large[i]);
                expected[i] = factor * f64::from(small[block]);
            }
        }
        assert_close("sums", &sums, &expected_sums, 1.0);
        assert_close("repeated", &repeated, &expected, 0.0);
    }

    #[test]
    fn optimiser_steps_follow_the_definition(
        len in prop_oneof![1..70_usize, Just(40_001)],
        seed in any::<u64>(),
        betas in [0.0_f32..0.95, 0.9_f32..0.9999],
    ) {
        let (param, grad) = (values(len, seed), values(len, seed ^ 1));
        let first = values(len, seed ^ 2);
        let second: Vec<f32> = values(len, seed ^ 3).into_iter().map(f32::abs).collect();
        let factors = Adam {
            beta_1: betas[0],
            beta_2: betas[1],
            epsilon: 1e-8,
            correction: 0.7,
            lr: 1e-3,
        };

        let (p, m, v, average) = everywhere(|| {
            let (mut p, mut m, mut v) = (param.clone(), first.clone(), second.clone());
            adam(factors, &mut p, &grad, &mut m, &mut v);
            let mut average = param.clone();
            ema(0.999, &mut average, &grad);
            (p, m, v, average)
        });

        let [b1, b2] = betas.map(f64::from);
        let moment = |old: &[f32], b: f64, new: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let pairs = wide(old).into_iter().zip(wide(&grad));
            pairs.map(|(m, g)| b * m + (1.0 - b) * new(g)).collect()
        };
        let expected_m = moment(&first, b1, &|g| g);
        let expected_v = moment(&second, b2, &|g| g * g);
        let steps = expected_m.iter().zip(&expected_v);
        let steps = steps.map(|(m, v)| 0.7 * m / (v.sqrt() + 1e-8) * 1e-3);
        let expected_p: Vec<f64> = wide(&param).iter().zip(steps).map(|(p, s)| p - s).collect();
        let expected_average = moment(&param, 0.999, &|g| g);
        assert_close("first moment", &m, &expected_m, 1.0);
        assert_close("second moment", &v, &expected_v, 1.0);
        assert_close("parameter", &p, &expected_p, 1.0);
        assert_close("average", &average, &expected_average, 1.0);
    }

    #[test]
    fn absolute_differences_follow_the_definition(
        batch in 1..4_usize,
        heads in 1..4_usize,
        elements in prop_oneof![1..70_usize, Just(40_001)],
        seed in any::<u64>(),
    ) {
        let rows = Rows { batch, heads, elements };
        let (mut a, b) = (values(batch * heads * elements, seed), values(batch * elements, seed ^ 1));
        a[0] = b[0];
        let dy = values(batch * heads, seed ^ 2);

        let (sums, da) = everywhere(|| {
            let (mut sums, mut da) = (vec![f32::NAN; dy.len()], vec![f32::NAN; a.len()]);
            distance(rows, &a, &b, &mut sums);
            distance_backward(rows, &a, &b, &dy, &mut da);
            (sums, da)
        });

        let (mut expected_sums, mut expected) = (vec![0.0; dy.len()], vec![0.0; a.len()]);
        for (i, v) in a.iter().enumerate() {
            let row = i / elements;
            let other = b[row / heads * elements + i % elements];
            expected_sums[row] += (f64::from(*v) - f64::from(other)).abs();
            let sign = if *v == other { 0.0 } else { f64::from((v - other).signum()) };
            expected[i] = sign * f64::from(dy[row]);
        }
        assert_close("sums", &sums, &expected_sums, 0.0);
        assert_close("da", &da, &expected, 0.0);
    }

    #[test]
    fn what_is_no_number_stays_none(at in 0..20_usize, slope in prop_oneof![Just(0.0_f32), Just(0.2)]) {
        let mut x = values(20, 1);
        x[at] = f32::NAN;
        let mut y = x.clone();
        let mut gated = [0.0; 10];

        gate(10, &x, &mut gated);
        leaky_relu(&mut x, slope);
        tanh(&mut y);

        prop_assert!(gated[at % 10].is_nan());
        prop_assert_eq!(gated.iter().filter(|v| v.is_nan()).count(), 1);
        prop_assert!(x[at].is_nan() && y[at].is_nan());
        prop_assert_eq!(x.iter().chain(&y).filter(|v| v.is_nan()).count(), 2);
    }

    #[test]
    fn a_constant_channel_has_no_variance(value in vec(-1e4_f32..1e4, 1), area in 1..3000_usize) {
        let shape = Shape { batch: 2, channels: 1, area };
        let mut y = vec![f32::NAN; shape.len()];

        let affine = Affine { scale: &[3.0], shift: &[0.5] };
        let statistics = batch_norm(shape, &vec![value[0]; shape.len()], affine, EPSILON, &mut y);

        prop_assert_eq!(statistics.mean[0], value[0]);
        prop_assert_eq!(statistics.var[0], 0.0);
        prop_assert_eq!(y, vec![0.5; shape.len()]);
    }
}

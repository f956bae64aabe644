//! The convolution kernels against sums in `f64`, on random sizes with each set of instructions.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use wordpaint_kernels::conv::Conv2d;
use wordpaint_kernels::isa::{self, Isa};

/// The forced set of instructions belongs to the whole process.
static FORCED: Mutex<()> = Mutex::new(());

/// Runs `f` once with each set of instructions that this machine has.
fn with_each_isa(mut f: impl FnMut(Isa)) {
    let _guard = FORCED.lock().unwrap_or_else(PoisonError::into_inner);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        isa::force(Some(isa));
        f(isa);
    }
    isa::force(None);
}

/// Values in [-1, 1) that look random, the same for the same `seed`.
fn values(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Results in `f64`, and the sums of the products' magnitudes that bound their errors.
struct Reference {
    y: Vec<[f64; 2]>,
    dx: Vec<[f64; 2]>,
    dw: Vec<[f64; 2]>,
    db: Vec<[f64; 2]>,
}

/// `bias` goes onto the output, `shift` onto the gradient of the input.
fn reference(
    g: &Conv2d,
    x: &[f32],
    w: &[f32],
    [bias, shift]: [&[f32]; 2],
    dy: &[f32],
) -> Reference {
    let [oh, ow] = g.output_size();
    let (c_in, c_out) = (g.channels_in / g.groups, g.channels_out / g.groups);
    let zeros = |len| vec![[0.0; 2]; len];
    let mut r = Reference {
        y: zeros(dy.len()),
        dx: zeros(x.len()),
        dw: zeros(w.len()),
        db: zeros(bias.len()),
    };
    let add = |sum: &mut [f64; 2], a: f32, b: f32| {
        let product = f64::from(a) * f64::from(b);
        sum[0] += product;
        sum[1] += product.abs();
    };
    for (at, dx) in r.dx.iter_mut().enumerate() {
        add(dx, shift[at / (g.size[0] * g.size[1]) % g.channels_in], 1.0);
    }
    for (at, &gradient) in dy.iter().enumerate() {
        let (plane, oy, ox) = (at / (oh * ow), at / ow % oh, at % ow);
        let (n, o) = (plane / g.channels_out, plane % g.channels_out);
        add(&mut r.y[at], bias[o], 1.0);
        add(&mut r.db[o], gradient, 1.0);
        for tap in 0..c_in * g.kernel[0] * g.kernel[1] {
            let (c, ky, kx) = (
                tap / (g.kernel[0] * g.kernel[1]),
                tap / g.kernel[1] % g.kernel[0],
                tap % g.kernel[1],
            );
            let iy = (oy * g.stride[0] + ky).wrapping_sub(g.padding[0]);
            let ix = (ox * g.stride[1] + kx).wrapping_sub(g.padding[1]);
            if iy < g.size[0] && ix < g.size[1] {
                let channel = n * g.channels_in + o / c_out * c_in + c;
                let xi = (channel * g.size[0] + iy) * g.size[1] + ix;
                let wi = o * c_in * g.kernel[0] * g.kernel[1] + tap;
                add(&mut r.y[at], x[xi], w[wi]);
                add(&mut r.dx[xi], gradient, w[wi]);
                add(&mut r.dw[wi], gradient, x[xi]);
            }
        }
    }
    r
}

/// Fails where `got` is farther from the reference than rounding explains.
fn compare(what: &str, isa: Isa, got: &[f32], expected: &[[f64; 2]]) -> Result<(), TestCaseError> {
    for (i, (&got, &[value, magnitude])) in got.iter().zip(expected).enumerate() {
        // Sums of up to n products in f32 stray by a few roundings of their magnitude.
        let allowed = magnitude * 4e-6 + 1e-30;
        prop_assert!(
            (f64::from(got) - value).abs() <= allowed,
            "{what} with {isa:?}: element {i} is {got}, expected {value}"
        );
    }
    Ok(())
}

fn check(g: &Conv2d, seed: u64) -> Result<(), TestCaseError> {
    let x = values(g.input_len(), seed);
    let w = values(g.weight_len(), seed + 1);
    let bias = values(g.channels_out, seed + 2);
    let dy = values(g.output_len(), seed + 3);
    let shift = values(g.channels_in, seed + 4);
    let expected = reference(g, &x, &w, [&bias, &shift], &dy);
    let mut outcome = Ok(());
    with_each_isa(|isa| {
        // Whatever was in the results before must be gone.
        let mut y = vec![f32::NAN; dy.len()];
        let mut dx = vec![f32::NAN; x.len()];
        let mut dw = vec![f32::NAN; w.len()];
        let mut db = vec![f32::NAN; bias.len()];
        g.forward(&x, &w, Some(&bias), &mut y);
        g.input_gradient(&dy, &w, Some(&shift), &mut dx);
        g.weight_gradient(&x, &dy, &mut dw);
        g.bias_gradient(&dy, &mut db);
        if outcome.is_ok() {
            outcome = compare("y", isa, &y, &expected.y)
                .and_then(|()| compare("dx", isa, &dx, &expected.dx))
                .and_then(|()| compare("dw", isa, &dw, &expected.dw))
                .and_then(|()| compare("db", isa, &db, &expected.db));
        }
    });
    outcome
}

prop_compose! {
    /// A convolution with images up to `size`, up to `channels` per group.
    fn geometry(size: usize, channels: Range<usize>)(
        batch in 1_usize..4,
        c_in in channels.clone(),
        c_out in channels,
        groups in prop_oneof![4 => Just(1_usize), 1 => 2_usize..4],
        size in [1..=size, 1..=size],
        kernel in [1_usize..8, 1_usize..8],
        stride in prop_oneof![Just([1, 1]), Just([2, 2]), [1_usize..4, 1_usize..4]],
        padding in [0_usize..4, 0_usize..4],
    ) -> Conv2d {
        let fit = |i: usize| kernel[i].min(size[i] + 2 * padding[i]);
        Conv2d {
            batch,
            channels_in: c_in * groups,
            channels_out: c_out * groups,
            groups,
            size,
            kernel: [fit(0), fit(1)],
            stride,
            padding,
            dilation: [1, 1],
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn small_images_match_the_reference(g in geometry(12, 1..12), seed in 0_u64..1000) {
        check(&g, seed)?;
    }

    #[test]
    fn wide_images_match_the_reference(g in geometry(70, 1..4), seed in 0_u64..1000) {
        check(&g, seed)?;
    }

    #[test]
    fn many_channels_match_the_reference(g in geometry(5, 1..90), seed in 0_u64..1000) {
        check(&g, seed)?;
    }
}

/// Sizes whose work is divided among tasks in each of the ways there are.
fn divided() -> Vec<Conv2d> {
    let conv = |batch, channels_in, channels_out, size, kernel, stride, padding| Conv2d {
        batch,
        channels_in,
        channels_out,
        groups: 1,
        size: [size, size],
        kernel: [kernel, kernel],
        stride: [stride, stride],
        padding: [padding, padding],
        dilation: [1, 1],
    };
    vec![
        conv(2, 40, 24, 60, 3, 1, 1),
        conv(40, 33, 20, 4, 3, 1, 1),
        conv(3, 24, 48, 32, 4, 2, 1),
        conv(1, 130, 70, 8, 3, 1, 1),
        conv(5, 96, 3, 4, 4, 1, 0),
        conv(2, 3, 17, 48, 7, 1, 3),
    ]
}

#[test]
fn divided_work_matches_the_reference() {
    for g in divided() {
        if let Err(error) = check(&g, 7) {
            panic!("{g:?}: {error}");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let run = |threads: usize, g: &Conv2d| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads start").install(|| {
            let x = values(g.input_len(), 1);
            let w = values(g.weight_len(), 2);
            let dy = values(g.output_len(), 3);
            let mut y = vec![0.0; dy.len()];
            let mut dx = vec![0.0; x.len()];
            let mut dw = vec![0.0; w.len()];
            let mut db = vec![0.0; g.channels_out];
            g.forward(&x, &w, None, &mut y);
            g.input_gradient(&dy, &w, None, &mut dx);
            g.weight_gradient(&x, &dy, &mut dw);
            g.bias_gradient(&dy, &mut db);
            [y, dx, dw, db].map(|values| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        })
    };
    for g in divided() {
        with_each_isa(|isa| {
            let expected = run(1, &g);
            for threads in [2, 4] {
                assert!(
                    run(threads, &g) == expected,
                    "{threads} threads, {isa:?}, {g:?}"
                );
            }
        });
    }
}

#[test]
fn dilated_kernels_are_left_to_the_caller() {
    let mut g = divided()[0];
    assert!(g.is_supported());

    g.dilation = [2, 2];

    assert!(!g.is_supported());
}

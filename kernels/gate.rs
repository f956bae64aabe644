//! Values gated by others of the same sample.

use crate::activation::exp;
use crate::isa::Isa;
use crate::multiversion::multiversion;
use crate::parallel::{Parts, for_ranges};

/// `y = a / (1 + e^-b)` for samples of as many values `a` as gates `b` behind them: `x` is `[batch, 2,
/// len]`, `y` is `[batch, len]`.
///
/// # Panics
///
/// If `x` is not twice as long as `y`, or `len` no part of it.
pub fn gate(len: usize, x: &[f32], y: &mut [f32]) {
    check(len, x, y);
    let isa = Isa::current();
    let (count, y) = (y.len(), Parts::new(y));
    for_ranges(count, |range| {
        for (sample, range) in per_sample(len, range) {
            // SAFETY: the ranges are disjoint.
            let part = unsafe { y.part(range.clone()) };
            let values = range.start + sample * len;
            let gates = values + len;
            let size = range.len();
            gate_range(
                isa,
                &x[values..values + size],
                &x[gates..gates + size],
                part,
            );
        }
    });
}

/// Gradient of [`gate`] by `x` for the gradient `dy` of its output.
///
/// # Panics
///
/// If a length does not fit.
pub fn gate_backward(len: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    check(len, x, dy);
    assert_eq!(x.len(), dx.len(), "one gradient per value");
    let isa = Isa::current();
    let dx = Parts::new(dx);
    for_ranges(dy.len(), |range| {
        for (sample, range) in per_sample(len, range) {
            let (values, size) = (range.start + sample * len, range.len());
            let (values, gates) = (values..values + size, values + len..values + len + size);
            // SAFETY: the ranges are disjoint, and so are values and gates.
            let (to_values, to_gates) =
                unsafe { (dx.part(values.clone()), dx.part(gates.clone())) };
            backward_range(isa, &x[values], &x[gates], &dy[range], to_values, to_gates);
        }
    });
}

fn check(len: usize, x: &[f32], y: &[f32]) {
    assert_eq!(x.len(), 2 * y.len(), "a gate for every value");
    assert!(y.is_empty() || y.len().is_multiple_of(len), "whole samples");
}

/// The parts of `range`, positions in `[batch, len]`, that lie in one sample each, with its number.
fn per_sample(
    len: usize,
    range: std::ops::Range<usize>,
) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    let samples = range.start / len..range.end.div_ceil(len);
    samples.map(move |sample| {
        let (start, end) = (sample * len, (sample + 1) * len);
        (sample, range.start.max(start)..range.end.min(end))
    })
}

/// `1 / (1 + e^-b)`, without overflow and with all digits of small results.
#[inline(always)]
fn logistic(b: f32) -> f32 {
    // Beyond it, the result is 1 or the smallest there is. NaN stays NaN.
    let a = if b.abs() > 87.0 { 87.0 } else { b.abs() };
    let small = exp(-a);
    (if b < 0.0 { small } else { 1.0 }) / (1.0 + small)
}

multiversion! {
    fn gate_range(values: &[f32], gates: &[f32], y: &mut [f32]) {
        for ((y, a), b) in y.iter_mut().zip(values).zip(gates) {
            *y = a * logistic(*b);
        }
    }
}

multiversion! {
    fn backward_range(
        values: &[f32],
        gates: &[f32],
        dy: &[f32],
        to_values: &mut [f32],
        to_gates: &mut [f32],
    ) {
        let targets = to_values.iter_mut().zip(to_gates);
        for (((da, db), (a, b)), g) in targets.zip(values.iter().zip(gates)).zip(dy) {
            let open = logistic(*b);
            *da = g * open;
            *db = g * a * (open * (1.0 - open));
        }
    }
}

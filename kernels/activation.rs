//! Activations.

use crate::isa::Isa;
use crate::multiversion::multiversion;
use crate::parallel::{Parts, for_ranges};

/// `x` where it is positive, else `slope x`, in place; slope 0 is the ReLU and gives no negative
/// zeros.
pub fn leaky_relu(x: &mut [f32], slope: f32) {
    let isa = Isa::current();
    let len = x.len();
    let x = Parts::new(x);
    for_ranges(len, |range| {
        // SAFETY: the ranges are disjoint.
        let part = unsafe { x.part(range) };
        if slope == 0.0 {
            relu_range(isa, part);
        } else {
            leaky_relu_range(isa, part, slope);
        }
    });
}

multiversion! {
    fn relu_range(x: &mut [f32]) {
        for v in x {
            // Lets NaN through, unlike `max`.
            *v = if *v <= 0.0 { 0.0 } else { *v };
        }
    }
}

multiversion! {
    fn leaky_relu_range(x: &mut [f32], slope: f32) {
        for v in x {
            *v = if *v > 0.0 { *v } else { *v * slope };
        }
    }
}

/// Gradient of [`leaky_relu`] times `grad`, in place of `grad`: `grad` where `x` is positive, else
/// `slope grad`. For slopes that are not negative, `x` may be the input or the output.
///
/// # Panics
///
/// If the lengths differ.
pub fn leaky_relu_backward(x: &[f32], grad: &mut [f32], slope: f32) {
    assert_eq!(x.len(), grad.len(), "one gradient per value");
    let isa = Isa::current();
    let grad = Parts::new(grad);
    for_ranges(x.len(), |range| {
        // SAFETY: the ranges are disjoint.
        let part = unsafe { grad.part(range.clone()) };
        if slope == 0.0 {
            relu_backward_range(isa, &x[range], part);
        } else {
            leaky_relu_backward_range(isa, &x[range], part, slope);
        }
    });
}

multiversion! {
    fn relu_backward_range(x: &[f32], grad: &mut [f32]) {
        for (g, v) in grad.iter_mut().zip(x) {
            *g = if *v > 0.0 { *g } else { 0.0 };
        }
    }
}

multiversion! {
    fn leaky_relu_backward_range(x: &[f32], grad: &mut [f32], slope: f32) {
        for (g, v) in grad.iter_mut().zip(x) {
            *g = if *v > 0.0 { *g } else { *g * slope };
        }
    }
}

/// Hyperbolic tangent in place, to about two units in the last place.
pub fn tanh(x: &mut [f32]) {
    let isa = Isa::current();
    let len = x.len();
    let x = Parts::new(x);
    for_ranges(len, |range| {
        // SAFETY: the ranges are disjoint.
        let part = unsafe { x.part(range) };
        tanh_range(isa, part);
    });
}

/// Gradient of [`tanh`] times `grad`, in place of `grad`: `(1 - y^2) grad`, from the output `y`.
///
/// # Panics
///
/// If the lengths differ.
pub fn tanh_backward(y: &[f32], grad: &mut [f32]) {
    assert_eq!(y.len(), grad.len(), "one gradient per value");
    let isa = Isa::current();
    let grad = Parts::new(grad);
    for_ranges(y.len(), |range| {
        // SAFETY: the ranges are disjoint.
        let part = unsafe { grad.part(range.clone()) };
        tanh_backward_range(isa, &y[range], part);
    });
}

multiversion! {
    fn tanh_range(x: &mut [f32]) {
        for v in x {
            let a = v.abs();
            // Both without branches, so that lanes can go different ways.
            let y = if a < 0.55 { tanh_small(a) } else { tanh_large(a) };
            *v = y.copysign(*v);
        }
    }
}

multiversion! {
    fn tanh_backward_range(y: &[f32], grad: &mut [f32]) {
        for (g, v) in grad.iter_mut().zip(y) {
            *g *= 1.0 - v * v;
        }
    }
}

/// Lambert's continued fraction `x / (1 + x^2 / (3 + x^2 / (5 + x^2 / (7 + x^2 / 9))))`, which is
/// off by about `x^11 / 10^7`.
#[inline(always)]
fn tanh_small(x: f32) -> f32 {
    let s = x * x;
    x * ((s + 105.0) * s + 945.0) / ((15.0 * s + 420.0) * s + 945.0)
}

/// `1 - 2 / (e^(2x) + 1)`, which loses no digits where `e^(2x)` is well above 1.
#[inline(always)]
fn tanh_large(x: f32) -> f32 {
    // From 10 on the result is 1 in single precision. NaN stays NaN.
    1.0 - 2.0 / (exp(2.0 * if x > 10.0 { 10.0 } else { x }) + 1.0)
}

/// `e^z` for `z` from -87 to 88.
#[inline(always)]
pub(crate) fn exp(z: f32) -> f32 {
    /// Added and taken away again, it rounds to an integer, which then lies in the lowest bits.
    const ROUND: f32 = 1.5 * (1 << 23) as f32;
    /// ln 2 in two parts, the first of few enough bits that multiples are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -0.000_212_194_44];

    let shifted = z * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = z - n * LN_2[0] - n * LN_2[1];
    // The series of e^r for |r| up to ln(2) / 2.
    let mut series = 1.0 / 5040.0;
    for coefficient in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0_f32] {
        series = series * r + 1.0 / coefficient;
    }
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    series * power
}

//! Rectifiers.

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

//! Optimiser steps in one sweep over parameters and moments.

use crate::isa::Isa;
use crate::multiversion::multiversion;
use crate::parallel::{Parts, for_ranges};

/// Factors of one Adam step (Kingma & Ba 2015), with the bias corrections of its number already
/// in them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Share of the old first moment that is kept.
    pub beta_1: f32,
    /// Share of the old second moment that is kept.
    pub beta_2: f32,
    /// Added to the root of the second moment: epsilon times `sqrt(1 - beta_2^t)`.
    pub epsilon: f32,
    /// Factor of the first moment: `sqrt(1 - beta_2^t) / (1 - beta_1^t)`.
    pub correction: f32,
    /// Learning rate.
    pub lr: f32,
}

/// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g²`, `p -= lr (c m) / (sqrt(v) + e)`, each
/// operation rounded on its own and in this order, which is that of Burn's optimiser.
///
/// # Panics
///
/// If the lengths differ.
pub fn adam(factors: Adam, param: &mut [f32], grad: &[f32], first: &mut [f32], second: &mut [f32]) {
    let lengths = [param.len(), first.len(), second.len()];
    assert_eq!(
        lengths,
        [grad.len(); 3],
        "one gradient and moments per parameter"
    );
    let isa = Isa::current();
    let (param, first, second) = (Parts::new(param), Parts::new(first), Parts::new(second));
    for_ranges(grad.len(), |range| {
        // SAFETY: the ranges are disjoint.
        let (p, m, v) = unsafe {
            (
                param.part(range.clone()),
                first.part(range.clone()),
                second.part(range.clone()),
            )
        };
        adam_range(isa, factors, p, &grad[range], m, v);
    });
}

multiversion! {
    fn adam_range(
        factors: Adam,
        param: &mut [f32],
        grad: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let Adam { beta_1, beta_2, epsilon, correction, lr } = factors;
        let (rest_1, rest_2) = (1.0 - beta_1, 1.0 - beta_2);
        let moments = first.iter_mut().zip(second);
        for ((p, g), (m, v)) in param.iter_mut().zip(grad).zip(moments) {
            *m = *m * beta_1 + g * rest_1;
            *v = *v * beta_2 + (g * g) * rest_2;
            *p -= (*m * correction) / (v.sqrt() + epsilon) * lr;
        }
    }
}

/// `average = decay average + (1 - decay) value`, rounded as Burn's operations do.
///
/// # Panics
///
/// If the lengths differ.
pub fn ema(decay: f64, average: &mut [f32], value: &[f32]) {
    assert_eq!(average.len(), value.len(), "one average per value");
    let isa = Isa::current();
    let average = Parts::new(average);
    for_ranges(value.len(), |range| {
        // SAFETY: the ranges are disjoint.
        let part = unsafe { average.part(range.clone()) };
        ema_range(
            isa,
            [decay as f32, (1.0 - decay) as f32],
            part,
            &value[range],
        );
    });
}

multiversion! {
    fn ema_range(shares: [f32; 2], average: &mut [f32], value: &[f32]) {
        for (a, v) in average.iter_mut().zip(value) {
            *a = *a * shares[0] + v * shares[1];
        }
    }
}

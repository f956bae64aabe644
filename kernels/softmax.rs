//! Softmax along an axis.

use std::marker::PhantomData;

use crate::activation::exp;
use crate::isa::Isa;
use crate::multiversion::multiversion;
use crate::parallel::{Parts, for_each};

/// Partial sums along a row.
const LANES: usize = 16;
/// Columns that are gone through together.
const BLOCK: usize = 64;
/// Values per task where the axis is the last one.
const CHUNK: usize = 1 << 12;

/// Values `[outer, count, inner]`, those along the middle axis belonging together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Product of the sizes before the axis.
    pub outer: usize,
    /// Size of the axis.
    pub count: usize,
    /// Product of the sizes behind the axis; 1 if it is the last one.
    pub inner: usize,
}

impl Axis {
    /// Number of values.
    pub const fn len(self) -> usize {
        self.outer * self.count * self.inner
    }

    /// Whether there are no values.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Blocks of columns per sample.
    const fn blocks(self) -> usize {
        self.inner.div_ceil(BLOCK)
    }

    /// First value and number of the columns of a task.
    fn columns(self, task: usize) -> (usize, usize) {
        let (sample, start) = (task / self.blocks(), task % self.blocks() * BLOCK);
        let first = sample * self.count * self.inner + start;
        (first, BLOCK.min(self.inner - start))
    }

    /// Calls `task` with ranges of whole rows that cover all values, if the axis is the last one.
    fn for_rows(self, task: impl Fn(std::ops::Range<usize>) + Sync + Send) {
        let rows = CHUNK.div_ceil(self.count);
        for_each(self.outer.div_ceil(rows), self.len(), |i| {
            task(i * rows * self.count..self.len().min((i + 1) * rows * self.count));
        });
    }
}

/// `y_i = e^(x_i - m) / sum_k e^(x_k - m)` along the axis in place of `x`, with the largest value as
/// `m`.
///
/// What lies more than 87 below the largest value becomes 0. Where one value is no number, or all are
/// minus infinity, none of the results is a number.
///
/// # Panics
///
/// If the length is not that of `axis`.
pub fn softmax(axis: Axis, x: &mut [f32]) {
    assert_eq!(x.len(), axis.len(), "{axis:?}");
    if axis.is_empty() {
        return;
    }
    let isa = Isa::current();
    let x = Parts::new(x);
    if axis.inner == 1 {
        axis.for_rows(|range| {
            // SAFETY: the ranges are disjoint.
            softmax_rows(isa, unsafe { x.part(range) }, axis.count);
        });
        return;
    }
    for_each(axis.outer * axis.blocks(), axis.len(), |task| {
        let (first, width) = axis.columns(task);
        // SAFETY: every block of columns is one task.
        let mut x = unsafe { Columns::new(x, first, axis.inner, width) };
        softmax_columns(isa, &mut x, axis.count);
    });
}

/// Gradient of [`softmax`] for the gradient `grad` of its output, in its place: `y (grad - sum_k
/// grad_k y_k)`, from the output `y`.
///
/// # Panics
///
/// If a length is not that of `axis`.
pub fn softmax_backward(axis: Axis, y: &[f32], grad: &mut [f32]) {
    assert_eq!([y.len(), grad.len()], [axis.len(); 2], "{axis:?}");
    if axis.is_empty() {
        return;
    }
    let isa = Isa::current();
    let grad = Parts::new(grad);
    if axis.inner == 1 {
        axis.for_rows(|range| {
            // SAFETY: the ranges are disjoint.
            let part = unsafe { grad.part(range.clone()) };
            backward_rows(isa, &y[range], part, axis.count);
        });
        return;
    }
    for_each(axis.outer * axis.blocks(), axis.len(), |task| {
        let (first, width) = axis.columns(task);
        // SAFETY: every block of columns is one task.
        let mut grad = unsafe { Columns::new(grad, first, axis.inner, width) };
        backward_columns(isa, &y[first..], &mut grad, axis.count);
    });
}

/// Neighbouring columns of a matrix, which others may use next to these.
struct Columns<'a> {
    values: Parts<'a, f32>,
    first: usize,
    pitch: usize,
    width: usize,
    exclusive: PhantomData<&'a mut [f32]>,
}

impl<'a> Columns<'a> {
    /// `width` columns of rows that are `pitch` values apart, from value `first` on.
    ///
    /// # Safety
    ///
    /// Nobody else may use these columns as long as this lives.
    unsafe fn new(values: Parts<'a, f32>, first: usize, pitch: usize, width: usize) -> Self {
        Self {
            values,
            first,
            pitch,
            width,
            exclusive: PhantomData,
        }
    }

    #[inline(always)]
    fn row(&mut self, i: usize) -> &mut [f32] {
        let start = self.first + i * self.pitch;
        // SAFETY: the columns are this one's alone, which the row borrows.
        unsafe { self.values.part(start..start + self.width) }
    }
}

/// The larger one, or `b` where one of them is no number.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// `e^z` for `z` up to 0, and 0 where that is hardly a normal number any more. NaN stays NaN.
#[inline(always)]
fn exp_or_zero(z: f32) -> f32 {
    if z < -87.0 { 0.0 } else { exp(z) }
}

/// Folds lanes in pairs, in an order that vectors follow.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], merge: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = merge(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// The last values of a row, filled up with `value`.
#[inline(always)]
fn filled(rest: &[f32], value: f32) -> [f32; LANES] {
    let mut lanes = [value; LANES];
    lanes[..rest.len()].copy_from_slice(rest);
    lanes
}

multiversion! {
    fn softmax_rows(x: &mut [f32], count: usize) {
        for row in x.chunks_exact_mut(count) {
            let (whole, rest) = row.as_chunks_mut::<LANES>();
            let mut last = filled(rest, f32::NEG_INFINITY);
            let mut most = last;
            for chunk in whole.iter() {
                for i in 0..LANES {
                    most[i] = larger(chunk[i], most[i]);
                }
            }
            let most = fold(most, larger);
            let mut sums = [0.0; LANES];
            for chunk in whole.iter_mut().chain([&mut last]) {
                for i in 0..LANES {
                    chunk[i] = exp_or_zero(chunk[i] - most);
                    sums[i] += chunk[i];
                }
            }
            let sum = fold(sums, |a, b| a + b);
            for chunk in whole.iter_mut().chain([&mut last]) {
                for v in chunk {
                    *v /= sum;
                }
            }
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}

multiversion! {
    fn backward_rows(y: &[f32], grad: &mut [f32], count: usize) {
        for (y, grad) in y.chunks_exact(count).zip(grad.chunks_exact_mut(count)) {
            let (whole_y, rest_y) = y.as_chunks::<LANES>();
            let (whole, rest) = grad.as_chunks_mut::<LANES>();
            let (last_y, mut last) = (filled(rest_y, 0.0), filled(rest, 0.0));
            let mut sums = [0.0; LANES];
            for (y, g) in whole_y.iter().zip(whole.iter()).chain([(&last_y, &last)]) {
                for i in 0..LANES {
                    sums[i] += y[i] * g[i];
                }
            }
            let sum = fold(sums, |a, b| a + b);
            for (y, g) in whole_y.iter().zip(whole).chain([(&last_y, &mut last)]) {
                for i in 0..LANES {
                    g[i] = y[i] * (g[i] - sum);
                }
            }
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}

multiversion! {
    fn softmax_columns(x: &mut Columns<'_>, count: usize) {
        let mut most = [f32::NEG_INFINITY; BLOCK];
        for row in 0..count {
            for (m, v) in most.iter_mut().zip(x.row(row)) {
                *m = larger(*v, *m);
            }
        }
        let mut sums = [0.0; BLOCK];
        for row in 0..count {
            for ((s, m), v) in sums.iter_mut().zip(&most).zip(x.row(row)) {
                *v = exp_or_zero(*v - m);
                *s += *v;
            }
        }
        for row in 0..count {
            for (s, v) in sums.iter().zip(x.row(row)) {
                *v /= s;
            }
        }
    }
}

multiversion! {
    /// The columns of `y` begin with it.
    fn backward_columns(y: &[f32], grad: &mut Columns<'_>, count: usize) {
        let pitch = grad.pitch;
        let mut sums = [0.0; BLOCK];
        for row in 0..count {
            for ((s, y), g) in sums.iter_mut().zip(&y[row * pitch..]).zip(grad.row(row)) {
                *s += y * *g;
            }
        }
        for row in 0..count {
            for ((s, y), g) in sums.iter().zip(&y[row * pitch..]).zip(grad.row(row)) {
                *g = y * (*g - s);
            }
        }
    }
}

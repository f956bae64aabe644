//! Sums of absolute differences.

use crate::isa::Isa;
use crate::multiversion::multiversion;
use crate::parallel::{Parts, for_each};

/// Partial sums per sweep.
const LANES: usize = 32;
/// Values added up in single precision before the sum goes on in double precision.
const BLOCK: usize = 64 * LANES;
/// Values per task.
const CHUNK: usize = 8 * BLOCK;

/// Rows that are compared: `heads` rows of `a` with the same row of `b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// Rows of `b`.
    pub batch: usize,
    /// Rows of `a` per row of `b`, side by side.
    pub heads: usize,
    /// Values per row.
    pub elements: usize,
}

impl Rows {
    fn check(self, a: usize, b: usize, sums: usize) {
        let rows = self.batch * self.heads;
        let expected = [rows * self.elements, self.batch * self.elements, rows];
        assert_eq!([a, b, sums], expected, "{self:?}");
    }

    const fn chunks(self) -> usize {
        self.elements.div_ceil(CHUNK)
    }

    /// Row of `a`, range in `a` and range in `b` of a task.
    fn ranges(self, task: usize) -> (usize, std::ops::Range<usize>, std::ops::Range<usize>) {
        let (row, chunk) = (task / self.chunks(), task % self.chunks());
        let (start, end) = (chunk * CHUNK, self.elements.min((chunk + 1) * CHUNK));
        let at = |row: usize| row * self.elements + start..row * self.elements + end;
        (row, at(row), at(row / self.heads))
    }
}

/// `sums[row] = sum |a - b|` over each row of `a`.
///
/// # Panics
///
/// If a length does not fit `rows`.
pub fn distance(rows: Rows, a: &[f32], b: &[f32], sums: &mut [f32]) {
    rows.check(a.len(), b.len(), sums.len());
    let isa = Isa::current();
    let mut partial = vec![0.0_f64; sums.len() * rows.chunks()];
    let parts = Parts::new(&mut partial);
    for_each(sums.len() * rows.chunks(), a.len(), |task| {
        let (_, from_a, from_b) = rows.ranges(task);
        // SAFETY: every task has its own sum.
        unsafe { parts.part(task..task + 1)[0] = distance_chunk(isa, &a[from_a], &b[from_b]) };
    });
    for (row, sum) in sums.iter_mut().enumerate() {
        let chunks = &partial[row * rows.chunks()..(row + 1) * rows.chunks()];
        *sum = chunks.iter().sum::<f64>() as f32;
    }
}

/// Gradient of [`distance`] by `a`, for the gradients `dy` of the sums: `dy` of the row with the
/// sign of `a - b`, 0 where both are equal.
///
/// # Panics
///
/// If a length does not fit `rows`.
pub fn distance_backward(rows: Rows, a: &[f32], b: &[f32], dy: &[f32], da: &mut [f32]) {
    rows.check(a.len(), b.len(), dy.len());
    assert_eq!(a.len(), da.len(), "one gradient per value");
    let isa = Isa::current();
    let da = Parts::new(da);
    for_each(dy.len() * rows.chunks(), a.len(), |task| {
        let (row, from_a, from_b) = rows.ranges(task);
        // SAFETY: the ranges are disjoint.
        let da = unsafe { da.part(from_a.clone()) };
        sign_chunk(isa, &a[from_a], &b[from_b], dy[row], da);
    });
}

multiversion! {
    fn distance_chunk(a: &[f32], b: &[f32]) -> f64 {
        let mut total = 0.0;
        for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
            let mut lanes = [0.0; LANES];
            let (a_rows, a_rest) = a.as_chunks::<LANES>();
            let (b_rows, b_rest) = b.as_chunks::<LANES>();
            for (a, b) in a_rows.iter().zip(b_rows) {
                for i in 0..LANES {
                    lanes[i] += (a[i] - b[i]).abs();
                }
            }
            for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
                *lane += (a - b).abs();
            }
            total += lanes.iter().copied().map(f64::from).sum::<f64>();
        }
        total
    }
}

multiversion! {
    fn sign_chunk(a: &[f32], b: &[f32], factor: f32, da: &mut [f32]) {
        for ((d, a), b) in da.iter_mut().zip(a).zip(b) {
            let below = if a < b { -factor } else { 0.0 };
            *d = if a > b { factor } else { below };
        }
    }
}

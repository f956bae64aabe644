//! Weights in the order in which the register tiles read them.

use rayon::prelude::*;

use super::correlation::{Correlation, Sum};
use super::share;
use crate::isa::Isa;
use crate::parallel::Parts;
use crate::simd::{Task, Vector, dispatch};

/// Blocks of at most `most` result channels, as even as can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    channels: usize,
    /// How many there are.
    pub(super) count: usize,
}

impl Blocks {
    /// Divides `channels`.
    pub(super) fn new(channels: usize, most: usize) -> Self {
        Self {
            channels,
            count: channels.div_ceil(most),
        }
    }

    /// First channel of block `i` and number of its channels.
    pub(super) fn get(&self, i: usize) -> (usize, usize) {
        share(self.channels, self.count, i)
    }
}

/// Writes the weights of a sum's taps as `[groups, blocks][source channels, taps][channels of the
/// block]` to `packed`.
pub(super) fn pack(
    spec: &Correlation,
    sum: &Sum,
    isa: Isa,
    blocks: Blocks,
    w: &[f32],
    packed: &mut [f32],
) {
    let terms = spec.channels[0] * sum.taps.len();
    let shared = Parts::new(packed);
    (0..spec.groups * blocks.count)
        .into_par_iter()
        .for_each(|i| {
            let (group, (first, rows)) = (i / blocks.count, blocks.get(i % blocks.count));
            let start = (group * spec.channels[1] + first) * terms;
            // SAFETY: each block has its own place.
            let to = unsafe { shared.part(start..start + rows * terms) };
            pack_block(spec, sum, isa, group, (first, rows), w, to);
        });
}

/// Writes the weights of one block, result channels `(first, number)` of `group`, to `to`.
pub(super) fn pack_block(
    spec: &Correlation,
    sum: &Sum,
    isa: Isa,
    group: usize,
    (first, rows): (usize, usize),
    w: &[f32],
    to: &mut [f32],
) {
    let [_, to_step, group_step] = spec.weight_steps;
    let w = &w[group * group_step + first * to_step..];
    dispatch(
        isa,
        Block {
            spec,
            sum,
            rows,
            w,
            to,
        },
    );
}

/// The weights of one block of `rows` result channels.
struct Block<'a> {
    spec: &'a Correlation,
    sum: &'a Sum,
    rows: usize,
    /// From the block's first weight on.
    w: &'a [f32],
    to: &'a mut [f32],
}

impl Block<'_> {
    /// Whether the terms of a result channel follow each other in the weights.
    fn is_in_order(&self) -> bool {
        let taps = &self.sum.taps;
        self.spec.weight_steps[0] == taps.len()
            && taps.iter().enumerate().all(|(i, tap)| tap.weight == i)
    }
}

impl Task for Block<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let [from_step, to_step, _] = self.spec.weight_steps;
        let (taps, rows) = (&self.sum.taps, self.rows);
        let mut turned = 0;
        if rows == 8 && self.is_in_order() {
            let terms = self.spec.channels[0] * taps.len();
            let lines: [&[f32]; 8] = std::array::from_fn(|r| &self.w[r * to_step..][..terms]);
            for (i, to) in self.to.chunks_exact_mut(64).enumerate() {
                let lines = lines.map(|line| line[i * 8..i * 8 + 8].as_ptr());
                // SAFETY: the caller vouches for the instructions; there are eight values at
                // each pointer and room for all of them.
                unsafe { V::turn(&lines, to.as_mut_ptr(), 8) };
                turned = i * 8 + 8;
            }
        }
        let mut to = self.to.chunks_exact_mut(rows).skip(turned);
        for c in turned / taps.len().max(1)..self.spec.channels[0] {
            let done = turned.saturating_sub(c * taps.len());
            for (tap, to) in taps[done..].iter().zip(&mut to) {
                let w = &self.w[c * from_step + tap.weight..];
                for (r, to) in to.iter_mut().enumerate() {
                    *to = w[r * to_step];
                }
            }
        }
    }
}

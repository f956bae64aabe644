//! Weights in the order in which the register tiles read them.

use rayon::prelude::*;

use super::correlation::Correlation;
use super::share;
use crate::parallel::Parts;

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

/// Writes `[groups, blocks][source channels, taps][channels of the block]` to `packed`.
pub(super) fn pack(spec: &Correlation, blocks: Blocks, w: &[f32], packed: &mut [f32]) {
    let [from_step, to_step, group_step] = spec.weight_steps;
    let terms = spec.channels[0] * spec.taps.len();
    let shared = Parts::new(packed);
    (0..spec.groups * blocks.count)
        .into_par_iter()
        .for_each(|i| {
            let (group, (first, rows)) = (i / blocks.count, blocks.get(i % blocks.count));
            let start = (group * spec.channels[1] + first) * terms;
            // SAFETY: each block has its own place.
            let to = unsafe { shared.part(start..start + rows * terms) };
            let mut to = to.chunks_exact_mut(rows);
            for c in 0..spec.channels[0] {
                let w = &w[group * group_step + first * to_step + c * from_step..];
                for (tap, to) in spec.taps.iter().zip(&mut to) {
                    for (r, to) in to.iter_mut().enumerate() {
                        *to = w[r * to_step + tap.weight];
                    }
                }
            }
        });
}

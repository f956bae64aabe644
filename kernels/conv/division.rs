//! The partition of a correlation into tasks; it depends on sizes and instructions alone.

use super::correlation::Correlation;
use super::pack::Blocks;
use super::plan::Plan;
use super::share;
use super::strip::{Layout, Strip};

/// Values of the copied source that stay in the second-level cache beside the weights.
const COPY: usize = 128 * 1024;
/// Tasks to have at least, where the shape gives them, so that all cores have work to the end.
const TASKS: usize = 16;
/// Vectors of results that a strip has at least, where the batch gives them: each block of weights
/// is read once for all of them.
const STRIP_VECTORS: usize = 12;

/// Time to store a vector for all channels of a tile, in that of [`super::tile::costs`]: to
/// neighbours in a row, to different images.
const SCATTER: [u64; 2] = [130, 800];

/// How a correlation is divided.
pub(super) struct Division {
    /// How strips of the source are copied.
    pub(super) layout: Layout,
    /// Blocks of result channels in a group.
    pub(super) blocks: Blocks,
    /// Result channels of a tile, lanes of a vector.
    pub(super) tile: (usize, usize),
    /// Images and rows of a strip.
    images: usize,
    rows: usize,
    /// Strips over the batch, over the rows.
    strips: [usize; 2],
    /// Parts into which the blocks are divided.
    pub(super) parts: usize,
    groups: usize,
}

impl Division {
    /// Divides `spec` for tiles of up to `channels` result channels by vectors of `lanes`.
    pub(super) fn new(spec: &Correlation, channels: usize, lanes: usize) -> Self {
        let (interleaved, vectors) = interleaving(spec, (channels, lanes));
        let len = |rows| Layout::new(spec, interleaved, 1, rows).len(spec.channels[0]);
        let row = (len(3) - len(1)).div_ceil(2).max(1);
        let most = |limit: usize| (limit.saturating_sub(len(1)) / row + 1).max(1);
        let all_rows = spec.to(0);
        let weights = spec.channels[0] * spec.channels[1] * spec.taps().count();
        // All weights are read anew for every strip: where they are many, fewer strips are worth a
        // copy that takes the whole cache. Measured.
        let is_heavy = weights > 24 * COPY || most(COPY) < all_rows && weights > 4 * COPY;
        let most = most(if is_heavy { 2 * COPY } else { COPY });
        let (stacks, rows) = if most >= all_rows {
            let all = spec.batch.div_ceil(interleaved);
            let stacks = STRIP_VECTORS
                .div_ceil(vectors)
                .min(most / all_rows)
                .min(all);
            (all.div_ceil(all.div_ceil(stacks)), all_rows)
        } else {
            (1, all_rows.div_ceil(all_rows.div_ceil(most)))
        };
        let images = stacks * interleaved;
        let strips = [spec.batch.div_ceil(images), all_rows.div_ceil(rows)];
        let blocks = Blocks::new(spec.channels[1], channels);
        let parts = TASKS
            .div_ceil(strips[0] * strips[1] * spec.groups)
            .min(blocks.count);
        Self {
            layout: Layout::new(spec, interleaved, stacks, rows),
            blocks,
            tile: (channels, lanes),
            images,
            rows,
            strips,
            parts,
            groups: spec.groups,
        }
    }

    /// Number of copies: strips times groups.
    pub(super) fn copies(&self) -> usize {
        self.strips[0] * self.strips[1] * self.groups
    }

    /// Strip and group of a copy.
    pub(super) fn copy(&self, spec: &Correlation, copy: usize) -> (Strip, usize) {
        let (strip, group) = (copy / self.groups, copy % self.groups);
        let (image, row) = (
            strip / self.strips[1] * self.images,
            strip % self.strips[1] * self.rows,
        );
        let strip = Strip {
            images: (image, self.images.min(spec.batch - image)),
            rows: (row, self.rows.min(spec.to(0) - row)),
        };
        (strip, group)
    }

    /// First and number of blocks of a part.
    pub(super) fn part(&self, part: usize) -> (usize, usize) {
        share(self.blocks.count, self.parts, part)
    }
}

/// Images to interleave so that few lanes fall on padding and few terms have to be computed, and
/// vectors of a stack of them.
fn interleaving(spec: &Correlation, tile: (usize, usize)) -> (usize, usize) {
    let layout = |interleaved: usize| Layout::new(spec, interleaved, 1, spec.to(0));
    let measure = |interleaved: usize| {
        let layout = layout(interleaved);
        let strip = Strip {
            images: (0, interleaved),
            rows: (0, spec.to(0)),
        };
        let plans = spec
            .sums
            .iter()
            .map(|sum| Plan::new(&layout, strip, spec, sum, tile));
        let sum = |(vectors, cost), plan: Plan| (vectors + plan.vectors.len(), cost + plan.cost);
        let (vectors, cost) = plans.fold((0, 0), sum);
        let scatter = if interleaved == 1 {
            SCATTER[0]
        } else {
            SCATTER[1]
        };
        let cost = spec.channels[0] as u64 * cost + scatter * vectors as u64;
        let stacks = spec.batch.div_ceil(interleaved) as u64;
        (interleaved, vectors, stacks * cost)
    };
    let mut best = measure(1);
    if spec.to(1) < tile.1 {
        // Whole images must fit, or else their edges are copied again and again.
        let fits = |&n: &usize| n <= spec.batch && layout(n).len(spec.channels[0]) <= 4 * COPY;
        for interleaved in [2, 3, 4, 6, 8, 12, 16].into_iter().filter(fits) {
            let found = measure(interleaved);
            // Turning pixels costs something, too.
            if found.2 * 20 < best.2 * 19 {
                best = found;
            }
        }
    }
    (best.0, best.1)
}

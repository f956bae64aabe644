//! How the results of a strip are cut into vectors and tiles.

use super::correlation::{Correlation, Sum, Tap};
use super::strip::{Layout, Strip};
use super::tile::costs;

/// Lanes of a vector whose results are neighbours in a row, or at the same place of images that
/// follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// First lane and number of lanes.
    pub(super) lanes: (usize, usize),
    /// Offset of the first from the strip's first image, channel and row in the result.
    pub(super) to: usize,
    /// Distance from a lane's result to the next one's.
    pub(super) step: usize,
}

/// Results that are computed together; lanes on padding belong to no run.
#[derive(Debug)]
pub(super) struct Vector {
    /// Position of the first lane in a plane of the copy.
    pub(super) position: usize,
    /// First and number of its runs.
    runs: (usize, usize),
    /// First and last row and column of the results.
    rows: [usize; 2],
    columns: [usize; 2],
    /// Taps that read the source for some lane, as bits.
    needs: u64,
}

/// Vectors that go through the sum together.
#[derive(Debug)]
pub(super) struct Tile {
    /// First vector and number of vectors.
    pub(super) vectors: (usize, usize),
    /// Which of [`Plan::needs`].
    pub(super) needs: usize,
}

/// Vectors that cover all results of a strip.
#[derive(Debug)]
pub(super) struct Plan {
    /// The vectors, in the order of the tiles.
    pub(super) vectors: Vec<Vector>,
    /// Where their lanes go.
    runs: Vec<Run>,
    /// The tiles.
    pub(super) tiles: Vec<Tile>,
    /// The different sets of taps that tiles need.
    needs: Vec<u64>,
    /// Relative time that it takes.
    pub(super) cost: u64,
}

/// Whether `tap` belongs to `needs`; all beyond the number of bits do.
const fn is_needed(needs: u64, tap: usize) -> bool {
    tap >= u64::BITS as usize || needs >> tap & 1 == 1
}

impl Plan {
    /// Covers the results of `sum` from left to right, each vector starting at the first that is
    /// left, with tiles of up to `channels` result channels.
    ///
    /// On small maps many products are with padding. Vectors that need the same taps go together,
    /// so that the others can be left out.
    pub(super) fn new(
        layout: &Layout,
        strip: Strip,
        spec: &Correlation,
        sum: &Sum,
        (channels, lanes): (usize, usize),
    ) -> Self {
        let (mut vectors, runs) = cover(layout, strip, spec, sum, lanes);
        let all = (0..sum.taps.len()).fold(0, |all, tap| {
            all | 1_u64.checked_shl(tap as u32).unwrap_or(0)
        });
        for vector in &mut vectors {
            let reads = |tap: &Tap| {
                let reads = |axis: usize, [first, last]: [usize; 2]| {
                    let place = |i: usize| (i * spec.stride[axis]) as isize + tap.at[axis];
                    place(last) >= 0 && place(first) < spec.from[axis] as isize
                };
                let rows = vector.rows.map(|row| strip.rows.0 + row);
                reads(0, rows) && reads(1, vector.columns)
            };
            let bits = sum.taps.iter().take(u64::BITS as usize).enumerate();
            vector.needs = bits.fold(0, |bits, (i, tap)| bits | u64::from(reads(tap)) << i);
        }
        let needed: u32 = vectors.iter().map(|v| v.needs.count_ones()).sum();
        // What is left out must be worth cutting the results otherwise.
        if needed as usize * 20 > vectors.len() * all.count_ones() as usize * 19 {
            for vector in &mut vectors {
                vector.needs = all;
            }
        }
        vectors.sort_by_key(|vector| vector.needs);
        let (cuts, cost) = cut(&vectors, costs(channels));
        let mut plan = Self {
            vectors,
            runs,
            tiles: Vec::with_capacity(cuts.len()),
            needs: Vec::new(),
            cost,
        };
        for (vectors, needs) in cuts {
            let known = plan.needs.iter().position(|&n| n == needs);
            let needs = known.unwrap_or_else(|| {
                plan.needs.push(needs);
                plan.needs.len() - 1
            });
            plan.tiles.push(Tile { vectors, needs });
        }
        plan
    }

    /// Where the lanes of `vector` go.
    pub(super) fn runs(&self, vector: &Vector) -> &[Run] {
        &self.runs[vector.runs.0..][..vector.runs.1]
    }

    /// For each of the different sets of taps that tiles need: whether a tap belongs to it.
    pub(super) fn needs(&self) -> impl Iterator<Item = impl Fn(usize) -> bool> {
        self.needs
            .iter()
            .map(|&needs| move |tap| is_needed(needs, tap))
    }
}

/// The vectors of a strip's results, and their runs.
fn cover(
    layout: &Layout,
    strip: Strip,
    spec: &Correlation,
    sum: &Sum,
    lanes: usize,
) -> (Vec<Vector>, Vec<Run>) {
    let [row_step, column_step] = [spec.step[0] * spec.plane[1], spec.step[1]];
    let image = spec.groups * spec.channels[1] * spec.plane[0] * spec.plane[1];
    let rows = strip.rows.1.min(sum.to[0].saturating_sub(strip.rows.0));
    let columns = sum.to[1];
    let mut covered = (Vec::new(), Vec::new());
    for first in (0..strip.images.1).step_by(layout.interleaved) {
        for row in 0..rows {
            let start = first * image + row * row_step;
            if layout.interleaved == 1 {
                let line = Line {
                    position: layout.position(first, row, 0),
                    to: start,
                    step: column_step,
                    count: columns,
                    row,
                    columns: [0, 1],
                };
                line.cover(lanes, &mut covered);
                continue;
            }
            for column in 0..columns {
                let line = Line {
                    position: layout.position(first, row, column),
                    to: start + column * column_step,
                    step: image,
                    count: layout.interleaved.min(strip.images.1 - first),
                    row,
                    columns: [column, 0],
                };
                line.cover(lanes, &mut covered);
            }
        }
    }
    covered
}

/// Results at neighbouring positions.
struct Line {
    position: usize,
    /// Where the first goes, and the distance to the next one's place.
    to: usize,
    step: usize,
    count: usize,
    row: usize,
    /// Column of the first, and distance to the next one's.
    columns: [usize; 2],
}

impl Line {
    fn cover(&self, lanes: usize, (vectors, runs): &mut (Vec<Vector>, Vec<Run>)) {
        let mut done = 0;
        while done < self.count {
            let position = self.position + done;
            let column = |i: usize| self.columns[0] + i * self.columns[1];
            let last = vectors.last().map(|vector| vector.position);
            let lane = match last {
                Some(start) if position < start + lanes => position - start,
                _ => {
                    vectors.push(Vector {
                        position,
                        runs: (runs.len(), 0),
                        rows: [self.row; 2],
                        columns: [column(done); 2],
                        needs: 0,
                    });
                    0
                }
            };
            let run = (lanes - lane).min(self.count - done);
            if let Some(vector) = vectors.last_mut() {
                vector.runs.1 += 1;
                let reach =
                    |[first, last]: [usize; 2], a: usize, b: usize| [first.min(a), last.max(b)];
                vector.rows = reach(vector.rows, self.row, self.row);
                vector.columns = reach(vector.columns, column(done), column(done + run - 1));
            }
            runs.push(Run {
                lanes: (lane, run),
                to: self.to + done * self.step,
                step: self.step,
            });
            done += run;
        }
    }
}

/// First and number of a tile's vectors, and the taps it needs.
type Cut = ((usize, usize), u64);

/// The tiles that take the least time in all, and this time.
fn cut(vectors: &[Vector], costs: &[u64]) -> (Vec<Cut>, u64) {
    // Least time of the first `i` vectors, and the size of the last of their tiles.
    let mut best = vec![(0, 0); vectors.len() + 1];
    let needs = |end: usize, size: usize| {
        let tile = &vectors[end - size..end];
        tile.iter().fold(0, |needs, vector| needs | vector.needs)
    };
    for end in 1..=vectors.len() {
        let cost = |size: usize| {
            // A tile without terms still has results to store.
            let terms = u64::from(needs(end, size).count_ones()).max(1);
            (best[end - size].0 + costs[size - 1] * terms, size)
        };
        let sizes = (1..=costs.len().min(end)).rev();
        best[end] = sizes
            .map(cost)
            .min_by_key(|&(cost, _)| cost)
            .unwrap_or_default();
    }
    let mut tiles = Vec::new();
    let mut end = vectors.len();
    while end > 0 {
        let size = best[end].1;
        tiles.push(((end - size, size), needs(end, size)));
        end -= size;
    }
    tiles.reverse();
    (tiles, best[vectors.len()].0)
}

//! Correlation with a register tile of result channels by vectors of results.
//!
//! The whole sum over source channels and taps stays in registers: per term, one unaligned load
//! for each vector of results and one broadcast weight for each result channel.

use rayon::prelude::*;

use super::correlation::{Correlation, Sum};
use super::division::Division;
use super::pack::{pack, pack_block};
use super::plan::{self, Plan};
use super::strip::Strip;
use super::tile::{Term, most_channels, most_vectors, tile};
use crate::isa::Isa;
use crate::parallel::Parts;
use crate::scratch::Scratch;
use crate::simd::{MOST_LANES, Task, Vector, dispatch};

/// Computes the correlation into `to`.
pub(super) fn correlate(
    spec: &Correlation,
    isa: Isa,
    from: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    to: &mut [f32],
) {
    assert_eq!(from.len(), spec.source_len(), "length of the source");
    assert_eq!(to.len(), spec.result_len(), "length of the result");
    let (channels, lanes) = dispatch(isa, TileSize);
    let division = Division::new(spec, channels, lanes);
    // Where a block of weights serves one task only, that task packs it.
    let packed = (division.copies() > spec.groups).then(|| Packed::all(spec, isa, &division, w));
    let work = Work {
        spec,
        isa,
        division: &division,
        w,
        packed: packed.as_ref(),
        bias,
        to: Parts::new(to),
    };
    let len = division.layout.len(spec.channels[0]);
    if division.parts == 1 {
        (0..division.copies()).into_par_iter().for_each(|i| {
            let mut copy = Scratch::new(len);
            let (strip, group) = division.copy(spec, i);
            for (c, copy) in copy.chunks_mut(division.layout.channel()).enumerate() {
                work.fill(strip, (group, c), from, copy);
            }
            work.run(strip, group, (0, division.blocks.count), &copy);
        });
        return;
    }
    // Copies that serve several tasks are made first.
    let mut copies = Scratch::new(division.copies() * len);
    copies
        .par_chunks_mut(len)
        .enumerate()
        .for_each(|(i, copy)| {
            let (strip, group) = division.copy(spec, i);
            copy.par_chunks_mut(division.layout.channel())
                .with_min_len(8)
                .enumerate()
                .for_each(|(c, copy)| work.fill(strip, (group, c), from, copy));
        });
    let copies = &*copies;
    (0..division.copies() * division.parts)
        .into_par_iter()
        .for_each(|task| {
            let (i, part) = (task / division.parts, task % division.parts);
            let (strip, group) = division.copy(spec, i);
            let copy = &copies[i * len..(i + 1) * len];
            work.run(strip, group, division.part(part), copy);
        });
}

/// Result channels of a tile and lanes of a vector.
struct TileSize;

impl Task for TileSize {
    type Output = (usize, usize);

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> (usize, usize) {
        (most_channels(V::REGISTERS), V::LANES)
    }
}

/// Packed weights of some result channels that follow each other.
struct Packed {
    values: Scratch,
    /// First of the channels, counted over all groups.
    first: usize,
    /// Where the weights of each sum begin.
    starts: Vec<usize>,
}

impl Packed {
    /// Weights of `channels` (first, number), which `pack` writes for each sum.
    fn new(
        spec: &Correlation,
        (first, count): (usize, usize),
        pack: impl Fn(&Sum, &mut [f32]),
    ) -> Self {
        let len = |sum: &Sum| count * spec.channels[0] * sum.taps.len();
        let mut values = Scratch::new(spec.sums.iter().map(len).sum());
        let mut starts = Vec::with_capacity(spec.sums.len());
        let mut end = 0;
        for sum in &spec.sums {
            starts.push(end);
            end += len(sum);
            pack(sum, &mut values[end - len(sum)..end]);
        }
        Self {
            values,
            first,
            starts,
        }
    }

    /// The weights of all channels.
    fn all(spec: &Correlation, isa: Isa, division: &Division, w: &[f32]) -> Self {
        Self::new(spec, (0, spec.groups * spec.channels[1]), |sum, place| {
            pack(spec, sum, isa, division.blocks, w, place);
        })
    }

    /// The weights of one block, result channels (first, number) of a group.
    fn block(spec: &Correlation, isa: Isa, group: usize, block: (usize, usize), w: &[f32]) -> Self {
        let channels = (group * spec.channels[1] + block.0, block.1);
        Self::new(spec, channels, |sum, place| {
            pack_block(spec, sum, isa, group, block, w, place);
        })
    }

    /// The weights of sum `sum` from `channel` on, of which each has `terms`.
    fn get(&self, sum: usize, channel: usize, terms: usize) -> &[f32] {
        &self.values[self.starts[sum] + (channel - self.first) * terms..]
    }
}

/// What all tasks share.
#[derive(Clone, Copy)]
struct Work<'a> {
    spec: &'a Correlation,
    isa: Isa,
    division: &'a Division,
    w: &'a [f32],
    /// The packed weights, unless each task packs its own.
    packed: Option<&'a Packed>,
    bias: Option<&'a [f32]>,
    to: Parts<'a, f32>,
}

/// A sum on a strip.
struct Part {
    /// How the results are cut.
    plan: Plan,
    /// The terms of each set of taps that the plan's tiles need.
    terms: Vec<Vec<Term>>,
}

impl Work<'_> {
    /// Fills a channel's place in a copy; the place after the last channel gets zeros.
    fn fill(&self, strip: Strip, channel: (usize, usize), from: &[f32], copy: &mut [f32]) {
        if channel.1 < self.spec.channels[0] {
            self.division
                .layout
                .fill(self.spec, strip, channel, from, copy);
        } else {
            copy.fill(0.0);
        }
    }

    /// Computes `blocks` (first, number) of a group's result channels on a strip.
    fn run(&self, strip: Strip, group: usize, blocks: (usize, usize), copy: &[f32]) {
        let place = Place {
            strip,
            group,
            copy,
            parts: self.parts(strip, copy.len()),
        };
        if let Some(packed) = self.packed {
            self.compute(&place, blocks, packed);
            return;
        }
        for block in blocks.0..blocks.0 + blocks.1 {
            let channels = self.division.blocks.get(block);
            let packed = Packed::block(self.spec, self.isa, group, channels, self.w);
            self.compute(&place, (block, 1), &packed);
        }
    }

    fn compute(&self, place: &Place<'_>, blocks: (usize, usize), packed: &Packed) {
        dispatch(
            self.isa,
            StripTask {
                work: *self,
                place,
                blocks,
                packed,
            },
        );
    }

    /// All sums on a strip whose copy has `len` values.
    fn parts(&self, strip: Strip, len: usize) -> Vec<Part> {
        let Self { spec, division, .. } = *self;
        let layout = &division.layout;
        let part = |(i, sum)| {
            let plan = Plan::new(layout, strip, spec, sum, division.tile);
            let last = plan.vectors.iter().map(|vector| vector.position).max();
            let end = |last| last + division.tile.1 + layout.reach(i, spec.channels[0]);
            assert!(last.map_or(0, end) <= len, "a tap reads beyond the copy");
            let terms = plan
                .needs()
                .map(|needs| layout.terms(i, spec.channels[0], needs));
            let terms = terms.collect();
            Part { plan, terms }
        };
        spec.sums.iter().enumerate().map(part).collect()
    }
}

/// One strip of one group.
struct Place<'a> {
    strip: Strip,
    group: usize,
    copy: &'a [f32],
    /// All sums there.
    parts: Vec<Part>,
}

/// Some of the blocks of result channels at a place.
struct StripTask<'a> {
    work: Work<'a>,
    place: &'a Place<'a>,
    blocks: (usize, usize),
    packed: &'a Packed,
}

impl Task for StripTask<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for block in self.blocks.0..self.blocks.0 + self.blocks.1 {
            let (first, rows) = self.work.division.blocks.get(block);
            for sum in 0..self.place.parts.len() {
                // SAFETY: the caller vouches for the instructions.
                unsafe {
                    match rows {
                        1 => self.block::<V, 1>(sum, first),
                        2 => self.block::<V, 2>(sum, first),
                        3 => self.block::<V, 3>(sum, first),
                        4 => self.block::<V, 4>(sum, first),
                        5 => self.block::<V, 5>(sum, first),
                        6 => self.block::<V, 6>(sum, first),
                        7 => self.block::<V, 7>(sum, first),
                        _ => self.block::<V, 8>(sum, first),
                    }
                }
            }
        }
    }
}

impl StripTask<'_> {
    /// All results of sum `sum` on the strip in the group's channels `first..first + R`.
    ///
    /// # Safety
    ///
    /// The instructions of `V` must be available.
    #[inline(always)]
    unsafe fn block<V: Vector, const R: usize>(&self, sum: usize, first: usize) {
        if R > most_channels(V::REGISTERS) {
            unreachable!("more result channels than a tile has");
        }
        let Work { spec, bias, .. } = self.work;
        let Part { plan, terms } = &self.place.parts[sum];
        let sum_of_terms = &spec.sums[sum];
        let channel = self.place.group * spec.channels[1] + first;
        let mut start = [0.0; R];
        if let Some(bias) = bias {
            start.copy_from_slice(&bias[channel..channel + R]);
        }
        let count = spec.channels[0] * sum_of_terms.taps.len();
        let w = self.packed.get(sum, channel, count)[..R * count].as_ptr();
        let plane = spec.plane[0] * spec.plane[1];
        let first_result = self.place.strip.images.0 * spec.groups * spec.channels[1] * plane
            + channel * plane
            + spec.place(sum_of_terms, self.place.strip.rows.0, 0);
        for cut in &plan.tiles {
            let vectors = &plan.vectors[cut.vectors.0..][..cut.vectors.1];
            let terms = terms[cut.needs].as_slice();
            // SAFETY: `Work::parts` has checked that the copy holds all operands of every vector;
            // there are weights for all terms.
            unsafe {
                let at = |v: usize| self.place.copy.as_ptr().add(vectors[v].position);
                match vectors.len() {
                    1 => {
                        let sums = tile::<V, R, 1>(terms, [at(0)], w, &start);
                        self.store(plan, vectors, first_result, &sums);
                    }
                    2 => {
                        let sums = tile::<V, R, 2>(terms, [at(0), at(1)], w, &start);
                        self.store(plan, vectors, first_result, &sums);
                    }
                    3 if most_vectors(V::REGISTERS) >= 3 => {
                        let at = [at(0), at(1), at(2)];
                        let sums = tile::<V, R, 3>(terms, at, w, &start);
                        self.store(plan, vectors, first_result, &sums);
                    }
                    _ => unreachable!("more vectors than a tile has"),
                }
            }
        }
    }

    /// Writes `vectors` for `R` channels; `start` is where the strip's first result in the first of
    /// them goes.
    ///
    /// # Safety
    ///
    /// The instructions of `V` must be available.
    #[inline(always)]
    unsafe fn store<V: Vector, const R: usize, const N: usize>(
        &self,
        plan: &Plan,
        vectors: &[plan::Vector],
        start: usize,
        sums: &[[V; N]; R],
    ) {
        let Work { spec, to, .. } = self.work;
        let plane = spec.plane[0] * spec.plane[1];
        for (v, vector) in vectors.iter().enumerate() {
            let runs = plan.runs(vector);
            let whole = matches!(runs, [run] if run.lanes.1 == V::LANES && run.step == 1);
            for (r, sums) in sums.iter().enumerate() {
                let start = start + r * plane;
                if whole {
                    // SAFETY: these results are this task's alone.
                    unsafe { sums[v].store(to.pointer(start + runs[0].to, V::LANES)) };
                    continue;
                }
                let mut lanes = [0.0; MOST_LANES];
                // SAFETY: the buffer has room for a vector.
                unsafe { sums[v].store(lanes.as_mut_ptr()) };
                for run in runs {
                    let (lane, count) = run.lanes;
                    let lanes = &lanes[lane..lane + count];
                    let length = (count - 1) * run.step + 1;
                    // SAFETY: every `step`-th of these is this task's alone.
                    unsafe {
                        let to = to.pointer(start + run.to, length);
                        for (j, &value) in lanes.iter().enumerate() {
                            *to.add(j * run.step) = value;
                        }
                    }
                }
            }
        }
    }
}

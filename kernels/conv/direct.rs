//! Correlation with a register tile of result channels by vectors of results.
//!
//! The whole sum over source channels and taps stays in registers: per term, one unaligned load
//! for each vector of results and one broadcast weight for each result channel.

use rayon::prelude::*;

use super::correlation::Correlation;
use super::division::Division;
use super::pack::pack;
use super::plan::Plan;
use super::strip::Strip;
use super::tile::{VECTORS, most_channels, tile};
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
    if spec.to.contains(&0) {
        return;
    }
    let (channels, lanes) = dispatch(isa, TileSize);
    let division = Division::new(spec, channels, lanes);
    let offsets = division.layout.offsets(spec.channels[0]);
    let mut packed = Scratch::new(spec.groups * spec.channels[1] * offsets.len());
    pack(spec, division.blocks, w, &mut packed);
    let work = Work {
        spec,
        division: &division,
        offsets: &offsets,
        reach: offsets.iter().max().map_or(0, |&offset| offset as usize),
        packed: &packed,
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
            work.run(isa, strip, group, (0, division.blocks.count), &copy);
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
            work.run(isa, strip, group, division.part(part), copy);
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

/// What all tasks share.
#[derive(Clone, Copy)]
struct Work<'a> {
    spec: &'a Correlation,
    division: &'a Division,
    /// Where each term's operands lie.
    offsets: &'a [u32],
    /// The largest of them.
    reach: usize,
    packed: &'a [f32],
    bias: Option<&'a [f32]>,
    to: Parts<'a, f32>,
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
    fn run(&self, isa: Isa, strip: Strip, group: usize, blocks: (usize, usize), copy: &[f32]) {
        let Self { spec, division, .. } = *self;
        let plane = spec.placement.plane[0] * spec.placement.plane[1];
        let image = spec.groups * spec.channels[1] * plane;
        let plan = Plan::new(
            &division.layout,
            strip,
            spec.to[1],
            &spec.placement,
            image,
            division.lanes,
        );
        let last = plan
            .positions
            .last()
            .map_or(0, |position| position + division.lanes);
        assert!(
            last + self.reach <= copy.len(),
            "a tap reads beyond the copy"
        );
        dispatch(
            isa,
            StripTask {
                work: *self,
                strip,
                group,
                blocks,
                copy,
                plan: &plan,
            },
        );
    }
}

/// One strip of one group, for some of the blocks of result channels.
struct StripTask<'a> {
    work: Work<'a>,
    strip: Strip,
    group: usize,
    blocks: (usize, usize),
    copy: &'a [f32],
    plan: &'a Plan,
}

impl Task for StripTask<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for block in self.blocks.0..self.blocks.0 + self.blocks.1 {
            let (first, rows) = self.work.division.blocks.get(block);
            // SAFETY: the caller vouches for the instructions.
            unsafe {
                match rows {
                    1 => self.block::<V, 1>(first),
                    2 => self.block::<V, 2>(first),
                    3 => self.block::<V, 3>(first),
                    4 => self.block::<V, 4>(first),
                    5 => self.block::<V, 5>(first),
                    6 => self.block::<V, 6>(first),
                    7 => self.block::<V, 7>(first),
                    _ => self.block::<V, 8>(first),
                }
            }
        }
    }
}

impl StripTask<'_> {
    /// All results of the strip in the group's channels `first..first + R`.
    ///
    /// # Safety
    ///
    /// The instructions of `V` must be available.
    #[inline(always)]
    unsafe fn block<V: Vector, const R: usize>(&self, first: usize) {
        if R > most_channels(V::REGISTERS) {
            unreachable!("more result channels than a tile has");
        }
        let Work {
            spec,
            offsets,
            packed,
            bias,
            ..
        } = self.work;
        let channel = self.group * spec.channels[1] + first;
        let mut start = [0.0; R];
        if let Some(bias) = bias {
            start.copy_from_slice(&bias[channel..channel + R]);
        }
        let w = packed[channel * offsets.len()..(channel + R) * offsets.len()].as_ptr();
        let positions = self.plan.positions.as_slice();
        let mut i = 0;
        while i < positions.len() {
            // SAFETY: `Work::run` has checked that the copy holds all operands of every position.
            unsafe {
                let at = |v: usize| self.copy.as_ptr().add(positions[i + v]);
                match positions.len() - i {
                    1 => {
                        let sums = tile::<V, R, 1>(offsets, [at(0)], w, &start);
                        self.store(i, channel, &sums);
                        i += 1;
                    }
                    2 | 4 => {
                        let sums = tile::<V, R, 2>(offsets, [at(0), at(1)], w, &start);
                        self.store(i, channel, &sums);
                        i += 2;
                    }
                    _ => {
                        let at = [at(0), at(1), at(2)];
                        let sums = tile::<V, R, VECTORS>(offsets, at, w, &start);
                        self.store(i, channel, &sums);
                        i += VECTORS;
                    }
                }
            }
        }
    }

    /// Writes vectors `i..i + N` of the plan for the `R` channels from `channel` on.
    ///
    /// # Safety
    ///
    /// The instructions of `V` must be available.
    #[inline(always)]
    unsafe fn store<V: Vector, const R: usize, const N: usize>(
        &self,
        i: usize,
        channel: usize,
        sums: &[[V; N]; R],
    ) {
        let Work { spec, to, .. } = self.work;
        let plane = spec.placement.plane[0] * spec.placement.plane[1];
        let image = spec.groups * spec.channels[1] * plane;
        let start = self.strip.images.0 * image
            + channel * plane
            + spec.placement.offset(self.strip.rows.0, 0);
        for v in 0..N {
            let runs = self.plan.runs(i + v);
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

//! Correlation with a register tile of result channels by vectors of results.
//!
//! The whole sum over source channels and taps stays in registers: per term, one unaligned load
//! for each vector of results and one broadcast weight for each result channel.

use rayon::prelude::*;

use super::correlation::{Correlation, Sum};
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
    let (channels, lanes) = dispatch(isa, TileSize);
    let division = Division::new(spec, channels, lanes);
    let taps = spec.taps().count();
    let mut packed = Scratch::new(spec.groups * spec.channels[1] * spec.channels[0] * taps);
    let mut rest = &mut *packed;
    let mut kernels = Vec::with_capacity(spec.sums.len());
    for (i, sum) in spec.sums.iter().enumerate() {
        let offsets = division.layout.offsets(i, spec.channels[0]);
        let (weights, others) = rest.split_at_mut(spec.groups * spec.channels[1] * offsets.len());
        pack(spec, sum, isa, division.blocks, w, weights);
        rest = others;
        kernels.push(Kernel {
            sum,
            reach: offsets.iter().max().map_or(0, |&offset| offset as usize),
            offsets,
            weights,
        });
    }
    let work = Work {
        spec,
        division: &division,
        kernels: &kernels,
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

/// A sum and what its terms multiply.
struct Kernel<'a> {
    sum: &'a Sum,
    /// Where each term's operands lie.
    offsets: Vec<u32>,
    /// The largest of them.
    reach: usize,
    /// Packed weights.
    weights: &'a [f32],
}

/// What all tasks share.
#[derive(Clone, Copy)]
struct Work<'a> {
    spec: &'a Correlation,
    division: &'a Division,
    kernels: &'a [Kernel<'a>],
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
        let plans: Vec<Plan> = self
            .kernels
            .iter()
            .map(|kernel| {
                let plan = Plan::new(&division.layout, strip, spec, kernel.sum, division.lanes);
                let end = |position| position + division.lanes + kernel.reach;
                assert!(
                    plan.positions.last().map_or(0, end) <= copy.len(),
                    "a tap reads beyond the copy"
                );
                plan
            })
            .collect();
        dispatch(
            isa,
            StripTask {
                work: *self,
                strip,
                group,
                blocks,
                copy,
                plans: &plans,
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
    /// How the results of each sum are cut.
    plans: &'a [Plan],
}

impl Task for StripTask<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for block in self.blocks.0..self.blocks.0 + self.blocks.1 {
            let (first, rows) = self.work.division.blocks.get(block);
            for (kernel, plan) in self.work.kernels.iter().zip(self.plans) {
                // SAFETY: the caller vouches for the instructions.
                unsafe {
                    match rows {
                        1 => self.block::<V, 1>(kernel, plan, first),
                        2 => self.block::<V, 2>(kernel, plan, first),
                        3 => self.block::<V, 3>(kernel, plan, first),
                        4 => self.block::<V, 4>(kernel, plan, first),
                        5 => self.block::<V, 5>(kernel, plan, first),
                        6 => self.block::<V, 6>(kernel, plan, first),
                        7 => self.block::<V, 7>(kernel, plan, first),
                        _ => self.block::<V, 8>(kernel, plan, first),
                    }
                }
            }
        }
    }
}

impl StripTask<'_> {
    /// All results of a sum on the strip in the group's channels `first..first + R`.
    ///
    /// # Safety
    ///
    /// The instructions of `V` must be available.
    #[inline(always)]
    unsafe fn block<V: Vector, const R: usize>(
        &self,
        kernel: &Kernel<'_>,
        plan: &Plan,
        first: usize,
    ) {
        if R > most_channels(V::REGISTERS) {
            unreachable!("more result channels than a tile has");
        }
        let Work { spec, bias, .. } = self.work;
        let offsets = kernel.offsets.as_slice();
        let channel = self.group * spec.channels[1] + first;
        let mut start = [0.0; R];
        if let Some(bias) = bias {
            start.copy_from_slice(&bias[channel..channel + R]);
        }
        let w = kernel.weights[channel * offsets.len()..(channel + R) * offsets.len()].as_ptr();
        let positions = plan.positions.as_slice();
        let plane = spec.plane[0] * spec.plane[1];
        let first_result = self.strip.images.0 * spec.groups * spec.channels[1] * plane
            + channel * plane
            + spec.place(kernel.sum, self.strip.rows.0, 0);
        let mut i = 0;
        while i < positions.len() {
            // SAFETY: `Work::run` has checked that the copy holds all operands of every position.
            unsafe {
                let at = |v: usize| self.copy.as_ptr().add(positions[i + v]);
                match positions.len() - i {
                    1 => {
                        let sums = tile::<V, R, 1>(offsets, [at(0)], w, &start);
                        self.store(plan, i, first_result, &sums);
                        i += 1;
                    }
                    2 | 4 => {
                        let sums = tile::<V, R, 2>(offsets, [at(0), at(1)], w, &start);
                        self.store(plan, i, first_result, &sums);
                        i += 2;
                    }
                    _ => {
                        let at = [at(0), at(1), at(2)];
                        let sums = tile::<V, R, VECTORS>(offsets, at, w, &start);
                        self.store(plan, i, first_result, &sums);
                        i += VECTORS;
                    }
                }
            }
        }
    }

    /// Writes vectors `i..i + N` of the plan for `R` channels; `start` is where the strip's first
    /// result in the first of them goes.
    ///
    /// # Safety
    ///
    /// The instructions of `V` must be available.
    #[inline(always)]
    unsafe fn store<V: Vector, const R: usize, const N: usize>(
        &self,
        plan: &Plan,
        i: usize,
        start: usize,
        sums: &[[V; N]; R],
    ) {
        let Work { spec, to, .. } = self.work;
        let plane = spec.plane[0] * spec.plane[1];
        for v in 0..N {
            let runs = plan.runs(i + v);
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

//! How the source lies in memory while a strip of results is computed.
//!
//! A strip is either some rows of one image or several whole images. Its part of the source is
//! copied once into zero-padded planes, one per channel and phase of the stride. Rows follow each
//! other at a fixed pitch, so that for every tap the operands of neighbouring results are
//! neighbours in memory, at a distance from the result's own position that depends on the tap
//! alone.

use super::correlation::{Correlation, Tap};
use super::tile::Term;

/// Results that are computed from one copy of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strip {
    /// First image and number of images.
    pub(super) images: (usize, usize),
    /// First row of results and number of rows, in each of the images.
    pub(super) rows: (usize, usize),
}

/// The copy's layout for strips of up to `stacks * interleaved` images and `rows` rows.
#[derive(Debug)]
pub(super) struct Layout {
    /// Images whose pixels at the same place are neighbours.
    pub(super) interleaved: usize,
    /// Pixels from a row to the next.
    pitch: usize,
    /// Rows from a stack of interleaved images to the next.
    stack_rows: usize,
    /// Phases of rows and columns that some tap reads.
    phases: Vec<[usize; 2]>,
    /// Values from a plane to the next.
    plane: usize,
    /// Offset of each sum's taps in a channel's planes.
    taps: Vec<Vec<usize>>,
}

/// Vectors may read past the last result of a strip by less than this many values.
const OVERREAD: usize = 16;

impl Layout {
    /// Plans strips of at most `stacks` times `interleaved` images and `rows` rows.
    pub(super) fn new(spec: &Correlation, interleaved: usize, stacks: usize, rows: usize) -> Self {
        let [(top, _), (left, _)] = [spec.reach(0), spec.reach(1)];
        let split = |tap: &Tap| {
            let [y, x] = [(tap.at[0] - top) as usize, (tap.at[1] - left) as usize];
            let [sy, sx] = spec.stride;
            ([y % sy, x % sx], [y / sy, x / sx])
        };
        let mut phases: Vec<_> = spec.taps().map(|tap| split(tap).0).collect();
        phases.sort_unstable();
        phases.dedup();
        let columns = spec.to(1) + halo(spec, 1);
        let rows = rows + halo(spec, 0);
        let pitch = columns - shared(spec, 1);
        let stack_rows = if stacks > 1 {
            rows - shared(spec, 0)
        } else {
            rows
        };
        let pixels = ((stacks - 1) * stack_rows + rows) * pitch + (columns - pitch);
        let plane = odd_lines(pixels * interleaved);
        let offset = |tap: &Tap| {
            let (phase, [y, x]) = split(tap);
            let phase = phases.iter().position(|&p| p == phase).unwrap_or(0);
            phase * plane + (y * pitch + x) * interleaved
        };
        let taps = spec
            .sums
            .iter()
            .map(|sum| sum.taps.iter().map(offset).collect())
            .collect();
        Self {
            interleaved,
            pitch,
            stack_rows,
            phases,
            plane,
            taps,
        }
    }

    /// Values from a channel to the next.
    pub(super) fn channel(&self) -> usize {
        self.phases.len().max(1) * self.plane
    }

    /// Values that the copy of `channels` channels takes.
    pub(super) fn len(&self, channels: usize) -> usize {
        channels * self.channel() + OVERREAD
    }

    /// Terms of sum `sum` at those of its taps that `is_needed`, channel by channel.
    pub(super) fn terms(
        &self,
        sum: usize,
        channels: usize,
        is_needed: impl Fn(usize) -> bool,
    ) -> Vec<Term> {
        let taps = &self.taps[sum];
        let needed: Vec<usize> = (0..taps.len()).filter(|&tap| is_needed(tap)).collect();
        let term = |c: usize, tap: usize| Term {
            from: (c * self.channel() + taps[tap]) as u32,
            weight: (c * taps.len() + tap) as u32,
        };
        let channel = |c: usize| needed.iter().map(move |&tap| term(c, tap));
        (0..channels).flat_map(channel).collect()
    }

    /// The largest offset of a term of sum `sum`.
    pub(super) fn reach(&self, sum: usize, channels: usize) -> usize {
        let tap = self.taps[sum].iter().max().copied().unwrap_or(0);
        channels.saturating_sub(1) * self.channel() + tap
    }

    /// Position in a plane of the result at (`row`, `column`) of the strip's image `image`.
    pub(super) fn position(&self, image: usize, row: usize, column: usize) -> usize {
        let (stack, image) = (image / self.interleaved, image % self.interleaved);
        ((stack * self.stack_rows + row) * self.pitch + column) * self.interleaved + image
    }

    /// Copies channel `c` of `group` to its place, `copy`, of [`Self::channel`] values.
    pub(super) fn fill(
        &self,
        spec: &Correlation,
        strip: Strip,
        (group, c): (usize, usize),
        from: &[f32],
        copy: &mut [f32],
    ) {
        let [height, width] = spec.from;
        let origin = [spec.reach(0).0, spec.reach(1).0];
        let step = spec.stride[1];
        let rows = strip.rows.1 + halo(spec, 0);
        let line = self.pitch * self.interleaved;
        for (&[py, px], plane) in self.phases.iter().zip(copy.chunks_exact_mut(self.plane)) {
            let mut end = 0;
            for stack in 0..strip.images.1.div_ceil(self.interleaved) {
                for row in 0..rows {
                    let start = (stack * self.stack_rows + row) * line;
                    end = start + line;
                    let to = &mut plane[start..end];
                    let y = ((strip.rows.0 + row) * spec.stride[0] + py) as isize + origin[0];
                    if !(0..height as isize).contains(&y) {
                        to.fill(0.0);
                        continue;
                    }
                    let image = stack * self.interleaved;
                    let images = self.interleaved.min(strip.images.1 - image);
                    let source = |i: usize| {
                        let image = strip.images.0 + image + i;
                        let plane = (image * spec.groups + group) * spec.channels[0] + c;
                        &from[(plane * height + y as usize) * width..][..width]
                    };
                    let first = px as isize + origin[1];
                    if self.interleaved == 1 {
                        copy_row(source(0), first, step, to);
                    } else {
                        to.fill(0.0);
                        let (zeros, start, count) = overlap(width, first, step, self.pitch);
                        let to = &mut to[zeros * self.interleaved..];
                        for i in 0..images {
                            let line = source(i).iter().skip(start).step_by(step);
                            let to = to.iter_mut().skip(i).step_by(self.interleaved);
                            to.zip(line)
                                .take(count)
                                .for_each(|(to, &value)| *to = value);
                        }
                    }
                }
            }
            plane[end..].fill(0.0);
        }
    }
}

/// Rows (axis 0) or columns (axis 1) of a phase that are read beyond the number of results.
fn halo(spec: &Correlation, axis: usize) -> usize {
    let (first, last) = spec.reach(axis);
    (last - first) as usize / spec.stride[axis]
}

/// Zeros after a row (or image) that may be the zeros before the next one.
fn shared(spec: &Correlation, axis: usize) -> usize {
    if spec.stride[axis] != 1 {
        return 0;
    }
    let (first, last) = spec.reach(axis);
    let before = (-first).max(0) as usize;
    let after = (spec.to(axis) as isize - 1 + last - (spec.from[axis] as isize - 1)).max(0);
    // A result's position must not be one of the next row's.
    before.min(after as usize).min((last - first) as usize)
}

/// For every `step`-th of `len` values from `first` on: how many of `room` places come before the
/// first of them, its index, and how many places they fill.
fn overlap(len: usize, first: isize, step: usize, room: usize) -> (usize, usize, usize) {
    let before = first.min(0).unsigned_abs().div_ceil(step).min(room);
    let start = (first + (before * step) as isize).max(0) as usize;
    (
        before,
        start,
        len.saturating_sub(start).div_ceil(step).min(room - before),
    )
}

/// Copies every `step`-th value of `line`, starting at `first`, with zeros outside of it.
pub(super) fn copy_row(line: &[f32], first: isize, step: usize, to: &mut [f32]) {
    let (zeros, start, count) = overlap(line.len(), first, step, to.len());
    to[..zeros].fill(0.0);
    to[zeros + count..].fill(0.0);
    let to = &mut to[zeros..zeros + count];
    if count == 0 {
        return;
    }
    match step {
        1 => to.copy_from_slice(&line[start..start + count]),
        2 => to
            .iter_mut()
            .zip(line[start..].chunks(2))
            .for_each(|(to, from)| *to = from[0]),
        _ => to
            .iter_mut()
            .zip(line[start..].iter().step_by(step))
            .for_each(|(to, v)| *to = *v),
    }
}

/// Rounds up to an odd number of cache lines, so that channels do not compete for the same places
/// of the cache.
fn odd_lines(values: usize) -> usize {
    (values.div_ceil(16) | 1) * 16
}

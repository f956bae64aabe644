//! Gradient of the weights: an outer product of output channels and taps, summed over pixels.
//!
//! The output's gradient is turned so that its channels are the lanes of a vector; each tap's
//! input pixel is broadcast. No lane is wasted on padding, and no sum runs across lanes.
//! Pixels are summed in blocks, blocks in order within a part of the batch, and the parts in
//! order at the end.

use rayon::prelude::*;

use super::geometry::Conv2d;
use super::outer::{Pixels, TapRun, most_vectors, run_length};
use super::share;
use super::strip::copy_row;
use crate::isa::Isa;
use crate::parallel::Parts;
use crate::scratch::Scratch;
use crate::simd::{Task, Vector, dispatch};

/// Tasks to have at least, where the shape gives them.
const TASKS: usize = 16;
/// Values of the turned gradient in a block.
const TURNED: usize = 64 * 1024;
/// Fewest input channels of a task, so that turning the gradient pays.
const CHANNELS: usize = 32;

/// Output channels whose weights are put into their order together.
const ROWS: usize = 16;

/// Writes the gradient of the weights to `dw`.
pub(super) fn weight_gradient(g: &Conv2d, isa: Isa, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (c_in, c_out) = (g.channels_in / g.groups, g.channels_out / g.groups);
    let taps = g.kernel[0] * g.kernel[1];
    if c_out < c_in
        && c_out < 8
        && let Some(exchanged) = exchanged(g)
    {
        let mut turned = vec![0.0; dw.len()];
        sum_products(&exchanged, isa, dy, x, &mut turned);
        for (i, dw) in dw.iter_mut().enumerate() {
            let (o, c, tap) = (i / (c_in * taps), i / taps % c_in, i % taps);
            let (group, o) = (o / c_out, o % c_out);
            *dw = turned[((group * c_in + c) * c_out + o) * taps + taps - 1 - tap];
        }
        return;
    }
    sum_products(g, isa, x, dy, dw);
}

/// The convolution whose weight gradient has the two kinds of channels exchanged and the taps
/// reversed, so that the input's channels are the lanes.
fn exchanged(g: &Conv2d) -> Option<Conv2d> {
    let pad = |i: usize| (g.kernel[i] - 1).checked_sub(g.padding[i]);
    (g.stride == [1, 1]).then_some(())?;
    Some(Conv2d {
        channels_in: g.channels_out,
        channels_out: g.channels_in,
        size: g.output_size(),
        padding: [pad(0)?, pad(1)?],
        ..*g
    })
}

/// Writes the sums over all pixels for each output channel, input channel and tap.
fn sum_products(g: &Conv2d, isa: Isa, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (c_in, c_out) = (g.channels_in / g.groups, g.channels_out / g.groups);
    let isa = if c_out <= 8 { isa.min(Isa::Avx2) } else { isa };
    let division = Division::new(g);
    let turned = c_out.next_multiple_of(if isa == Isa::Avx512 { 16 } else { 8 });
    let taps = g.kernel[0] * g.kernel[1];
    let columns = c_in * taps;
    let mut sums = Scratch::new(division.parts * g.groups * columns * turned);
    let shared = Parts::new(&mut sums);
    let tasks = division.parts * g.groups * division.chunks;
    (0..tasks).into_par_iter().for_each(|task| {
        let (rest, chunk) = (task / division.chunks, task % division.chunks);
        let (part, group) = (rest / g.groups, rest % g.groups);
        let channels = share(c_in, division.chunks, chunk);
        let start = (rest * c_in + channels.0) * taps * turned;
        let len = channels.1 * taps * turned;
        // SAFETY: part, group and channels tell the tasks' sums apart.
        let sums = unsafe { std::slice::from_raw_parts_mut(shared.pointer(start, len), len) };
        let blocks = share(division.blocks(g), division.parts, part);
        let division = &division;
        dispatch(
            isa,
            PartTask {
                g,
                division,
                blocks,
                group,
                channels,
                x,
                dy,
                sums,
                turned,
            },
        );
    });
    let sums = Sums {
        values: &sums,
        parts: division.parts,
        groups: g.groups,
        columns,
        turned,
    };
    dw.par_chunks_mut(c_out * columns)
        .enumerate()
        .for_each(|(group, dw)| {
            dw.par_chunks_mut(ROWS * columns)
                .enumerate()
                .for_each(|(block, dw)| {
                    let first = block * ROWS;
                    dispatch(
                        isa,
                        Collect {
                            sums,
                            group,
                            first,
                            dw,
                        },
                    );
                });
        });
}

/// The sums of all tasks: `[parts, groups, columns, turned]`.
#[derive(Clone, Copy)]
struct Sums<'a> {
    values: &'a [f32],
    parts: usize,
    groups: usize,
    /// Input channels times taps.
    columns: usize,
    /// Output channels rounded up to whole vectors.
    turned: usize,
}

impl Sums<'_> {
    /// Sums over the parts for column `k` and `N` output channels of a group from `row` on.
    fn get<const N: usize>(&self, group: usize, k: usize, row: usize) -> [f32; N] {
        let mut total = [0.0; N];
        for part in 0..self.parts {
            let start = ((part * self.groups + group) * self.columns + k) * self.turned + row;
            for (total, sum) in total.iter_mut().zip(&self.values[start..start + N]) {
                *total += sum;
            }
        }
        total
    }
}

/// Adds the parts of some output channels of a group and puts them into the order of the weights.
struct Collect<'a> {
    sums: Sums<'a>,
    group: usize,
    /// First output channel.
    first: usize,
    /// `[output channels, columns]`.
    dw: &'a mut [f32],
}

impl Task for Collect<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            sums,
            group,
            first,
            dw,
        } = self;
        let columns = sums.columns;
        let rows = dw.len() / columns;
        for k in (0..columns).step_by(8) {
            let mut row = 0;
            while row + 8 <= rows && k + 8 <= columns {
                let block: [[f32; 8]; 8] =
                    std::array::from_fn(|j| sums.get(group, k + j, first + row));
                let to = &mut dw[row * columns + k..(row + 7) * columns + k + 8];
                // SAFETY: the caller vouches for the instructions; `to` spans eight rows.
                unsafe {
                    V::turn(
                        &block.each_ref().map(|b| b.as_ptr()),
                        to.as_mut_ptr(),
                        columns,
                    );
                }
                row += 8;
            }
            for row in row..rows {
                for k in k..columns.min(k + 8) {
                    let [sum] = sums.get(group, k, first + row);
                    dw[row * columns + k] = sum;
                }
            }
        }
    }
}

/// The partition of the work; it depends on the sizes alone.
struct Division {
    /// Images and output rows of a block.
    images: usize,
    rows: usize,
    /// Parts of the list of blocks.
    parts: usize,
    /// Parts of a group's input channels.
    chunks: usize,
}

impl Division {
    fn new(g: &Conv2d) -> Self {
        let [height, width] = g.output_size();
        let (c_in, c_out) = (g.channels_in / g.groups, g.channels_out / g.groups);
        let pixels = (TURNED / c_out.next_multiple_of(16)).clamp(64, 512);
        let rows = (pixels / width).clamp(1, height);
        let rows = height.div_ceil(height.div_ceil(rows));
        let images = if rows < height {
            1
        } else {
            (pixels / (width * height)).clamp(1, g.batch)
        };
        let chunks = (c_in / CHANNELS).clamp(1, TASKS);
        let mut division = Self {
            images,
            rows,
            parts: 1,
            chunks,
        };
        division.parts = TASKS.div_ceil(g.groups * chunks).min(division.blocks(g));
        division
    }

    /// Number of blocks.
    fn blocks(&self, g: &Conv2d) -> usize {
        g.batch.div_ceil(self.images) * g.output_size()[0].div_ceil(self.rows)
    }

    /// Images and output rows of block `i`: first and number.
    fn block(&self, g: &Conv2d, i: usize) -> ((usize, usize), (usize, usize)) {
        let height = g.output_size()[0];
        let strips = height.div_ceil(self.rows);
        let (image, row) = (i / strips * self.images, i % strips * self.rows);
        (
            (image, self.images.min(g.batch - image)),
            (row, self.rows.min(height - row)),
        )
    }
}

/// The sums over some blocks for some input channels of a group.
struct PartTask<'a> {
    g: &'a Conv2d,
    division: &'a Division,
    /// First and number of blocks.
    blocks: (usize, usize),
    group: usize,
    /// First and number of input channels within the group.
    channels: (usize, usize),
    x: &'a [f32],
    dy: &'a [f32],
    /// `[channels, taps, turned]`.
    sums: &'a mut [f32],
    /// Output channels rounded up to whole vectors.
    turned: usize,
}

impl Task for PartTask<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            g,
            division,
            channels,
            turned,
            ..
        } = self;
        let width = g.output_size()[1];
        let [kh, kw] = g.kernel;
        let rows = (division.rows - 1) * g.stride[0] + kh;
        let copied = Copied {
            rows,
            pitch: (width - 1) * g.stride[1] + kw,
            plane: division.images * rows * ((width - 1) * g.stride[1] + kw),
        };
        let pixels = division.images * division.rows * width;
        let taps = run_length(kw);
        let runs: Vec<_> = (0..channels.1 * kh * kw / taps)
            .map(|i| {
                let (c, ky, kx) = (i * taps / (kh * kw), i * taps / kw % kh, i * taps % kw);
                TapRun {
                    from: c * copied.plane + ky * copied.pitch + kx,
                    sums: i * taps * turned,
                }
            })
            .collect();
        let vectors = turned / V::LANES;
        let panels = vectors.div_ceil(most_vectors(V::REGISTERS, taps));
        let sums = self.sums.as_mut_ptr();
        let mut copy = Scratch::new(channels.1 * copied.plane);
        let mut gradient = Scratch::new(pixels * turned);
        for block in self.blocks.0..self.blocks.0 + self.blocks.1 {
            let (images, lines) = division.block(g, block);
            self.copy_input(&copied, images, lines, &mut copy);
            let starts: Vec<_> = (0..images.1 * lines.1)
                .map(|i| (i / lines.1 * rows + i % lines.1 * g.stride[0]) * copied.pitch)
                .collect();
            let pixels = Pixels {
                rows: &starts,
                width,
                stride: g.stride[1],
                is_first: block == self.blocks.0,
            };
            for panel in 0..panels {
                let (first, count) = share(vectors, panels, panel);
                let lanes = (first * V::LANES, count * V::LANES);
                // SAFETY: the caller vouches for the instructions; copy and gradient hold the
                // block, the sums all runs and vectors.
                unsafe {
                    self.turn_gradient::<V>(images, lines, lanes, &mut gradient);
                    pixels.add_all::<V>(
                        (count, taps),
                        &runs,
                        copy.as_ptr(),
                        gradient.as_ptr(),
                        sums.add(lanes.0),
                        turned,
                    );
                }
            }
        }
    }
}

/// How the input of a block lies in memory: `[channels, images, rows, pitch]`, padded by zeros.
struct Copied {
    rows: usize,
    pitch: usize,
    /// Values of a channel.
    plane: usize,
}

impl PartTask<'_> {
    /// Copies what the block's windows cover.
    #[inline(always)]
    fn copy_input(
        &self,
        copied: &Copied,
        images: (usize, usize),
        lines: (usize, usize),
        copy: &mut [f32],
    ) {
        let g = self.g;
        let [height, width] = g.size;
        let first = self.group * (g.channels_in / g.groups) + self.channels.0;
        for c in 0..self.channels.1 {
            for i in 0..images.1 {
                let plane = ((images.0 + i) * g.channels_in + first + c) * height * width;
                let plane = &self.x[plane..][..height * width];
                let start = c * copied.plane + i * copied.rows * copied.pitch;
                let rows = (lines.1 - 1) * g.stride[0] + g.kernel[0];
                let copy = &mut copy[start..][..rows * copied.pitch];
                for (row, to) in copy.chunks_exact_mut(copied.pitch).enumerate() {
                    let y = (lines.0 * g.stride[0] + row).wrapping_sub(g.padding[0]);
                    if y < height {
                        let line = &plane[y * width..][..width];
                        copy_row(line, -(g.padding[1] as isize), 1, to);
                    } else {
                        to.fill(0.0);
                    }
                }
            }
        }
    }

    /// Turns the block's gradient of the group's output channels `lanes` (first, number), zeros
    /// beyond the last, to `[pixels, lanes]`.
    ///
    /// # Safety
    ///
    /// The instructions of `V` must be available.
    #[inline(always)]
    unsafe fn turn_gradient<V: Vector>(
        &self,
        images: (usize, usize),
        lines: (usize, usize),
        lanes: (usize, usize),
        gradient: &mut [f32],
    ) {
        let g = self.g;
        let [height, width] = g.output_size();
        let c_out = g.channels_out / g.groups;
        let count = lines.1 * width;
        for i in 0..images.1 {
            let to = &mut gradient[i * count * lanes.1..][..count * lanes.1];
            let image = ((images.0 + i) * g.channels_out + self.group * c_out) * height;
            let used = (c_out.saturating_sub(lanes.0)).min(lanes.1);
            let plane = |lane: usize| {
                let start = (image + (lanes.0 + lane) * height + lines.0) * width;
                &self.dy[start..][..count]
            };
            for start in (0..lanes.1).step_by(8) {
                let mut done = 0;
                if start + 8 <= used {
                    let planes: [&[f32]; 8] = std::array::from_fn(|j| plane(start + j));
                    while done + 8 <= count {
                        let to = &mut to[done * lanes.1 + start..];
                        assert!(to.len() >= 7 * lanes.1 + 8, "eight pixels");
                        let mut rows = [std::ptr::null(); 8];
                        for (row, plane) in rows.iter_mut().zip(&planes) {
                            *row = plane[done..done + 8].as_ptr();
                        }
                        // SAFETY: the caller vouches for the instructions; lengths are checked.
                        unsafe { V::turn(&rows, to.as_mut_ptr(), lanes.1) };
                        done += 8;
                    }
                }
                for lane in start..(start + 8).min(lanes.1) {
                    let to = to
                        .chunks_exact_mut(lanes.1)
                        .skip(done)
                        .map(|to| &mut to[lane]);
                    if lane < used {
                        to.zip(&plane(lane)[done..])
                            .for_each(|(to, &value)| *to = value);
                    } else {
                        to.for_each(|to| *to = 0.0);
                    }
                }
            }
        }
    }
}

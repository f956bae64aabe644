//! A scale and a shift per plane that take effect as far as a mask, common to all channels, lets them.

use crate::isa::Isa;
use crate::multiversion::multiversion;
use crate::norm::{Affine, BLOCK, Gradients, LANES, PerPlane, Shape, fold};
use crate::parallel::{Parts, for_each};

/// Pixels of a sample that are one task of the backward pass, which goes through all channels with
/// them.
const CHUNK: usize = 1 << 12;

/// `y = x + mask (x * scale + shift)` in place of `x`; `mask` is `[batch, area]`.
///
/// # Panics
///
/// If a length does not fit `shape`.
pub fn modulate_masked(shape: Shape, x: &mut [f32], mask: &[f32], affine: Affine) {
    check(shape, [x.len(), shape.len()], mask);
    let affine = PerPlane::new(shape, affine);
    let isa = Isa::current();
    let x = Parts::new(x);
    for_each(shape.batch * shape.channels, shape.len(), |plane| {
        // SAFETY: every plane is one task.
        let part = unsafe { x.part(shape.range(plane)) };
        let (scale, shift) = affine.of(plane);
        let mask = &mask[shape.range(plane / shape.channels)];
        forward(isa, part, mask, scale, shift);
    });
}

/// Gradients of [`modulate_masked`], that of the mask first: `dx` is written in place of `grad`.
///
/// # Panics
///
/// If a length does not fit `shape`.
pub fn modulate_masked_backward(
    shape: Shape,
    x: &[f32],
    mask: &[f32],
    affine: Affine,
    grad: &mut [f32],
) -> (Vec<f32>, Gradients) {
    check(shape, [x.len(), grad.len()], mask);
    let affine = PerPlane::new(shape, affine);
    let isa = Isa::current();
    let mut to_mask = vec![0.0; mask.len()];
    let chunks = shape.area.div_ceil(CHUNK);
    let channels = shape.channels;
    // Of every chunk and channel: sums of what the shift and the scale are multiplied with.
    let mut sums = vec![[0.0_f64; 2]; shape.batch * chunks * channels];
    let (dy, dm, found) = (
        Parts::new(grad),
        Parts::new(&mut to_mask),
        Parts::new(&mut sums),
    );
    for_each(shape.batch * chunks, shape.len(), |task| {
        let (sample, start) = (task / chunks, task % chunks * CHUNK);
        let len = CHUNK.min(shape.area - start);
        let within = |plane: usize| {
            let start = plane * shape.area + start;
            start..start + len
        };
        // SAFETY: every chunk of a sample is one task.
        let (dm, found) = unsafe {
            (
                dm.part(within(sample)),
                found.part(task * channels..(task + 1) * channels),
            )
        };
        for (channel, found) in found.iter_mut().enumerate() {
            let plane = sample * channels + channel;
            // SAFETY: as above, and the part is dropped in the loop.
            let dy = unsafe { dy.part(within(plane)) };
            let (x, mask) = (&x[within(plane)], &mask[within(sample)]);
            *found = backward(isa, x, mask, affine.of(plane), dy, dm);
        }
    });
    let total = |which: usize| {
        let of_plane = |plane: usize| {
            let (sample, channel) = (plane / channels, plane % channels);
            let at = |chunk| (sample * chunks + chunk) * channels + channel;
            (0..chunks).map(|chunk| sums[at(chunk)][which]).sum::<f64>() as f32
        };
        (0..shape.batch * channels).map(of_plane).collect()
    };
    let gradients = Gradients {
        scale: total(1),
        shift: total(0),
    };
    (to_mask, gradients)
}

fn check(shape: Shape, lengths: [usize; 2], mask: &[f32]) {
    assert_eq!(lengths, [shape.len(); 2], "the shape is that of the arrays");
    let pixels = shape.batch * shape.area;
    assert_eq!(mask.len(), pixels, "a mask for every sample");
}

multiversion! {
    fn forward(x: &mut [f32], mask: &[f32], scale: f32, shift: f32) {
        for (v, m) in x.iter_mut().zip(mask) {
            *v += (*v * scale + shift) * m;
        }
    }
}

multiversion! {
    /// Adds to `dm`, turns `dy` into `dx`; sums of `dy mask` and of `dy mask x`.
    fn backward(
        x: &[f32],
        mask: &[f32],
        affine: (f32, f32),
        dy: &mut [f32],
        dm: &mut [f32],
    ) -> [f64; 2] {
        let (scale, shift) = affine;
        let mut totals = [0.0; 2];
        let blocks = x.chunks(BLOCK).zip(mask.chunks(BLOCK));
        let targets = dy.chunks_mut(BLOCK).zip(dm.chunks_mut(BLOCK));
        for ((x, mask), (dy, dm)) in blocks.zip(targets) {
            let (mut alone, mut along) = ([0.0; LANES], [0.0; LANES]);
            let ((x, x_rest), (mask, mask_rest)) = (x.as_chunks::<LANES>(), mask.as_chunks::<LANES>());
            let (dy, dy_rest) = dy.as_chunks_mut::<LANES>();
            let (dm, dm_rest) = dm.as_chunks_mut::<LANES>();
            for ((x, m), (g, d)) in x.iter().zip(mask).zip(dy.iter_mut().zip(dm)) {
                for i in 0..LANES {
                    d[i] += g[i] * (x[i] * scale + shift);
                    let through = g[i] * m[i];
                    alone[i] += through;
                    along[i] += through * x[i];
                    g[i] += through * scale;
                }
            }
            let rest = x_rest.iter().zip(mask_rest).zip(dy_rest.iter_mut().zip(dm_rest));
            for (i, ((x, m), (g, d))) in rest.enumerate() {
                *d += *g * (x * scale + shift);
                let through = *g * m;
                alone[i] += through;
                along[i] += through * x;
                *g += through * scale;
            }
            totals[0] += fold(alone);
            totals[1] += fold(along);
        }
        totals
    }
}

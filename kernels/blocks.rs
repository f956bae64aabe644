//! Sums over 2x2 blocks and their adjoint: average pooling and nearest enlargement, both ways.

use crate::isa::Isa;
use crate::multiversion::multiversion;
use crate::parallel::{Parts, for_each};

/// Maps `[planes, height, width]` that are halved, odd sizes rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maps {
    /// Number of maps.
    pub planes: usize,
    /// Rows before they are halved.
    pub height: usize,
    /// Columns before they are halved.
    pub width: usize,
}

impl Maps {
    /// Values before they are halved.
    pub const fn len(self) -> usize {
        self.planes * self.height * self.width
    }

    /// Whether there are no values.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Values after they are halved.
    pub const fn halved_len(self) -> usize {
        self.planes * (self.height / 2) * (self.width / 2)
    }

    fn check(self, large: usize, small: usize) {
        let expected = [self.len(), self.halved_len()];
        assert_eq!([large, small], expected, "{self:?} and their half");
    }
}

/// `factor` times the sum over each 2x2 block of `x`; an odd last row or column is left out.
///
/// With a quarter as factor this is average pooling.
///
/// # Panics
///
/// If the lengths are not those of `maps` and their half.
pub fn sum_blocks(maps: Maps, x: &[f32], factor: f32, y: &mut [f32]) {
    maps.check(x.len(), y.len());
    let (large, small) = (
        maps.height * maps.width,
        (maps.height / 2) * (maps.width / 2),
    );
    let isa = Isa::current();
    let y = Parts::new(y);
    for_each(maps.planes, maps.len(), |plane| {
        // SAFETY: every plane is one task.
        let y = unsafe { y.part(plane * small..(plane + 1) * small) };
        sum_plane(isa, &x[plane * large..][..large], maps.width, factor, y);
    });
}

/// Adjoint of [`sum_blocks`]: `factor` times each value of `x` in a 2x2 block of `y`, 0 in an odd
/// last row or column.
///
/// With the factor 1 this is nearest enlargement.
///
/// # Panics
///
/// If the lengths are not those of the half of `maps` and of `maps`.
pub fn repeat_blocks(maps: Maps, x: &[f32], factor: f32, y: &mut [f32]) {
    maps.check(y.len(), x.len());
    let (large, small) = (
        maps.height * maps.width,
        (maps.height / 2) * (maps.width / 2),
    );
    let isa = Isa::current();
    let y = Parts::new(y);
    for_each(maps.planes, maps.len(), |plane| {
        // SAFETY: every plane is one task.
        let y = unsafe { y.part(plane * large..(plane + 1) * large) };
        repeat_plane(isa, &x[plane * small..][..small], maps.width, factor, y);
    });
}

multiversion! {
    fn sum_plane(x: &[f32], width: usize, factor: f32, y: &mut [f32]) {
        if width < 2 {
            return;
        }
        for (x, y) in x.chunks_exact(2 * width).zip(y.chunks_exact_mut(width / 2)) {
            let (top, bottom) = x.split_at(width);
            let ((top, _), (bottom, _)) = (top.as_chunks::<2>(), bottom.as_chunks::<2>());
            for ((y, t), b) in y.iter_mut().zip(top).zip(bottom) {
                *y = (t[0] + t[1] + (b[0] + b[1])) * factor;
            }
        }
    }
}

multiversion! {
    fn repeat_plane(x: &[f32], width: usize, factor: f32, y: &mut [f32]) {
        if width < 2 {
            y.fill(0.0);
            return;
        }
        let mut pairs = y.chunks_exact_mut(2 * width);
        for (pair, x) in (&mut pairs).zip(x.chunks_exact(width / 2)) {
            let (top, bottom) = pair.split_at_mut(width);
            let (blocks, rest) = top.as_chunks_mut::<2>();
            for (block, v) in blocks.iter_mut().zip(x) {
                *block = [*v * factor; 2];
            }
            rest.fill(0.0);
            bottom.copy_from_slice(top);
        }
        pairs.into_remainder().fill(0.0);
    }
}

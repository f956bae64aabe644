//! The register tile of the weights' gradient: output channels as lanes, by taps of the kernel.

use crate::simd::Vector;

/// Pixels over which the products are summed, row by row.
pub(super) struct Pixels<'a> {
    /// Offset of each row's first input pixel.
    pub(super) rows: &'a [usize],
    /// Pixels in a row.
    pub(super) width: usize,
    /// Distance between the input pixels of neighbouring output pixels.
    pub(super) stride: usize,
    /// Whether the sums start here rather than continue.
    pub(super) is_first: bool,
}

/// A run of neighbouring taps in a row of the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct TapRun {
    /// Offset of its input pixel in the copied input.
    pub(super) from: usize,
    /// Offset of its first sum.
    pub(super) sums: usize,
}

/// Taps in a run for kernels of `width` columns: all of them where a tile exists for that, else 1.
pub(super) fn run_length(width: usize) -> usize {
    if width <= 7 { width } else { 1 }
}

/// Vectors of output channels in a tile for runs of `taps`.
pub(super) fn most_vectors(registers: usize, taps: usize) -> usize {
    match (registers >= 32, taps) {
        (true, 5 | 6) | (false, 1..=4) => 2,
        (true, _) => 3,
        (false, _) => 1,
    }
}

impl Pixels<'_> {
    /// Adds the products of `vectors` vectors of output channels, all turned pixels following
    /// each other in `gradient`, with the input pixels of all `runs` of `taps` taps to `sums`,
    /// which has `pitch` values from a tap to the next.
    ///
    /// # Safety
    ///
    /// The instructions of `V` must be available. The pointers must be valid for every pixel of
    /// every row, run, tap and vector.
    #[inline(always)]
    pub(super) unsafe fn add_all<V: Vector>(
        &self,
        (vectors, taps): (usize, usize),
        runs: &[TapRun],
        x: *const f32,
        gradient: *const f32,
        sums: *mut f32,
        pitch: usize,
    ) {
        // SAFETY: as the caller vouches.
        unsafe {
            macro_rules! tiles {
                ($wide:literal, $narrow:literal, $taps:literal) => {
                    if V::REGISTERS >= 32 {
                        self.add_by::<V, $wide, $taps>(vectors, runs, x, gradient, sums, pitch);
                    } else {
                        self.add_by::<V, $narrow, $taps>(vectors, runs, x, gradient, sums, pitch);
                    }
                };
            }
            match taps {
                1 => tiles!(8, 6, 1),
                2 => tiles!(4, 3, 2),
                3 => tiles!(3, 2, 3),
                4 => tiles!(2, 1, 4),
                5 => tiles!(2, 1, 5),
                6 => tiles!(2, 1, 6),
                _ => tiles!(1, 1, 7),
            }
        }
    }

    #[inline(always)]
    unsafe fn add_by<V: Vector, const RUNS: usize, const TAPS: usize>(
        &self,
        vectors: usize,
        runs: &[TapRun],
        x: *const f32,
        gradient: *const f32,
        sums: *mut f32,
        pitch: usize,
    ) {
        // SAFETY: as the caller vouches.
        unsafe {
            match vectors {
                1 => self.add::<V, 1, RUNS, TAPS>(runs, x, gradient, sums, pitch),
                2 if most_vectors(V::REGISTERS, TAPS) >= 2 => {
                    self.add::<V, 2, RUNS, TAPS>(runs, x, gradient, sums, pitch);
                }
                3 if most_vectors(V::REGISTERS, TAPS) >= 3 => {
                    self.add::<V, 3, RUNS, TAPS>(runs, x, gradient, sums, pitch);
                }
                _ => unreachable!("more vectors than a tile has"),
            }
        }
    }

    #[inline(always)]
    unsafe fn add<V: Vector, const N: usize, const RUNS: usize, const TAPS: usize>(
        &self,
        runs: &[TapRun],
        x: *const f32,
        gradient: *const f32,
        sums: *mut f32,
        pitch: usize,
    ) {
        for runs in runs.chunks(RUNS) {
            // A tile at the end repeats its last run and drops the copies.
            let at = |i: usize| runs[i.min(runs.len() - 1)].from;
            // SAFETY: as the caller vouches.
            unsafe {
                let from = std::array::from_fn(|i| x.add(at(i)));
                let tile = self.tile::<V, N, RUNS, TAPS>(from, gradient);
                for (run, tile) in runs.iter().zip(&tile) {
                    for (tap, tile) in tile.iter().enumerate() {
                        for (v, sum) in tile.iter().enumerate() {
                            let to = sums.add(run.sums + tap * pitch + v * V::LANES);
                            let sum = if self.is_first {
                                *sum
                            } else {
                                V::load(to).add(*sum)
                            };
                            sum.store(to);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Vector, const N: usize, const RUNS: usize, const TAPS: usize>(
        &self,
        x: [*const f32; RUNS],
        gradient: *const f32,
    ) -> [[[V; N]; TAPS]; RUNS] {
        // SAFETY: as the caller vouches.
        unsafe {
            let mut sums = [[[V::splat(0.0); N]; TAPS]; RUNS];
            let mut gradient = gradient;
            for &row in self.rows {
                let mut x = x.map(|x| x.add(row));
                for _ in 0..self.width {
                    let mut factors = [V::splat(0.0); N];
                    for (v, factor) in factors.iter_mut().enumerate() {
                        *factor = V::load(gradient.add(v * V::LANES));
                    }
                    for (x, sums) in x.iter_mut().zip(&mut sums) {
                        for (tap, sums) in sums.iter_mut().enumerate() {
                            let pixel = V::splat(*x.add(tap));
                            for (sum, factor) in sums.iter_mut().zip(&factors) {
                                *sum = factor.mul_add(pixel, *sum);
                            }
                        }
                        *x = x.wrapping_add(self.stride);
                    }
                    gradient = gradient.wrapping_add(N * V::LANES);
                }
            }
            sums
        }
    }
}

//! The register tile: some result channels by some vectors of results.

use crate::simd::Vector;

/// Most result channels in a tile for a number of vector registers.
pub(super) const fn most_channels(registers: usize) -> usize {
    if registers >= 32 { 8 } else { 4 }
}

/// Vectors of results in a tile.
pub(super) const VECTORS: usize = 3;

/// Sums of `R` result channels, each starting from its `bias`, at the vectors `at`.
///
/// `offsets` says for each term of the sum where its operands lie; `w` holds `R` weights for each.
///
/// # Safety
///
/// The instructions of `V` must be available. `at` plus any offset must be valid for reading a
/// vector, and `w` for reading all weights.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const R: usize, const N: usize>(
    offsets: &[u32],
    at: [*const f32; N],
    w: *const f32,
    bias: &[f32; R],
) -> [[V; N]; R] {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut sums = [[V::splat(0.0); N]; R];
        for (sums, bias) in sums.iter_mut().zip(bias) {
            *sums = [V::splat(*bias); N];
        }
        let mut w = w;
        for &offset in offsets {
            let mut operands = [V::splat(0.0); N];
            for (operand, at) in operands.iter_mut().zip(&at) {
                *operand = V::load(at.add(offset as usize));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let factor = V::splat(*w.add(r));
                for (sum, operand) in sums.iter_mut().zip(&operands) {
                    *sum = operand.mul_add(factor, *sum);
                }
            }
            w = w.add(R);
        }
        sums
    }
}

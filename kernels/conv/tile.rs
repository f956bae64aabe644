//! The register tile: some result channels by some vectors of results.

use crate::simd::Vector;

/// Most result channels in a tile for a number of vector registers. All sums, the operands and a
/// weight must fit, with one to spare: compilers move registers about otherwise.
pub(super) const fn most_channels(registers: usize) -> usize {
    if registers >= 32 { 8 } else { 6 }
}

/// Most vectors of results in a tile.
pub(super) const fn most_vectors(registers: usize) -> usize {
    if registers >= 32 { 3 } else { 2 }
}

/// Relative time of a term in a tile of one, two, ... vectors by `channels` result channels. In
/// small tiles the weights' loads, or the wait for the sum before, take longer than the products.
pub(super) const fn costs(channels: usize) -> &'static [u64] {
    if channels >= 8 {
        &[14, 18, 24]
    } else {
        &[9, 12]
    }
}

/// A term of a sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    /// Where its operands lie.
    pub(super) from: u32,
    /// Its number among all terms of the sum, in whose order the weights lie.
    pub(super) weight: u32,
}

/// Sums of `R` result channels over `terms`, each starting from its `bias`, at the vectors `at`;
/// `w` holds `R` weights for each term.
///
/// # Safety
///
/// The instructions of `V` must be available. `at` plus any term's offset must be valid for reading
/// a vector, and `w` for reading all weights.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const R: usize, const N: usize>(
    terms: &[Term],
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
        for term in terms {
            let mut operands = [V::splat(0.0); N];
            for (operand, at) in operands.iter_mut().zip(&at) {
                *operand = V::load(at.add(term.from as usize));
            }
            let w = w.add(term.weight as usize * R);
            for (r, sums) in sums.iter_mut().enumerate() {
                let factor = V::splat(*w.add(r));
                for (sum, operand) in sums.iter_mut().zip(&operands) {
                    *sum = operand.mul_add(factor, *sum);
                }
            }
        }
        sums
    }
}

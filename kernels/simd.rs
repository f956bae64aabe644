//! Vectors of `f32` behind one interface, and the jump into code compiled for a set of
//! instructions.
//!
//! A kernel is a [`Task`]: its body is generic over the [`Vector`] and marked `#[inline(always)]`,
//! as are its helpers, so that [`dispatch`] compiles it once per set with that set's
//! instructions enabled.

use crate::isa::Isa;

/// Lanes of the widest vector.
pub(crate) const MOST_LANES: usize = 16;

/// A vector of `f32` lanes.
///
/// # Safety
///
/// Every method may only be called where the vector's instructions are available, which holds in
/// a [`Task::run`] called by [`dispatch`].
pub(crate) trait Vector: Copy {
    /// Number of `f32` lanes.
    const LANES: usize;
    /// Number of vector registers to plan for.
    const REGISTERS: usize;

    /// All lanes `value`.
    unsafe fn splat(value: f32) -> Self;
    /// `LANES` values from `from`, which must be valid for that many reads; any alignment.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes `LANES` values to `to`, which must be valid for that many writes; any alignment.
    unsafe fn store(self, to: *mut f32);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self * other`.
    unsafe fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once where the instructions do so.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// Turns eight rows of eight values: value `i` of row `j` goes to `to + i * pitch + j`.
    /// The pointers must be valid for that; any alignment.
    #[inline(always)]
    unsafe fn turn(rows: &[*const f32; 8], to: *mut f32, pitch: usize) {
        for (j, row) in rows.iter().enumerate() {
            for i in 0..8 {
                // SAFETY: as the caller vouches.
                unsafe { *to.add(i * pitch + j) = *row.add(i) };
            }
        }
    }
}

/// Work that runs with one set of instructions.
pub(crate) trait Task {
    /// What the work returns.
    type Output;

    /// Does the work. Implementations are `#[inline(always)]`.
    ///
    /// # Safety
    ///
    /// The instructions of `V` must be available.
    unsafe fn run<V: Vector>(self) -> Self::Output;
}

/// Runs `task` with the instructions of `isa`.
///
/// # Panics
///
/// If this machine lacks them.
pub(crate) fn dispatch<T: Task>(isa: Isa, task: T) -> T::Output {
    assert!(isa.is_available(), "this machine has no {isa:?}");
    match isa {
        // SAFETY: the portable vector needs nothing special.
        Isa::Portable => unsafe { task.run::<portable::F32x4>() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `is_available` has found AVX2 and FMA.
        Isa::Avx2 => unsafe { x86::run_avx2(task) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `is_available` has found AVX-512 F, AVX2 and FMA.
        Isa::Avx512 => unsafe { x86::run_avx512(task) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => unreachable!("available on x86-64 only"),
    }
}

mod portable {
    use super::Vector;

    /// Four lanes, which every 64-bit target has as one register.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x4([f32; 4]);

    impl Vector for F32x4 {
        const LANES: usize = 4;
        const REGISTERS: usize = 16;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self([value; 4])
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller vouches for four readable values; no alignment is assumed.
            Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller vouches for four writable values; no alignment is assumed.
            unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
        }

        // Not `f32::mul_add`: without an instruction for it that is a function call.
        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
            Self(std::array::from_fn(|i| {
                self.0[i] * factor.0[i] + addend.0[i]
            }))
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_mul_ps,
        _mm256_permute2f128_ps, _mm256_set1_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_unpackhi_ps, _mm256_unpacklo_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_mul_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    use super::{Task, Vector};

    /// # Safety
    ///
    /// The processor must have AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(crate) unsafe fn run_avx2<T: Task>(task: T) -> T::Output {
        // SAFETY: the attribute's features are what `F32x8` needs.
        unsafe { task.run::<F32x8>() }
    }

    /// # Safety
    ///
    /// The processor must have AVX-512 F, AVX2 and FMA.
    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(crate) unsafe fn run_avx512<T: Task>(task: T) -> T::Output {
        // SAFETY: the attribute's features are what `F32x16` needs.
        unsafe { task.run::<F32x16>() }
    }

    /// See [`Vector::turn`].
    ///
    /// # Safety
    ///
    /// The processor must have AVX, the pointers must be valid.
    #[inline]
    #[target_feature(enable = "avx")]
    unsafe fn turn(rows: &[*const f32; 8], to: *mut f32, pitch: usize) {
        // SAFETY: the caller vouches for eight values at each row and each place.
        unsafe {
            let [a, b, c, d, e, f, g, h] = [
                _mm256_loadu_ps(rows[0]),
                _mm256_loadu_ps(rows[1]),
                _mm256_loadu_ps(rows[2]),
                _mm256_loadu_ps(rows[3]),
                _mm256_loadu_ps(rows[4]),
                _mm256_loadu_ps(rows[5]),
                _mm256_loadu_ps(rows[6]),
                _mm256_loadu_ps(rows[7]),
            ];
            // Pairs, then fours within each half, then both halves.
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (ef, gh) = (_mm256_unpacklo_ps(e, f), _mm256_unpacklo_ps(g, h));
            let fours = [
                _mm256_shuffle_ps::<0x44>(ab, cd),
                _mm256_shuffle_ps::<0xee>(ab, cd),
                _mm256_shuffle_ps::<0x44>(ef, gh),
                _mm256_shuffle_ps::<0xee>(ef, gh),
            ];
            let (ab, cd) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            let (ef, gh) = (_mm256_unpackhi_ps(e, f), _mm256_unpackhi_ps(g, h));
            let more = [
                _mm256_shuffle_ps::<0x44>(ab, cd),
                _mm256_shuffle_ps::<0xee>(ab, cd),
                _mm256_shuffle_ps::<0x44>(ef, gh),
                _mm256_shuffle_ps::<0xee>(ef, gh),
            ];
            for (i, four) in [fours, more].iter().enumerate() {
                for j in 0..2 {
                    let row = to.add((2 * i + j) * pitch);
                    let (first, second) = (four[j], four[j + 2]);
                    _mm256_storeu_ps(row, _mm256_permute2f128_ps::<0x20>(first, second));
                    let row = row.add(4 * pitch);
                    _mm256_storeu_ps(row, _mm256_permute2f128_ps::<0x31>(first, second));
                }
            }
        }
    }

    /// One AVX register.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x8(__m256);

    /// One AVX-512 register.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x16(__m512);

    macro_rules! vector {
        ($name:ident, $lanes:literal, $registers:literal, $splat:ident, $load:ident, $store:ident,
         $add:ident, $mul:ident, $mul_add:ident) => {
            // SAFETY of every block: the caller vouches for the instructions and the pointers.
            impl Vector for $name {
                const LANES: usize = $lanes;
                const REGISTERS: usize = $registers;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    // SAFETY: see above.
                    Self(unsafe { $splat(value) })
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: see above.
                    Self(unsafe { $load(from) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: see above.
                    unsafe { $store(to, self.0) }
                }

                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    // SAFETY: see above.
                    Self(unsafe { $add(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn mul(self, other: Self) -> Self {
                    // SAFETY: see above.
                    Self(unsafe { $mul(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
                    // SAFETY: see above.
                    Self(unsafe { $mul_add(self.0, factor.0, addend.0) })
                }

                #[inline(always)]
                unsafe fn turn(rows: &[*const f32; 8], to: *mut f32, pitch: usize) {
                    // SAFETY: see above; both sets of instructions include AVX.
                    unsafe { turn(rows, to, pitch) }
                }
            }
        };
    }

    vector!(
        F32x8,
        8,
        16,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps
    );
    vector!(
        F32x16,
        16,
        32,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps
    );
}

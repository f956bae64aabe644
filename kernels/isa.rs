//! Which instructions the kernels use.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// Names the widest set that may be used (`portable`, `avx2`, `avx512`): for tests and
/// measurements, whose results differ in rounding from set to set.
pub const VARIABLE: &str = "WORDPAINT_ISA";

/// A set of vector instructions, ordered from the narrowest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Isa {
    /// Whatever the build targets; available everywhere.
    Portable,
    /// AVX2 with fused multiply-add: 8 lanes, 16 registers.
    Avx2,
    /// AVX-512 F: 16 lanes, 32 registers.
    Avx512,
}

/// No choice forced; every other value is an `Isa`.
const UNFORCED: u8 = u8::MAX;

static FORCED: AtomicU8 = AtomicU8::new(UNFORCED);

impl Isa {
    /// All sets, whether this machine has them or not.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The widest set this machine has, or the narrower one that [`VARIABLE`] names.
    ///
    /// # Panics
    ///
    /// If the variable names no set.
    pub fn detect() -> Self {
        static WIDEST: OnceLock<Isa> = OnceLock::new();
        *WIDEST.get_or_init(|| {
            let of_machine = Self::of_machine();
            std::env::var(VARIABLE).map_or(of_machine, |name| {
                let limit = Self::named(&name).unwrap_or_else(|| {
                    panic!("{VARIABLE}={name}: expected portable, avx2 or avx512")
                });
                limit.min(of_machine)
            })
        })
    }

    /// The set of a name, as [`VARIABLE`] spells it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "portable" => Some(Self::Portable),
            "avx2" => Some(Self::Avx2),
            "avx512" => Some(Self::Avx512),
            _ => None,
        }
    }

    fn of_machine() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 && is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if avx2 {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Whether this machine has the set.
    pub fn is_available(self) -> bool {
        self <= Self::detect()
    }

    /// The set the kernels use: the forced one, else the widest available.
    pub fn current() -> Self {
        match FORCED.load(Ordering::Relaxed) {
            0 => Self::Portable,
            1 => Self::Avx2,
            2 => Self::Avx512,
            _ => Self::detect(),
        }
    }
}

/// Makes all kernels of this process use `isa`, or with `None` the widest set again.
///
/// For tests and measurements; results of different sets differ in rounding.
///
/// # Panics
///
/// If this machine lacks the set.
pub fn force(isa: Option<Isa>) {
    if let Some(isa) = isa {
        assert!(
            isa.is_available(),
            "this machine has no {isa:?}, its widest set is {:?}",
            Isa::detect()
        );
    }
    FORCED.store(isa.map_or(UNFORCED, |isa| isa as u8), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portable_set_is_always_available() {
        assert!(Isa::Portable.is_available());
        assert!(Isa::detect().is_available());
    }

    #[test]
    fn sets_are_named_as_the_variable_spells_them() {
        for isa in Isa::ALL {
            assert_eq!(Isa::named(&format!("{isa:?}").to_lowercase()), Some(isa));
        }
        assert_eq!(Isa::named("neon"), None);
    }
}

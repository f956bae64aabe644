//! Plain functions compiled once per set of instructions.

/// Defines a function with a leading argument `isa` whose body the compiler vectorises for each
/// set.
///
/// Nothing in the body is fused or reordered by the compiler, so that all sets give equal bits as
/// long as reductions run over a fixed number of partial sums.
macro_rules! multiversion {
    ($(#[$meta:meta])*
     $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name(isa: $crate::isa::Isa, $($arg: $type),*) $(-> $output)? {
            #[inline(always)]
            fn portable($($arg: $type),*) $(-> $output)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) $(-> $output)? {
                portable($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            fn avx512($($arg: $type),*) $(-> $output)? {
                portable($($arg),*)
            }

            assert!(isa.is_available(), "this machine has no {isa:?}");
            match isa {
                $crate::isa::Isa::Portable => portable($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `is_available` has found AVX2 and FMA.
                $crate::isa::Isa::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `is_available` has found AVX-512 F, AVX2 and FMA.
                $crate::isa::Isa::Avx512 => unsafe { avx512($($arg),*) },
                #[cfg(not(target_arch = "x86_64"))]
                $crate::isa::Isa::Avx2 | $crate::isa::Isa::Avx512 => {
                    unreachable!("available on x86-64 only")
                }
            }
        }
    };
}

pub(crate) use multiversion;

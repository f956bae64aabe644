//! What tests of kernels share.

use std::sync::{Mutex, PoisonError};

use wordpaint_kernels::isa::{Isa, force};

/// The set is forced for the whole process.
static FORCED: Mutex<()> = Mutex::new(());

/// Result of `work`, which has to be the same with every set of instructions and with 1, 2 and 4
/// threads.
pub(crate) fn everywhere<T: PartialEq + std::fmt::Debug + Send>(work: impl Fn() -> T + Sync) -> T {
    let _guard = FORCED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut results = Vec::new();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        force(Some(isa));
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            results.push(pool.expect("threads can be started").install(&work));
        }
    }
    force(None);
    let first = results.swap_remove(0);
    for other in results {
        assert_eq!(first, other);
    }
    first
}

/// Values next to those of a reference, `scale` being what their errors count in next to themselves.
pub(crate) fn assert_close(what: &str, got: &[f32], expected: &[f64], scale: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*g) - e).abs();
        assert!(
            error <= 2e-6 * (e.abs() + scale),
            "{what}[{i}]: {g}, expected {e}"
        );
    }
}

/// In double precision.
pub(crate) fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}

/// Values of a fixed sequence in [-1, 1).
pub(crate) fn values(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32) / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

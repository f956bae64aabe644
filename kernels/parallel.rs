//! Fixed partitions of work over threads.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Values below which waking other threads costs more than they save.
const SERIAL: usize = 1 << 15;

/// Values per task of element-wise work.
const CHUNK: usize = 1 << 14;

/// Makes this thread one of the pool's `threads`. For the thread that trains, before anything uses
/// the pool: it then takes part in its own work instead of handing it over, waiting and taking a core
/// from those who do it.
///
/// Nothing happens where the pool has one thread, which has to serve others while this one waits, or
/// where the pool is there already.
pub fn join_pool(threads: usize) {
    if threads > 1 {
        // An error says that the pool is there, which serves as well.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let _ = pool.use_current_thread().build_global();
    }
}

/// Calls `task` with every index below `tasks`; with several threads where the tasks touch many
/// `values` in all.
pub(crate) fn for_each(tasks: usize, values: usize, task: impl Fn(usize) + Sync + Send) {
    if values < SERIAL {
        (0..tasks).for_each(task);
    } else {
        (0..tasks).into_par_iter().for_each(task);
    }
}

/// Calls `task` with ranges that cover `0..values`.
pub(crate) fn for_ranges(values: usize, task: impl Fn(Range<usize>) + Sync + Send) {
    for_each(values.div_ceil(CHUNK), values, |i| {
        task(i * CHUNK..values.min((i + 1) * CHUNK));
    });
}

/// A slice whose parts are written by different tasks.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a, T> {
    start: *mut T,
    len: usize,
    lifetime: PhantomData<&'a mut [T]>,
}

// SAFETY: it stands for a `&mut [T]`, whose parts `part` hands out under the promise that no two
// of them overlap.
unsafe impl<T: Send> Sync for Parts<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            lifetime: PhantomData,
        }
    }

    /// The values in `range`.
    ///
    /// # Safety
    ///
    /// No other part that overlaps `range` may be in use.
    ///
    /// # Panics
    ///
    /// If `range` goes beyond the end.
    #[expect(clippy::mut_from_ref, reason = "callers keep the parts disjoint")]
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(
            range.start <= range.end && range.end <= self.len,
            "{range:?} of {}",
            self.len
        );
        // SAFETY: the range lies within the slice, and the caller vouches that nobody else uses it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Pointer to value `at`, valid for reading and writing `len` values.
    ///
    /// # Safety
    ///
    /// While one task uses a value, no other may use it.
    ///
    /// # Panics
    ///
    /// If the slice does not hold them.
    pub(crate) unsafe fn pointer(&self, at: usize, len: usize) -> *mut T {
        assert!(
            at <= self.len && len <= self.len - at,
            "{at} + {len} exceeds {}",
            self.len
        );
        // SAFETY: within the slice, as just checked.
        unsafe { self.start.add(at) }
    }
}

//! What the allocator does with the memory of arrays that are no longer needed.

/// Keeps the memory of freed arrays for the next ones, up to 2 GiB.
///
/// A training step frees and takes the same large arrays again and again. An allocator that hands
/// them back to the system each time gets them back page by page, emptied, and the step waits for
/// that: a tenth of its time with large batches. Only the allocator of GNU systems is known to need
/// this and to offer it; elsewhere nothing changes.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in [
        // Arrays come from the heap rather than each from a mapping of its own,
        (libc::M_MMAP_MAX, 0),
        // which grows in steps of 64 MiB
        (libc::M_TOP_PAD, 64 << 20),
        // and keeps what is free at its end.
        (libc::M_TRIM_THRESHOLD, i32::MAX),
    ] {
        // SAFETY: `mallopt` may be called at any time, and refuses what it does not know.
        let _ = unsafe { libc::mallopt(parameter, value) };
    }
}

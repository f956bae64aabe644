//! A slice that several tasks write at different places.

use std::marker::PhantomData;

/// A mutable slice whose elements are shared out among tasks by index.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is only a pointer; the one way to use it is unsafe and asks for disjoint places.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    /// Borrows `slice` for as long as tasks write it.
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            slice: PhantomData,
        }
    }

    /// Pointer to element `at`, valid for reading and writing `len` elements.
    ///
    /// # Panics
    ///
    /// If the slice does not hold them.
    ///
    /// # Safety
    ///
    /// While one task uses an element, no other may use it.
    pub(crate) unsafe fn pointer(&self, at: usize, len: usize) -> *mut f32 {
        assert!(
            at <= self.len && len <= self.len - at,
            "{at} + {len} exceeds {}",
            self.len
        );
        // SAFETY: within the slice, as just checked.
        unsafe { self.start.add(at) }
    }
}

//! Memory that each thread keeps between kernels.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Values in a cache line.
const LINE: usize = 16;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Values of arbitrary content, aligned to a cache line; the thread gets the memory back on drop.
pub(crate) struct Scratch {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl Scratch {
    /// Borrows memory for `len` values.
    pub(crate) fn new(len: usize) -> Self {
        let mut buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
        if buffer.len() < len + LINE {
            buffer.clear();
            buffer.resize(len + LINE, 0.0);
        }
        let start = buffer
            .as_ptr()
            .align_offset(LINE * size_of::<f32>())
            .min(LINE);
        Self { buffer, start, len }
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[self.start..self.start + self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // A thread that ends may have given up its list already.
        let _ = BUFFERS.try_with(|buffers| buffers.borrow_mut().push(buffer));
    }
}

//! What is read out of published files.

/// A tensor in `f32`, row-major.
pub(super) struct Tensor {
    /// Key in the converted file.
    pub(super) name: String,
    /// Sizes of the axes.
    pub(super) shape: Vec<usize>,
    /// Little-endian bytes.
    pub(super) bytes: Vec<u8>,
}

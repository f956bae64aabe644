//! Access to the values of tensors that lie in the memory of the CPU.

use burn::tensor::{Shape, TensorMetadata};

/// A tensor that gives access to its values.
pub(super) trait Values: TensorMetadata {
    /// Itself, if its values lie in memory in the order of their indices, or a copy of which that
    /// is true.
    fn in_order(self) -> Self;

    /// The values of what [`Self::in_order`] returned, if they are of single precision.
    fn values(&self) -> &[f32];

    /// The values in the order of their indices, if they are of single precision; without a copy
    /// where nobody else holds them and the backend lets go of them.
    fn into_values(self) -> Vec<f32>;

    /// A tensor that takes over `values`.
    fn from_values(values: Vec<f32>, shape: Shape) -> Self;
}

//! The bound of all code in this package.

/// Burn's backend plus the custom operations of this project.
///
/// Models name this trait, never a concrete backend. An operation with a kernel of its own becomes
/// a method here with a default body made of Burn's operations; there is none so far, hence the
/// blanket implementation.
pub trait Backend: burn::tensor::backend::Backend {}

impl<B: burn::tensor::backend::Backend> Backend for B {}

/// [`Backend`] that records gradients; its inner backend is one of ours as well.
pub trait AutodiffBackend:
    Backend + burn::tensor::backend::AutodiffBackend<InnerBackend: Backend>
{
}

impl<B> AutodiffBackend for B where
    B: Backend + burn::tensor::backend::AutodiffBackend<InnerBackend: Backend>
{
}

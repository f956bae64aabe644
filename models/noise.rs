//! Random tensors as a pure function of (seed, purpose, step).

use burn::prelude::{Tensor, TensorData};
use wordpaint_rng::{Rng, key};

use crate::backend::Backend;

/// Source of the random numbers of one iteration.
///
/// Numbers are drawn on the host from a counter-keyed stream, so nothing about random state has to
/// be saved, and every backend sees the same noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    /// Seed of the run.
    pub seed: u64,
    /// Iteration counter.
    pub step: u64,
}

impl Noise {
    /// Noise of iteration `step` of the run with `seed`.
    pub const fn new(seed: u64, step: u64) -> Self {
        Self { seed, step }
    }

    /// Stream of one purpose, for draws that are not tensors.
    pub fn stream(&self, purpose: &str) -> Rng {
        Rng::new(&[self.seed, key(purpose), self.step])
    }

    /// Standard normal tensor for `purpose` (for example `"z"`).
    pub fn normal<B: Backend, const D: usize>(
        &self,
        purpose: &str,
        shape: [usize; D],
        device: &B::Device,
    ) -> Tensor<B, D> {
        let mut rng = self.stream(purpose);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// Normal tensor for `purpose` whose values beyond `limit` are drawn again.
    pub fn truncated_normal<B: Backend, const D: usize>(
        &self,
        purpose: &str,
        shape: [usize; D],
        limit: f32,
        device: &B::Device,
    ) -> Tensor<B, D> {
        let mut rng = self.stream(purpose);
        let mut draw = || {
            loop {
                let value = rng.normal();
                if value.abs() <= limit {
                    return value;
                }
            }
        };
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw()).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// Uniform tensor in `[low, high)` for `purpose`.
    pub fn uniform<B: Backend, const D: usize>(
        &self,
        purpose: &str,
        shape: [usize; D],
        low: f32,
        high: f32,
        device: &B::Device,
    ) -> Tensor<B, D> {
        let mut rng = self.stream(purpose);
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| rng.f(low, high))
            .collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// Factors of dropout for `purpose`: 0 for a `share` below 1 of the values, and for the others
    /// what keeps the mean.
    pub fn dropout<B: Backend, const D: usize>(
        &self,
        purpose: &str,
        shape: [usize; D],
        share: f64,
        device: &B::Device,
    ) -> Tensor<B, D> {
        let draw = self.uniform::<B, D>(purpose, shape, 0.0, 1.0, device);
        draw.greater_equal_elem(share).float() / (1.0 - share)
    }
}

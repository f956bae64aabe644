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
    is_shared: bool,
}

impl Noise {
    /// Noise of iteration `step` of the run with `seed`.
    pub const fn new(seed: u64, step: u64) -> Self {
        Self {
            seed,
            step,
            is_shared: false,
        }
    }

    /// The same for every sample of a batch, along the first axis of tensors: what a batch of one gets.
    #[must_use]
    pub const fn for_every_sample(self) -> Self {
        Self {
            is_shared: true,
            ..self
        }
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
        self.filled(shape, || rng.normal(), device)
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
        let draw = || {
            loop {
                let value = rng.normal();
                if value.abs() <= limit {
                    return value;
                }
            }
        };
        self.filled(shape, draw, device)
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
        self.filled(shape, || rng.f(low, high), device)
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

    /// Numbers as `draw` gives them, in order; those of one sample again and again where all share them.
    fn filled<B: Backend, const D: usize>(
        &self,
        shape: [usize; D],
        mut draw: impl FnMut() -> f32,
        device: &B::Device,
    ) -> Tensor<B, D> {
        let count: usize = shape.iter().product();
        let drawn = match shape.first() {
            Some(&samples) if self.is_shared => count / samples.max(1),
            _ => count,
        };
        let drawn: Vec<f32> = (0..drawn).map(|_| draw()).collect();
        let values: Vec<f32> = drawn.into_iter().cycle().take(count).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    #[test]
    fn samples_that_share_their_noise_have_that_of_a_batch_of_one() {
        let device = burn_flex::FlexDevice;
        let noise = Noise::new(3, 1);
        let rows = |noise: Noise, samples: usize| -> Vec<Vec<f32>> {
            let z = noise.normal::<Flex, 2>("z", [samples, 4], &device);
            let values = z.into_data().to_vec::<f32>().expect("f32");
            values.chunks(4).map(<[f32]>::to_vec).collect()
        };

        let alone = rows(noise, 1);
        let shared = rows(noise.for_every_sample(), 3);
        let own = rows(noise, 3);

        assert_eq!(shared, vec![alone[0].clone(); 3]);
        assert_eq!(own[0], alone[0]);
        assert_ne!(own[0], own[1]);
    }
}

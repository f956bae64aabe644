//! Spectral normalisation of convolutions (published DM-GAN code).

use burn::module::{Module, RunningState};
use burn::prelude::Tensor;
use burn::tensor::Distribution;

use crate::backend::Backend;

/// Added to norms of singular vectors.
const TINY: f64 = 1e-12; // DM-GAN, spectral.py l2normalize

/// First singular vectors of a weight, followed by one power iteration per use in training.
#[derive(Module, Debug)]
pub struct Spectral<B: Backend> {
    /// `[rows]`.
    u: RunningState<Tensor<B, 1>>,
    /// `[columns]`.
    v: RunningState<Tensor<B, 1>>,
}

impl<B: Backend> Spectral<B> {
    /// Random vectors for a weight seen as `[rows, columns]`.
    pub fn init(rows: usize, columns: usize, device: &B::Device) -> Self {
        let random = |length: usize| {
            let x = Tensor::random([length], Distribution::Normal(0.0, 1.0), device);
            RunningState::new(unit(x).detach())
        };
        Self {
            u: random(rows),
            v: random(columns),
        }
    }

    /// `weight` divided by its largest singular value, as the two vectors see it; they are
    /// constants for the gradient. Where gradients are recorded they move first.
    ///
    /// # Shapes
    ///
    /// - `weight`: `[outputs, ...]`
    /// - output: as `weight`
    pub fn normalise<const D: usize>(&self, weight: Tensor<B, D>) -> Tensor<B, D> {
        let dims = weight.dims();
        let rows = dims[0];
        let columns = dims[1..].iter().product();
        let matrix = weight.clone().reshape([rows, columns]);
        let (u, v) = if B::ad_enabled(&weight.device()) {
            self.advance(matrix.clone().detach())
        } else {
            (self.u.value(), self.v.value())
        };
        let product = matrix.matmul(v.reshape([columns, 1])).reshape([rows]);
        let sigma = (u * product).sum();
        weight / sigma.reshape([1; D])
    }

    fn advance(&self, matrix: Tensor<B, 2>) -> (Tensor<B, 1>, Tensor<B, 1>) {
        let [rows, columns] = matrix.dims();
        let u = self.u.value_sync();
        let v = unit(
            u.reshape([1, rows])
                .matmul(matrix.clone())
                .reshape([columns]),
        );
        let u = unit(
            matrix
                .matmul(v.clone().reshape([columns, 1]))
                .reshape([rows]),
        );
        let (u, v) = (u.detach(), v.detach());
        self.u.update(u.clone());
        self.v.update(v.clone());
        (u, v)
    }
}

fn unit<B: Backend>(x: Tensor<B, 1>) -> Tensor<B, 1> {
    let norm = x.clone().square().sum().sqrt() + TINY;
    x / norm
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::module::AutodiffModule;

    use super::*;

    type Training = Autodiff<Flex>;

    /// Singular values 3 and 2.
    fn weight<B: Backend>(device: &B::Device) -> Tensor<B, 2> {
        Tensor::from_floats([[0.0, 3.0, 0.0], [-2.0, 0.0, 0.0]], device)
    }

    #[test]
    fn the_largest_singular_value_becomes_one_and_stays_in_evaluation() {
        let device = burn_flex::FlexDevice;
        let spectral = Spectral::<Training>::init(2, 3, &device);

        let mut trained = spectral.normalise(weight(&device));
        for _ in 0..60 {
            trained = spectral.normalise(weight(&device));
        }

        let expected = weight::<Flex>(&device) / 3.0;
        let off = (trained.inner() - expected.clone())
            .abs()
            .max()
            .into_scalar();
        assert!(off < 1e-6, "{off}");
        let frozen = spectral.valid();
        for _ in 0..2 {
            let off = frozen.normalise(weight(&device)) - expected.clone();
            assert!(off.abs().max().into_scalar() < 1e-6);
        }
    }
}

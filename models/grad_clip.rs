//! Clipping of gradients by their common norm.

use std::marker::PhantomData;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::prelude::Tensor;

use crate::backend::AutodiffBackend;

/// Added to the norm before the division.
const TINY: f64 = 1e-6; // torch, clip_grad_norm_

struct Squares<'a, B: AutodiffBackend> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<B::InnerBackend, 1>>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Squares<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.get::<B::InnerBackend, D>(param.id) {
            let square = gradient.square().sum();
            self.sum = Some(match self.sum.take() {
                None => square,
                Some(sum) => sum + square,
            });
        }
    }
}

struct Scale<'a, B: AutodiffBackend> {
    gradients: &'a mut GradientsParams,
    factor: Tensor<B::InnerBackend, 1>,
    backend: PhantomData<B>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Scale<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.remove::<B::InnerBackend, D>(param.id) {
            let factor = self.factor.clone().reshape([1; D]);
            self.gradients.register(param.id, gradient * factor);
        }
    }
}

/// Scales all `gradients` of `module` by `min(1, limit / norm)`, where `norm` is the Euclidean norm
/// of all of them together. Returns them and the norm before, `[1]`; `None` without any gradient.
/// The device is not waited for.
pub fn clip_norm<B: AutodiffBackend, M: Module<B>>(
    module: &M,
    mut gradients: GradientsParams,
    limit: f64,
) -> (GradientsParams, Option<Tensor<B::InnerBackend, 1>>) {
    let mut squares = Squares::<B> {
        gradients: &gradients,
        sum: None,
    };
    module.visit(&mut squares);
    let Some(sum) = squares.sum else {
        return (gradients, None);
    };
    let norm = sum.sqrt();
    let factor = ((norm.clone() + TINY).recip() * limit).clamp_max(1.0);
    module.visit(&mut Scale {
        gradients: &mut gradients,
        factor,
        backend: PhantomData,
    });
    (gradients, Some(norm))
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::*;
    use crate::nn::linear::{Linear, LinearConfig};

    type Training = Autodiff<Flex>;

    /// Gradients of the sum of both outputs for the input (3, 4): weights 3, 3, 4, 4, biases 1, 1.
    fn gradients(layer: &Linear<Training>) -> GradientsParams {
        let x = Tensor::<Training, 2>::from_floats([[3.0, 4.0]], &burn_flex::FlexDevice);
        GradientsParams::from_grads(layer.forward(x).sum().backward(), layer)
    }

    #[test]
    fn long_gradients_are_shortened_together_and_short_ones_kept() {
        let layer = LinearConfig::new(2, 2).init::<Training>(&burn_flex::FlexDevice);
        let length = 52.0_f32.sqrt();

        for (limit, factor) in [(length / 2.0, 0.5), (100.0, 1.0)] {
            let (clipped, norm) =
                clip_norm::<Training, _>(&layer, gradients(&layer), f64::from(limit));

            let norm = norm.expect("there are gradients").into_scalar();
            assert!((norm - length).abs() < 1e-4, "{norm}");
            let bias = clipped.get::<Flex, 1>(layer.bias.id).expect("kept");
            let off = (bias - factor).abs().max().into_scalar();
            assert!(off < 1e-5, "{off}");
        }
    }
}

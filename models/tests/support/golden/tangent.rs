//! Derivatives of piecewise linear networks along a direction.
//!
//! The gradient of a penalty `phi(g)` on an input gradient `g` is `v . dg` with the constant
//! `v = phi'(g)`: the gradient of the network's derivative along `v`, for which first-order
//! automatic differentiation suffices.

use std::ops::Add;

use burn::module::{AutodiffModule, Param};
use burn::prelude::Tensor;
use burn::tensor::activation::leaky_relu;

use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::nn::conv::Conv2d;
use wordpaint_models::nn::linear::Linear;
use wordpaint_models::nn::resize::{halve, tile};

/// A map of a network and how fast it changes.
///
/// In a piecewise linear network the derivative depends on the value through the signs of the
/// activations alone, so the value is a constant; the tangent depends on the weights.
#[derive(Debug, Clone)]
pub(crate) struct Dual<B: AutodiffBackend, const D: usize> {
    /// The map.
    pub(crate) value: Tensor<B::InnerBackend, D>,
    /// Its derivative, of the same shape.
    pub(crate) tangent: Tensor<B, D>,
}

impl<B: AutodiffBackend, const D: usize> Dual<B, D> {
    /// An input that moves along `direction`.
    pub(crate) fn new(
        value: Tensor<B::InnerBackend, D>,
        direction: Tensor<B::InnerBackend, D>,
    ) -> Self {
        Self {
            value,
            tangent: Tensor::from_inner(direction),
        }
    }

    /// Leaky ReLU; a `slope` of 0 makes it a ReLU.
    #[must_use]
    pub(crate) fn leaky_relu(self, slope: f64) -> Self {
        let is_off = self.value.clone().lower_equal_elem(0.0);
        let slopes = self.value.ones_like().mask_fill(is_off, slope);
        Self {
            value: leaky_relu(self.value, slope),
            tangent: self.tangent * Tensor::from_inner(slopes),
        }
    }

    /// Product with a learned number, `[1]`.
    #[must_use]
    pub(crate) fn scale(self, factor: &Param<Tensor<B, 1>>) -> Self {
        let factor = factor.val().reshape([1; D]);
        Self {
            value: self.value * factor.clone().inner(),
            tangent: self.tangent * factor,
        }
    }

    /// The two along axis `dim`.
    #[must_use]
    pub(crate) fn cat(self, other: Self, dim: usize) -> Self {
        Self {
            value: Tensor::cat(vec![self.value, other.value], dim),
            tangent: Tensor::cat(vec![self.tangent, other.tangent], dim),
        }
    }
}

impl<B: AutodiffBackend, const D: usize> Add for Dual<B, D> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            value: self.value + other.value,
            tangent: self.tangent + other.tangent,
        }
    }
}

impl<B: AutodiffBackend> Dual<B, 2> {
    /// Affine map.
    #[must_use]
    pub(crate) fn linear(self, layer: &Linear<B>) -> Self {
        Self {
            value: layer.valid().forward(self.value),
            tangent: self.tangent.matmul(layer.weight.val()),
        }
    }

    /// The vector at every pixel, `[batch, channels, height, width]`.
    #[must_use]
    pub(crate) fn tile(self, size: [usize; 2]) -> Dual<B, 4> {
        Dual {
            value: tile(self.value, size),
            tangent: tile(self.tangent, size),
        }
    }
}

impl<B: AutodiffBackend> Dual<B, 4> {
    /// Convolution.
    #[must_use]
    pub(crate) fn convolve(self, layer: &Conv2d<B>) -> Self {
        let mut linear = layer.clone();
        linear.bias = None;
        Self {
            value: layer.valid().forward(self.value),
            tangent: linear.forward(self.tangent),
        }
    }

    /// [`halve`].
    #[must_use]
    pub(crate) fn halve(self) -> Self {
        Self {
            value: halve(self.value),
            tangent: halve(self.tangent),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::Tolerance;

    use super::*;

    type Training = Autodiff<Flex>;

    /// Weights that are the same in every run, away from kinks of the activation.
    fn layer(inputs: usize, outputs: usize) -> Linear<Training> {
        let values = |n: usize, step: f32| -> Tensor<Training, 1> {
            let values: Vec<f32> = (0..n).map(|i| (i as f32 * step).sin()).collect();
            Tensor::from_floats(values.as_slice(), &Default::default())
        };
        Linear {
            weight: Param::from_tensor(values(inputs * outputs, 2.3).reshape([inputs, outputs])),
            bias: Param::from_tensor(values(outputs, 1.7)),
        }
    }

    #[test]
    fn a_small_step_along_the_direction_changes_the_value_by_the_tangent() {
        const STEP: f64 = 1e-3;
        let device = Default::default();
        let (first, second) = (layer(3, 8), layer(8, 2));
        let x = Tensor::<Flex, 2>::from_floats([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]], &device);
        let direction = Tensor::from_floats([[1.0, 0.5, -0.4], [-0.2, 0.8, 0.6]], &device);
        let at = |x: Tensor<Flex, 2>| {
            let h = leaky_relu(first.valid().forward(x), 0.2);
            second.valid().forward(h)
        };

        let dual = Dual::<Training, 2>::new(x.clone(), direction.clone())
            .linear(&first)
            .leaky_relu(0.2)
            .linear(&second);

        let moved = at(x.clone() + direction * STEP);
        let slope = (moved - dual.value.clone()) / STEP;
        assert_eq!(dual.value.into_data(), at(x).into_data());
        dual.tangent
            .inner()
            .into_data()
            .assert_approx_eq::<f32>(&slope.into_data(), Tolerance::absolute(2e-3));
    }
}

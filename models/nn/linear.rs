//! Affine map that can be differentiated twice.

use burn::module::{Initializer, Module, Param};
use burn::prelude::{Config, Tensor};

use crate::backend::Backend;

/// Configuration of [`Linear`].
#[derive(Config, Debug)]
pub struct LinearConfig {
    /// Length of the input.
    pub inputs: usize,
    /// Length of the output.
    pub outputs: usize,
}

/// `x W + b` over the last axis; Burn's own layer has no second derivative.
#[derive(Module, Debug)]
pub struct Linear<B: Backend> {
    /// `[inputs, outputs]`, the transpose of torch's.
    pub weight: Param<Tensor<B, 2>>,
    /// `[outputs]`.
    pub bias: Param<Tensor<B, 1>>,
}

impl LinearConfig {
    /// Weight and bias from U(-1/sqrt(inputs), 1/sqrt(inputs)), as torch.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Linear<B> {
        let max = 1.0 / (self.inputs as f64).sqrt();
        self.init_with(&Initializer::Uniform { min: -max, max }, device)
    }

    /// Weight and bias from `initializer`.
    pub fn init_with<B: Backend>(
        &self,
        initializer: &Initializer,
        device: &B::Device,
    ) -> Linear<B> {
        Linear {
            weight: initializer.init([self.inputs, self.outputs], device),
            bias: initializer.init([self.outputs], device),
        }
    }
}

impl<B: Backend> Linear<B> {
    /// Maps the last axis.
    ///
    /// # Shapes
    ///
    /// - `x`: `[..., inputs]`
    /// - output: `[..., outputs]`
    pub fn forward<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        let mut dims = x.dims();
        let [inputs, outputs] = self.weight.dims();
        let rows = dims.iter().product::<usize>() / inputs;
        dims[D - 1] = outputs;
        let y = x.reshape([rows, inputs]).matmul(self.weight.val());
        (y + self.bias.val().unsqueeze()).reshape(dims)
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::module::Param;

    use super::*;

    #[test]
    fn the_last_axis_is_mapped() {
        let device = burn_flex::FlexDevice;
        let layer = Linear::<Flex> {
            weight: Param::from_tensor(Tensor::from_floats(
                [[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]],
                &device,
            )),
            bias: Param::from_tensor(Tensor::from_floats([0.5, 0.0, 0.0], &device)),
        };
        let x = Tensor::<Flex, 3>::from_floats([[[1.0, 2.0]], [[3.0, 4.0]]], &device);

        let y = layer.forward(x);

        assert_eq!(y.dims(), [2, 1, 3]);
        assert_eq!(
            y.into_data().to_vec::<f32>().expect("f32"),
            [1.5, 2.0, 0.0, 3.5, 4.0, 2.0]
        );
    }

    #[test]
    fn initial_values_lie_within_the_bound_of_torch() {
        let device = burn_flex::FlexDevice;
        let layer = LinearConfig::new(16, 300).init::<Flex>(&device);

        let weight = layer.weight.val().abs().max().into_scalar();
        let bias = layer.bias.val().abs().max().into_scalar();

        assert!(weight <= 0.25 && weight > 0.24, "{weight}");
        assert!(bias <= 0.25 && bias > 0.2, "{bias}");
    }

    #[test]
    fn a_gradient_can_be_differentiated() {
        type Once = Autodiff<Flex>;
        type Twice = Autodiff<Once>;
        let device = burn_flex::FlexDevice;
        let layer = LinearConfig::new(2, 1).init::<Once>(&device);
        // A clone made before the first use would draw other numbers.
        assert_eq!(Module::<Once>::num_params(&layer), 3);
        let nested: Linear<Twice> = burn::module::AutodiffModule::from_inner(layer.clone());
        let x = Tensor::<Twice, 2>::from_floats([[1.0, 2.0]], &device).require_grad();

        // d/dx (wx + b)^2 = 2 (wx + b) w, whose sum depends on b with slope 2 sum(w).
        let grads = nested.forward(x.clone()).square().sum().backward();
        let slope = x.grad(&grads).expect("the input is tracked").sum();
        let second = layer
            .bias
            .grad(&slope.backward())
            .expect("the bias is used");

        let expected = 2.0 * layer.weight.val().sum().into_scalar();
        assert!((second.into_scalar() - expected).abs() < 1e-5);
    }
}

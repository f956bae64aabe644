//! Square convolutions with normal initial weights, and their short forms for 1x1 maps.

use burn::module::{Initializer, Module, ModuleMapper, Param};
use burn::prelude::Tensor;

use super::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use crate::backend::Backend;

/// Shape and initial weights of a square convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Square {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step.
    pub stride: usize,
    /// Zeros on every side.
    pub padding: usize,
    /// Whether there is a bias, 0 at first.
    pub has_bias: bool,
    /// Standard deviation of the initial weights.
    pub std: f64,
}

impl Square {
    /// Kernel 4, stride 2, padding 1, which halves or doubles the side.
    pub const fn resampling(has_bias: bool, std: f64) -> Self {
        Self {
            kernel: 4,
            stride: 2,
            padding: 1,
            has_bias,
            std,
        }
    }

    /// Stride 1; an odd kernel keeps the side.
    pub const fn keeping(kernel: usize, has_bias: bool, std: f64) -> Self {
        Self {
            kernel,
            stride: 1,
            padding: (kernel - 1) / 2,
            has_bias,
            std,
        }
    }

    /// Kernel 4 without padding, between a 4x4 and a 1x1 map.
    pub const fn point(has_bias: bool, std: f64) -> Self {
        Self {
            kernel: 4,
            stride: 1,
            padding: 0,
            has_bias,
            std,
        }
    }

    const fn initializer(self) -> Initializer {
        Initializer::Normal {
            mean: 0.0,
            std: self.std,
        }
    }

    /// The convolution.
    pub fn conv<B: Backend>(self, inputs: usize, outputs: usize, device: &B::Device) -> Conv2d<B> {
        let mut conv: Conv2d<B> = Conv2dConfig::new([inputs, outputs], [self.kernel; 2])
            .with_stride([self.stride; 2])
            .with_padding([self.padding; 2])
            .with_bias(false)
            .with_initializer(self.initializer())
            .init(device);
        conv.bias = self.bias(outputs, device);
        conv
    }

    /// The transposed convolution.
    pub fn transposed<B: Backend>(
        self,
        inputs: usize,
        outputs: usize,
        device: &B::Device,
    ) -> ConvTranspose2d<B> {
        let mut conv: ConvTranspose2d<B> =
            ConvTranspose2dConfig::new([inputs, outputs], [self.kernel; 2])
                .with_stride([self.stride; 2])
                .with_padding([self.padding; 2])
                .with_bias(false)
                .with_initializer(self.initializer())
                .init(device);
        conv.bias = self.bias(outputs, device);
        conv
    }

    fn bias<B: Backend>(self, outputs: usize, device: &B::Device) -> Option<Param<Tensor<B, 1>>> {
        self.has_bias
            .then(|| Initializer::Zeros.init([outputs], device))
    }
}

/// Transposed convolution of a 1x1 map without padding, as one matrix product.
///
/// # Shapes
///
/// - `x`: `[batch, inputs]`
/// - output: `[batch, outputs, kernel, kernel]`
pub fn from_vector<B: Backend>(conv: &ConvTranspose2d<B>, x: Tensor<B, 2>) -> Tensor<B, 4> {
    let [inputs, outputs, height, width] = conv.weight.dims();
    let [batch, _] = x.dims();
    let weight = conv
        .weight
        .val()
        .reshape([inputs, outputs * height * width]);
    let y = x.matmul(weight).reshape([batch, outputs, height, width]);
    match &conv.bias {
        Some(bias) => y + bias.val().reshape([1, outputs, 1, 1]),
        None => y,
    }
}

/// Convolution of a map as large as the kernel without padding, as one matrix product.
///
/// # Shapes
///
/// - `x`: `[batch, inputs, kernel, kernel]`
/// - output: `[batch, outputs]`
pub fn to_vector<B: Backend>(conv: &Conv2d<B>, x: Tensor<B, 4>) -> Tensor<B, 2> {
    let [outputs, inputs, height, width] = conv.weight.dims();
    let [batch, ..] = x.dims();
    let size = inputs * height * width;
    let weight = conv.weight.val().reshape([outputs, size]).transpose();
    let y = x.reshape([batch, size]).matmul(weight);
    match &conv.bias {
        Some(bias) => y + bias.val().reshape([1, outputs]),
        None => y,
    }
}

#[derive(Default)]
struct ZeroBiases {
    /// Field names and the types that own them.
    path: Vec<(String, String)>,
}

impl<B: Backend> ModuleMapper<B> for ZeroBiases {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.to_owned(), container.to_owned()));
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let is_bias = self.path.last().is_some_and(|(name, container)| {
            let owner = container.rsplit(':').next().unwrap_or_default();
            name == "bias" && matches!(owner, "Conv2d" | "ConvTranspose2d")
        });
        if !is_bias {
            return param;
        }
        param.map(|old| old.zeros_like().set_require_grad(old.is_require_grad()))
    }
}

/// Sets the bias of every convolution in `module` to 0.
#[must_use]
pub fn zero_biases<B: Backend, M: Module<B>>(module: M) -> M {
    module.map(&mut ZeroBiases::default())
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::{Distribution, Tolerance};

    use super::*;
    use crate::nn::linear::{Linear, LinearConfig};

    #[derive(Module, Debug)]
    struct Pair<B: Backend> {
        linear: Linear<B>,
        conv: Conv2d<B>,
    }

    #[test]
    fn short_forms_equal_the_convolutions() {
        let device = burn_flex::FlexDevice;
        let mut up = Square::point(true, 0.5).transposed::<Flex>(3, 2, &device);
        let mut down = Square::point(true, 0.5).conv::<Flex>(2, 3, &device);
        up.bias = Some(
            Initializer::Normal {
                mean: 0.0,
                std: 1.0,
            }
            .init([2], &device),
        );
        down.bias = Some(
            Initializer::Normal {
                mean: 0.0,
                std: 1.0,
            }
            .init([3], &device),
        );
        let x = Tensor::<Flex, 2>::random([5, 3], Distribution::Default, &device);

        let map = from_vector(&up, x.clone());
        let back = to_vector(&down, map.clone());

        let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-5);
        let expected = up.forward(x.reshape([5, 3, 1, 1]));
        map.clone()
            .into_data()
            .assert_approx_eq(&expected.into_data(), tolerance);
        let expected = down.forward(map).reshape([5, 3]);
        back.into_data()
            .assert_approx_eq(&expected.into_data(), tolerance);
    }

    #[test]
    fn only_biases_of_convolutions_are_zeroed_and_stay_trainable() {
        type Training = Autodiff<Flex>;
        let device = burn_flex::FlexDevice;
        let mut conv = Square::keeping(3, true, 0.02).conv::<Training>(1, 2, &device);
        conv.bias = Some(Initializer::Ones.init([2], &device));
        let pair = Pair {
            linear: LinearConfig::new(2, 2).init(&device),
            conv,
        };
        let before = pair.linear.bias.val().into_data();

        let pair = zero_biases::<Training, _>(pair);

        let bias = pair.conv.bias.expect("the convolution has a bias").val();
        assert!(bias.is_require_grad());
        assert_eq!(bias.into_data().to_vec::<f32>().expect("f32"), [0.0; 2]);
        assert_eq!(pair.linear.bias.val().into_data(), before);
    }
}

//! Convolution and transposed convolution on the operations of our backend bound.

use burn::module::{Initializer, Module, Param};
use burn::prelude::{Config, Tensor};
use burn::tensor::ops::ConvOptions;

use crate::backend::{Backend, ops};

/// Configuration of [`Conv2d`].
#[derive(Config, Debug)]
pub struct Conv2dConfig {
    /// Channels in, channels out.
    pub channels: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Steps.
    #[config(default = "[1, 1]")]
    pub stride: [usize; 2],
    /// Zeros on either side of the rows and of the columns.
    #[config(default = "[0, 0]")]
    pub padding: [usize; 2],
    /// Distances of the kernel's elements.
    #[config(default = "[1, 1]")]
    pub dilation: [usize; 2],
    /// Independent parts of the channels.
    #[config(default = 1)]
    pub groups: usize,
    /// Whether there is a bias.
    #[config(default = true)]
    pub bias: bool,
    /// Of weight and bias; U(-1/sqrt(fan_in), 1/sqrt(fan_in)) as torch unless stated.
    #[config(default = "Initializer::KaimingUniform{gain:1.0/3.0_f64.sqrt(),fan_out_only:false}")]
    pub initializer: Initializer,
}

/// Convolution.
#[derive(Module, Debug)]
pub struct Conv2d<B: Backend> {
    /// `[outputs, inputs / groups, kernel_height, kernel_width]`.
    pub weight: Param<Tensor<B, 4>>,
    /// `[outputs]`.
    pub bias: Option<Param<Tensor<B, 1>>>,
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Conv2dConfig {
    /// Initialises the layer on `device`.
    ///
    /// # Panics
    ///
    /// If the groups do not divide the channels.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Conv2d<B> {
        let [inputs, outputs] = self.channels;
        let (weight, bias) = parameters(
            [outputs, inputs],
            self.kernel,
            self.groups,
            &self.initializer,
            device,
        );
        Conv2d {
            weight,
            bias: self.bias.then(|| bias(outputs)),
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
        }
    }
}

impl<B: Backend> Conv2d<B> {
    /// # Shapes
    ///
    /// - `x`: `[batch, inputs, height, width]`
    /// - output: `[batch, outputs, out_height, out_width]`
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let options = ConvOptions::new(self.stride, self.padding, self.dilation, self.groups);
        let bias = self.bias.as_ref().map(Param::val);
        ops::convolution(x, self.weight.val(), bias, options)
    }
}

/// Configuration of [`ConvTranspose2d`].
#[derive(Config, Debug)]
pub struct ConvTranspose2dConfig {
    /// Channels in, channels out.
    pub channels: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Steps of the convolution this is the transpose of.
    #[config(default = "[1, 1]")]
    pub stride: [usize; 2],
    /// Padding of the convolution this is the transpose of.
    #[config(default = "[0, 0]")]
    pub padding: [usize; 2],
    /// Rows and columns of the output that convolution would not reach.
    #[config(default = "[0, 0]")]
    pub padding_out: [usize; 2],
    /// Distances of the kernel's elements.
    #[config(default = "[1, 1]")]
    pub dilation: [usize; 2],
    /// Independent parts of the channels.
    #[config(default = 1)]
    pub groups: usize,
    /// Whether there is a bias.
    #[config(default = true)]
    pub bias: bool,
    /// Of weight and bias.
    #[config(default = "Initializer::KaimingUniform{gain:1.0/3.0_f64.sqrt(),fan_out_only:false}")]
    pub initializer: Initializer,
}

/// Transposed convolution.
#[derive(Module, Debug)]
pub struct ConvTranspose2d<B: Backend> {
    /// `[inputs, outputs / groups, kernel_height, kernel_width]`.
    pub weight: Param<Tensor<B, 4>>,
    /// `[outputs]`.
    pub bias: Option<Param<Tensor<B, 1>>>,
    stride: [usize; 2],
    padding: [usize; 2],
    padding_out: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
}

impl ConvTranspose2dConfig {
    /// Initialises the layer on `device`.
    ///
    /// # Panics
    ///
    /// If the groups do not divide the channels.
    pub fn init<B: Backend>(&self, device: &B::Device) -> ConvTranspose2d<B> {
        let [inputs, outputs] = self.channels;
        let (weight, bias) = parameters(
            [inputs, outputs],
            self.kernel,
            self.groups,
            &self.initializer,
            device,
        );
        ConvTranspose2d {
            weight,
            bias: self.bias.then(|| bias(outputs)),
            stride: self.stride,
            padding: self.padding,
            padding_out: self.padding_out,
            dilation: self.dilation,
            groups: self.groups,
        }
    }
}

impl<B: Backend> ConvTranspose2d<B> {
    /// # Shapes
    ///
    /// - `x`: `[batch, inputs, height, width]`
    /// - output: `[batch, outputs, out_height, out_width]`, where `out_height` is
    ///   `(height - 1) stride + dilation (kernel - 1) + 1 + padding_out - 2 padding`
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let [batch, _, height, width] = x.dims();
        let [_, outputs, kernel_height, kernel_width] = self.weight.dims();
        let outputs = outputs * self.groups;
        let side = |size: usize, kernel: usize, axis: usize| {
            (size - 1) * self.stride[axis]
                + self.dilation[axis] * (kernel - 1)
                + 1
                + self.padding_out[axis]
                - 2 * self.padding[axis]
        };
        let shape = [
            batch,
            outputs,
            side(height, kernel_height, 0),
            side(width, kernel_width, 1),
        ];
        let options = ConvOptions::new(self.stride, self.padding, self.dilation, self.groups);
        let bias = self.bias.as_ref().map(Param::val);
        ops::convolution_input_gradient(x, self.weight.val(), bias, shape, options)
    }
}

type Weight<B> = Param<Tensor<B, 4>>;
type Bias<B> = Param<Tensor<B, 1>>;

/// The weight, `[first, second / groups, height, width]`, and how to make a bias.
fn parameters<B: Backend>(
    [first, second]: [usize; 2],
    [height, width]: [usize; 2],
    groups: usize,
    initializer: &Initializer,
    device: &B::Device,
) -> (Weight<B>, impl Fn(usize) -> Bias<B>) {
    assert!(
        first.is_multiple_of(groups) && second.is_multiple_of(groups),
        "{groups} groups do not divide {first} and {second} channels"
    );
    let fan_in = second / groups * height * width;
    let fan_out = first / groups * height * width;
    let shape = [first, second / groups, height, width];
    let weight = initializer.init_with(shape, Some(fan_in), Some(fan_out), device);
    let bias =
        move |channels| initializer.init_with([channels], Some(fan_in), Some(fan_out), device);
    (weight, bias)
}

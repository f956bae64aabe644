//! VGG convolution stacks with all taps.

use burn::module::Module;
use burn::nn::conv::Conv2d;

use crate::backend::Backend;

/// Convolution stack of VGG16 or VGG19.
#[derive(Module, Debug)]
pub struct Vgg<B: Backend> {
    convs: Vec<Conv2d<B>>,
}

//! Burn's fast CPU backend.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::ops::{ConvOptions, FloatTensor};
use burn::tensor::{Shape, TensorData};

use super::values::Values;
use super::{AdamFactors, Backend, Normalised, cpu_convolution, cpu_memory_bound};

impl Values for FlexTensor {
    fn in_order(self) -> Self {
        if self.is_contiguous() {
            self
        } else {
            self.to_contiguous()
        }
    }

    fn values(&self) -> &[f32] {
        self.as_slice().expect("in order and of single precision")
    }

    fn into_values(self) -> Vec<f32> {
        self.into_data().into_vec().expect("of single precision")
    }

    fn from_values(values: Vec<f32>, shape: Shape) -> Self {
        Self::from_data(TensorData::new(values, shape))
    }
}

impl Backend for Flex {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        cpu_convolution::convolution::<Self>(x, weight, bias, options)
    }

    fn convolution_input_gradient(
        dy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        x_shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        cpu_convolution::input_gradient::<Self>(dy, weight, x_shape, options)
    }

    fn convolution_weight_gradient(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        weight_shape: [usize; 4],
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        cpu_convolution::weight_gradient::<Self>(x, dy, weight_shape, options)
    }

    fn convolution_bias_gradient(dy: FloatTensor<Self>) -> FloatTensor<Self> {
        cpu_convolution::bias_gradient::<Self>(dy)
    }

    fn batch_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f64,
    ) -> Normalised<FloatTensor<Self>> {
        cpu_memory_bound::batch_norm::<Self>(x, scale, shift, epsilon)
    }

    fn batch_norm_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        statistics: [FloatTensor<Self>; 2],
        dy: FloatTensor<Self>,
        epsilon: f64,
    ) -> [FloatTensor<Self>; 3] {
        cpu_memory_bound::batch_norm_backward::<Self>(x, scale, statistics, dy, epsilon)
    }

    fn modulate(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        cpu_memory_bound::modulate::<Self>(x, scale, shift)
    }

    fn modulate_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3] {
        cpu_memory_bound::modulate_backward::<Self>(x, scale, dy)
    }

    fn rectify(x: FloatTensor<Self>, slope: f64) -> FloatTensor<Self> {
        cpu_memory_bound::rectify::<Self>(x, slope)
    }

    fn rectify_backward(
        y: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        slope: f64,
    ) -> FloatTensor<Self> {
        cpu_memory_bound::rectify_backward::<Self>(y, dy, slope)
    }

    fn tanh(x: FloatTensor<Self>) -> FloatTensor<Self> {
        cpu_memory_bound::tanh::<Self>(x)
    }

    fn tanh_backward(y: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self> {
        cpu_memory_bound::tanh_backward::<Self>(y, dy)
    }

    fn sum_blocks(x: FloatTensor<Self>, factor: f64) -> FloatTensor<Self> {
        cpu_memory_bound::sum_blocks::<Self>(x, factor)
    }

    fn repeat_blocks(x: FloatTensor<Self>, factor: f64, size: [usize; 2]) -> FloatTensor<Self> {
        cpu_memory_bound::repeat_blocks::<Self>(x, factor, size)
    }

    fn distance(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        cpu_memory_bound::distance::<Self>(a, b)
    }

    fn distance_backward(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        cpu_memory_bound::distance_backward::<Self>(a, b, dy)
    }

    fn adam(
        param: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        moments: [FloatTensor<Self>; 2],
        factors: AdamFactors,
    ) -> [FloatTensor<Self>; 3] {
        cpu_memory_bound::adam::<Self>(param, grad, moments, factors)
    }

    fn ema(average: FloatTensor<Self>, value: FloatTensor<Self>, decay: f64) -> FloatTensor<Self> {
        cpu_memory_bound::ema::<Self>(average, value, decay)
    }
}

//! The one list of operations that the CPU's backends hand to the kernels.

/// Implements the backend bound for a backend whose tensors are [`super::values::Values`].
macro_rules! implement_with_kernels {
    ($backend:ty) => {
        impl $crate::backend::Backend for $backend {
            fn convolution(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                weight: ::burn::tensor::ops::FloatTensor<Self>,
                bias: Option<::burn::tensor::ops::FloatTensor<Self>>,
                options: ::burn::tensor::ops::ConvOptions<2>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_convolution::convolution::<Self>(x, weight, bias, options)
            }

            fn convolution_input_gradient(
                dy: ::burn::tensor::ops::FloatTensor<Self>,
                weight: ::burn::tensor::ops::FloatTensor<Self>,
                bias: Option<::burn::tensor::ops::FloatTensor<Self>>,
                x_shape: [usize; 4],
                options: ::burn::tensor::ops::ConvOptions<2>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_convolution::input_gradient::<Self>(
                    dy, weight, bias, x_shape, options,
                )
            }

            fn convolution_weight_gradient(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                dy: ::burn::tensor::ops::FloatTensor<Self>,
                weight_shape: [usize; 4],
                options: ::burn::tensor::ops::ConvOptions<2>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_convolution::weight_gradient::<Self>(
                    x,
                    dy,
                    weight_shape,
                    options,
                )
            }

            fn convolution_bias_gradient(
                dy: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_convolution::bias_gradient::<Self>(dy)
            }

            fn batch_norm(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                scale: ::burn::tensor::ops::FloatTensor<Self>,
                shift: ::burn::tensor::ops::FloatTensor<Self>,
                epsilon: f64,
            ) -> $crate::backend::Normalised<::burn::tensor::ops::FloatTensor<Self>> {
                $crate::backend::cpu_memory_bound::batch_norm::<Self>(x, scale, shift, epsilon)
            }

            fn batch_norm_backward(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                scale: ::burn::tensor::ops::FloatTensor<Self>,
                statistics: [::burn::tensor::ops::FloatTensor<Self>; 2],
                dy: ::burn::tensor::ops::FloatTensor<Self>,
                epsilon: f64,
            ) -> [::burn::tensor::ops::FloatTensor<Self>; 3] {
                $crate::backend::cpu_memory_bound::batch_norm_backward::<Self>(
                    x, scale, statistics, dy, epsilon,
                )
            }

            fn modulate(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                scale: ::burn::tensor::ops::FloatTensor<Self>,
                shift: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::modulate::<Self>(x, scale, shift)
            }

            fn modulate_backward(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                scale: ::burn::tensor::ops::FloatTensor<Self>,
                dy: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> [::burn::tensor::ops::FloatTensor<Self>; 3] {
                $crate::backend::cpu_memory_bound::modulate_backward::<Self>(x, scale, dy)
            }

            fn modulate_masked(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                mask: ::burn::tensor::ops::FloatTensor<Self>,
                scale: ::burn::tensor::ops::FloatTensor<Self>,
                shift: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::modulate_masked::<Self>(x, mask, scale, shift)
            }

            fn modulate_masked_backward(
                arguments: [::burn::tensor::ops::FloatTensor<Self>; 4],
                dy: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> [::burn::tensor::ops::FloatTensor<Self>; 4] {
                $crate::backend::cpu_memory_bound::modulate_masked_backward::<Self>(arguments, dy)
            }

            fn rectify(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                slope: f64,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::rectify::<Self>(x, slope)
            }

            fn rectify_backward(
                y: ::burn::tensor::ops::FloatTensor<Self>,
                dy: ::burn::tensor::ops::FloatTensor<Self>,
                slope: f64,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::rectify_backward::<Self>(y, dy, slope)
            }

            fn tanh(
                x: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::tanh::<Self>(x)
            }

            fn tanh_backward(
                y: ::burn::tensor::ops::FloatTensor<Self>,
                dy: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::tanh_backward::<Self>(y, dy)
            }

            fn softmax(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                dim: usize,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::softmax::<Self>(x, dim)
            }

            fn softmax_backward(
                y: ::burn::tensor::ops::FloatTensor<Self>,
                dy: ::burn::tensor::ops::FloatTensor<Self>,
                dim: usize,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::softmax_backward::<Self>(y, dy, dim)
            }

            fn gate(
                x: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::gate::<Self>(x)
            }

            fn gate_backward(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                dy: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::gate_backward::<Self>(x, dy)
            }

            fn sum_blocks(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                factor: f64,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::sum_blocks::<Self>(x, factor)
            }

            fn repeat_blocks(
                x: ::burn::tensor::ops::FloatTensor<Self>,
                factor: f64,
                size: [usize; 2],
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::repeat_blocks::<Self>(x, factor, size)
            }

            fn distance(
                a: ::burn::tensor::ops::FloatTensor<Self>,
                b: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::distance::<Self>(a, b)
            }

            fn distance_backward(
                a: ::burn::tensor::ops::FloatTensor<Self>,
                b: ::burn::tensor::ops::FloatTensor<Self>,
                dy: ::burn::tensor::ops::FloatTensor<Self>,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::distance_backward::<Self>(a, b, dy)
            }

            fn adam(
                param: ::burn::tensor::ops::FloatTensor<Self>,
                grad: ::burn::tensor::ops::FloatTensor<Self>,
                moments: [::burn::tensor::ops::FloatTensor<Self>; 2],
                factors: $crate::backend::AdamFactors,
            ) -> [::burn::tensor::ops::FloatTensor<Self>; 3] {
                $crate::backend::cpu_memory_bound::adam::<Self>(param, grad, moments, factors)
            }

            fn ema(
                average: ::burn::tensor::ops::FloatTensor<Self>,
                value: ::burn::tensor::ops::FloatTensor<Self>,
                decay: f64,
            ) -> ::burn::tensor::ops::FloatTensor<Self> {
                $crate::backend::cpu_memory_bound::ema::<Self>(average, value, decay)
            }
        }
    };
}

pub(super) use implement_with_kernels;

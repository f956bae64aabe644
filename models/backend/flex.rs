//! Burn's fast CPU backend.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};

use super::cpu::implement_with_kernels;
use super::values::Values;

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
        if self.is_unique() {
            self.into_data().into_vec().expect("of single precision")
        } else {
            // Burn would copy bytes first, then again to where they are aligned.
            self.in_order().values().to_vec()
        }
    }

    fn from_values(values: Vec<f32>, shape: Shape) -> Self {
        Self::from_data(TensorData::new(values, shape))
    }
}

implement_with_kernels!(Flex);

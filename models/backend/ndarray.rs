//! Burn's reference CPU backend.

use burn::backend::NdArray;
use burn::backend::ndarray::NdArrayTensor;
use burn::tensor::{Shape, TensorData};

use super::Backend;
use super::cpu::implement_with_kernels;
use super::values::Values;

impl Values for NdArrayTensor {
    fn in_order(self) -> Self {
        match self {
            Self::F32(storage) if !storage.view().is_standard_layout() => Self::from(
                storage
                    .view()
                    .as_standard_layout()
                    .into_owned()
                    .into_shared(),
            ),
            other => other,
        }
    }

    fn values(&self) -> &[f32] {
        let Self::F32(storage) = self else {
            panic!("not of single precision")
        };
        storage.view().to_slice().expect("in order")
    }

    fn into_values(self) -> Vec<f32> {
        self.in_order().values().to_vec()
    }

    fn from_values(values: Vec<f32>, shape: Shape) -> Self {
        Self::from_data(TensorData::new(values, shape))
    }
}

implement_with_kernels!(NdArray);

/// Double precision has no kernels: it is the reference of the tests.
impl Backend for NdArray<f64> {}

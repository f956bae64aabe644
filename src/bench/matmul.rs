//! The yardstick: a square matrix product.

use serde::{Deserialize, Serialize};
use wordpaint_models::backend::Backend;
use wordpaint_models::noise::Noise;

use super::Prepared;

/// Product of two square matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatrixProduct {
    /// Rows and columns.
    pub side: usize,
}

impl MatrixProduct {
    /// Multiplications and additions.
    pub fn operations(self) -> f64 {
        2.0 * (self.side as f64).powi(3)
    }

    pub(super) fn prepare<B: Backend>(self, device: &B::Device) -> Prepared {
        let noise = Noise::new(0, 0);
        let [a, b] =
            ["a", "b"].map(|purpose| noise.normal::<B, 2>(purpose, [self.side; 2], device));
        let device = device.clone();
        Prepared::new(move || {
            let product = a.clone().matmul(b.clone());
            B::sync(&device).expect("the device answered before");
            drop(product);
        })
    }
}

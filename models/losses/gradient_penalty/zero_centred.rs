//! R1 and R2 (Mescheder et al. 2018).

use burn::prelude::Tensor;

use super::InputGradients;
use crate::backend::Backend;

impl<B: Backend> InputGradients<B> {
    /// Zero-centred penalty without its factor: `mean(|g_image|^2) / 2`, `[1]`.
    ///
    /// At real images it is R1, at fakes R2.
    pub fn zero_centred(&self) -> Tensor<B, 1> {
        self.image.clone().mean() / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_near, gradients};

    #[test]
    fn half_the_mean_square_of_the_gradient_by_the_image() {
        assert_near(gradients().zero_centred(), &[2.25]);
    }
}

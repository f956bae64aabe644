//! The penalty of WGAN-GP (Gulrajani et al. 2017).

use burn::prelude::Tensor;

use super::{InputGradients, root};
use crate::backend::Backend;

impl<B: Backend> InputGradients<B> {
    /// One-centred penalty without its factor: `mean((|g_image| - 1)^2)`, `[1]`.
    pub fn one_centred(&self) -> Tensor<B, 1> {
        (root(self.image.clone()) - 1.0).square().mean()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_near, gradients};

    #[test]
    fn mean_squared_distance_of_the_length_from_one() {
        assert_near(gradients().one_centred(), &[2.5]);
    }
}

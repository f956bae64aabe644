//! Changes of size with exact gradients on every backend: bilinear by matrix products, means of
//! blocks, one vector at every pixel.

use burn::prelude::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, ops};

/// Which points of both grids lie on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum AlignCorners {
    /// The centres of the corner pixels (`align_corners = True`, PyTorch before 0.4).
    #[default]
    True,
    /// The outer edges of the corner pixels (`align_corners = False`).
    False,
}

impl From<bool> for AlignCorners {
    fn from(align_corners: bool) -> Self {
        if align_corners {
            Self::True
        } else {
            Self::False
        }
    }
}

impl From<AlignCorners> for bool {
    fn from(align_corners: AlignCorners) -> Self {
        align_corners == AlignCorners::True
    }
}

/// Resizes without antialiasing; unchanged where the size is right.
///
/// # Shapes
///
/// - `x`: `[batch, channels, height, width]`
/// - output: `[batch, channels, size[0], size[1]]`
pub fn bilinear<B: Backend>(
    x: Tensor<B, 4>,
    size: [usize; 2],
    align_corners: AlignCorners,
) -> Tensor<B, 4> {
    let [batch, channels, height, width] = x.dims();
    if [height, width] == size {
        return x;
    }
    let device = x.device();
    let images = batch * channels;
    let across = matrix::<B>(width, size[1], align_corners, &device).transpose();
    let rows = x.reshape([images * height, width]).matmul(across);
    let down = matrix::<B>(height, size[0], align_corners, &device).unsqueeze_dim::<3>(0);
    down.expand([images, size[0], height])
        .matmul(rows.reshape([images, height, size[1]]))
        .reshape([batch, channels, size[0], size[1]])
}

/// A vector at every pixel.
///
/// # Shapes
///
/// - `x`: `[batch, channels]`
/// - output: `[batch, channels, height, width]`
pub fn tile<B: Backend>(x: Tensor<B, 2>, [height, width]: [usize; 2]) -> Tensor<B, 4> {
    let [batch, channels] = x.dims();
    x.reshape([batch, channels, 1, 1])
        .expand([batch, channels, height, width])
}

/// Averages 2x2 blocks.
///
/// # Shapes
///
/// - `x`: `[batch, channels, 2 height, 2 width]`
/// - output: `[batch, channels, height, width]`
pub fn halve<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    ops::sum_blocks(x, 0.25)
}

/// Weights of the `inputs` pixels in each of the `outputs`, `[outputs, inputs]`.
fn matrix<B: Backend>(
    inputs: usize,
    outputs: usize,
    align_corners: AlignCorners,
    device: &B::Device,
) -> Tensor<B, 2> {
    let mut weights = vec![0.0_f32; outputs * inputs];
    for (i, row) in weights.chunks_exact_mut(inputs).enumerate() {
        let place = match align_corners {
            AlignCorners::True if outputs > 1 => (i * (inputs - 1)) as f64 / (outputs - 1) as f64,
            AlignCorners::True => 0.0,
            AlignCorners::False => {
                ((i as f64 + 0.5) * inputs as f64 / outputs as f64 - 0.5).max(0.0)
            }
        };
        let first = (place.floor() as usize).min(inputs - 1);
        let rest = (place - first as f64) as f32;
        row[first] += 1.0 - rest;
        row[(first + 1).min(inputs - 1)] += rest;
    }
    Tensor::from_data(TensorData::new(weights, [outputs, inputs]), device)
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::module::interpolate;
    use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
    use burn::tensor::{Distribution, Tolerance};

    use super::*;

    #[test]
    fn both_rules_agree_with_interpolation_forward_and_backward() {
        type Tracked = Autodiff<Flex>;
        let device = Default::default();
        for (align_corners, is_aligned) in
            [(AlignCorners::True, true), (AlignCorners::False, false)]
        {
            for size in [[9, 4], [3, 11], [5, 7]] {
                let x = Tensor::<Flex, 4>::random([2, 3, 5, 7], Distribution::Default, &device);
                let weight = Tensor::<Flex, 4>::random(
                    [2, 3, size[0], size[1]],
                    Distribution::Default,
                    &device,
                );
                let run = |resize: &dyn Fn(Tensor<Tracked, 4>) -> Tensor<Tracked, 4>| {
                    let x = Tensor::<Tracked, 4>::from_inner(x.clone()).require_grad();
                    let y = resize(x.clone());
                    let weight = Tensor::from_inner(weight.clone());
                    let gradients = (y.clone() * weight).sum().backward();
                    let gradient = x.grad(&gradients).expect("tracked");
                    (y.inner().into_data(), gradient.into_data())
                };
                let options = InterpolateOptions::new(InterpolateMode::Bilinear)
                    .with_align_corners(is_aligned);

                let (y, dx) = run(&|x| bilinear(x, size, align_corners));
                let (expected, expected_dx) = run(&|x| interpolate(x, size, options.clone()));

                let tolerance = Tolerance::<f32>::absolute(1e-5);
                y.assert_approx_eq(&expected, tolerance);
                dx.assert_approx_eq(&expected_dx, tolerance);
            }
        }
    }

    #[test]
    fn halving_by_edges_averages_two_by_two() {
        let device = Default::default();
        let x = Tensor::<Flex, 4>::from_floats([[[[1.0, 3.0], [5.0, 7.0]]]], &device);

        let y = bilinear(x, [1, 1], AlignCorners::False);

        assert_eq!(y.into_scalar(), 4.0);
    }
}

//! Pixel ranges and colour orders that image networks expect.

use burn::prelude::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;

/// Value range a network expects, as an affine map of each colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSpace {
    /// 0..255, nothing subtracted (published SDN code).
    #[serde(rename = "caffe-255-raw")]
    Caffe255Raw,
    /// 0..255 minus the mean colour of the MatConvNet and Caffe VGG networks.
    #[serde(rename = "caffe-255-mean-sub")]
    Caffe255MeanSub,
    /// 0..255 minus the mean colour of HED, whose weights are a fine-tuned VGG16.
    #[serde(rename = "hed")]
    HedMeanSub,
    /// (0..1 - mean) / standard deviation of ImageNet (torchvision).
    #[serde(rename = "imagenet-norm")]
    ImageNetNorm,
    /// (0..1 - mean) / standard deviation of CLIP's training images.
    ClipNorm,
    /// [-1, 1], the range of our batches: networks trained by this project.
    #[default]
    Unit,
}

/// Order of the three colour planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelOrder {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red (OpenCV, Caffe).
    Bgr,
}

/// Pixel range and colour order together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocessing {
    /// Value range.
    pub image_space: ImageSpace,
    /// Colour order.
    pub channel_order: ChannelOrder,
}

impl ImageSpace {
    /// Factor and offset per colour (red, green, blue) with `value = pixel * factor + offset`,
    /// where `pixel` is in [-1, 1].
    fn affine(self) -> ([f64; 3], [f64; 3]) {
        let normalised = |mean: [f64; 3], std: [f64; 3]| {
            let offset = std::array::from_fn(|i| (0.5 - mean[i]) / std[i]);
            (std.map(|s| 0.5 / s), offset)
        };
        let minus = |mean: [f64; 3]| ([127.5; 3], mean.map(|m| 127.5 - m));
        match self {
            Self::Caffe255Raw => minus([0.0; 3]),
            Self::Caffe255MeanSub => minus([123.68, 116.779, 103.939]), // VGG release
            Self::HedMeanSub => minus([122.67892, 116.66877, 104.00699]), // HED release
            Self::ImageNetNorm => normalised([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), // torchvision
            Self::ClipNorm => normalised(
                [0.48145466, 0.4578275, 0.40821073], // clip/clip.py, `_transform`
                [0.26862954, 0.26130258, 0.27577711],
            ),
            Self::Unit => ([1.0; 3], [0.0; 3]),
        }
    }
}

impl Preprocessing {
    /// [-1, 1], red first.
    pub const UNIT: Self = Self {
        image_space: ImageSpace::Unit,
        channel_order: ChannelOrder::Rgb,
    };
    /// What torchvision's ImageNet weights expect.
    pub const TORCHVISION: Self = Self {
        image_space: ImageSpace::ImageNetNorm,
        channel_order: ChannelOrder::Rgb,
    };
    /// What the published SDN code feeds: raw OpenCV images.
    pub const SDN_PUBLISHED: Self = Self {
        image_space: ImageSpace::Caffe255Raw,
        channel_order: ChannelOrder::Bgr,
    };
    /// What CLIP expects.
    pub const CLIP: Self = Self {
        image_space: ImageSpace::ClipNorm,
        channel_order: ChannelOrder::Rgb,
    };
    /// What the VGG16 inside HED expects.
    pub const HED: Self = Self {
        image_space: ImageSpace::HedMeanSub,
        channel_order: ChannelOrder::Bgr,
    };

    /// Converts pixels to the space of the network. Differentiable.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[batch, 3, height, width]`, RGB, range [-1, 1]
    /// - output: the same shape, in this space and order
    pub fn apply<B: Backend>(self, pixels: Tensor<B, 4>) -> Tensor<B, 4> {
        if self.image_space == ImageSpace::Unit {
            return self.reorder(pixels);
        }
        let (factor, offset) = self.image_space.affine();
        let device = pixels.device();
        self.reorder(pixels * colours(factor, &device) + colours(offset, &device))
    }

    /// Inverse of [`Self::apply`]; the result is not clamped. Differentiable.
    ///
    /// # Shapes
    ///
    /// - `values`: `[batch, 3, height, width]` in this space and order
    /// - output: the same shape, RGB, where [-1, 1] is the range of an 8-bit image
    pub fn invert<B: Backend>(self, values: Tensor<B, 4>) -> Tensor<B, 4> {
        let values = self.reorder(values);
        if self.image_space == ImageSpace::Unit {
            return values;
        }
        let (factor, offset) = self.image_space.affine();
        let device = values.device();
        (values - colours(offset, &device)) / colours(factor, &device)
    }

    /// Swaps red and blue where the order asks for it; its own inverse.
    fn reorder<B: Backend>(self, image: Tensor<B, 4>) -> Tensor<B, 4> {
        match self.channel_order {
            ChannelOrder::Rgb => image,
            ChannelOrder::Bgr => {
                let planes = (0..3)
                    .rev()
                    .map(|c| image.clone().narrow(1, c, 1))
                    .collect();
                Tensor::cat(planes, 1)
            }
        }
    }
}

fn colours<B: Backend>(values: [f64; 3], device: &B::Device) -> Tensor<B, 4> {
    let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
    Tensor::from_data(TensorData::new(values, [1, 3, 1, 1]), device)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;

    use super::*;

    type TestBackend = burn::backend::Flex;

    const SPACES: [ImageSpace; 6] = [
        ImageSpace::Caffe255Raw,
        ImageSpace::Caffe255MeanSub,
        ImageSpace::HedMeanSub,
        ImageSpace::ImageNetNorm,
        ImageSpace::ClipNorm,
        ImageSpace::Unit,
    ];

    #[test]
    fn every_space_is_undone_by_its_inverse() {
        let device = Default::default();
        let pixels = Tensor::<TestBackend, 4>::from_floats(
            [[[[-1.0, 0.25]], [[0.5, 1.0]], [[0.0, -0.75]]]],
            &device,
        );
        for image_space in SPACES {
            for channel_order in [ChannelOrder::Rgb, ChannelOrder::Bgr] {
                let space = Preprocessing {
                    image_space,
                    channel_order,
                };

                let back = space.invert(space.apply(pixels.clone()));

                back.into_data()
                    .assert_approx_eq::<f32>(&pixels.to_data(), Tolerance::absolute(1e-5));
            }
        }
    }

    #[test]
    fn white_becomes_the_published_numbers() {
        let device = Default::default();
        let white = Tensor::<TestBackend, 4>::ones([1, 3, 1, 1], &device);
        let expected = [
            (Preprocessing::SDN_PUBLISHED, [255.0, 255.0, 255.0]),
            (
                Preprocessing::HED,
                [255.0 - 104.00699, 255.0 - 116.66877, 255.0 - 122.67892],
            ),
            (
                Preprocessing::TORCHVISION,
                [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225],
            ),
        ];
        for (space, values) in expected {
            let found = space.apply(white.clone()).into_data();

            found.assert_approx_eq::<f32>(
                &TensorData::from([[[[values[0]]], [[values[1]]], [[values[2]]]]]),
                Tolerance::absolute(1e-4),
            );
        }
    }
}

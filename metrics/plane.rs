//! Images as the metrics see them.

use crate::MetricError;

/// An 8-bit RGB image, row by row, three bytes per pixel.
#[derive(Debug, Clone, Copy)]
pub struct Rgb8<'a> {
    width: usize,
    height: usize,
    data: &'a [u8],
}

impl<'a> Rgb8<'a> {
    /// Wraps `data` of `height * width * 3` bytes.
    pub fn new(width: usize, height: usize, data: &'a [u8]) -> Result<Self, MetricError> {
        check_buffer(width, height, 3, data.len())?;
        Ok(Self {
            width,
            height,
            data,
        })
    }

    /// Width and height in pixels.
    pub const fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// One colour channel (0 = red), values 0 to 255.
    pub fn channel(&self, index: usize) -> Plane {
        let data = self
            .data
            .iter()
            .skip(index)
            .step_by(3)
            .map(|&v| f64::from(v))
            .collect();
        Plane {
            width: self.width,
            height: self.height,
            data,
        }
    }

    /// Weighted sum of the channels, unrounded.
    pub fn weighted(&self, weights: [f64; 3]) -> Plane {
        let data = self
            .data
            .chunks_exact(3)
            .map(|pixel| {
                pixel
                    .iter()
                    .zip(weights)
                    .map(|(&v, w)| f64::from(v) * w)
                    .sum()
            })
            .collect();
        Plane {
            width: self.width,
            height: self.height,
            data,
        }
    }

    /// Luma `0.299 R + 0.587 G + 0.114 B`, 0 to 255, unrounded.
    pub fn luma(&self) -> Plane {
        self.weighted([0.299, 0.587, 0.114])
    }
}

/// One channel of an image in `f64`, row by row, usually 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Width in pixels.
    pub(crate) width: usize,
    /// Height in pixels.
    pub(crate) height: usize,
    /// `height * width` values.
    pub(crate) data: Vec<f64>,
}

impl Plane {
    /// A plane of `height * width` values.
    pub fn new(width: usize, height: usize, data: Vec<f64>) -> Result<Self, MetricError> {
        check_buffer(width, height, 1, data.len())?;
        Ok(Self {
            width,
            height,
            data,
        })
    }

    /// Width and height in pixels.
    pub const fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The values, row by row.
    pub fn values(&self) -> &[f64] {
        &self.data
    }

    /// Mean of the values; NaN for an empty plane.
    pub fn mean(&self) -> f64 {
        self.data.iter().sum::<f64>() / self.data.len() as f64
    }

    /// Correlation with a separable window at the positions where it fits.
    pub(crate) fn filter_valid(&self, window: &[f64]) -> Self {
        let n = window.len();
        let (width, height) = (self.width + 1 - n, self.height + 1 - n);
        let mut rows = vec![0.0; width * self.height];
        for (out, row) in rows
            .chunks_exact_mut(width)
            .zip(self.data.chunks_exact(self.width))
        {
            for (k, w) in window.iter().enumerate() {
                for (o, v) in out.iter_mut().zip(&row[k..]) {
                    *o += w * v;
                }
            }
        }
        let mut data = vec![0.0; width * height];
        for (y, out) in data.chunks_exact_mut(width).enumerate() {
            for (k, w) in window.iter().enumerate() {
                for (o, v) in out.iter_mut().zip(&rows[(y + k) * width..]) {
                    *o += w * v;
                }
            }
        }
        Self {
            width,
            height,
            data,
        }
    }

    /// Value by value product.
    pub(crate) fn product(&self, other: &Self) -> Self {
        let data = self
            .data
            .iter()
            .zip(&other.data)
            .map(|(a, b)| a * b)
            .collect();
        Self {
            width: self.width,
            height: self.height,
            data,
        }
    }

    /// Means of the non-overlapping `factor` x `factor` blocks that fit.
    pub(crate) fn block_mean(&self, factor: usize) -> Self {
        let (width, height) = (self.width / factor, self.height / factor);
        let mut data = vec![0.0; width * height];
        for y in 0..height * factor {
            for x in 0..width * factor {
                data[y / factor * width + x / factor] += self.data[y * self.width + x];
            }
        }
        let area = (factor * factor) as f64;
        for v in &mut data {
            *v /= area;
        }
        Self {
            width,
            height,
            data,
        }
    }
}

/// Fails unless the two images have one size.
pub(crate) fn same_size(
    left: (usize, usize),
    right: (usize, usize),
) -> Result<(usize, usize), MetricError> {
    if left == right {
        Ok(left)
    } else {
        Err(MetricError::Sizes { left, right })
    }
}

fn check_buffer(
    width: usize,
    height: usize,
    channels: usize,
    got: usize,
) -> Result<(), MetricError> {
    let expected = width.saturating_mul(height).saturating_mul(channels);
    if got == expected && got > 0 {
        Ok(())
    } else {
        Err(MetricError::Buffer {
            width,
            height,
            channels,
            expected,
            got,
        })
    }
}

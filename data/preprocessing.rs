//! How published feature networks get their images: resizer and value range, on the CPU, so that no
//! backend's interpolation rule enters a metric.

use image::RgbImage;
use rayon::prelude::*;

use crate::resize::{Filter, antialiased, cubic, resize};

/// Rule of a resizer that keeps fractions; all begin with 8-bit pixels and give values in 0..255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resizer {
    /// Rounded to bytes.
    Bytes(Filter),
    /// TensorFlow 1 `resize_bilinear`: output `i` looks at `i * in / out`, no antialiasing.
    Tf1Bilinear,
    /// Torch `interpolate`, `align_corners=False`: pixel centres, no antialiasing.
    HalfPixelBilinear,
    /// Torch `interpolate`, `align_corners=True`: corners on corners.
    AlignedBilinear,
    /// Pillow's antialiased cubic filter on a float plane, then clipped to 0..255 (clean-fid).
    PilBicubicFloat,
}

/// Resizer and value range of an instrument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocessing {
    /// Side of the result; the aspect is not kept.
    pub size: u32,
    /// How pixels are brought to that size.
    pub resizer: Resizer,
    /// Factor per colour on values in 0..255.
    pub scale: [f32; 3],
    /// Added per colour after the factor.
    pub shift: [f32; 3],
}

impl Preprocessing {
    /// The same factor and shift for every colour.
    pub const fn gray(size: u32, resizer: Resizer, scale: f32, shift: f32) -> Self {
        Self {
            size,
            resizer,
            scale: [scale; 3],
            shift: [shift; 3],
        }
    }

    /// What the code of DM-GAN and GALIP feeds to torchvision's network: a map that expects pixels
    /// normalised by ImageNet's statistics, applied to pixels in 0..1.
    pub fn legacy(size: u32, resizer: Resizer) -> Self {
        let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]); // torchvision
        Self {
            size,
            resizer,
            scale: std.map(|s: f32| s / 0.5 / 255.0),
            shift: mean.map(|m: f32| (m - 0.5) / 0.5),
        }
    }

    /// Values of an image, `[3, size, size]`.
    pub fn apply(&self, image: &RgbImage) -> Vec<f32> {
        let mut planes = self.resizer.planes(image, self.size, self.size);
        let area = (self.size * self.size) as usize;
        for ((plane, scale), shift) in planes
            .chunks_exact_mut(area.max(1))
            .zip(self.scale)
            .zip(self.shift)
        {
            for value in plane {
                *value = *value * scale + shift;
            }
        }
        planes
    }

    /// Values of several images of any size, `[images, 3, size, size]`.
    pub fn apply_all(&self, images: &[RgbImage]) -> Vec<f32> {
        let each: Vec<Vec<f32>> = images.par_iter().map(|image| self.apply(image)).collect();
        each.concat()
    }
}

/// Two source positions of an output position and the share of the second.
type Pair = (usize, usize, f32);

impl Resizer {
    /// Planes of the resized image, `[3, height, width]`, values in 0..255.
    pub fn planes(self, image: &RgbImage, width: u32, height: u32) -> Vec<f32> {
        let pairs: fn(u32, u32) -> Vec<Pair> = match self {
            Self::Bytes(filter) => return planar(&resize(image, width, height, filter)),
            Self::PilBicubicFloat => return bicubic(image, width, height),
            Self::Tf1Bilinear => tf1,
            Self::HalfPixelBilinear => half_pixel,
            Self::AlignedBilinear => aligned,
        };
        let columns = pairs(image.width(), width);
        let rows = pairs(image.height(), height);
        separable(
            image,
            columns.len(),
            |line, out| {
                out.extend(columns.iter().map(|&(a, b, t)| mix(line[a], line[b], t)));
            },
            |plane, out| {
                let stride = columns.len();
                for &(a, b, t) in &rows {
                    let (a, b) = (
                        &plane[a * stride..][..stride],
                        &plane[b * stride..][..stride],
                    );
                    out.extend(a.iter().zip(b).map(|(&a, &b)| mix(a, b, t)));
                }
            },
        )
    }
}

fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Source positions at `at(i)`, computed in 32 bits as the published code does.
fn pairs(from: u32, to: u32, at: impl Fn(f32) -> f32) -> Vec<Pair> {
    let last = from.saturating_sub(1) as usize;
    (0..to)
        .map(|i| {
            let at = at(i as f32).max(0.0);
            let low = (at as usize).min(last);
            (low, (low + 1).min(last), at - low as f32)
        })
        .collect()
}

fn tf1(from: u32, to: u32) -> Vec<Pair> {
    let scale = from as f32 / to as f32;
    pairs(from, to, |i| i * scale)
}

fn half_pixel(from: u32, to: u32) -> Vec<Pair> {
    let scale = from as f32 / to as f32;
    pairs(from, to, |i| (i + 0.5) * scale - 0.5)
}

fn aligned(from: u32, to: u32) -> Vec<Pair> {
    let scale = match to {
        0 | 1 => 0.0,
        to => from.saturating_sub(1) as f32 / (to - 1) as f32,
    };
    pairs(from, to, |i| i * scale)
}

/// Colours of an image one after the other.
fn planar(image: &RgbImage) -> Vec<f32> {
    let raw = image.as_raw();
    (0..3)
        .flat_map(|c| raw[c..].iter().step_by(3).map(|&v| f32::from(v)))
        .collect()
}

/// Width first, then height, colour by colour; an empty image becomes an empty result.
fn separable(
    image: &RgbImage,
    width: usize,
    across: impl Fn(&[f32], &mut Vec<f32>),
    down: impl Fn(&[f32], &mut Vec<f32>),
) -> Vec<f32> {
    let mut out = Vec::new();
    if image.width() == 0 || image.height() == 0 {
        return out;
    }
    let planes = planar(image);
    let mut narrow = Vec::with_capacity(width * image.height() as usize);
    for plane in planes.chunks_exact(planes.len() / 3) {
        narrow.clear();
        for line in plane.chunks_exact(image.width() as usize) {
            across(line, &mut narrow);
        }
        down(&narrow, &mut out);
    }
    out
}

/// Sums in 64 bits, both passes stored in 32, as Pillow's mode `F`.
fn bicubic(image: &RgbImage, width: u32, height: u32) -> Vec<f32> {
    let columns = antialiased(image.width(), width, 2.0, cubic);
    let rows = antialiased(image.height(), height, 2.0, cubic);
    let mut planes = separable(
        image,
        columns.len(),
        |line, out| {
            for (first, weights) in &columns {
                let taps = weights.iter().zip(&line[*first..]);
                out.push(taps.map(|(w, &v)| w * f64::from(v)).sum::<f64>() as f32);
            }
        },
        |plane, out| {
            let stride = columns.len();
            for (first, weights) in &rows {
                for x in 0..stride {
                    let column = plane[first * stride + x..].iter().step_by(stride);
                    let sum: f64 = weights
                        .iter()
                        .zip(column)
                        .map(|(w, &v)| w * f64::from(v))
                        .sum();
                    out.push(sum as f32);
                }
            }
        },
    );
    for value in &mut planes {
        *value = value.clamp(0.0, 255.0);
    }
    planes
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    const ALL: [Resizer; 6] = [
        Resizer::Bytes(Filter::PilBilinear),
        Resizer::Bytes(Filter::PilLanczos),
        Resizer::Tf1Bilinear,
        Resizer::HalfPixelBilinear,
        Resizer::AlignedBilinear,
        Resizer::PilBicubicFloat,
    ];

    #[test]
    fn colours_come_one_after_the_other_in_the_range_of_the_network() {
        let image = RgbImage::from_pixel(5, 7, Rgb([0, 128, 255]));
        for resizer in ALL {
            let preprocessing = Preprocessing::gray(3, resizer, 1.0 / 127.5, -1.0);

            let values = preprocessing.apply(&image);

            let expected = [-1.0, 128.0 / 127.5 - 1.0, 1.0]
                .map(|v: f32| [v; 9])
                .concat();
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-5, "{resizer:?}: {value}");
            }
            assert_eq!(values.len(), 27);
        }
    }

    #[test]
    fn rules_differ_in_where_they_look() {
        let image = RgbImage::from_fn(2, 1, |x, _| Rgb([100 * x as u8; 3]));
        let line = |resizer: Resizer| resizer.planes(&image, 4, 1)[..4].to_vec();

        assert_eq!(line(Resizer::Tf1Bilinear), [0.0, 50.0, 100.0, 100.0]);
        assert_eq!(line(Resizer::HalfPixelBilinear), [0.0, 25.0, 75.0, 100.0]);
        let aligned = line(Resizer::AlignedBilinear);
        assert!((aligned[1] - 100.0 / 3.0).abs() < 1e-4, "{aligned:?}");
    }

    #[test]
    fn a_batch_is_its_images_one_after_the_other() {
        let images = [
            RgbImage::from_pixel(9, 4, Rgb([1, 2, 3])),
            RgbImage::from_fn(3, 8, |x, y| Rgb([x as u8, y as u8, 9])),
        ];
        let preprocessing = Preprocessing::gray(4, Resizer::HalfPixelBilinear, 1.0, 0.0);

        let all = preprocessing.apply_all(&images);

        assert_eq!(all[..48], preprocessing.apply(&images[0]));
        assert_eq!(all[48..], preprocessing.apply(&images[1]));
    }
}

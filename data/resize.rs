//! Resizing and cropping of RGB images exactly as the published loaders do it.

use image::{RgbImage, imageops};

use crate::BoundingBox;

/// How an image is resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// Pillow's antialiased triangle filter, bit for bit.
    PilBilinear,
    /// Pillow's antialiased cubic filter (a = -0.5), bit for bit.
    PilBicubic,
    /// Pillow's antialiased Lanczos filter of radius 3, bit for bit.
    PilLanczos,
    /// The source pixel under each output pixel's centre (Pillow).
    PilNearest,
    /// The source pixel at `floor(i * in / out)` (Torch).
    TorchNearest,
    /// Bilinear between pixel centres without antialiasing, as OpenCV, Torch and TensorFlow 2.
    OpencvBilinear,
}

/// Resizes to `width` x `height` pixels (both at least 1); the aspect is not kept.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    if image.width() == 0 || image.height() == 0 {
        return RgbImage::new(width, height);
    }
    match filter {
        Filter::PilBilinear => pil(image, width, height, 1.0, triangle),
        Filter::PilBicubic => pil(image, width, height, 2.0, cubic),
        Filter::PilLanczos => pil(image, width, height, 3.0, lanczos),
        Filter::PilNearest => nearest(image, width, height, 0.5),
        Filter::TorchNearest => nearest(image, width, height, 0.0),
        Filter::OpencvBilinear => opencv_bilinear(image, width, height),
    }
}

/// Pillow's antialiased bilinear resize: the support of the triangle grows with the scale.
pub fn pil_bilinear(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    resize(image, width, height, Filter::PilBilinear)
}

/// Resizes so that the shorter side has `size` pixels and the aspect is kept (the longer side is
/// truncated to whole pixels, as torchvision does).
pub fn resize_shorter_side(image: &RgbImage, size: u32, filter: Filter) -> RgbImage {
    let (width, height) = image.dimensions();
    let scaled = |long: u32, short: u32| {
        (u64::from(size) * u64::from(long) / u64::from(short.max(1))) as u32
    };
    if width <= height {
        resize(image, size, scaled(height, width), filter)
    } else {
        resize(image, scaled(width, height), size, filter)
    }
}

/// The square of 1.5 times the longer side of `bounds` around its centre, cut at the border:
/// `[left, top, right, bottom]`, right and bottom exclusive.
pub fn crop_rectangle(width: u32, height: u32, bounds: BoundingBox) -> [u32; 4] {
    let whole = |v: f32| v as i64;
    let (x, y) = (whole(bounds.x), whole(bounds.y));
    let (w, h) = (whole(bounds.width), whole(bounds.height));
    let radius = (w.max(h) as f64 * 0.75) as i64;
    let (cx, cy) = (i64::midpoint(2 * x, w), i64::midpoint(2 * y, h));
    let clamp = |v: i64, end: u32| v.clamp(0, i64::from(end)) as u32;
    [
        clamp(cx - radius, width),
        clamp(cy - radius, height),
        clamp(cx + radius, width),
        clamp(cy + radius, height),
    ]
}

/// Crops to [`crop_rectangle`]; a box without area inside the image leaves the image whole.
pub fn crop_to_box(image: &RgbImage, bounds: BoundingBox) -> RgbImage {
    let [left, top, right, bottom] = crop_rectangle(image.width(), image.height(), bounds);
    if left >= right || top >= bottom {
        return image.clone();
    }
    imageops::crop_imm(image, left, top, right - left, bottom - top).to_image()
}

/// Bits behind the binary point of Pillow's 8-bit weights.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Source pixels of one output pixel and their fixed-point weights.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Cubic kernel with a = -0.5 and radius 2.
pub(crate) fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// Sinc windowed by a wider sinc, radius 3.
fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| match x * std::f64::consts::PI {
        0.0 => 1.0,
        angle => angle.sin() / angle,
    };
    if x.abs() < 3.0 {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

/// Output pixel `i` is source pixel `floor((i + offset) * in / out)`.
fn nearest(image: &RgbImage, width: u32, height: u32, offset: f64) -> RgbImage {
    let source = |i: u32, from: u32, to: u32| {
        let at = (f64::from(i) + offset) * f64::from(from) / f64::from(to);
        (at as u32).min(from - 1)
    };
    let (w, h) = image.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        *image.get_pixel(source(x, w, width), source(y, h, height))
    })
}

/// First source pixel and normalised weights of each of `to` output pixels; the kernel's radius
/// grows with the scale.
pub(crate) fn antialiased(
    from: u32,
    to: u32,
    radius: f64,
    kernel: fn(f64) -> f64,
) -> Vec<(usize, Vec<f64>)> {
    let scale = f64::from(from) / f64::from(to);
    let filter_scale = scale.max(1.0);
    let support = radius * filter_scale;
    (0..to)
        .map(|i| {
            let center = (f64::from(i) + 0.5) * scale;
            let first = ((center - support + 0.5) as i64).max(0) as usize;
            let end = ((center + support + 0.5) as usize).min(from as usize);
            let raw: Vec<f64> = (first..end)
                .map(|x| kernel((x as f64 - center + 0.5) / filter_scale))
                .collect();
            let sum: f64 = raw.iter().sum();
            (first, raw.iter().map(|w| w / sum).collect())
        })
        .collect()
}

fn taps(from: u32, to: u32, radius: f64, kernel: fn(f64) -> f64) -> Vec<Taps> {
    let fixed = |w: &f64| (w * f64::from(1 << PRECISION_BITS)).round() as i32;
    antialiased(from, to, radius, kernel)
        .into_iter()
        .map(|(first, weights)| Taps {
            first,
            weights: weights.iter().map(fixed).collect(),
        })
        .collect()
}

/// Weighted sum of the pixels that begin at `start` and lie `step` bytes apart.
fn weigh(raw: &[u8], start: usize, step: usize, weights: &[i32]) -> u8 {
    let mut sum = 1 << (PRECISION_BITS - 1);
    for (&weight, &pixel) in weights.iter().zip(raw[start..].iter().step_by(step)) {
        sum += weight * i32::from(pixel);
    }
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// Horizontal, then vertical pass, each rounded to bytes; a pass that changes nothing is left out.
fn pil(image: &RgbImage, w: u32, h: u32, radius: f64, kernel: fn(f64) -> f64) -> RgbImage {
    let mut image = image.clone();
    if image.width() != w {
        let taps = taps(image.width(), w, radius, kernel);
        let stride = image.width() as usize * 3;
        let mut out = Vec::with_capacity(w as usize * 3 * image.height() as usize);
        for row in image.as_raw().chunks_exact(stride) {
            for tap in &taps {
                out.extend((0..3).map(|c| weigh(row, tap.first * 3 + c, 3, &tap.weights)));
            }
        }
        image = RgbImage::from_raw(w, image.height(), out).expect("w * height * 3 bytes");
    }
    if image.height() != h {
        let stride = w as usize * 3;
        let mut out = Vec::with_capacity(stride * h as usize);
        for tap in taps(image.height(), h, radius, kernel) {
            let start = tap.first * stride;
            out.extend((0..stride).map(|x| weigh(image.as_raw(), start + x, stride, &tap.weights)));
        }
        image = RgbImage::from_raw(w, h, out).expect("w * h * 3 bytes");
    }
    image
}

/// Bilinear between pixel centres, without antialiasing, rounded to the nearest byte.
pub fn opencv_bilinear(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let sources = |from: u32, to: u32| -> Vec<(usize, usize, f32)> {
        let scale = f64::from(from) / f64::from(to);
        (0..to)
            .map(|i| {
                let at = ((f64::from(i) + 0.5) * scale - 0.5).clamp(0.0, f64::from(from - 1));
                let low = at as usize;
                (
                    low,
                    (low + 1).min(from as usize - 1),
                    (at - low as f64) as f32,
                )
            })
            .collect()
    };
    let (columns, rows) = (
        sources(image.width(), width),
        sources(image.height(), height),
    );
    let raw = image.as_raw();
    let stride = image.width() as usize * 3;
    let mut out = Vec::with_capacity(width as usize * height as usize * 3);
    for &(top, bottom, ty) in &rows {
        let (top, bottom) = (&raw[top * stride..], &raw[bottom * stride..]);
        for &(left, right, tx) in &columns {
            for c in 0..3 {
                let mix = |line: &[u8]| {
                    let (a, b) = (
                        f32::from(line[left * 3 + c]),
                        f32::from(line[right * 3 + c]),
                    );
                    a + (b - a) * tx
                };
                let (a, b) = (mix(top), mix(bottom));
                out.push((a + (b - a) * ty + 0.5) as u8);
            }
        }
    }
    RgbImage::from_raw(width, height, out).expect("width * height * 3 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x * 9) as u8, (y * 7) as u8, 40])
        })
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let image = gradient(13, 9);
        for filter in [
            Filter::PilBilinear,
            Filter::PilBicubic,
            Filter::PilLanczos,
            Filter::PilNearest,
            Filter::TorchNearest,
            Filter::OpencvBilinear,
        ] {
            assert_eq!(resize(&image, 13, 9, filter), image);
        }
    }

    #[test]
    fn halving_averages_with_pillow_and_picks_neighbours_with_opencv() {
        let image = RgbImage::from_fn(4, 1, |x, _| image::Rgb([[0, 80, 160, 240][x as usize]; 3]));
        // Triangle of radius 2 around 1.0: weights 3/7, 3/7, 1/7 of pixels 0, 1, 2.
        assert_eq!(pil_bilinear(&image, 2, 1).get_pixel(0, 0).0, [57; 3]);
        assert_eq!(opencv_bilinear(&image, 2, 1).get_pixel(0, 0).0, [40; 3]);
    }

    /// Reference values from Pillow 13, which resizes along the columns first where the height
    /// shrinks and the width grows; earlier versions, and we, always resize along the rows first.
    #[test]
    fn lanczos_and_nearest_are_those_of_pillow() {
        let image = |width, height| {
            RgbImage::from_fn(width, height, |x, y| {
                image::Rgb([
                    (x * x * 31 + y * 17) as u8,
                    (x * 53 + y * y * 29) as u8,
                    (x * y * 11 + 7) as u8,
                ])
            })
        };

        let down = resize(&image(11, 7), 4, 3, Filter::PilLanczos).into_raw();
        let up = resize(&image(5, 3), 7, 4, Filter::PilLanczos).into_raw();
        let nearest = resize(&image(11, 7), 4, 3, Filter::PilNearest).into_raw();

        #[rustfmt::skip]
        assert_eq!(down, [
            58, 93, 13, 63, 140, 31, 108, 120, 66, 170, 145, 88,
            100, 98, 34, 72, 126, 135, 86, 113, 148, 98, 141, 134,
            138, 76, 72, 127, 148, 145, 97, 95, 105, 48, 173, 134,
        ]);
        #[rustfmt::skip]
        assert_eq!(up, [
            0, 0, 7, 3, 24, 7, 68, 71, 6, 123, 106, 6, 21, 137, 6, 119, 182, 5, 255, 209, 5, 8, 3,
            6, 12, 30, 9, 75, 73, 14, 132, 111, 17, 53, 172, 20, 49, 232, 24, 103, 255, 27, 26, 66,
            6, 30, 90, 15, 92, 148, 30, 150, 175, 41, 93, 131, 52, 2, 140, 68, 0, 180, 77, 35, 119,
            6, 39, 138, 17, 101, 212, 37, 159, 228, 52, 95, 59, 67, 30, 6, 87, 24, 69, 98,
        ]);
        #[rustfmt::skip]
        assert_eq!(nearest, [
            48, 82, 18, 1, 241, 51, 109, 91, 73, 224, 250, 106,
            82, 58, 40, 35, 217, 139, 143, 67, 205, 2, 226, 48,
            116, 10, 62, 69, 169, 227, 177, 19, 81, 36, 178, 246,
        ]);
    }

    #[test]
    fn the_shorter_side_gets_the_size() {
        assert_eq!(
            resize_shorter_side(&gradient(20, 10), 5, Filter::PilBilinear).dimensions(),
            (10, 5)
        );
        assert_eq!(
            resize_shorter_side(&gradient(10, 21), 5, Filter::PilBilinear).dimensions(),
            (5, 10)
        );
    }

    #[test]
    fn boxes_without_area_leave_the_image_whole() {
        let image = gradient(8, 8);
        for (x, width) in [(3.0, 0.0), (100.0, 10.0), (-50.0, 4.0)] {
            let bounds = BoundingBox {
                x,
                y: 0.0,
                width,
                height: 1.0,
            };
            assert_eq!(
                crop_to_box(&image, bounds).dimensions(),
                (8, 8),
                "{bounds:?}"
            );
        }
    }
}

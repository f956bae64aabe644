//! Decoding of pictures and their placement on a background.

use std::f32::consts::PI;

use image::{Rgb, RgbImage};
use wordpaint_rng::Rng;

use super::pack::Style;
use crate::resize::{antialiased, cubic};

/// Backgrounds by name.
const BACKGROUNDS: [(&str, [f32; 3]); 8] = [
    ("white", [250.0, 250.0, 250.0]),
    ("grey", [205.0, 208.0, 212.0]),
    ("sky blue", [176.0, 214.0, 242.0]),
    ("mint green", [190.0, 230.0, 200.0]),
    ("pale yellow", [250.0, 240.0, 190.0]),
    ("pink", [248.0, 208.0, 216.0]),
    ("lavender", [214.0, 204.0, 240.0]),
    ("dark", [46.0, 50.0, 60.0]),
];

/// Brightness of the background at the top and at the bottom.
const GRADIENT: [f32; 2] = [1.04, 0.90];

/// A square picture, red, green and blue multiplied by alpha; all values 0 to 1.
#[derive(Debug, Clone)]
pub(super) struct Art {
    side: usize,
    pixels: Vec<[f32; 4]>,
}

impl Art {
    /// Decodes a PNG or WebP file.
    pub(super) fn decode(file: &[u8]) -> Result<Self, String> {
        let image = image::load_from_memory(file)
            .map_err(|e| e.to_string())?
            .to_rgba8();
        if image.width() != image.height() {
            return Err(format!(
                "{} x {} is not square",
                image.width(),
                image.height()
            ));
        }
        let premultiply = |p: &image::Rgba<u8>| {
            let [r, g, b, a] = p.0.map(|v| f32::from(v) / 255.0);
            [r * a, g * a, b * a, a]
        };
        let side = image.width() as usize;
        Ok(Self {
            side,
            pixels: image.pixels().map(premultiply).collect(),
        })
    }

    /// Colours of the pixels that are more opaque than not.
    pub(super) fn opaque(&self) -> impl Iterator<Item = [f32; 3]> + '_ {
        let visible = self.pixels.iter().filter(|p| p[3] > 0.5);
        visible.map(|&[r, g, b, a]| [r / a, g / a, b / a])
    }

    /// Share of the pixels that are more opaque than not.
    pub(super) fn opaque_share(&self) -> f32 {
        self.opaque().count() as f32 / self.pixels.len() as f32
    }

    /// Left, top, right and bottom of those pixels, as fractions of the side.
    pub(super) fn extent(&self) -> [f32; 4] {
        let mut extent = [1.0f32, 1.0, 0.0, 0.0];
        let side = self.side as f32;
        for (i, _) in self.pixels.iter().enumerate().filter(|(_, p)| p[3] > 0.5) {
            let (x, y) = ((i % self.side) as f32, (i / self.side) as f32);
            extent[0] = extent[0].min(x / side);
            extent[1] = extent[1].min(y / side);
            extent[2] = extent[2].max((x + 1.0) / side);
            extent[3] = extent[3].max((y + 1.0) / side);
        }
        if extent[0] > extent[2] {
            [0.0, 0.0, 1.0, 1.0]
        } else {
            extent
        }
    }

    /// Antialiased cubic reduction to `side` pixels; never enlarges.
    fn reduced(&self, side: usize) -> Self {
        if side >= self.side {
            return self.clone();
        }
        let taps = antialiased(self.side as u32, side as u32, 2.0, cubic);
        // Reduces along x and transposes, so that the same pass twice reduces both.
        let pass = |pixels: &[[f32; 4]], rows: usize| -> Vec<[f32; 4]> {
            let weigh = |line: &[[f32; 4]], first: usize, weights: &[f64]| {
                let mut sum = [0.0f32; 4];
                for (pixel, &weight) in line[first..].iter().zip(weights) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += weight as f32 * value;
                    }
                }
                sum
            };
            let mut out = vec![[0.0; 4]; rows * side];
            for (y, line) in pixels.chunks_exact(self.side).enumerate() {
                for (x, (first, weights)) in taps.iter().enumerate() {
                    out[x * rows + y] = weigh(line, *first, weights);
                }
            }
            out
        };
        let columns = pass(&self.pixels, self.side);
        Self {
            side,
            pixels: pass(&columns, side),
        }
    }

    /// Cubic interpolation at a position in pixels; transparent outside.
    fn sample(&self, x: f32, y: f32) -> [f32; 4] {
        let (x, y) = (x - 0.5, y - 0.5);
        let limit = self.side as f32 + 1.0;
        if x < -2.0 || y < -2.0 || x > limit || y > limit {
            return [0.0; 4];
        }
        let (left, top) = (x.floor() as isize - 1, y.floor() as isize - 1);
        let inside = |i: isize| usize::try_from(i).ok().filter(|&i| i < self.side);
        let mut sum = [0.0f32; 4];
        for j in 0..4 {
            let Some(row) = inside(top + j) else { continue };
            let wy = cubic(f64::from(y) - (top + j) as f64) as f32;
            for i in 0..4 {
                let Some(column) = inside(left + i) else {
                    continue;
                };
                let weight = wy * cubic(f64::from(x) - (left + i) as f64) as f32;
                for (sum, value) in sum.iter_mut().zip(self.pixels[row * self.side + column]) {
                    *sum += weight * value;
                }
            }
        }
        let alpha = sum[3].clamp(0.0, 1.0);
        // The kernel overshoots at edges; colours beyond alpha would glow.
        [
            sum[0].clamp(0.0, alpha),
            sum[1].clamp(0.0, alpha),
            sum[2].clamp(0.0, alpha),
            alpha,
        ]
    }
}

/// Art as it is seen in an image.
pub(super) struct View {
    art: Art,
    /// Centre and side in pixels.
    center: [f32; 2],
    side: f32,
    /// Sine and cosine of the rotation.
    rotation: (f32, f32),
    is_mirrored: bool,
    /// Samples per pixel side.
    grid: u32,
}

impl View {
    pub(super) fn new(
        art: &Art,
        center: [f32; 2],
        side: f32,
        rotation: (f32, f32),
        is_mirrored: bool,
    ) -> Self {
        // Four samples per pixel where the art is reduced; one where it is enlarged.
        let grid = if side < art.side as f32 { 2 } else { 1 };
        Self {
            art: art.reduced((side * grid as f32) as usize + 1),
            center,
            side,
            rotation,
            is_mirrored,
            grid,
        }
    }

    /// Colours (multiplied by opacity) and opacity in a pixel.
    pub(super) fn pixel(&self, px: u32, py: u32) -> [f32; 4] {
        let (sin, cos) = self.rotation;
        let grid = self.grid;
        let mut sum = [0.0f32; 4];
        for k in 0..grid * grid {
            let offset = |i: u32| (i as f32 + 0.5) / grid as f32;
            let x = (px as f32 + offset(k % grid) - self.center[0]) / self.side;
            let y = (py as f32 + offset(k / grid) - self.center[1]) / self.side;
            let (u, v) = (x * cos + y * sin, y * cos - x * sin);
            let u = if self.is_mirrored { -u } else { u };
            let scale = self.art.side as f32;
            let sample = self.art.sample((u + 0.5) * scale, (v + 0.5) * scale);
            for (sum, value) in sum.iter_mut().zip(sample) {
                *sum += value;
            }
        }
        sum.map(|v| v / (grid * grid) as f32)
    }

    /// Lays the art over an image.
    pub(super) fn draw(&self, image: &mut RgbImage) {
        // The corners of a turned square reach this far.
        let reach = 0.75 * self.side + 1.0;
        let range = |c: f32, end: u32| {
            let (from, to) = ((c - reach).max(0.0) as u32, (c + reach).max(0.0) as u32 + 1);
            from.min(end)..to.min(end)
        };
        for py in range(self.center[1], image.height()) {
            for px in range(self.center[0], image.width()) {
                let [r, g, b, a] = self.pixel(px, py);
                let pixel = image.get_pixel_mut(px, py);
                for (value, art) in pixel.0.iter_mut().zip([r, g, b]) {
                    let mixed = art * 255.0 + (1.0 - a) * f32::from(*value);
                    *value = (mixed + 0.5).floor().clamp(0.0, 255.0) as u8;
                }
            }
        }
    }
}

/// How a picture is shown; the same at every resolution.
#[derive(Debug, Clone)]
pub(super) struct Pose {
    pub(super) style: Style,
    background: usize,
    /// Side of the art as a fraction of the image's.
    scale: f32,
    /// Position in the room that the art leaves, 0 to 1.
    at: [f32; 2],
    is_mirrored: bool,
    /// Sine and cosine of the rotation.
    rotation: (f32, f32),
}

impl Pose {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        Self {
            style: if rng.n(2) == 0 {
                Style::Fluent
            } else {
                Style::Noto
            },
            background: rng.n(BACKGROUNDS.len()),
            scale: rng.f(0.66, 0.90),
            at: [rng.f(0.0, 1.0), rng.f(0.0, 1.0)],
            is_mirrored: rng.n(2) == 1,
            rotation: libm::sincosf(rng.f(-12.0, 12.0) * PI / 180.0),
        }
    }

    pub(super) const fn background_name(&self) -> &'static str {
        BACKGROUNDS[self.background].0
    }

    /// Centre of the art in an image of one unit.
    fn center(&self) -> [f32; 2] {
        self.at.map(|at| at * (1.0 - self.scale) + self.scale / 2.0)
    }

    /// Box around a part of the art (fractions of its side) in an image of `size` pixels: left,
    /// top, right, bottom.
    pub(super) fn bounds(&self, [left, top, right, bottom]: [f32; 4], size: u32) -> [f32; 4] {
        let (sin, cos) = self.rotation;
        let [cx, cy] = self.center();
        let mut bounds = [1.0f32, 1.0, 0.0, 0.0];
        for (u, v) in [(left, top), (right, top), (left, bottom), (right, bottom)] {
            let u = if self.is_mirrored { 0.5 - u } else { u - 0.5 };
            let v = v - 0.5;
            let x = (cx + (u * cos - v * sin) * self.scale).clamp(0.0, 1.0);
            let y = (cy + (u * sin + v * cos) * self.scale).clamp(0.0, 1.0);
            bounds = [
                bounds[0].min(x),
                bounds[1].min(y),
                bounds[2].max(x),
                bounds[3].max(y),
            ];
        }
        // One decimal, as in the lists of the published sets.
        bounds.map(|v| (v * size as f32 * 10.0 + 0.5).floor() / 10.0)
    }

    /// The art on its background.
    pub(super) fn render(&self, art: &Art, size: u32) -> RgbImage {
        let center = self.center().map(|c| c * size as f32);
        let side = self.scale * size as f32;
        let view = View::new(art, center, side, self.rotation, self.is_mirrored);
        let color = BACKGROUNDS[self.background].1;
        RgbImage::from_fn(size, size, |px, py| {
            let [r, g, b, a] = view.pixel(px, py);
            let t = (py as f32 + 0.5) / size as f32;
            let light = GRADIENT[0] + (GRADIENT[1] - GRADIENT[0]) * t;
            let mix = |art: f32, back: f32| {
                let value = art * 255.0 + (1.0 - a) * (back * light).min(255.0);
                (value + 0.5).floor().clamp(0.0, 255.0) as u8
            };
            Rgb([mix(r, color[0]), mix(g, color[1]), mix(b, color[2])])
        })
    }
}

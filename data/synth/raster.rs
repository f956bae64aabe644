//! Signed-distance shapes and the canvas that renders them.
//!
//! Distances are negative inside. The image is the unit square, x right, y down; a [`Frame`] maps an
//! object's own units into it. Only `+ - * /` and `sqrt` of the hardware and the functions of `libm`
//! are used, so that every platform computes the same bits.

use image::{Rgb, RgbImage};

use super::noise::hash2;

/// Samples per pixel side.
const SUPERSAMPLING: usize = 2;

/// RGB colour, nominally 0 to 255 per channel, clamped at the end.
pub(crate) type Colour = [f32; 3];

/// A point or a vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

/// Short constructor of [`Point`]: shape tables are full of them.
pub(crate) const fn pt(x: f32, y: f32) -> Point {
    Point { x, y }
}

/// Axis-aligned rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x0: f32,
    pub(crate) y0: f32,
    pub(crate) x1: f32,
    pub(crate) y1: f32,
}

impl Rect {
    /// Contains nothing; the start of a union.
    pub(crate) const EMPTY: Self = Self {
        x0: f32::MAX,
        y0: f32::MAX,
        x1: f32::MIN,
        y1: f32::MIN,
    };
    /// The whole image.
    pub(crate) const UNIT: Self = Self {
        x0: 0.0,
        y0: 0.0,
        x1: 1.0,
        y1: 1.0,
    };

    /// Tight rectangle of some points.
    pub(crate) fn around(points: &[Point]) -> Self {
        points.iter().fold(Self::EMPTY, |r, p| r.with(*p))
    }

    /// Square around `centre`.
    pub(crate) fn square(centre: Point, half: f32) -> Self {
        Self {
            x0: centre.x - half,
            y0: centre.y - half,
            x1: centre.x + half,
            y1: centre.y + half,
        }
    }

    /// Smallest rectangle that also holds `p`.
    pub(crate) fn with(self, p: Point) -> Self {
        Self {
            x0: self.x0.min(p.x),
            y0: self.y0.min(p.y),
            x1: self.x1.max(p.x),
            y1: self.y1.max(p.y),
        }
    }

    /// Smallest rectangle that holds both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }

    /// Larger by `margin` on every side.
    pub(crate) fn grow(self, margin: f32) -> Self {
        Self {
            x0: self.x0 - margin,
            y0: self.y0 - margin,
            x1: self.x1 + margin,
            y1: self.y1 + margin,
        }
    }

    /// The part inside `other`.
    pub(crate) fn clamp_to(self, other: Self) -> Self {
        Self {
            x0: self.x0.clamp(other.x0, other.x1),
            y0: self.y0.clamp(other.y0, other.y1),
            x1: self.x1.clamp(other.x0, other.x1),
            y1: self.y1.clamp(other.y0, other.y1),
        }
    }
}

/// Similarity transform from an object's units to the image, with an optional mirror.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    origin: Point,
    scale: f32,
    mirror: f32,
    cos: f32,
    sin: f32,
}

impl Frame {
    /// The image itself.
    pub(crate) const IMAGE: Self = Self {
        origin: pt(0.0, 0.0),
        scale: 1.0,
        mirror: 1.0,
        cos: 1.0,
        sin: 0.0,
    };

    /// Object at `origin`, `scale` image sides per unit, turned by `angle`, then mirrored in x.
    pub(crate) fn new(origin: Point, scale: f32, angle: f32, is_mirrored: bool) -> Self {
        let mirror = if is_mirrored { -1.0 } else { 1.0 };
        Self {
            origin,
            scale,
            mirror,
            cos: libm::cosf(angle),
            sin: libm::sinf(angle),
        }
    }

    /// The same orientation elsewhere or at another scale.
    pub(crate) const fn at(self, origin: Point, scale: f32) -> Self {
        Self {
            origin,
            scale,
            ..self
        }
    }

    /// Where a local point lies in the image.
    pub(crate) fn to_image(self, p: Point) -> Point {
        pt(
            self.origin.x + self.scale * self.mirror * (self.cos * p.x - self.sin * p.y),
            self.origin.y + self.scale * (self.sin * p.x + self.cos * p.y),
        )
    }

    /// Which local point lies at `q` in the image.
    pub(crate) fn to_local(self, q: Point) -> Point {
        let dx = (q.x - self.origin.x) * self.mirror / self.scale;
        let dy = (q.y - self.origin.y) / self.scale;
        pt(self.cos * dx + self.sin * dy, self.cos * dy - self.sin * dx)
    }

    /// Image rectangle that holds a local rectangle.
    pub(crate) fn rect_to_image(self, r: Rect) -> Rect {
        Rect::around(&[
            self.to_image(pt(r.x0, r.y0)),
            self.to_image(pt(r.x1, r.y0)),
            self.to_image(pt(r.x0, r.y1)),
            self.to_image(pt(r.x1, r.y1)),
        ])
    }
}

/// Distance to a disc.
pub(crate) fn circle(p: Point, c: Point, r: f32) -> f32 {
    norm(p.x - c.x, p.y - c.y) - r
}

/// Ellipse with radii `rx`, `ry`, turned by `angle`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ellipse {
    c: Point,
    rx: f32,
    ry: f32,
    cos: f32,
    sin: f32,
}

impl Ellipse {
    pub(crate) fn new(c: Point, rx: f32, ry: f32, angle: f32) -> Self {
        Self {
            c,
            rx,
            ry,
            cos: libm::cosf(angle),
            sin: libm::sinf(angle),
        }
    }

    /// First-order distance: exact on the outline, close to it nearby.
    pub(crate) fn distance(&self, p: Point) -> f32 {
        let (dx, dy) = (p.x - self.c.x, p.y - self.c.y);
        let (u, v) = (self.cos * dx + self.sin * dy, self.cos * dy - self.sin * dx);
        let k0 = norm(u / self.rx, v / self.ry) + 1e-9;
        let k1 = norm(u / (self.rx * self.rx), v / (self.ry * self.ry)) + 1e-9;
        k0 * (k0 - 1.0) / k1
    }

    /// Tight rectangle in the units of the ellipse.
    pub(crate) fn bounds(&self) -> Rect {
        let hx = norm(self.rx * self.cos, self.ry * self.sin);
        let hy = norm(self.rx * self.sin, self.ry * self.cos);
        Rect {
            x0: self.c.x - hx,
            y0: self.c.y - hy,
            x1: self.c.x + hx,
            y1: self.c.y + hy,
        }
    }
}

/// Segment with a round brush whose radius changes linearly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capsule {
    pub(crate) a: Point,
    pub(crate) b: Point,
    pub(crate) ra: f32,
    pub(crate) rb: f32,
}

impl Capsule {
    pub(crate) const fn new(a: Point, b: Point, ra: f32, rb: f32) -> Self {
        Self { a, b, ra, rb }
    }

    /// Distance to the outline.
    pub(crate) fn distance(&self, p: Point) -> f32 {
        let (bx, by) = (self.b.x - self.a.x, self.b.y - self.a.y);
        let (px, py) = (p.x - self.a.x, p.y - self.a.y);
        let t = ((px * bx + py * by) / (bx * bx + by * by)).clamp(0.0, 1.0);
        norm(px - t * bx, py - t * by) - lerp(self.ra, self.rb, t)
    }

    /// Tight rectangle.
    pub(crate) fn bounds(&self) -> Rect {
        Rect::square(self.a, self.ra).union(Rect::square(self.b, self.rb))
    }
}

/// Exact distance to a simple polygon; the sign is by even-odd crossing.
pub(crate) fn polygon(p: Point, v: &[Point]) -> f32 {
    let mut best = f32::MAX;
    let mut is_inside = false;
    let mut a = v[v.len() - 1];
    for &b in v {
        let (ex, ey) = (a.x - b.x, a.y - b.y);
        let (wx, wy) = (p.x - b.x, p.y - b.y);
        let t = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp(0.0, 1.0);
        let (dx, dy) = (wx - t * ex, wy - t * ey);
        best = best.min(dx * dx + dy * dy);
        if (a.y > p.y) != (b.y > p.y) && p.x < (a.x - b.x) * (p.y - b.y) / (a.y - b.y) + b.x {
            is_inside = !is_inside;
        }
        a = b;
    }
    if is_inside { -best.sqrt() } else { best.sqrt() }
}

/// Smooth minimum: blends two shapes over the width `k`.
pub(crate) fn smin(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0) / k;
    a.min(b) - h * h * k / 4.0
}

/// Smoothstep from `a` to `b`; `a > b` gives the falling version.
pub(crate) fn sst(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Length of a vector.
pub(crate) fn norm(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// Straight mix of two numbers.
pub(crate) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Straight mix of two colours.
pub(crate) fn blend(a: Colour, b: Colour, t: f32) -> Colour {
    [
        lerp(a[0], b[0], t),
        lerp(a[1], b[1], t),
        lerp(a[2], b[2], t),
    ]
}

/// Colour times a factor.
pub(crate) fn shade(c: Colour, k: f32) -> Colour {
    c.map(|v| v * k)
}

/// Colour plus the same amount in every channel.
pub(crate) fn lift(c: Colour, k: f32) -> Colour {
    c.map(|v| v + k)
}

/// Square picture of samples, twice as fine as the image it becomes.
pub(crate) struct Canvas {
    side: usize,
    samples: Vec<Colour>,
}

impl Canvas {
    /// Canvas for an image of `size` pixels, filled with a background given over the unit square.
    pub(crate) fn filled(size: u32, background: impl Fn(Point) -> Colour) -> Self {
        let side = size as usize * SUPERSAMPLING;
        let mut samples = Vec::with_capacity(side * side);
        for row in 0..side {
            let y = (row as f32 + 0.5) / side as f32;
            samples
                .extend((0..side).map(|col| background(pt((col as f32 + 0.5) / side as f32, y))));
        }
        Self { side, samples }
    }

    /// Renders a shape over what is there.
    ///
    /// `bounds` (local units) must hold the shape; `soft` is the width of its edge in image units,
    /// at least one sample. `colour` gets the local point and the local distance, and runs only
    /// where the shape covers something.
    pub(crate) fn draw(
        &mut self,
        frame: &Frame,
        bounds: Rect,
        soft: f32,
        alpha: f32,
        distance: impl Fn(Point) -> f32,
        colour: impl Fn(Point, f32) -> Colour,
    ) {
        let n = self.side as f32;
        let edge = soft.max(1.0 / n);
        let r = frame.rect_to_image(bounds).grow(edge);
        let first = |v: f32| (v * n).floor().clamp(0.0, n) as usize;
        let last = |v: f32| (v * n).ceil().clamp(0.0, n) as usize;
        let (x0, x1, y0, y1) = (first(r.x0), last(r.x1), first(r.y0), last(r.y1));
        for row in y0..y1 {
            let y = (row as f32 + 0.5) / n;
            for col in x0..x1 {
                let p = frame.to_local(pt((col as f32 + 0.5) / n, y));
                let d = distance(p);
                let coverage = (0.5 - d * frame.scale / edge).clamp(0.0, 1.0) * alpha;
                if coverage > 0.0 {
                    let sample = &mut self.samples[row * self.side + col];
                    *sample = blend(*sample, colour(p, d), coverage);
                }
            }
        }
    }

    /// Averages the samples of each pixel, applies `light`, adds `grain` (an amplitude, drawn for
    /// each sample so that JPEG keeps what matters) and rounds to bytes.
    pub(crate) fn finish(self, light: f32, grain: f32, seed: u32) -> RgbImage {
        let size = self.side / SUPERSAMPLING;
        RgbImage::from_fn(size as u32, size as u32, |x, y| {
            let (col, row) = (x as usize * SUPERSAMPLING, y as usize * SUPERSAMPLING);
            let (top, bottom) = (row * self.side + col, (row + 1) * self.side + col);
            let [a, b] = [self.samples[top], self.samples[top + 1]];
            let [c, d] = [self.samples[bottom], self.samples[bottom + 1]];
            let hash = |dx: usize, dy: usize| hash2((col + dx) as i32, (row + dy) as i32, seed);
            let mean = (hash(0, 0) + hash(1, 0) + hash(0, 1) + hash(1, 1)) * 0.25;
            let noise = grain * (mean - 0.5);
            Rgb([0, 1, 2].map(|i| {
                let v = (a[i] + b[i] + c[i] + d[i]) * 0.25 * light + noise;
                (v + 0.5).floor().clamp(0.0, 255.0) as u8
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_negative_inside_and_zero_on_the_outline() {
        let square = [pt(-1.0, -1.0), pt(1.0, -1.0), pt(1.0, 1.0), pt(-1.0, 1.0)];
        let capsule = Capsule::new(pt(0.0, 0.0), pt(2.0, 0.0), 0.5, 0.5);
        let ellipse = Ellipse::new(pt(0.0, 0.0), 2.0, 1.0, 0.0);

        assert!((circle(pt(3.0, 4.0), pt(0.0, 0.0), 2.0) - 3.0).abs() < 1e-6);
        assert!((polygon(pt(0.0, 0.0), &square) + 1.0).abs() < 1e-6);
        assert!((polygon(pt(3.0, 0.0), &square) - 2.0).abs() < 1e-6);
        assert!((capsule.distance(pt(1.0, 2.0)) - 1.5).abs() < 1e-6);
        assert!(ellipse.distance(pt(2.0, 0.0)).abs() < 1e-6);
        assert!(ellipse.distance(pt(0.5, 0.2)) < 0.0);
    }

    #[test]
    fn frame_returns_every_point_it_maps() {
        let frame = Frame::new(pt(0.4, 0.6), 0.5, 0.3, true);

        let back = frame.to_local(frame.to_image(pt(0.25, -0.75)));

        assert!(norm(back.x - 0.25, back.y + 0.75) < 1e-5);
    }

    #[test]
    fn drawing_outside_the_bounds_changes_nothing() {
        let mut canvas = Canvas::filled(16, |_| [10.0; 3]);

        let bounds = Rect::square(pt(2.0, 2.0), 0.1);
        canvas.draw(&Frame::IMAGE, bounds, 0.0, 1.0, |_| -1.0, |_, _| [200.0; 3]);

        assert!(canvas.samples.iter().all(|s| *s == [10.0; 3]));
    }
}

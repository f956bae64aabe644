//! The six surroundings of a bird.

use wordpaint_rng::Rng;

use crate::synth::noise::vnoise;
use crate::synth::raster::{
    Canvas, Colour, Frame, Point, Rect, blend, circle, lerp, lift, norm, pt, shade, sst,
};

/// Value names are those of [`Attribute::Habitat`](super::Attribute::Habitat), in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenery {
    Branch,
    Grass,
    Sand,
    Water,
    Snow,
    Sky,
}

impl Scenery {
    pub(crate) const ALL: [Self; 6] = [
        Self::Branch,
        Self::Grass,
        Self::Sand,
        Self::Water,
        Self::Snow,
        Self::Sky,
    ];
}

/// Greens of out-of-focus foliage.
const FOLIAGE: [Colour; 4] = [
    [150.0, 186.0, 110.0],
    [96.0, 142.0, 84.0],
    [178.0, 196.0, 150.0],
    [120.0, 150.0, 140.0],
];

/// Soft disc behind the bird: a blur of foliage.
#[derive(Debug, Clone, Copy)]
struct Bokeh {
    centre: Point,
    radius: f32,
    lift: f32,
    alpha: f32,
}

/// Everything drawn about a background, before any pixel is known.
#[derive(Debug, Clone)]
pub(crate) struct Backdrop {
    scenery: Scenery,
    noise: u32,
    foliage: Colour,
    bokeh: Vec<Bokeh>,
    clouds: Vec<(Point, f32)>,
}

impl Backdrop {
    pub(crate) fn draw(rng: &mut Rng, scenery: Scenery) -> Self {
        let noise = rng.n(1 << 16) as u32;
        let foliage = *rng.pick(&FOLIAGE);
        let bokeh = (0..if scenery == Scenery::Branch { 14 } else { 0 })
            .map(|_| Bokeh {
                centre: pt(rng.f(0.0, 1.0), rng.f(0.0, 1.0)),
                radius: rng.f(0.06, 0.18),
                lift: rng.f(-32.0, 42.0),
                alpha: rng.f(0.3, 0.65),
            })
            .collect();
        let clouds = (0..if scenery == Scenery::Sky { 3 } else { 0 })
            .map(|_| (pt(rng.f(0.05, 0.95), rng.f(0.05, 0.9)), rng.f(0.10, 0.17)))
            .collect();
        Self {
            scenery,
            noise,
            foliage,
            bokeh,
            clouds,
        }
    }

    /// A canvas filled with the background.
    pub(crate) fn canvas(&self, size: u32) -> Canvas {
        let mut canvas = match self.scenery {
            Scenery::Branch => Canvas::filled(size, |p| shade(self.foliage, lerp(1.0, 0.72, p.y))),
            Scenery::Grass => Canvas::filled(size, |p| self.grass(p)),
            Scenery::Water => Canvas::filled(size, |p| self.water(p)),
            Scenery::Sand => Canvas::filled(size, |p| {
                let base = blend(
                    [196.0, 214.0, 226.0],
                    [214.0, 190.0, 140.0],
                    sst(0.15, 0.7, p.y),
                );
                let fine = 22.0 * self.noise(p, 52.0, 60.0, 0) + 8.0 * self.noise(p, 9.0, 13.0, 1);
                lift(base, fine * sst(0.05, 0.6, p.y))
            }),
            Scenery::Snow => Canvas::filled(size, |p| {
                let base = blend(
                    [176.0, 194.0, 216.0],
                    [240.0, 244.0, 250.0],
                    sst(0.0, 0.9, p.y),
                );
                lift(
                    base,
                    12.0 * self.noise(p, 16.0, 22.0, 0) + 8.0 * self.noise(p, 44.0, 44.0, 1),
                )
            }),
            Scenery::Sky => Canvas::filled(size, |p| {
                blend([96.0, 152.0, 220.0], [190.0, 218.0, 240.0], p.y)
            }),
        };
        for b in &self.bokeh {
            let bounds = Rect::square(b.centre, b.radius);
            let colour = |p: Point, _: f32| lift(shade(self.foliage, lerp(1.0, 0.72, p.y)), b.lift);
            let distance = |p| circle(p, b.centre, b.radius);
            canvas.draw(&Frame::IMAGE, bounds, 0.05, b.alpha, distance, colour);
        }
        for (centre, width) in &self.clouds {
            for (dx, dy, r) in [(-0.55, 0.06, 0.42), (0.0, -0.08, 0.55), (0.6, 0.08, 0.38)] {
                let c = pt(centre.x + dx * width, centre.y + dy * width);
                let (rx, ry) = (r * width * 1.25, r * width * 0.75);
                let bounds = Rect {
                    x0: c.x - rx,
                    y0: c.y - ry,
                    x1: c.x + rx,
                    y1: c.y + ry,
                };
                let distance = |p: Point| (norm((p.x - c.x) / rx, (p.y - c.y) / ry) - 1.0) * ry;
                canvas.draw(&Frame::IMAGE, bounds, 0.04, 0.85, distance, |_, _| {
                    [246.0, 249.0, 252.0]
                });
            }
        }
        canvas
    }

    /// Centred value noise in `(-0.5, 0.5)` with `fx` by `fy` cells in the image.
    fn noise(&self, p: Point, fx: f32, fy: f32, layer: u32) -> f32 {
        vnoise(p.x * fx, p.y * fy, self.noise + layer) - 0.5
    }

    fn grass(&self, p: Point) -> Colour {
        let base = blend(
            [170.0, 196.0, 150.0],
            [84.0, 138.0, 58.0],
            sst(0.0, 0.75, p.y),
        );
        let blades = self.noise(p, 46.0, 9.0, 0) * 46.0 * sst(0.25, 0.45, p.y);
        lift(base, blades + 8.0 * self.noise(p, 7.0, 7.0, 1))
    }

    /// Rippled water, also rendered over the lower part of a swimming bird.
    pub(crate) fn water(&self, p: Point) -> Colour {
        let base = blend(
            [176.0, 204.0, 220.0],
            [54.0, 104.0, 140.0],
            sst(-0.1, 0.95, p.y),
        );
        lift(base, 30.0 * self.noise(p, 6.0, 34.0, 0))
    }
}

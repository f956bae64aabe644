//! Renders a flower, back to front.

use image::RgbImage;

use super::instance::Instance;
use super::species::{Leaf, Marking, Petal};
use crate::synth::noise::vnoise;
use crate::synth::raster::{
    Canvas, Capsule, Colour, Ellipse, Frame, Point, Rect, blend, circle, lerp, lift, norm, polygon,
    pt, shade, smin, sst,
};

const TAU: f32 = core::f32::consts::TAU;
/// Amplitude of the grain of single samples.
const GRAIN: f32 = 8.0;

/// Renders `instance` as a square of `size` pixels.
pub(crate) fn render(instance: &Instance, size: u32) -> RgbImage {
    let noise = instance.noise;
    let mut canvas = Canvas::filled(size, |p| {
        let soft = vnoise(p.x * 9.0, p.y * 9.0, noise) - 0.5;
        lift(
            shade(instance.background, lerp(1.08, 0.88, p.y)),
            12.0 * soft,
        )
    });
    for b in &instance.blobs {
        let leaf = Ellipse::new(b.centre, b.rx, b.ry, b.angle);
        let colour = |_: Point, _: f32| shade(instance.background, b.tone);
        let distance = |p| leaf.distance(p);
        canvas.draw(
            &Frame::IMAGE,
            leaf.bounds(),
            0.05,
            b.alpha,
            distance,
            colour,
        );
    }
    stem(&mut canvas, instance);
    let bloom = Bloom::new(instance);
    bloom.layer(&mut canvas, 1.0, 0.0, 1.0);
    if instance.species.layers == 2 {
        bloom.layer(&mut canvas, 0.68, 0.5, 1.06);
    }
    bloom.disc(&mut canvas);
    canvas.finish(instance.light, GRAIN, instance.grain)
}

fn stem(canvas: &mut Canvas, instance: &Instance) {
    let top = instance.centre;
    let foot = pt(top.x + instance.lean, 1.06);
    let green = instance.green;
    let noise = instance.noise;
    for (i, (height, angle)) in instance.leaves.iter().enumerate() {
        let root = pt(lerp(top.x, foot.x, *height), lerp(top.y, foot.y, *height));
        let frame = Frame::new(root, instance.radius, *angle, i == 1);
        let tone = shade(green, 1.06);
        let colour = |p: Point, _: f32| {
            let vein = sst(0.022, 0.008, p.y.abs());
            let mottle = 22.0 * (vnoise(14.0 * p.x, 14.0 * p.y, noise + 7) - 0.5);
            lift(
                shade(tone, 1.0 - 0.18 * vein - 0.12 * sst(-0.1, 0.25, p.y)),
                mottle,
            )
        };
        let bounds = Rect {
            x0: -0.05,
            y0: -0.36,
            x1: 1.12,
            y1: 0.36,
        };
        let leaf = instance.species.leaf;
        canvas.draw(&frame, bounds, 0.0, 1.0, |p| leaf_distance(leaf, p), colour);
    }
    let stem = Capsule::new(top, foot, 0.020, 0.024);
    let colour = |p: Point, d: f32| {
        lift(
            shade(green, 0.95 - 6.0 * (d + 0.012)),
            14.0 * (vnoise(p.x * 40.0, p.y * 40.0, 3) - 0.5),
        )
    };
    canvas.draw(
        &Frame::IMAGE,
        stem.bounds(),
        0.0,
        1.0,
        |p| stem.distance(p),
        colour,
    );
}

/// Leaf along +x from the origin, about one unit long.
fn leaf_distance(leaf: Leaf, p: Point) -> f32 {
    // A lens: the half width follows a parabola, which also tapers both ends.
    let lens = |half: f32, wave: f32| {
        let t = p.x.clamp(0.0, 1.0);
        let width = half * 4.0 * t * (1.0 - t) * (1.0 + wave) + 0.004;
        let outside = (-p.x).max(p.x - 1.0).max(0.0);
        (p.y.abs() - width).max(outside) * 0.8
    };
    match leaf {
        Leaf::Oval => lens(0.24, 0.0),
        Leaf::Narrow => lens(0.10, 0.0),
        Leaf::Lobed => lens(0.27, 0.22 * libm::cosf(26.0 * p.x) - 0.05),
    }
}

/// The bloom: bent petals around a disc, seen at an angle.
struct Bloom<'a> {
    instance: &'a Instance,
    /// Puts the direction of the squeeze on the axes.
    half_turn: Frame,
    /// Petal hexagon for the pointed shape, in units of the radius.
    hexagon: [Point; 6],
    /// Half width of a petal, in units of the radius.
    width: f32,
    /// Pitch of the petals in radians.
    pitch: f32,
}

impl<'a> Bloom<'a> {
    fn new(instance: &'a Instance) -> Self {
        let species = &instance.species;
        let width = match species.petals {
            4 => 0.34,
            5 => 0.30,
            6 => 0.25,
            8 => 0.19,
            12 => 0.12,
            _ => 0.085,
        } * if species.shape == Petal::Round {
            1.12
        } else {
            1.0
        };
        let hexagon = [
            pt(0.05, 0.0),
            pt(0.45, width),
            pt(0.78, 0.62 * width),
            pt(1.04, 0.0),
            pt(0.78, -0.62 * width),
            pt(0.45, -width),
        ];
        Self {
            instance,
            half_turn: Frame::new(
                instance.centre,
                instance.radius,
                instance.rotation * 0.5,
                false,
            ),
            hexagon,
            width,
            pitch: TAU / species.petals as f32,
        }
    }

    /// Undoes the squeeze: from the half-turned frame to the flat bloom.
    fn flat(&self, p: Point) -> Point {
        pt(p.x, p.y / self.instance.squeeze)
    }

    /// Folds the bloom onto one petal along +x; also gives the petal's number.
    fn fold(&self, p: Point, offset: f32) -> (Point, f32) {
        let r = norm(p.x, p.y);
        // The rest of the rotation; the frame has turned by the first half.
        let angle = libm::atan2f(p.y, p.x) - self.instance.rotation * 0.5 - offset * self.pitch;
        let number = (angle / self.pitch + 0.5).floor();
        let folded = angle - self.pitch * number;
        (pt(r * libm::cosf(folded), r * libm::sinf(folded)), number)
    }

    /// Distance to a petal, in units of the radius.
    fn petal(&self, q: Point) -> f32 {
        let w = self.width;
        match self.instance.species.shape {
            Petal::Round => {
                let (dx, dy) = (q.x - 0.56, q.y);
                let k0 = norm(dx / 0.46, dy / w) + 1e-9;
                let k1 = norm(dx / (0.46 * 0.46), dy / (w * w)) + 1e-9;
                k0 * (k0 - 1.0) / k1
            }
            Petal::Pointed => polygon(q, &self.hexagon) - 0.02,
            Petal::Heart => {
                let lobe = circle(pt(q.x, q.y.abs()), pt(0.74, 0.5 * w), 0.62 * w);
                let stalk = Capsule::new(pt(0.08, 0.0), pt(0.72, 0.0), 0.05, 0.55 * w);
                smin(lobe, stalk.distance(q), 0.04)
            }
            Petal::Narrow => Capsule::new(pt(0.1, 0.0), pt(0.9, 0.0), 0.05, 0.75 * w).distance(q),
        }
    }

    /// Renders one layer of petals, `scale` times the bloom's radius.
    fn layer(&self, canvas: &mut Canvas, scale: f32, offset: f32, tone: f32) {
        let instance = self.instance;
        let bounds = Rect::square(pt(0.0, 0.0), 1.1 * scale);
        let folded = |p: Point| {
            let flat = self.flat(p);
            self.fold(pt(flat.x / scale, flat.y / scale), offset)
        };
        let distance = |p: Point| {
            let (q, _) = folded(p);
            self.petal(q) * scale * instance.squeeze.max(0.85)
        };
        let colour = |p: Point, _: f32| {
            let (q, number) = folded(p);
            let c = self.marked(q, number);
            let d = self.petal(q);
            let rim = 1.0 - 0.30 * sst(-0.035, -0.008, d);
            let side = 1.0 + 0.06 * (q.y / self.width).clamp(-1.0, 1.0);
            let crease = 1.0 - 0.07 * sst(0.03, 0.0, q.y.abs());
            let form = (0.80 + 0.26 * sst(0.0, 1.0, norm(q.x, q.y))) * rim * side * crease * tone;
            let grain = vnoise(26.0 * q.x, 26.0 * q.y + 9.0 * number, instance.noise + 1) - 0.5;
            lift(shade(c, form), 12.0 * grain)
        };
        canvas.draw(&self.half_turn, bounds, 0.0, 1.0, distance, colour);
    }

    /// Petal colour with the species' marking, in the folded petal frame.
    fn marked(&self, q: Point, number: f32) -> Colour {
        let instance = self.instance;
        let (base, second) = (instance.petal, instance.second);
        let r = norm(q.x, q.y);
        match instance.species.marking {
            Marking::Plain => base,
            Marking::Edge => blend(base, second, sst(-0.065, -0.045, self.petal(q))),
            Marking::Throat => blend(
                base,
                second,
                sst(0.22, 0.28, r) * sst(0.58, 0.50, r) + sst(0.28, 0.22, r),
            ),
            Marking::Veins => {
                let lines = sst(0.55, 0.9, libm::cosf(12.0 * q.y / self.width));
                blend(base, second, 0.85 * lines * sst(0.95, 0.7, r))
            }
            Marking::Spots => {
                let field = vnoise(17.0 * q.x + 31.0 * number, 17.0 * q.y, instance.noise + 2);
                blend(base, second, 0.9 * sst(0.60, 0.70, field))
            }
        }
    }

    fn disc(&self, canvas: &mut Canvas) {
        let instance = self.instance;
        let size = if instance.species.has_large_centre {
            0.26
        } else {
            0.13
        };
        if instance.species.has_stamens {
            self.stamens(canvas, size);
        }
        let distance = |p: Point| {
            let flat = self.flat(p);
            (norm(flat.x, flat.y) - size) * instance.squeeze
        };
        let colour = |p: Point, d: f32| {
            let seeds = vnoise(60.0 * p.x, 60.0 * p.y, instance.noise + 4) - 0.5;
            let form = 0.80 + 0.28 * sst(0.0, -0.8 * size, d);
            lift(shade(instance.disc, form), 46.0 * seeds)
        };
        let bounds = Rect::square(pt(0.0, 0.0), size);
        canvas.draw(&self.half_turn, bounds, 0.0, 1.0, distance, colour);
    }

    /// Nine filaments with anthers, 1.9 centre radii long.
    fn stamens(&self, canvas: &mut Canvas, size: f32) {
        let length = 1.9 * size;
        for i in 0..9 {
            let angle = self.instance.rotation + i as f32 * TAU / 9.0;
            let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
            let place = |r: f32| pt(r * cos, r * sin * self.instance.squeeze);
            let filament = Capsule::new(pt(0.0, 0.0), place(length), 0.013, 0.011);
            let anther = place(length);
            let (pale, yellow) = ([240.0, 226.0, 150.0], [232.0, 158.0, 32.0]);
            let distance = |p| filament.distance(p);
            canvas.draw(
                &self.half_turn,
                filament.bounds(),
                0.0,
                0.9,
                distance,
                |_, _| pale,
            );
            let distance = |p| circle(p, anther, 0.030);
            let bounds = Rect::square(anther, 0.030);
            canvas.draw(&self.half_turn, bounds, 0.0, 1.0, distance, |_, _| yellow);
        }
    }
}

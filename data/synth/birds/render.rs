//! Renders a bird, back to front.

use image::RgbImage;

use super::anatomy::{Anatomy, EYE, HEAD, RaisedWing};
use super::attributes::Attribute;
use super::backdrop::Scenery;
use super::instance::{Instance, Pose};
use crate::synth::noise::vnoise;
use crate::synth::raster::{
    Canvas, Capsule, Colour, Ellipse, Frame, Point, Rect, blend, circle, lift, norm, pt, shade, sst,
};

const DARK: Colour = [36.0, 34.0, 36.0];
const PALE: Colour = [244.0, 244.0, 240.0];
/// Amplitude of the grain of single samples.
const GRAIN: f32 = 8.0;

/// Renders `instance` as a square of `size` pixels.
pub(crate) fn render(instance: &Instance, size: u32) -> RgbImage {
    let anatomy = Anatomy::new(instance);
    let mut renderer = Renderer {
        canvas: instance.backdrop.canvas(size),
        bird: instance,
        anatomy: &anatomy,
    };
    if instance.pose == Pose::Perched {
        renderer.perch();
    }
    if let Some([far, _]) = &anatomy.raised {
        renderer.raised_wing(far, 0.8);
    }
    renderer.tail();
    renderer.legs();
    if let Some(crest) = &anatomy.crest {
        let colour = shade(instance.plumage.crown, 0.95);
        renderer.flat(crest.bounds(), |p| crest.distance(p), colour);
    }
    renderer.trunk();
    renderer.bill();
    renderer.eye();
    match &anatomy.raised {
        Some([_, near]) => renderer.raised_wing(near, 1.0),
        None => renderer.folded_wing(),
    }
    if instance.pose == Pose::Swimming {
        renderer.water_line();
    }
    renderer
        .canvas
        .finish(instance.light, GRAIN, instance.grain)
}

struct Renderer<'a> {
    canvas: Canvas,
    bird: &'a Instance,
    anatomy: &'a Anatomy,
}

impl Renderer<'_> {
    /// Renders a shape of the bird's frame with a colour that depends on the place.
    fn shape(
        &mut self,
        bounds: Rect,
        distance: impl Fn(Point) -> f32,
        colour: impl Fn(Point, f32) -> Colour,
    ) {
        self.canvas
            .draw(&self.bird.frame, bounds, 0.0, 1.0, distance, colour);
    }

    /// Renders a shape of the bird's frame in one colour.
    fn flat(&mut self, bounds: Rect, distance: impl Fn(Point) -> f32, colour: Colour) {
        self.shape(bounds, distance, |_, _| colour);
    }

    fn perch(&mut self) {
        let y = self.anatomy.foot_y;
        if self.bird.scenery == Scenery::Branch {
            let branch = Capsule::new(pt(-3.4, y + 0.05), pt(3.4, y + 0.05), 0.07, 0.04);
            let bark = |p: Point, d: f32| {
                let grain = vnoise(p.x * 9.0, p.y * 46.0, self.bird.feathers) - 0.5;
                lift(
                    shade([96.0, 68.0, 46.0], 1.0 + 1.6 * (d + 0.03).max(-0.03)),
                    22.0 * grain,
                )
            };
            let frame = &self.bird.frame;
            let distance = |p| branch.distance(p);
            self.canvas
                .draw(frame, branch.bounds(), 0.0, 1.0, distance, bark);
            let light = Capsule::new(pt(-3.4, y + 0.026), pt(3.4, y + 0.038), 0.02, 0.012);
            let distance = |p| light.distance(p);
            let colour = |_: Point, _: f32| [134.0, 100.0, 70.0];
            self.canvas
                .draw(frame, light.bounds(), 0.02, 0.6, distance, colour);
        } else {
            let shadow = Ellipse::new(pt(0.0, y + 0.02), 0.5, 0.05, 0.0);
            let distance = |p| shadow.distance(p);
            let colour = |_: Point, _: f32| [40.0, 42.0, 44.0];
            let frame = &self.bird.frame;
            self.canvas
                .draw(frame, shadow.bounds(), 0.03, 0.25, distance, colour);
        }
    }

    fn tail(&mut self) {
        let (bird, anatomy) = (self.bird, self.anatomy);
        let base = shade(bird.plumage.wing, 0.85);
        let colour = |p: Point, d: f32| {
            let along = 0.966 * p.y + 0.257 * p.x;
            let vane = 10.0 * libm::cosf(70.0 * along);
            lift(
                shade(base, edge(d)),
                vane + 14.0 * (vnoise(30.0 * p.x, 30.0 * p.y, 5) - 0.5),
            )
        };
        self.canvas.draw(
            &bird.frame,
            anatomy.tail.bounds(),
            0.0,
            1.0,
            |p| anatomy.tail.distance(p),
            colour,
        );
    }

    fn legs(&mut self) {
        let colour = self.bird.plumage.legs;
        for leg in self.anatomy.legs.iter().chain(&self.anatomy.feet) {
            self.flat(leg.bounds(), |p| leg.distance(p), colour);
        }
    }

    fn trunk(&mut self) {
        let (bird, anatomy) = (self.bird, self.anatomy);
        let breast = bird.species.name(Attribute::BreastPattern);
        let head = bird.species.name(Attribute::HeadPattern);
        let mask = Capsule::new(pt(0.28, -0.30), pt(0.55, -0.31), 0.05, 0.05);
        let eyebrow = Capsule::new(pt(0.28, -0.375), pt(0.52, -0.395), 0.02, 0.02);
        let plumage = &bird.plumage;
        let colour = |p: Point, d: f32| {
            let mut c = plumage.back;
            let hem = 0.02 - 0.42 * p.x + 0.10 * libm::sinf(5.0 * p.x);
            let under = sst(-0.05, 0.05, p.y - hem);
            c = blend(c, plumage.belly, under);
            if under > 0.0 && breast != "plain" {
                let (mark, ink) = breast_mark(breast, p, plumage.belly);
                c = blend(c, ink, mark * under);
            }
            let near_head = sst(0.21, 0.19, norm(p.x - HEAD.x, p.y - HEAD.y));
            let above = sst(-0.325, -0.355, p.y);
            c = blend(c, plumage.crown, near_head * above);
            if head == "mask" {
                c = blend(c, DARK, sst(0.012, -0.012, mask.distance(p)));
            } else if head == "eyebrow" {
                c = blend(c, PALE, sst(0.010, -0.010, eyebrow.distance(p)));
            }
            let form = 1.10 - 0.34 * sst(-0.45, 0.35, p.y);
            lift(shade(c, form * edge(d)), feathers(p, bird.feathers))
        };
        let bounds = anatomy.trunk_bounds().grow(0.03);
        self.canvas
            .draw(&bird.frame, bounds, 0.0, 1.0, |p| anatomy.trunk(p), colour);
    }

    fn bill(&mut self) {
        let (bird, anatomy) = (self.bird, self.anatomy);
        let base = bird.plumage.bill;
        let shape = &anatomy.bill;
        self.shape(
            shape.bounds(),
            |p| shape.distance(p),
            |p, _| shade(base, 1.08 - 0.28 * sst(-0.31, -0.22, p.y)),
        );
        let slope = match bird.species.name(Attribute::BillShape) {
            "hooked" => 0.0,
            "flat" => 0.045,
            _ => 0.018,
        };
        let end = pt(0.525 + anatomy.bill_tip, -0.285 + slope);
        let gape = Capsule::new(pt(0.53, -0.285), end, 0.005, 0.005);
        let distance = |p| gape.distance(p).max(shape.distance(p));
        self.canvas
            .draw(&bird.frame, gape.bounds(), 0.0, 0.6, distance, |_, _| DARK);
    }

    fn eye(&mut self) {
        let species = &self.bird.species;
        let iris = match species.name(Attribute::Eye) {
            "red" => [196.0, 36.0, 36.0],
            "yellow" => [240.0, 204.0, 50.0],
            _ => [30.0, 28.0, 30.0],
        };
        let glint = pt(EYE.x + 0.012, EYE.y - 0.012);
        if species.name(Attribute::HeadPattern) == "eyering" {
            self.flat(Rect::square(EYE, 0.055), |p| circle(p, EYE, 0.055), PALE);
        }
        self.flat(Rect::square(EYE, 0.036), |p| circle(p, EYE, 0.036), iris);
        self.flat(
            Rect::square(EYE, 0.021),
            |p| circle(p, EYE, 0.021),
            [16.0; 3],
        );
        self.flat(
            Rect::square(glint, 0.009),
            |p| circle(p, glint, 0.009),
            [250.0; 3],
        );
    }

    fn folded_wing(&mut self) {
        let (bird, anatomy) = (self.bird, self.anatomy);
        let frame = &bird.frame;
        let wing = bird.plumage.wing;
        let bounds = anatomy.folded_wing_bounds();
        let outline = shade(wing, 0.55);
        let distance = |p| anatomy.folded_wing(p);
        self.canvas.draw(
            frame,
            bounds.grow(0.012),
            0.0,
            0.55,
            |p| anatomy.folded_wing(p) - 0.012,
            |_, _| outline,
        );
        let pattern = bird.species.name(Attribute::WingPattern);
        let is_white = bird.species.name(Attribute::Wing) == "white";
        let mark = if is_white { DARK } else { PALE };
        let patch = Ellipse::new(pt(-0.10, 0.0), 0.11, 0.055, 0.3);
        let colour = |p: Point, d: f32| {
            let stripes = libm::cosf(64.0 * (0.30 * p.x - 0.95 * p.y));
            let noise = 12.0 * (vnoise(30.0 * p.x, 30.0 * p.y, bird.feathers + 2) - 0.5);
            let form = (1.08 - 0.26 * sst(-0.14, 0.16, p.y)) * edge(d);
            let c = lift(shade(wing, form), noise - 8.0 * (1.0 + stripes));
            match pattern {
                "bars" => {
                    let s = p.x + 0.35 * p.y;
                    let bar = (s + 0.02).abs().min((s + 0.13).abs()) - 0.018;
                    blend(c, mark, sst(0.008, -0.008, bar))
                }
                "patch" => blend(c, mark, sst(0.008, -0.008, patch.distance(p))),
                _ => c,
            }
        };
        self.canvas.draw(frame, bounds, 0.0, 1.0, distance, colour);
    }

    fn raised_wing(&mut self, wing: &RaisedWing, tone: f32) {
        let bird = self.bird;
        let base = shade(bird.plumage.wing, tone);
        let shape = &wing.outline;
        let pattern = bird.species.name(Attribute::WingPattern);
        let is_white = bird.species.name(Attribute::Wing) == "white";
        let mark = shade(if is_white { DARK } else { PALE }, tone);
        let along = pt(-wing.across.y, wing.across.x);
        let colour = |p: Point, d: f32| {
            let across = p.x * wing.across.x + p.y * wing.across.y;
            let stripes = libm::cosf(46.0 * across);
            let noise = 12.0 * (vnoise(26.0 * p.x, 26.0 * p.y, bird.feathers + 3) - 0.5);
            let c = lift(shade(base, edge(d)), noise - 8.0 * (1.0 + stripes));
            // Bars and patch lie across the wing, at the same share of its length.
            let s = (p.x - wing.middle.x) * along.x + (p.y - wing.middle.y) * along.y;
            match pattern {
                "bars" => {
                    let bar = (s - 0.02).abs().min((s + 0.10).abs()) - 0.018;
                    blend(c, mark, sst(0.008, -0.008, bar))
                }
                "patch" => {
                    let side = (p.x - wing.middle.x) * wing.across.x
                        + (p.y - wing.middle.y) * wing.across.y;
                    blend(c, mark, sst(0.008, -0.008, norm(side, s) - 0.09))
                }
                _ => c,
            }
        };
        self.canvas.draw(
            &bird.frame,
            shape.bounds(),
            0.0,
            1.0,
            |p| shape.distance(p),
            colour,
        );
    }

    fn water_line(&mut self) {
        let bird = self.bird;
        let level = bird.centre.y + 0.13 * bird.length;
        let half = 0.95 * bird.length;
        let below = Rect {
            x0: 0.0,
            y0: level,
            x1: 1.0,
            y1: 1.0,
        };
        let water = |p: Point, _: f32| bird.backdrop.water(p);
        self.canvas
            .draw(&Frame::IMAGE, below, 0.0, 0.93, |p| level - p.y, water);
        let foam = Capsule::new(
            pt(bird.centre.x - half, level),
            pt(bird.centre.x + half, level),
            0.004,
            0.004,
        );
        let distance = |p| foam.distance(p);
        self.canvas.draw(
            &Frame::IMAGE,
            foam.bounds(),
            0.008,
            0.5,
            distance,
            |_, _| [214.0, 228.0, 236.0],
        );
    }
}

/// Soft mottling of feathers, at two scales.
fn feathers(p: Point, seed: u32) -> f32 {
    18.0 * (vnoise(34.0 * p.x, 34.0 * p.y, seed) - 0.5)
        + 14.0 * (vnoise(12.0 * p.x, 12.0 * p.y, seed + 1) - 0.5)
}

/// Darkens the rim of a shape.
fn edge(d: f32) -> f32 {
    0.86 + 0.14 * (-d / 0.06).clamp(0.0, 1.0)
}

/// Strength and colour of the breast marking at a point.
fn breast_mark(pattern: &str, p: Point, belly: Colour) -> (f32, Colour) {
    let is_dark = belly[0] + belly[1] + belly[2] < 210.0;
    let ink = if is_dark {
        [206.0, 204.0, 196.0]
    } else {
        shade(belly, 0.32)
    };
    match pattern {
        "streaked" => {
            let columns = libm::cosf(58.0 * p.x);
            let breaks = libm::cosf(26.0 * p.y + 9.0 * p.x);
            (sst(0.25, 0.55, columns + 0.35 * breaks) * 0.85, ink)
        }
        "spotted" => {
            let row = (p.y * 15.0).floor();
            let stagger = if row as i32 & 1 == 0 { 0.0 } else { 0.5 };
            let x = p.x * 15.0 + stagger;
            let (dx, dy) = (x - x.floor() - 0.5, p.y * 15.0 - row - 0.5);
            (sst(0.36, 0.24, norm(dx, dy)) * 0.9, ink)
        }
        _ => {
            let ring = (norm(p.x - 0.46, p.y + 0.36) - 0.34).abs() - 0.035;
            (sst(0.012, -0.012, ring), if is_dark { ink } else { DARK })
        }
    }
}

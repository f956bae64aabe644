//! Shapes of a bird in its own frame: it faces +x, the origin is the body centre, the unit is its
//! length. Rendering, boxes and part locations all read these shapes.

use super::attributes::Attribute;
use super::instance::{Instance, Pose, bill_length, leg_length, tail_length};
use crate::dataset::{BoundingBox, Part};
use crate::synth::raster::{Capsule, Ellipse, Point, Rect, circle, polygon, pt, smin};

pub(crate) const HEAD: Point = pt(0.40, -0.30);
pub(crate) const HEAD_RADIUS: f32 = 0.165;
pub(crate) const EYE: Point = pt(0.455, -0.33);
pub(crate) const CREST: [Point; 3] = [pt(0.46, -0.43), pt(0.30, -0.66), pt(0.29, -0.32)];
pub(crate) const CREST_INFLATION: f32 = 0.012;
const TAIL_ROOT: Point = pt(-0.33, 0.10);
/// Angle of the tail below the body axis, in radians.
const TAIL_SLOPE: f32 = 0.26;
const WING_ROOT: Point = pt(-0.03, -0.05);
/// Distance from the root of a raised wing to its tip.
const WING_SPAN: f32 = 0.75;

/// Union of capsules, a polygon, or both kinds of tail and bill shapes.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// Union of capsules blended over the width `k` (0: hard union).
    Capsules(Vec<Capsule>, f32),
    /// Polygon grown by a margin.
    Polygon(Vec<Point>, f32),
}

impl Shape {
    pub(crate) fn distance(&self, p: Point) -> f32 {
        match self {
            Self::Capsules(parts, k) => parts.iter().fold(f32::MAX, |d, c| {
                if *k > 0.0 && d < f32::MAX {
                    smin(d, c.distance(p), *k)
                } else {
                    d.min(c.distance(p))
                }
            }),
            Self::Polygon(points, inflation) => polygon(p, points) - inflation,
        }
    }

    pub(crate) fn bounds(&self) -> Rect {
        match self {
            Self::Capsules(parts, k) => parts
                .iter()
                .fold(Rect::EMPTY, |r, c| r.union(c.bounds()))
                .grow(k / 4.0),
            Self::Polygon(points, inflation) => Rect::around(points).grow(*inflation),
        }
    }
}

/// A wing raised in flight.
#[derive(Debug, Clone)]
pub(crate) struct RaisedWing {
    pub(crate) outline: Shape,
    /// Unit vector across the feathers.
    pub(crate) across: Point,
    /// Middle of the wing.
    pub(crate) middle: Point,
}

/// The shapes of one picture's bird.
pub(crate) struct Anatomy {
    body: Ellipse,
    neck: Capsule,
    pub(crate) tail: Shape,
    pub(crate) tail_tip: Point,
    pub(crate) bill: Shape,
    pub(crate) bill_tip: f32,
    pub(crate) legs: Vec<Capsule>,
    pub(crate) feet: Vec<Capsule>,
    pub(crate) foot_y: f32,
    folded: (Ellipse, Capsule),
    pub(crate) raised: Option<[RaisedWing; 2]>,
    pub(crate) crest: Option<Shape>,
}

impl Anatomy {
    pub(crate) fn new(instance: &Instance) -> Self {
        let species = &instance.species;
        let (tail, tail_tip) = tail(species.name(Attribute::Tail), tail_length(species));
        let bill_tip = bill_length(species);
        let foot_y = 0.21 + leg_length(species);
        let (mut legs, mut feet) = (Vec::new(), Vec::new());
        if instance.pose == Pose::Perched {
            for x in [-0.02, 0.10] {
                let foot = pt(x + 0.02, foot_y);
                legs.push(Capsule::new(pt(x, 0.18), foot, 0.022, 0.016));
                for (dx, dy) in [(0.07, 0.012), (0.05, 0.03), (-0.035, 0.014)] {
                    let toe = pt(foot.x + dx, foot.y + dy);
                    feet.push(Capsule::new(foot, toe, 0.014, 0.009));
                }
            }
        }
        let raised = (instance.pose == Pose::Flying).then(|| {
            [(0.55, 0.15), (0.9, 0.0)]
                .map(|(share, forward)| raised_wing(0.6 * instance.wing_raise * share, forward))
        });
        let crest = (species.name(Attribute::HeadPattern) == "crest")
            .then(|| Shape::Polygon(CREST.to_vec(), CREST_INFLATION));
        Self {
            body: Ellipse::new(pt(0.0, 0.0), 0.40, 0.235, 0.22),
            neck: Capsule::new(pt(0.22, -0.10), pt(0.40, -0.30), 0.17, 0.13),
            tail,
            tail_tip,
            bill: bill(species.name(Attribute::BillShape), bill_tip),
            bill_tip,
            legs,
            feet,
            foot_y,
            folded: (
                Ellipse::new(pt(-0.06, -0.01), 0.30, 0.135, 0.30),
                Capsule::new(pt(-0.15, 0.04), pt(-0.44, 0.16), 0.09, 0.015),
            ),
            raised,
            crest,
        }
    }

    /// Distance to body, neck and head together.
    pub(crate) fn trunk(&self, p: Point) -> f32 {
        let neck = smin(self.body.distance(p), self.neck.distance(p), 0.12);
        smin(neck, circle(p, HEAD, HEAD_RADIUS), 0.08)
    }

    pub(crate) fn trunk_bounds(&self) -> Rect {
        let head = Rect::square(HEAD, HEAD_RADIUS);
        self.body.bounds().union(self.neck.bounds()).union(head)
    }

    /// Distance to the wing at rest.
    pub(crate) fn folded_wing(&self, p: Point) -> f32 {
        smin(self.folded.0.distance(p), self.folded.1.distance(p), 0.05)
    }

    pub(crate) fn folded_wing_bounds(&self) -> Rect {
        self.folded
            .0
            .bounds()
            .union(self.folded.1.bounds())
            .grow(0.0125)
    }

    /// Box around the visible bird in pixels of a `size` picture, to one decimal.
    pub(crate) fn bounding_box(&self, instance: &Instance, size: u32) -> BoundingBox {
        let mut r = self
            .trunk_box(instance)
            .union(shape_box(instance, &self.tail));
        r = r.union(shape_box(instance, &self.bill));
        for shape in self
            .crest
            .iter()
            .chain(self.raised.iter().flatten().map(|w| &w.outline))
        {
            r = r.union(shape_box(instance, shape));
        }
        for capsule in self.legs.iter().chain(&self.feet) {
            r = r.union(capsule_box(instance, capsule));
        }
        if self.raised.is_none() {
            r = r.union(capsule_box(instance, &self.folded.1));
        }
        let r = r.clamp_to(Rect::UNIT);
        let tenths = |v: f32| (v * size as f32 * 10.0 + 0.5).floor() / 10.0;
        let (x, y) = (tenths(r.x0), tenths(r.y0));
        // Rounding the edges, not the extent, keeps the box inside the picture.
        let width = ((tenths(r.x1) - x) * 10.0 + 0.5).floor() / 10.0;
        let height = ((tenths(r.y1) - y) * 10.0 + 0.5).floor() / 10.0;
        BoundingBox {
            x,
            y,
            width,
            height,
        }
    }

    /// Image rectangle of body, neck and head, tight for turned ellipses.
    fn trunk_box(&self, instance: &Instance) -> Rect {
        let scale = instance.length;
        // A turned ellipse is tight only in its own frame; its outline is sampled instead.
        let body = (0..48).fold(Rect::EMPTY, |r, i| {
            let a = i as f32 * core::f32::consts::TAU / 48.0;
            let (u, v) = (0.40 * libm::cosf(a), 0.235 * libm::sinf(a));
            let (cos, sin) = (libm::cosf(0.22), libm::sinf(0.22));
            r.with(
                instance
                    .frame
                    .to_image(pt(cos * u - sin * v, sin * u + cos * v)),
            )
        });
        body.union(capsule_box(instance, &self.neck))
            .union(Rect::square(
                instance.frame.to_image(HEAD),
                HEAD_RADIUS * scale,
            ))
    }

    /// CUB's fifteen parts in id order, in pixels of a `size` picture.
    pub(crate) fn parts(&self, instance: &Instance, size: u32) -> Vec<Part> {
        let is_flying = instance.pose == Pose::Flying;
        let is_perched = instance.pose == Pose::Perched;
        let near_wing = self.raised.as_ref().map_or(pt(-0.10, 0.0), |w| w[1].middle);
        let far_wing = is_flying.then_some(pt(0.12, -0.45));
        let leg_y = 0.18 + 0.6 * leg_length(&instance.species);
        let near_leg = is_perched.then_some(pt(0.12, leg_y));
        let far_leg = is_perched.then_some(pt(0.0, leg_y));
        // A bird that faces right shows its right side.
        let sides = |near: Option<Point>, far: Option<Point>| {
            if instance.is_facing_right {
                (far, near)
            } else {
                (near, far)
            }
        };
        let (left_eye, right_eye) = sides(Some(EYE), None);
        let (left_leg, right_leg) = sides(near_leg, far_leg);
        let (left_wing, right_wing) = sides(Some(near_wing), far_wing);
        let positions = [
            Some(pt(-0.05, -0.22)),
            Some(pt(0.525 + self.bill_tip, -0.27)),
            (instance.pose != Pose::Swimming).then_some(pt(0.02, 0.21)),
            Some(pt(0.27, 0.07)),
            Some(pt(0.40, -0.465)),
            Some(pt(0.52, -0.41)),
            left_eye,
            left_leg,
            left_wing,
            Some(pt(0.25, -0.28)),
            right_eye,
            right_leg,
            right_wing,
            Some(self.tail_tip),
            Some(pt(0.48, -0.15)),
        ];
        let pixel = |v: f32| {
            let limit = size as f32;
            ((v * limit * 10.0 + 0.5).floor() / 10.0).clamp(0.0, limit)
        };
        (1..)
            .zip(positions)
            .map(
                |(id, place)| match place.map(|p| instance.frame.to_image(p)) {
                    Some(p) => Part {
                        id,
                        x: pixel(p.x),
                        y: pixel(p.y),
                        is_visible: true,
                    },
                    None => Part {
                        id,
                        x: 0.0,
                        y: 0.0,
                        is_visible: false,
                    },
                },
            )
            .collect()
    }
}

/// Image rectangle of a capsule.
fn capsule_box(instance: &Instance, c: &Capsule) -> Rect {
    let scale = instance.length;
    Rect::square(instance.frame.to_image(c.a), c.ra * scale)
        .union(Rect::square(instance.frame.to_image(c.b), c.rb * scale))
}

/// Image rectangle of a shape.
fn shape_box(instance: &Instance, shape: &Shape) -> Rect {
    match shape {
        Shape::Capsules(parts, _) => parts
            .iter()
            .fold(Rect::EMPTY, |r, c| r.union(capsule_box(instance, c))),
        Shape::Polygon(points, inflation) => points
            .iter()
            .fold(Rect::EMPTY, |r, p| r.with(instance.frame.to_image(*p)))
            .grow(inflation * instance.length),
    }
}

/// Tail shape and the place of its tip.
fn tail(kind: &str, length: f32) -> (Shape, Point) {
    let root = TAIL_ROOT;
    let end = pt(
        root.x - length * libm::cosf(TAIL_SLOPE),
        root.y + length * libm::sinf(TAIL_SLOPE),
    );
    let capsules = |parts: Vec<Capsule>| Shape::Capsules(parts, 0.0);
    let shape = match kind {
        "short" => capsules(vec![Capsule::new(root, end, 0.09, 0.06)]),
        "long" => capsules(vec![Capsule::new(root, end, 0.09, 0.055)]),
        "forked" => capsules(vec![
            Capsule::new(root, pt(end.x, end.y - 0.06), 0.09, 0.02),
            Capsule::new(root, pt(end.x, end.y + 0.08), 0.09, 0.02),
        ]),
        _ => Shape::Polygon(
            vec![
                pt(root.x + 0.06, root.y - 0.07),
                pt(end.x, end.y - 0.20),
                pt(end.x - 0.05, end.y + 0.02),
                pt(end.x + 0.03, end.y + 0.18),
                pt(root.x + 0.08, root.y + 0.09),
            ],
            0.015,
        ),
    };
    (shape, end)
}

/// Bill shape for a bill of length `bl`.
fn bill(kind: &str, bl: f32) -> Shape {
    let base = pt(0.525, -0.29);
    let at = |x: f32, y: f32| pt(base.x + x, base.y + y);
    let triangle = |a: Point, b: Point, c: Point| Shape::Polygon(vec![a, b, c], 0.006);
    match kind {
        "cone" => triangle(at(0.0, -0.085), at(bl + 0.05, 0.025), at(0.0, 0.075)),
        "hooked" => Shape::Capsules(
            vec![
                Capsule::new(base, at(bl, 0.0), 0.062, 0.035),
                Capsule::new(at(bl, 0.0), at(0.88 * bl, 0.075), 0.03, 0.012),
            ],
            0.02,
        ),
        "needle" => Shape::Capsules(
            vec![Capsule::new(base, at(bl + 0.04, 0.03), 0.026, 0.006)],
            0.0,
        ),
        "dagger" => triangle(at(-0.01, -0.055), at(bl + 0.06, 0.015), at(-0.01, 0.05)),
        _ => Shape::Capsules(vec![Capsule::new(base, at(bl, 0.045), 0.05, 0.062)], 0.0),
    }
}

/// Wing raised by leaning `lean` radians back from the vertical, its root moved `forward`.
fn raised_wing(lean: f32, forward: f32) -> RaisedWing {
    let angle = -core::f32::consts::FRAC_PI_2 - lean;
    let root = pt(WING_ROOT.x + forward, WING_ROOT.y);
    let reach = |turn: f32, length: f32| {
        pt(
            root.x + length * libm::cosf(angle + turn),
            root.y + length * libm::sinf(angle + turn),
        )
    };
    let outline = vec![
        pt(0.12 + 0.5 * forward, -0.05),
        reach(0.30, 0.54),
        reach(0.0, WING_SPAN),
        reach(-0.36, 0.56),
        pt(-0.19 + forward, 0.01),
    ];
    RaisedWing {
        outline: Shape::Polygon(outline, 0.03),
        across: pt(-libm::sinf(angle), libm::cosf(angle)),
        middle: reach(0.0, 0.4),
    }
}

//! What things look like: parts in their own units, back to front.

use super::shape::{Part, Shape};
use crate::synth::raster::{Colour, lift, shade};

const WHITE: Colour = [244.0, 244.0, 240.0];
const DARK: Colour = [40.0, 40.0, 44.0];
const WOOD: Colour = [104.0, 72.0, 44.0];
const LEAF: Colour = [66.0, 130.0, 54.0];
const GLASS: Colour = [186.0, 216.0, 234.0];
const BILL: Colour = [236.0, 140.0, 36.0];

/// Brightness from 0 to 255.
fn brightness(c: Colour) -> f32 {
    0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2] // ITU-R BT.601
}

/// White, or a dark mark on light ground.
fn contrast(c: Colour) -> Colour {
    if brightness(c) > 185.0 { DARK } else { WHITE }
}

fn eye(x: f32, y: f32, r: f32) -> [Part; 2] {
    [
        Part::mark(Shape::disc(x, y, r), WHITE),
        Part::mark(Shape::disc(x + 0.25 * r, y, 0.55 * r), DARK),
    ]
}

pub(super) fn sun(c: Colour) -> Vec<Part> {
    vec![
        Part::mark(Shape::Waves(0.48, 0.12, 12.0), lift(c, 18.0)).faint(0.75),
        Part::body(Shape::disc(0.0, 0.0, 0.40), c),
    ]
}

pub(super) fn cloud(c: Colour) -> Vec<Part> {
    let puffs = vec![
        Shape::ellipse(-0.40, 0.10, 0.42, 0.24, 0.0),
        Shape::ellipse(0.05, -0.10, 0.42, 0.29, 0.0),
        Shape::ellipse(0.44, 0.11, 0.38, 0.22, 0.0),
    ];
    vec![Part::body(Shape::Union(puffs, 0.12), c)]
}

pub(super) fn moon(c: Colour) -> Vec<Part> {
    let hollow = vec![Shape::disc(0.24, -0.10, 0.40)];
    let crescent = Shape::Without(Box::new(Shape::disc(0.0, 0.0, 0.48)), hollow);
    vec![Part::body(crescent, lift(c, 14.0))]
}

pub(super) fn balloon(c: Colour) -> Vec<Part> {
    vec![
        Part::mark(Shape::line((0.0, 0.40), (0.05, 0.97), 0.016, 0.016), DARK),
        Part::body(
            Shape::polygon(&[(-0.06, 0.42), (0.06, 0.42), (0.0, 0.30)]),
            shade(c, 0.8),
        ),
        Part::body(Shape::ellipse(0.0, -0.06, 0.36, 0.39, 0.0), c),
        Part::mark(Shape::ellipse(-0.13, -0.20, 0.06, 0.11, 0.4), WHITE).faint(0.6),
    ]
}

pub(super) fn kite(c: Colour) -> Vec<Part> {
    let (top, right, foot, left) = ((0.0, -0.60), (0.42, -0.12), (0.0, 0.46), (-0.42, -0.12));
    vec![
        Part::mark(Shape::line(foot, (0.10, 0.97), 0.016, 0.016), DARK),
        Part::mark(
            Shape::line((-0.04, 0.70), (0.14, 0.66), 0.03, 0.03),
            shade(c, 0.8),
        ),
        Part::body(Shape::polygon(&[top, right, foot, left]), c),
        Part::mark(Shape::polygon(&[top, right, (0.0, -0.12)]), lift(c, 46.0)),
        Part::mark(Shape::polygon(&[(0.0, -0.12), foot, left]), shade(c, 0.68)),
    ]
}

pub(super) fn bird(c: Colour) -> Vec<Part> {
    let bill = if c[0] > 180.0 && c[1] > 150.0 {
        DARK
    } else {
        BILL
    };
    let mut parts = vec![
        Part::body(
            Shape::polygon(&[(-0.26, -0.05), (-0.70, -0.14), (-0.60, 0.10), (-0.26, 0.08)]),
            shade(c, 0.8),
        ),
        Part::body(
            Shape::polygon(&[(-0.10, 0.02), (0.14, 0.02), (-0.26, 0.25)]),
            shade(c, 0.62),
        ),
        Part::mark(
            Shape::polygon(&[(0.46, -0.16), (0.70, -0.08), (0.46, -0.03)]),
            bill,
        ),
        Part::body(
            Shape::Union(
                vec![
                    Shape::ellipse(0.0, 0.0, 0.36, 0.15, 0.0),
                    Shape::disc(0.36, -0.10, 0.14),
                ],
                0.08,
            ),
            c,
        ),
        Part::body(
            Shape::polygon(&[
                (-0.16, -0.06),
                (0.16, -0.06),
                (-0.10, -0.35),
                (-0.24, -0.33),
            ]),
            shade(c, 0.85),
        ),
    ];
    parts.extend(eye(0.40, -0.13, 0.045));
    parts
}

pub(super) fn butterfly(c: Colour) -> Vec<Part> {
    let mut parts = Vec::new();
    for side in [-1.0, 1.0] {
        parts.push(Part::body(
            Shape::ellipse(0.25 * side, -0.17, 0.26, 0.20, -0.55 * side),
            c,
        ));
        parts.push(Part::body(
            Shape::ellipse(0.19 * side, 0.20, 0.20, 0.16, 0.6 * side),
            shade(c, 0.86),
        ));
        parts.push(Part::mark(
            Shape::disc(0.31 * side, -0.20, 0.07),
            contrast(c),
        ));
        parts.push(Part::mark(
            Shape::disc(0.22 * side, 0.22, 0.05),
            contrast(c),
        ));
        parts.push(Part::mark(
            Shape::line((0.0, -0.26), (0.10 * side, -0.40), 0.014, 0.02),
            DARK,
        ));
    }
    parts.push(Part::mark(
        Shape::line((0.0, -0.24), (0.0, 0.28), 0.05, 0.03),
        DARK,
    ));
    parts
}

pub(super) fn boat(c: Colour) -> Vec<Part> {
    let sail = if brightness(c) > 200.0 {
        [196.0, 214.0, 232.0]
    } else {
        WHITE
    };
    vec![
        Part::body(Shape::line((0.0, -0.10), (0.0, -1.06), 0.032, 0.022), WOOD),
        Part::body(
            Shape::polygon(&[(-0.05, -0.22), (-0.05, -1.02), (-0.58, -0.22)]),
            sail,
        ),
        Part::body(
            Shape::polygon(&[(0.06, -0.22), (0.06, -0.90), (0.50, -0.22)]),
            lift(c, 26.0),
        ),
        Part::body(
            Shape::polygon(&[(-0.74, -0.14), (0.74, -0.14), (0.50, 0.20), (-0.50, 0.20)]),
            c,
        ),
        Part::mark(
            Shape::line((-0.62, -0.07), (0.62, -0.07), 0.025, 0.025),
            shade(c, 0.7),
        ),
    ]
}

pub(super) fn duck(c: Colour) -> Vec<Part> {
    let bill = if c[0] > 220.0 && c[2] < 100.0 {
        [226.0, 104.0, 30.0]
    } else {
        BILL
    };
    let mut parts = vec![
        Part::mark(
            Shape::polygon(&[(0.44, -0.60), (0.62, -0.52), (0.44, -0.46)]),
            bill,
        ),
        Part::body(
            Shape::polygon(&[(-0.38, -0.20), (-0.60, -0.34), (-0.40, 0.0)]),
            shade(c, 0.85),
        ),
        Part::body(
            Shape::Union(
                vec![
                    Shape::ellipse(-0.05, -0.09, 0.46, 0.19, 0.0),
                    Shape::line((0.28, -0.14), (0.32, -0.46), 0.11, 0.09),
                    Shape::disc(0.34, -0.55, 0.15),
                ],
                0.06,
            ),
            c,
        ),
        Part::body(
            Shape::ellipse(-0.12, -0.12, 0.26, 0.10, -0.12),
            shade(c, 0.78),
        ),
    ];
    parts.extend(eye(0.38, -0.59, 0.045));
    parts
}

pub(super) fn fish(c: Colour) -> Vec<Part> {
    let mut parts = vec![
        Part::body(
            Shape::polygon(&[(-0.30, 0.0), (-0.72, -0.27), (-0.60, 0.0), (-0.72, 0.27)]),
            shade(c, 0.8),
        ),
        Part::body(
            Shape::polygon(&[(-0.16, -0.16), (0.02, -0.30), (0.26, -0.20)]),
            shade(c, 0.75),
        ),
        Part::body(Shape::ellipse(0.09, 0.0, 0.50, 0.25, 0.0), c),
        Part::mark(Shape::ellipse(0.02, 0.0, 0.035, 0.19, 0.0), lift(c, 60.0)),
        Part::mark(Shape::ellipse(-0.16, 0.0, 0.03, 0.15, 0.0), lift(c, 60.0)),
    ];
    parts.extend(eye(0.38, -0.05, 0.065));
    parts
}

pub(super) fn tree(c: Colour) -> Vec<Part> {
    let crown = vec![
        Shape::disc(-0.21, -0.72, 0.27),
        Shape::disc(0.21, -0.72, 0.27),
        Shape::disc(0.0, -0.98, 0.30),
    ];
    vec![
        Part::body(Shape::line((0.0, -0.08), (0.0, -0.62), 0.08, 0.06), WOOD),
        Part::body(Shape::Union(crown, 0.08), c),
    ]
}

pub(super) fn pine(c: Colour) -> Vec<Part> {
    let tier = |y: f32, half: f32, top: f32, tone: f32| {
        Part::body(
            Shape::polygon(&[(-half, y), (half, y), (0.0, top)]),
            shade(c, tone),
        )
    };
    vec![
        Part::body(Shape::line((0.0, -0.06), (0.0, -0.30), 0.06, 0.06), WOOD),
        tier(-0.20, 0.42, -0.72, 0.84),
        tier(-0.54, 0.34, -1.04, 0.92),
        tier(-0.88, 0.25, -1.34, 1.0),
    ]
}

pub(super) fn house(c: Colour) -> Vec<Part> {
    let roof = if brightness(c) > 170.0 {
        [150.0, 70.0, 56.0]
    } else {
        shade(c, 0.55)
    };
    let mut parts = vec![
        Part::body(Shape::rectangle(-0.50, -0.68, 0.50, 0.0), c),
        Part::body(
            Shape::polygon(&[(-0.60, -0.64), (0.60, -0.64), (0.0, -1.05)]),
            roof,
        ),
        Part::body(Shape::rectangle(-0.10, -0.38, 0.10, 0.0), WOOD),
    ];
    for x in [-0.31, 0.31] {
        parts.push(Part::mark(
            Shape::rectangle(x - 0.12, -0.52, x + 0.12, -0.28),
            WHITE,
        ));
        parts.push(Part::mark(
            Shape::rectangle(x - 0.09, -0.49, x + 0.09, -0.31),
            [108.0, 150.0, 186.0],
        ));
    }
    parts
}

pub(super) fn car(c: Colour) -> Vec<Part> {
    let mut parts = vec![
        Part::body(
            Shape::polygon(&[(-0.46, -0.34), (-0.28, -0.61), (0.24, -0.61), (0.48, -0.34)]),
            shade(c, 0.92),
        ),
        Part::mark(
            Shape::polygon(&[
                (-0.34, -0.37),
                (-0.23, -0.55),
                (-0.03, -0.55),
                (-0.03, -0.37),
            ]),
            GLASS,
        ),
        Part::mark(
            Shape::polygon(&[(0.04, -0.37), (0.04, -0.55), (0.20, -0.55), (0.36, -0.37)]),
            GLASS,
        ),
        Part::body(Shape::line((-0.64, -0.23), (0.64, -0.23), 0.15, 0.15), c),
        Part::mark(Shape::disc(0.72, -0.24, 0.05), [250.0, 236.0, 170.0]),
    ];
    for x in [-0.42, 0.42] {
        parts.push(Part::body(Shape::disc(x, -0.14, 0.14), DARK));
        parts.push(Part::mark(
            Shape::disc(x, -0.14, 0.06),
            [180.0, 182.0, 186.0],
        ));
    }
    parts
}

pub(super) fn flower(c: Colour) -> Vec<Part> {
    let heart = if c[0] > 220.0 && c[2] < 100.0 {
        WOOD
    } else {
        [240.0, 198.0, 50.0]
    };
    let mut parts = vec![
        Part::body(Shape::line((0.0, -0.03), (0.0, -0.62), 0.03, 0.026), LEAF),
        Part::body(Shape::ellipse(0.14, -0.20, 0.15, 0.06, -0.6), LEAF),
    ];
    for i in 0..6 {
        let angle = core::f32::consts::TAU * i as f32 / 6.0;
        let (x, y) = (0.18 * libm::cosf(angle), -0.65 + 0.18 * libm::sinf(angle));
        parts.push(Part::body(Shape::ellipse(x, y, 0.12, 0.10, angle), c));
    }
    parts.push(Part::body(Shape::disc(0.0, -0.65, 0.09), heart));
    parts
}

pub(super) fn mushroom(c: Colour) -> Vec<Part> {
    let spot = contrast(c);
    let cap = Shape::Above(Box::new(Shape::ellipse(0.0, -0.34, 0.42, 0.41, 0.0)), -0.32);
    vec![
        Part::body(
            Shape::line((0.0, -0.11), (0.0, -0.40), 0.11, 0.09),
            [240.0, 228.0, 204.0],
        ),
        Part::body(cap, c),
        Part::mark(Shape::disc(-0.17, -0.44, 0.065), spot),
        Part::mark(Shape::disc(0.05, -0.60, 0.06), spot),
        Part::mark(Shape::disc(0.21, -0.43, 0.055), spot),
    ]
}

pub(super) fn rock(c: Colour) -> Vec<Part> {
    let outline = [
        (-0.50, -0.02),
        (-0.43, -0.30),
        (-0.14, -0.48),
        (0.22, -0.43),
        (0.46, -0.22),
        (0.50, -0.02),
    ];
    vec![
        Part::body(Shape::polygon(&outline), c),
        Part::mark(
            Shape::polygon(&[
                (-0.43, -0.30),
                (-0.14, -0.48),
                (0.22, -0.43),
                (-0.05, -0.30),
            ]),
            lift(c, 26.0),
        ),
        Part::mark(
            Shape::line((-0.05, -0.30), (0.06, -0.08), 0.014, 0.008),
            shade(c, 0.7),
        ),
    ]
}

pub(super) fn ball(c: Colour) -> Vec<Part> {
    vec![
        Part::body(Shape::disc(0.0, -0.35, 0.35), c),
        Part::mark(
            Shape::line((-0.27, -0.42), (0.27, -0.28), 0.055, 0.055),
            WHITE,
        ),
        Part::mark(Shape::ellipse(-0.12, -0.53, 0.07, 0.045, -0.5), WHITE).faint(0.7),
    ]
}

pub(super) fn fence(c: Colour) -> Vec<Part> {
    let mut parts: Vec<Part> = [-0.20, -0.40]
        .map(|y| {
            Part::body(
                Shape::line((-0.85, y), (0.85, y), 0.045, 0.045),
                shade(c, 0.84),
            )
        })
        .into();
    for i in 0..5 {
        let x = -0.72 + 0.36 * i as f32;
        let outline = [
            (x - 0.10, 0.0),
            (x + 0.10, 0.0),
            (x + 0.10, -0.48),
            (x, -0.60),
            (x - 0.10, -0.48),
        ];
        parts.push(Part::body(Shape::polygon(&outline), c));
    }
    parts
}

pub(super) fn umbrella(c: Colour) -> Vec<Part> {
    let scallops: Vec<Shape> = [-0.41, 0.0, 0.41]
        .map(|x| Shape::disc(x, -0.26, 0.205))
        .into();
    let canopy = |shape: Shape| {
        Shape::Without(
            Box::new(Shape::Above(Box::new(shape), -0.30)),
            scallops.clone(),
        )
    };
    vec![
        Part::body(Shape::line((0.0, -0.03), (0.0, -0.60), 0.026, 0.024), WOOD),
        Part::body(canopy(Shape::disc(0.0, -0.32, 0.62)), c),
        Part::mark(canopy(Shape::ellipse(0.0, -0.32, 0.21, 0.62, 0.0)), WHITE).faint(0.85),
    ]
}

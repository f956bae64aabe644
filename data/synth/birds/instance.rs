//! One picture of a species: pose, place, colours and surroundings, drawn before rasterising.

use wordpaint_rng::Rng;

use super::attributes::Attribute;
use super::backdrop::{Backdrop, Scenery};
use super::species::Species;
use crate::synth::palette::{self, jitter};
use crate::synth::raster::{Colour, Frame, Point, Rect, pt};
use crate::synth::uri::PoseMode;

/// What the bird does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pose {
    Perched,
    Swimming,
    Flying,
}

/// Plumage after jitter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plumage {
    pub(crate) back: Colour,
    pub(crate) wing: Colour,
    pub(crate) belly: Colour,
    pub(crate) crown: Colour,
    pub(crate) bill: Colour,
    pub(crate) legs: Colour,
}

/// All random choices of one picture; none depends on the resolution.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) species: Species,
    pub(crate) scenery: Scenery,
    pub(crate) pose: Pose,
    pub(crate) is_facing_right: bool,
    pub(crate) centre: Point,
    pub(crate) length: f32,
    pub(crate) frame: Frame,
    pub(crate) wing_raise: f32,
    pub(crate) plumage: Plumage,
    pub(crate) backdrop: Backdrop,
    pub(crate) feathers: u32,
    pub(crate) light: f32,
    pub(crate) grain: u32,
}

/// Free border kept around the extents of the bird.
const MARGIN: f32 = 0.05;

/// How far birds differ in what no caption names.
struct Freedom {
    /// Length of a small, a medium and a large bird in image sides.
    lengths: [f32; 3],
    /// Factor on the length, from and to.
    growth: [f32; 2],
    /// Turn to either side in radians.
    tilt: f32,
    /// Where the body stands, and where it swims.
    positions: [Point; 2],
    /// Way from that place to either side, across and down.
    shift: [f32; 2],
    /// Share of the way from there to where the extents are centred, across and down.
    centring: [f32; 2],
}

const VARIED: Freedom = Freedom {
    lengths: [0.40, 0.50, 0.60],
    growth: [0.92, 1.1],
    tilt: 0.16,
    positions: [pt(0.5, 0.5), pt(0.5, 0.56)],
    shift: [0.07, 0.05],
    centring: [0.7, 0.5],
};

/// The longest tails and bills fit at these lengths, so that the body need not make way for them.
const ALIGNED: Freedom = Freedom {
    lengths: [0.38, 0.45, 0.52],
    growth: [0.99, 1.01],
    tilt: 0.03,
    positions: [pt(0.51, 0.5), pt(0.51, 0.5)],
    shift: [0.01, 0.01],
    centring: [0.0, 0.0],
};

impl Instance {
    /// Draws a picture of `species` from its stream. A bird looks the same in both modes but for
    /// its pose, and for the sky: aligned birds perch instead of flying.
    pub(crate) fn draw(species: Species, mode: PoseMode, rng: &mut Rng) -> Self {
        let is_aligned = mode == PoseMode::Aligned;
        let freedom = if is_aligned { &ALIGNED } else { &VARIED };
        let scenery = if rng.f(0.0, 1.0) < 0.6 {
            Scenery::ALL[usize::from(species.value(Attribute::Habitat))]
        } else {
            *rng.pick(&Scenery::ALL)
        };
        let scenery = match scenery {
            Scenery::Sky if is_aligned => Scenery::Branch,
            other => other,
        };
        let takes_off = rng.f(0.0, 1.0) < 0.08 && !is_aligned;
        let pose = if scenery == Scenery::Sky || takes_off {
            Pose::Flying
        } else if scenery == Scenery::Water && species.name(Attribute::LegLength) == "short" {
            Pose::Swimming
        } else {
            Pose::Perched
        };
        let base = freedom.lengths[usize::from(species.value(Attribute::Size))];
        let length = base * rng.f(freedom.growth[0], freedom.growth[1]);
        let is_facing_right = rng.n(2) == 0 || is_aligned;
        let tilt =
            rng.f(-freedom.tilt, freedom.tilt) * if pose == Pose::Swimming { 0.3 } else { 1.0 };
        let [across, down] = freedom.shift;
        let (dx, dy) = (rng.f(-across, across), rng.f(-down, down));
        let [standing, swimming] = freedom.positions;
        let centre = match pose {
            Pose::Swimming => pt(swimming.x + dx, swimming.y + dy * 0.6),
            _ => pt(standing.x + dx, standing.y + dy),
        };
        let colour =
            |attribute: Attribute| palette::PALETTE[usize::from(species.value(attribute))].1;
        let plumage = Plumage {
            back: jitter(rng, colour(Attribute::Back), 12.0),
            wing: jitter(rng, colour(Attribute::Wing), 12.0),
            belly: jitter(rng, colour(Attribute::Belly), 12.0),
            crown: jitter(rng, colour(Attribute::Crown), 12.0),
            bill: jitter(
                rng,
                palette::BILL[usize::from(species.value(Attribute::BillColour))].1,
                8.0,
            ),
            legs: jitter(
                rng,
                palette::LEG[usize::from(species.value(Attribute::LegColour))].1,
                8.0,
            ),
        };
        let wing_raise = rng.f(0.7, 1.15);
        let light = rng.f(0.9, 1.08);
        let feathers = rng.n(1 << 16) as u32;
        let grain = rng.n(1 << 16) as u32;
        let backdrop = Backdrop::draw(rng, scenery);
        let turned = Frame::new(pt(0.0, 0.0), 1.0, tilt, !is_facing_right);
        let extents = extents(&species, pose);
        let (centre, length) = fit(&extents, turned, centre, length, freedom.centring);
        let frame = turned.at(centre, length);
        Self {
            species,
            scenery,
            pose,
            is_facing_right,
            centre,
            length,
            frame,
            wing_raise,
            plumage,
            backdrop,
            feathers,
            light,
            grain,
        }
    }
}

/// Length of the tail in bird lengths.
pub(crate) fn tail_length(species: &Species) -> f32 {
    [0.26, 0.62, 0.50, 0.34][usize::from(species.value(Attribute::Tail))]
}

/// Length of the bill in bird lengths.
pub(crate) fn bill_length(species: &Species) -> f32 {
    [0.13, 0.20, 0.32][usize::from(species.value(Attribute::BillLength))]
}

/// Length of the visible leg in bird lengths.
pub(crate) fn leg_length(species: &Species) -> f32 {
    [0.16, 0.36][usize::from(species.value(Attribute::LegLength))]
}

/// Local points that must stay inside the picture.
fn extents(species: &Species, pose: Pose) -> Vec<Point> {
    let tail = tail_length(species);
    let top = if species.name(Attribute::HeadPattern) == "crest" {
        0.38
    } else {
        0.18
    };
    let mut points = vec![
        pt(-0.33 - tail, 0.12 + 0.26 * tail),
        pt(0.575 + bill_length(species), -0.28),
        pt(0.40, -0.30 - top),
        pt(-0.40, 0.0),
        pt(0.0, 0.26),
    ];
    match pose {
        Pose::Perched => points.push(pt(0.05, 0.26 + leg_length(species))),
        Pose::Flying => points.extend([pt(-0.5, -0.80), pt(0.1, -0.86)]),
        Pose::Swimming => {}
    }
    points
}

/// Shrinks the bird to the picture and moves it towards the place where its extents are centred.
fn fit(
    extents: &[Point],
    turned: Frame,
    centre: Point,
    length: f32,
    [across, down]: [f32; 2],
) -> (Point, f32) {
    let points: Vec<Point> = extents.iter().map(|p| turned.to_image(*p)).collect();
    let r = Rect::around(&points);
    let room = 1.0 - 2.0 * MARGIN;
    let length = length.min(room / (r.x1 - r.x0)).min(room / (r.y1 - r.y0));
    let place = |c: f32, low: f32, high: f32, share: f32| {
        let centred = 0.5 - 0.5 * (low + high) * length;
        let moved = c + share * (centred - c);
        moved
            .max(MARGIN - low * length)
            .min(1.0 - MARGIN - high * length)
    };
    (
        pt(
            place(centre.x, r.x0, r.x1, across),
            place(centre.y, r.y0, r.y1, down),
        ),
        length,
    )
}

//! What stands where: drawn before anything is rendered, so the same at every resolution.

use wordpaint_rng::Rng;

use super::kinds::Zone;
use crate::dataset::BoundingBox;
use crate::synth::raster::{Frame, Point, Rect, pt};
use crate::synth::uri::PoseMode;

/// Kind of landscape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Meadow,
    Beach,
    Desert,
    Snowfield,
    Evening,
}

impl Place {
    const ALL: [Self; 5] = [
        Self::Meadow,
        Self::Beach,
        Self::Desert,
        Self::Snowfield,
        Self::Evening,
    ];
}

/// Landscape of a scene.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) place: Place,
    /// Height of the horizon.
    pub(crate) horizon: f32,
    /// Seed of its texture.
    pub(crate) noise: u32,
    /// Seed of the grain of pixels.
    pub(crate) grain: u32,
    pub(crate) light: f32,
    pose: PoseMode,
}

impl Setting {
    pub(crate) fn draw(pose: PoseMode, rng: &mut Rng) -> Self {
        let place = *rng.pick(&Place::ALL);
        let horizon = match pose {
            PoseMode::Varied => rng.f(0.44, 0.56),
            PoseMode::Aligned => rng.f(0.495, 0.505),
        };
        Self {
            pose,
            place,
            horizon,
            noise: rng.n(1 << 16) as u32,
            grain: rng.n(1 << 16) as u32,
            light: rng.f(0.94, 1.05),
        }
    }
}

/// A thing that may be placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) category: usize,
    pub(crate) zone: Zone,
    /// What it covers in its own units.
    pub(crate) extent: Rect,
    /// Image sides per unit.
    pub(crate) scale: f32,
    /// Things of which a scene holds one at most share a number.
    pub(crate) exclusive: Option<u32>,
    /// Whether its mirror image looks right.
    pub(crate) can_be_mirrored: bool,
}

/// A thing in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) category: usize,
    pub(crate) zone: Zone,
    pub(crate) origin: Point,
    pub(crate) scale: f32,
    pub(crate) is_mirrored: bool,
    /// What it covers in the image.
    pub(crate) bounds: Rect,
    exclusive: Option<u32>,
}

impl Placed {
    pub(crate) fn frame(&self) -> Frame {
        Frame::new(self.origin, self.scale, 0.0, self.is_mirrored)
    }

    /// Middle of its box.
    pub(crate) fn centre(&self) -> Point {
        let b = self.bounds;
        pt(0.5 * (b.x0 + b.x1), 0.5 * (b.y0 + b.y1))
    }

    /// Its box in pixels of a picture of `size`, one decimal.
    pub(crate) fn bounding_box(&self, size: u32) -> BoundingBox {
        let tenths = |v: f32| (v * size as f32 * 10.0 + 0.5).floor() / 10.0;
        let round = |v: f32| (v * 10.0 + 0.5).floor() / 10.0;
        let b = self.bounds;
        let (x, y) = (tenths(b.x0), tenths(b.y0));
        BoundingBox {
            x,
            y,
            width: round(tenths(b.x1) - x),
            height: round(tenths(b.y1) - y),
        }
    }
}

/// Attempts at placing things.
const TRIES: usize = 60;
/// Shared area over the smaller box above which two things are too close.
const MAX_OVERLAP: f32 = 0.20;
/// Room between a thing and the edge of the picture.
const MARGIN: f32 = 0.01;

/// Middle of the things in an aligned scene, one on either side.
const SIDES: [f32; 2] = [0.27, 0.73];

/// Places things that `candidate` proposes, in rendering order: two to five, or in an aligned scene
/// two side by side, each in the middle of its zone.
pub(crate) fn place(
    setting: &Setting,
    rng: &mut Rng,
    mut candidate: impl FnMut(&mut Rng) -> Candidate,
) -> Vec<Placed> {
    let is_aligned = setting.pose == PoseMode::Aligned;
    let drawn = 2 + rng.n(4);
    let wanted = if is_aligned { SIDES.len() } else { drawn };
    let mut placed: Vec<Placed> = Vec::with_capacity(wanted);
    for _ in 0..TRIES {
        if placed.len() == wanted {
            break;
        }
        let thing = candidate(rng);
        let (position, growth) = if is_aligned {
            let across = SIDES[placed.len()] + rng.f(-0.01, 0.01);
            ([across, 0.5 + rng.f(-0.01, 0.01)], rng.f(0.99, 1.01))
        } else {
            ([rng.f(0.0, 1.0), rng.f(0.0, 1.0)], rng.f(0.8, 1.2))
        };
        let scale = thing.scale * 1.3 * growth;
        let is_mirrored = rng.n(2) == 1 && thing.can_be_mirrored && !is_aligned;
        let Some(found) = put(setting, &thing, position, scale, is_mirrored) else {
            continue;
        };
        let is_free = placed.iter().all(|other| {
            overlap(found.bounds, other.bounds) <= MAX_OVERLAP
                && (found.exclusive.is_none() || found.exclusive != other.exclusive)
        });
        if is_free {
            placed.push(found);
        }
    }
    placed.sort_by(|a, b| {
        let height = a.origin.y.total_cmp(&b.origin.y);
        a.zone.cmp(&b.zone).then(height)
    });
    placed
}

/// Puts a thing at a position given as shares of the room it has, in an aligned scene across the
/// whole picture; `None` if it does not fit.
fn put(
    setting: &Setting,
    thing: &Candidate,
    [u, v]: [f32; 2],
    scale: f32,
    is_mirrored: bool,
) -> Option<Placed> {
    let horizon = setting.horizon;
    let between = |a: f32, b: f32| (a < b).then_some(a + (b - a) * v);
    let extent = thing.extent;
    let (scale, y) = match thing.zone {
        Zone::Sky => {
            let (top, bottom) = (
                MARGIN - extent.y0 * scale,
                horizon - 0.02 - extent.y1 * scale,
            );
            (scale, between(top, bottom)?)
        }
        Zone::Air => (scale, between(horizon - 0.15, 0.80)?),
        Zone::Water => (scale, between(horizon + 0.10, 0.74)?),
        Zone::Ground => {
            let (far, near) = if setting.place == Place::Beach {
                (0.88, 0.96)
            } else {
                (horizon + 0.14, 0.96)
            };
            let y = between(far, near)?;
            let depth = (y - horizon - 0.14) / (0.96 - horizon - 0.14);
            (scale * (0.7 + 0.5 * depth), y)
        }
    };
    let half = extent.x0.abs().max(extent.x1.abs()) * scale;
    let (left, right) = (MARGIN + half, 1.0 - MARGIN - half);
    if left >= right {
        return None;
    }
    let x = match setting.pose {
        PoseMode::Varied => left + (right - left) * u,
        PoseMode::Aligned => u.clamp(left, right),
    };
    let origin = pt(x, y);
    let bounds = Frame::new(origin, scale, 0.0, is_mirrored).rect_to_image(extent);
    let fits = bounds.y0 >= MARGIN && bounds.y1 <= 1.0 - MARGIN;
    fits.then_some(Placed {
        category: thing.category,
        zone: thing.zone,
        origin,
        scale,
        is_mirrored,
        bounds,
        exclusive: thing.exclusive,
    })
}

/// Shared area over the area of the smaller rectangle.
pub(crate) fn overlap(a: Rect, b: Rect) -> f32 {
    let area = |r: Rect| (r.x1 - r.x0) * (r.y1 - r.y0);
    let width = a.x1.min(b.x1) - a.x0.max(b.x0);
    let height = a.y1.min(b.y1) - a.y0.max(b.y0);
    width.max(0.0) * height.max(0.0) / area(a).min(area(b))
}

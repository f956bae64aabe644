//! One picture of a flower: everything random about it, drawn before rasterising.

use wordpaint_rng::Rng;

use super::species::{CENTRES, FlowerSpecies, PETALS};
use crate::dataset::BoundingBox;
use crate::synth::palette::jitter;
use crate::synth::raster::{Colour, Point, Rect, pt};
use crate::synth::uri::PoseMode;

/// Dark backgrounds, green to blue-green.
const BACKGROUNDS: [Colour; 5] = [
    [44.0, 84.0, 40.0],
    [32.0, 62.0, 36.0],
    [62.0, 84.0, 76.0],
    [40.0, 46.0, 42.0],
    [58.0, 80.0, 58.0],
];

/// Within which bounds flowers differ in what no caption names.
struct Freedom {
    radius: [f32; 2],
    /// Way from the middle of the picture, across and down.
    shift: [[f32; 2]; 2],
    /// Height over width of the bloom: less than one where it is seen at an angle.
    squeeze: [f32; 2],
    rotation: [f32; 2],
    lean: f32,
    /// Heights of the leaves' roots and the angle of both.
    leaves: [[f32; 2]; 3],
}

const VARIED: Freedom = Freedom {
    radius: [0.30, 0.44],
    shift: [[-0.08, 0.08], [-0.10, 0.04]],
    squeeze: [0.72, 1.0],
    rotation: [0.0, core::f32::consts::TAU],
    lean: 0.12,
    leaves: [[0.72, 0.84], [0.76, 0.88], [-0.45, -0.15]],
};

/// Seen from the front, the first petal in one direction.
const ALIGNED: Freedom = Freedom {
    radius: [0.365, 0.375],
    shift: [[-0.01, 0.01], [-0.04, -0.02]],
    squeeze: [0.99, 1.0],
    rotation: [-0.03, 0.03],
    lean: 0.01,
    leaves: [[0.775, 0.785], [0.815, 0.825], [-0.31, -0.29]],
};

/// Blurred leaf in the background.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blob {
    pub(crate) centre: Point,
    pub(crate) rx: f32,
    pub(crate) ry: f32,
    pub(crate) angle: f32,
    pub(crate) tone: f32,
    pub(crate) alpha: f32,
}

/// All random choices of one picture.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) species: FlowerSpecies,
    pub(crate) radius: f32,
    pub(crate) centre: Point,
    pub(crate) rotation: f32,
    pub(crate) squeeze: f32,
    pub(crate) background: Colour,
    pub(crate) blobs: Vec<Blob>,
    pub(crate) petal: Colour,
    pub(crate) second: Colour,
    pub(crate) disc: Colour,
    pub(crate) green: Colour,
    /// Horizontal drift of the stem between bloom and lower edge.
    pub(crate) lean: f32,
    /// Height of each leaf's root on the stem (0 at the bloom, 1 at the edge) and its angle.
    pub(crate) leaves: [(f32, f32); 2],
    pub(crate) light: f32,
    pub(crate) noise: u32,
    pub(crate) grain: u32,
}

impl Instance {
    pub(crate) fn draw(species: FlowerSpecies, mode: PoseMode, rng: &mut Rng) -> Self {
        let freedom = match mode {
            PoseMode::Varied => &VARIED,
            PoseMode::Aligned => &ALIGNED,
        };
        let between = |rng: &mut Rng, [low, high]: [f32; 2]| rng.f(low, high);
        let radius = between(rng, freedom.radius);
        let margin = radius + 0.02;
        let x = (0.5 + between(rng, freedom.shift[0])).clamp(margin, 1.0 - margin);
        let y = (0.5 + between(rng, freedom.shift[1])).clamp(margin, 1.0 - margin);
        let squeeze = between(rng, freedom.squeeze);
        let rotation = between(rng, freedom.rotation);
        let ground = *rng.pick(&BACKGROUNDS);
        let background = jitter(rng, ground, 8.0);
        let blobs = (0..16)
            .map(|_| Blob {
                centre: pt(rng.f(0.0, 1.0), rng.f(0.0, 1.0)),
                rx: rng.f(0.10, 0.24),
                ry: rng.f(0.04, 0.09),
                angle: rng.f(0.0, core::f32::consts::PI),
                tone: rng.f(0.72, 1.45),
                alpha: rng.f(0.3, 0.65),
            })
            .collect();
        let petal = jitter(rng, PETALS[species.colour].1, 12.0);
        let second = jitter(rng, PETALS[species.second].1, 12.0);
        let disc = jitter(rng, CENTRES[species.centre].1, 10.0);
        let green = jitter(rng, [66.0, 130.0, 54.0], 14.0);
        let lean = rng.f(-freedom.lean, freedom.lean);
        let [near, far, angle] = freedom.leaves;
        let leaves = [near, far].map(|height| (between(rng, height), between(rng, angle)));
        Self {
            species,
            radius,
            centre: pt(x, y),
            rotation,
            squeeze,
            background,
            blobs,
            petal,
            second,
            disc,
            green,
            lean,
            leaves,
            light: rng.f(0.92, 1.06),
            noise: rng.n(1 << 16) as u32,
            grain: rng.n(1 << 16) as u32,
        }
    }

    /// The bloom's square in pixels of a `size` picture, to one decimal.
    pub(crate) fn bounding_box(&self, size: u32) -> BoundingBox {
        let r = Rect::square(self.centre, self.radius * 1.04).clamp_to(Rect::UNIT);
        let tenths = |v: f32| (v * size as f32 * 10.0 + 0.5).floor() / 10.0;
        let round = |v: f32| (v * 10.0 + 0.5).floor() / 10.0;
        let (x, y) = (tenths(r.x0), tenths(r.y0));
        BoundingBox {
            x,
            y,
            width: round(tenths(r.x1) - x),
            height: round(tenths(r.y1) - y),
        }
    }
}

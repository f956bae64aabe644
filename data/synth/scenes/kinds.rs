//! The twenty kinds of things in four colours each.

use super::shape::Part;
use super::things;
use crate::synth::palette::PALETTE;
use crate::synth::raster::{Colour, Rect};

/// Where things of a kind are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Zone {
    /// Above the horizon. Zones are rendered in this order.
    Sky,
    /// On the water of a beach.
    Water,
    /// Standing on the ground.
    Ground,
    /// In front of everything.
    Air,
}

/// A kind of thing.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// More than one of it.
    pub(crate) plural: &'static str,
    pub(crate) zone: Zone,
    /// Names of its colours.
    pub(crate) colours: [&'static str; 4],
    /// What it covers in its own units; things on the ground stand at `y = 0`.
    pub(crate) extent: [f32; 4],
    /// Image sides per unit.
    pub(crate) scale: f32,
    parts: fn(Colour) -> Vec<Part>,
}

impl Kind {
    pub(crate) const fn rect(&self) -> Rect {
        let [x0, y0, x1, y1] = self.extent;
        Rect { x0, y0, x1, y1 }
    }

    /// What is rendered, back to front.
    pub(crate) fn parts(&self, colour: Colour) -> Vec<Part> {
        (self.parts)(colour)
    }
}

/// Colours of every kind.
pub(crate) const COLOURS: usize = 4;

/// Index of the kind that is only out in the evening.
pub(crate) const MOON: usize = 2;
/// Index of the kind that the moon excludes.
pub(crate) const SUN: usize = 0;

macro_rules! kind {
    ($name:ident, $plural:literal, $zone:ident, $colours:expr, $extent:expr, $scale:literal) => {
        Kind {
            name: stringify!($name),
            plural: $plural,
            zone: Zone::$zone,
            colours: $colours,
            extent: $extent,
            scale: $scale,
            parts: things::$name,
        }
    };
}

/// All kinds; a category is `kind * 4 + colour`.
#[rustfmt::skip]
pub(crate) const KINDS: [Kind; 20] = [
    kind!(sun, "suns", Sky, ["yellow", "orange", "red", "white"], [-0.62, -0.62, 0.62, 0.62], 0.15),
    kind!(cloud, "clouds", Sky, ["white", "grey", "pink", "black"], [-0.85, -0.42, 0.85, 0.36], 0.16),
    kind!(moon, "moons", Sky, ["white", "yellow", "orange", "blue"], [-0.5, -0.5, 0.5, 0.5], 0.14),
    kind!(balloon, "balloons", Sky, ["red", "blue", "yellow", "purple"], [-0.36, -0.45, 0.36, 1.0], 0.17),
    kind!(kite, "kites", Sky, ["red", "green", "blue", "orange"], [-0.42, -0.6, 0.42, 1.0], 0.16),
    kind!(bird, "birds", Sky, ["black", "blue", "red", "yellow"], [-0.7, -0.35, 0.7, 0.25], 0.13),
    kind!(butterfly, "butterflies", Air, ["orange", "blue", "yellow", "white"], [-0.5, -0.42, 0.5, 0.42], 0.13),
    kind!(boat, "boats", Water, ["red", "blue", "white", "yellow"], [-0.75, -1.1, 0.75, 0.22], 0.19),
    kind!(duck, "ducks", Water, ["yellow", "white", "brown", "green"], [-0.6, -0.72, 0.62, 0.12], 0.15),
    kind!(fish, "fish", Water, ["orange", "blue", "red", "purple"], [-0.72, -0.3, 0.6, 0.3], 0.14),
    kind!(tree, "trees", Ground, ["green", "olive", "yellow", "red"], [-0.5, -1.3, 0.5, 0.0], 0.26),
    kind!(pine, "pines", Ground, ["green", "teal", "blue", "white"], [-0.42, -1.35, 0.42, 0.0], 0.25),
    kind!(house, "houses", Ground, ["red", "yellow", "white", "brown"], [-0.6, -1.05, 0.6, 0.0], 0.30),
    kind!(car, "cars", Ground, ["red", "blue", "yellow", "green"], [-0.8, -0.62, 0.8, 0.0], 0.17),
    kind!(flower, "flowers", Ground, ["red", "pink", "yellow", "purple"], [-0.3, -0.95, 0.3, 0.0], 0.20),
    kind!(mushroom, "mushrooms", Ground, ["red", "brown", "white", "orange"], [-0.42, -0.75, 0.42, 0.0], 0.16),
    kind!(rock, "rocks", Ground, ["grey", "brown", "black", "white"], [-0.5, -0.48, 0.5, 0.0], 0.15),
    kind!(ball, "balls", Ground, ["red", "blue", "yellow", "orange"], [-0.35, -0.7, 0.35, 0.0], 0.13),
    kind!(fence, "fences", Ground, ["white", "brown", "grey", "red"], [-0.9, -0.6, 0.9, 0.0], 0.18),
    kind!(umbrella, "umbrellas", Ground, ["red", "yellow", "blue", "green"], [-0.65, -0.95, 0.65, 0.0], 0.22),
];

/// Name of a category: colour and kind.
pub(crate) fn category_name(category: usize) -> String {
    let kind = &KINDS[category / COLOURS];
    format!("{} {}", kind.colours[category % COLOURS], kind.name)
}

/// Colour of a category in the palette.
pub(crate) fn category_colour(category: usize) -> Colour {
    let name = KINDS[category / COLOURS].colours[category % COLOURS];
    let entry = PALETTE.iter().find(|(known, _)| *known == name);
    entry
        .expect("every colour of the table is in the palette")
        .1
}

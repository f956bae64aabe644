//! Flower species: ten attributes.

use std::collections::HashSet;

use wordpaint_rng::Rng;

use crate::synth::names::{capitalised, unique_name};
use crate::synth::raster::Colour;
use crate::synth::streams;

/// Petal colours by name.
pub(crate) const PETALS: [(&str, Colour); 12] = [
    ("red", [204.0, 34.0, 44.0]),
    ("pink", [236.0, 128.0, 168.0]),
    ("magenta", [196.0, 44.0, 130.0]),
    ("purple", [126.0, 70.0, 180.0]),
    ("violet", [150.0, 130.0, 220.0]),
    ("blue", [70.0, 100.0, 210.0]),
    ("yellow", [248.0, 212.0, 40.0]),
    ("orange", [240.0, 130.0, 30.0]),
    ("white", [246.0, 244.0, 240.0]),
    ("cream", [246.0, 230.0, 190.0]),
    ("peach", [248.0, 190.0, 150.0]),
    ("maroon", [120.0, 24.0, 44.0]),
];

/// Colours of the centre by name.
pub(crate) const CENTRES: [(&str, Colour); 6] = [
    ("yellow", [238.0, 190.0, 30.0]),
    ("brown", [104.0, 64.0, 30.0]),
    ("green", [130.0, 160.0, 60.0]),
    ("white", [244.0, 240.0, 226.0]),
    ("black", [40.0, 30.0, 34.0]),
    ("orange", [226.0, 120.0, 20.0]),
];

/// Petal counts.
pub(crate) const COUNTS: [usize; 6] = [4, 5, 6, 8, 12, 18];

/// Outline of a petal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Petal {
    Round,
    Pointed,
    Heart,
    Narrow,
}

/// Where the second colour goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marking {
    Plain,
    Edge,
    Throat,
    Veins,
    Spots,
}

/// Outline of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    Oval,
    Narrow,
    Lobed,
}

/// One flower species.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowerSpecies {
    /// Index into the petal colours.
    pub(crate) colour: usize,
    /// Index into the petal colours; differs from `colour`.
    pub(crate) second: usize,
    /// Number of petals in a layer.
    pub(crate) petals: usize,
    pub(crate) shape: Petal,
    pub(crate) marking: Marking,
    /// One or two layers of petals.
    pub(crate) layers: usize,
    /// Index into the centre colours.
    pub(crate) centre: usize,
    pub(crate) has_large_centre: bool,
    pub(crate) has_stamens: bool,
    pub(crate) leaf: Leaf,
}

/// Attributes in which two classes of a dataset differ at least.
const MIN_DIFFERENCES: usize = 3;

impl FlowerSpecies {
    fn draw(rng: &mut Rng) -> Self {
        let colour = rng.n(PETALS.len());
        let second = (colour + 1 + rng.n(PETALS.len() - 1)) % PETALS.len();
        let petals = COUNTS[rng.weighted(&[2.0, 5.0, 3.0, 2.0, 2.0, 2.0])];
        let shape = if petals <= 8 {
            [Petal::Round, Petal::Pointed, Petal::Heart, Petal::Narrow]
                [rng.weighted(&[4.0, 3.0, 2.0, 2.0])]
        } else {
            Petal::Narrow
        };
        let marking = [
            Marking::Plain,
            Marking::Edge,
            Marking::Throat,
            Marking::Veins,
            Marking::Spots,
        ][rng.weighted(&[4.0, 2.0, 3.0, 1.0, 1.0])];
        let layers = 1 + rng.weighted(&[3.0, 1.0]);
        let centre = rng.n(CENTRES.len());
        let has_large_centre = rng.n(2) == 1;
        let has_stamens = rng.f(0.0, 1.0) < 0.35;
        let leaf = *rng.pick(&[Leaf::Oval, Leaf::Narrow, Leaf::Lobed]);
        Self {
            colour,
            second,
            petals,
            shape,
            marking,
            layers,
            centre,
            has_large_centre,
            has_stamens,
            leaf,
        }
    }

    /// Number of the ten attributes in which two species differ.
    pub fn differences(&self, other: &Self) -> usize {
        [
            self.colour != other.colour,
            self.second != other.second,
            self.petals != other.petals,
            self.shape != other.shape,
            self.marking != other.marking,
            self.layers != other.layers,
            self.centre != other.centre,
            self.has_large_centre != other.has_large_centre,
            self.has_stamens != other.has_stamens,
            self.leaf != other.leaf,
        ]
        .into_iter()
        .filter(|differs| *differs)
        .count()
    }

    /// The first `count` species of a seed; a class never depends on `count`.
    pub(crate) fn all(seed: u64, count: usize) -> Vec<Self> {
        let mut species: Vec<Self> = Vec::with_capacity(count);
        for class in 0..count as u64 {
            let first = Self::draw(&mut Rng::new(&[seed, streams::FLOWER_SPECIES, class]));
            let redraws = (1..).map(|attempt| {
                Self::draw(&mut Rng::new(&[
                    seed,
                    streams::FLOWER_SPECIES,
                    class,
                    attempt,
                ]))
            });
            let accepted = std::iter::once(first).chain(redraws).find(|s| {
                species
                    .iter()
                    .all(|other| s.differences(other) >= MIN_DIFFERENCES)
            });
            species.push(accepted.expect("the attempts never end"));
        }
        species
    }
}

/// Names `Colour_shape_name`, made unique.
pub(crate) fn class_names(species: &[FlowerSpecies]) -> Vec<String> {
    let mut used = HashSet::new();
    species
        .iter()
        .map(|s| {
            let shape = match s.shape {
                Petal::Round => "round",
                Petal::Pointed => "pointed",
                Petal::Heart => "heart",
                Petal::Narrow => "narrow",
            };
            let name = match s.petals {
                4 => "poppy",
                5 => "primrose",
                6 => "lily",
                8 => "cosmos",
                12 => "aster",
                _ => "daisy",
            };
            let double = if s.layers == 2 { "double_" } else { "" };
            let colour = capitalised(PETALS[s.colour].0);
            let prefix = format!("{}_eyed", capitalised(CENTRES[s.centre].0));
            unique_name(
                &mut used,
                &format!("{colour}_{shape}_{double}{name}"),
                &prefix,
            )
        })
        .collect()
}

//! A species: one tuple of attribute values, drawn from the seed and the class number.

use wordpaint_rng::Rng;

use super::attributes::{ATTRIBUTES, Attribute};
use crate::synth::names::{capitalised, unique_name};
use crate::synth::{palette, streams};

/// Attribute values of one species.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Species {
    /// Value index of every attribute, in the order of [`Attribute::ALL`].
    pub values: [u8; ATTRIBUTES],
}

/// Attributes in which two classes of a dataset differ at least.
const MIN_DIFFERENCES: usize = 4;

impl Species {
    /// Value index of an attribute.
    pub const fn value(&self, attribute: Attribute) -> u8 {
        self.values[attribute as usize]
    }

    /// Value indices of all attributes, in the order of [`Attribute::ALL`].
    pub const fn attributes(&self) -> [u8; ATTRIBUTES] {
        self.values
    }

    /// Value name of an attribute.
    pub fn name(&self, attribute: Attribute) -> &'static str {
        attribute.values()[usize::from(self.value(attribute))]
    }

    /// Number of attributes in which two species differ.
    pub fn differences(&self, other: &Self) -> usize {
        self.values
            .iter()
            .zip(&other.values)
            .filter(|(a, b)| a != b)
            .count()
    }

    /// Draws a species from a stream.
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let back = rng.n(13);
        let or_back = |rng: &mut Rng, share: f32, others: &[&str]| {
            if rng.f(0.0, 1.0) < share {
                back
            } else {
                colour(rng.pick::<&str>(others))
            }
        };
        let wing = or_back(
            rng,
            0.35,
            &[
                "black", "brown", "grey", "white", "blue", "green", "olive", "rufous",
            ],
        );
        let belly = match rng.weighted(&[5.0, 3.0, 3.0, 3.0, 2.0, 1.0, 3.0, 1.0, 1.0, 2.0]) {
            9 => back,
            i => {
                let names = [
                    "white", "cream", "buff", "yellow", "orange", "red", "grey", "pink", "black",
                ];
                colour(names[i])
            }
        };
        let crown = or_back(
            rng,
            0.45,
            &["black", "red", "rufous", "white", "yellow", "blue", "grey"],
        );
        let head = rng.weighted(&[5.0, 2.0, 2.0, 2.0, 1.0]);
        let breast = rng.weighted(&[6.0, 2.0, 2.0, 1.0]);
        let wing_pattern = rng.weighted(&[5.0, 3.0, 1.0]);
        let bill = rng.weighted(&[4.0, 2.0, 2.0, 3.0, 1.0]);
        let bill_length = match Attribute::BillShape.values()[bill] {
            "cone" => 0,
            "needle" => 2,
            _ => rng.n(3),
        };
        let bill_colour = rng.weighted(&[4.0, 3.0, 3.0, 2.0, 1.0, 1.0]);
        let leg_length = rng.weighted(&[4.0, 1.0]);
        let leg_colour = rng.n(palette::LEG.len());
        let tail = rng.weighted(&[3.0, 3.0, 2.0, 1.0]);
        let size = rng.n(3);
        let eye = rng.weighted(&[5.0, 1.0, 1.0]);
        let habitat = match Attribute::BillShape.values()[bill] {
            "flat" => 3,
            _ => rng.n(6),
        };
        let values = [
            back,
            wing,
            belly,
            crown,
            head,
            breast,
            wing_pattern,
            bill,
            bill_length,
            bill_colour,
            leg_length,
            leg_colour,
            tail,
            size,
            eye,
            habitat,
        ];
        Self {
            values: values.map(|v| v as u8),
        }
    }

    /// The first `count` species of a seed; class `c` depends on the seed and on the classes before
    /// it, never on `count`.
    pub(crate) fn all(seed: u64, count: usize) -> Vec<Self> {
        let mut species: Vec<Self> = Vec::with_capacity(count);
        for class in 0..count as u64 {
            let first = Self::draw(&mut Rng::new(&[seed, streams::SPECIES, class]));
            let redraws = (1..).map(|attempt| {
                Self::draw(&mut Rng::new(&[seed, streams::SPECIES, class, attempt]))
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

/// Names `NNN.Epithet_Family` of some species, made unique.
pub(crate) fn class_names(species: &[Species]) -> Vec<String> {
    let mut used = std::collections::HashSet::new();
    let mut names = Vec::with_capacity(species.len());
    for (class, s) in species.iter().enumerate() {
        let family = match s.name(Attribute::BillShape) {
            "cone" => "Finch",
            "needle" => "Sunbird",
            "hooked" if s.name(Attribute::Size) == "large" => "Kite",
            "hooked" => "Shrike",
            "dagger" if s.name(Attribute::LegLength) == "long" => "Heron",
            "dagger" => "Warbler",
            _ => "Duck",
        };
        let epithet = match s.name(Attribute::HeadPattern) {
            "crest" => "Crested".to_owned(),
            "mask" => "Masked".to_owned(),
            _ if s.value(Attribute::Crown) != s.value(Attribute::Back) => {
                format!("{}_crowned", capitalised(s.name(Attribute::Crown)))
            }
            _ => format!("{}_backed", capitalised(s.name(Attribute::Back))),
        };
        let belly = format!("{}_bellied", capitalised(s.name(Attribute::Belly)));
        let name = unique_name(&mut used, &format!("{epithet}_{family}"), &belly);
        names.push(format!("{:03}.{name}", class + 1));
    }
    names
}

/// Palette index of a colour of the tables above.
fn colour(name: &str) -> usize {
    palette::PALETTE
        .iter()
        .position(|(n, _)| *n == name)
        .expect("the tables name palette colours only")
}

//! Parametric flowers: ten attributes, distance-field blooms, templated captions.

mod captions;
mod instance;
mod render;
mod species;

use image::RgbImage;
use wordpaint_rng::Rng;

pub use species::FlowerSpecies;

use super::dataset::{Annotations, Family, Synth};
use super::kind::Kind;
use super::streams;
use super::uri::PoseMode;
use instance::Instance;

/// The built-in flower dataset (`synth:flowers?...`), in the likeness of Oxford-102.
pub type SynthFlowers = Synth<Flowers>;

/// The species of one seed.
#[derive(Debug, Clone)]
pub struct Flowers {
    seed: u64,
    pose: PoseMode,
    species: Vec<FlowerSpecies>,
}

impl Flowers {
    fn instance(&self, class: usize, index: usize) -> Instance {
        let keys = [self.seed, streams::FLOWER, class as u64, index as u64];
        Instance::draw(self.species[class], self.pose, &mut Rng::new(&keys))
    }
}

impl Family for Flowers {
    const KIND: Kind = Kind::Flowers;

    fn new(seed: u64, classes: usize, pose: PoseMode) -> Self {
        Self {
            seed,
            pose,
            species: FlowerSpecies::all(seed, classes),
        }
    }

    fn class_names(&self) -> Vec<String> {
        species::class_names(&self.species)
    }

    fn key(_class_name: &str, _index: usize, id: usize) -> String {
        format!("image_{id:05}")
    }

    /// Petal colour and petal shape.
    fn combination(&self, class: usize) -> (u8, u8) {
        let species = &self.species[class];
        (species.colour as u8, species.shape as u8)
    }

    fn render(&self, class: usize, index: usize, size: u32) -> RgbImage {
        render::render(&self.instance(class, index), size)
    }

    fn annotations(&self, class: usize, index: usize, size: u32) -> Annotations {
        let bounding_box = self.instance(class, index).bounding_box(size);
        Annotations {
            bounding_box,
            parts: Vec::new(),
        }
    }

    fn captions(&self, class: usize, index: usize) -> Vec<String> {
        let keys = [self.seed, streams::CAPTIONS, class as u64, index as u64];
        captions::captions(&self.species[class], &mut Rng::new(&keys))
    }
}

impl SynthFlowers {
    /// Attributes of a class (its true ones, whatever the label noise).
    pub fn species(&self, class: usize) -> &FlowerSpecies {
        &self.family().species[class]
    }
}

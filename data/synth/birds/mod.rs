//! Parametric birds: species are tuples of sixteen attributes, pictures are drawn from distance
//! fields, captions name the attributes.

mod anatomy;
mod attributes;
mod backdrop;
mod captions;
mod instance;
mod render;
mod species;

use image::RgbImage;
use wordpaint_rng::Rng;

pub use attributes::{ATTRIBUTES, Attribute, attribute_names, attribute_values};
pub use captions::attributes_from_caption;
pub use species::Species;

use super::dataset::{Annotations, Family, Synth};
use super::kind::Kind;
use super::streams;
use super::uri::PoseMode;
use anatomy::Anatomy;
use instance::Instance;

/// The built-in bird dataset (`synth:birds?...`), in the likeness of CUB-200-2011.
pub type SynthBirds = Synth<Birds>;

/// The species of one seed.
#[derive(Debug, Clone)]
pub struct Birds {
    seed: u64,
    pose: PoseMode,
    species: Vec<Species>,
}

impl Birds {
    fn instance(&self, class: usize, index: usize) -> Instance {
        let keys = [self.seed, streams::BIRD, class as u64, index as u64];
        Instance::draw(self.species[class], self.pose, &mut Rng::new(&keys))
    }
}

impl Family for Birds {
    const KIND: Kind = Kind::Birds;

    fn new(seed: u64, classes: usize, pose: PoseMode) -> Self {
        Self {
            seed,
            pose,
            species: Species::all(seed, classes),
        }
    }

    fn class_names(&self) -> Vec<String> {
        species::class_names(&self.species)
    }

    fn key(class_name: &str, index: usize, id: usize) -> String {
        let name = class_name
            .split_once('.')
            .map_or(class_name, |(_, name)| name);
        format!("{class_name}/{name}_{:04}_{id:06}", index + 1)
    }

    /// Back and wing colour: held-out pairs are unseen combinations of seen colours.
    fn combination(&self, class: usize) -> (u8, u8) {
        let species = &self.species[class];
        (
            species.value(Attribute::Back),
            species.value(Attribute::Wing),
        )
    }

    fn render(&self, class: usize, index: usize, size: u32) -> RgbImage {
        render::render(&self.instance(class, index), size)
    }

    fn annotations(&self, class: usize, index: usize, size: u32) -> Annotations {
        let instance = self.instance(class, index);
        let anatomy = Anatomy::new(&instance);
        Annotations {
            bounding_box: anatomy.bounding_box(&instance, size),
            parts: anatomy.parts(&instance, size),
        }
    }

    fn attributes(&self, class: usize) -> Option<Vec<u8>> {
        Some(self.species[class].attributes().to_vec())
    }

    fn captions(&self, class: usize, index: usize) -> Vec<String> {
        let keys = [self.seed, streams::CAPTIONS, class as u64, index as u64];
        captions::captions(
            &self.instance(class, index),
            self.pose,
            &mut Rng::new(&keys),
        )
    }
}

impl SynthBirds {
    /// Attributes of a class (its true ones, whatever the label noise).
    pub fn species(&self, class: usize) -> &Species {
        &self.family().species[class]
    }
}

/// A picture of a freshly drawn random species and the species' attribute values, in the order of
/// [`Attribute::ALL`]: the training data of the attribute probe. The species are drawn from another
/// stream than the classes of every dataset.
pub fn random_bird(
    seed: u64,
    index: u64,
    size: u32,
    pose: PoseMode,
) -> (RgbImage, [u8; ATTRIBUTES]) {
    let species = Species::draw(&mut Rng::new(&[seed, streams::PROBE_SPECIES, index]));
    let rng = &mut Rng::new(&[seed, streams::PROBE_IMAGE, index]);
    let instance = Instance::draw(species, pose, rng);
    (render::render(&instance, size), species.attributes())
}

/// Attributes of [`random_bird`] without drawing it.
pub fn random_attributes(seed: u64, index: u64) -> [u8; ATTRIBUTES] {
    Species::draw(&mut Rng::new(&[seed, streams::PROBE_SPECIES, index])).attributes()
}

#[cfg(test)]
mod tests {
    use super::anatomy::{EYE, HEAD};
    use super::instance::Pose;
    use super::*;
    use crate::synth::raster::{Point, Rect, norm, pt};

    /// Whether any shape of the bird covers a local point.
    fn covers(anatomy: &Anatomy, p: Point) -> bool {
        let limbs = anatomy
            .legs
            .iter()
            .chain(&anatomy.feet)
            .any(|c| c.distance(p) <= 0.0);
        let wings = anatomy.raised.as_ref().map_or_else(
            || anatomy.folded_wing(p) <= 0.0,
            |wings| wings.iter().any(|w| w.outline.distance(p) <= 0.0),
        );
        let crest = anatomy.crest.as_ref().is_some_and(|c| c.distance(p) <= 0.0);
        let shapes = [&anatomy.tail, &anatomy.bill]
            .into_iter()
            .any(|s| s.distance(p) <= 0.0);
        limbs || wings || crest || shapes || anatomy.trunk(p) <= 0.0
    }

    #[test]
    fn boxes_are_tight_around_the_shapes() {
        const SIDE: usize = 200;
        let varied = Birds::new(3, 24, PoseMode::Varied);
        let aligned = Birds::new(3, 24, PoseMode::Aligned);
        for (class, birds) in (0..24).flat_map(|class| [(class, &varied), (class, &aligned)]) {
            let instance = birds.instance(class, 1);
            let anatomy = Anatomy::new(&instance);
            let points =
                (0..SIDE * SIDE).map(|i| pt((i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5));
            let inside = points.filter(|p| {
                let q = pt(p.x / SIDE as f32, p.y / SIDE as f32);
                covers(&anatomy, instance.frame.to_local(q))
            });
            let found = Rect::around(&inside.collect::<Vec<_>>());

            let b = anatomy.bounding_box(&instance, SIDE as u32);

            let edges = [b.x, b.y, b.x + b.width, b.y + b.height];
            for (edge, found) in edges
                .into_iter()
                .zip([found.x0, found.y0, found.x1, found.y1])
            {
                assert!(
                    (edge - found).abs() <= 3.0,
                    "class {class}: {edge} against {found}"
                );
            }
        }
    }

    #[test]
    fn birds_stay_inside_the_picture() {
        let poses = [PoseMode::Varied, PoseMode::Aligned].map(|pose| Birds::new(5, 40, pose));
        for (class, index) in (0..40).flat_map(|c| (0..12).map(move |i| (c, i))) {
            let instance = poses[index % 2].instance(class, index / 2);
            let tail = instance.frame.to_image(Anatomy::new(&instance).tail_tip);
            for p in [
                tail,
                instance.frame.to_image(HEAD),
                instance.frame.to_image(EYE),
            ] {
                assert!(
                    (0.04..=0.96).contains(&p.x) && (0.04..=0.96).contains(&p.y),
                    "{p:?}"
                );
            }
        }
    }

    #[test]
    fn swimming_birds_have_water_below_their_line() {
        let birds = Birds::new(7, 40, PoseMode::Varied);
        let swimmer = (0..40 * 8)
            .map(|i| birds.instance(i % 40, i / 40))
            .find(|i| i.pose == Pose::Swimming)
            .expect("some bird swims");
        let belly = swimmer.frame.to_image(pt(0.0, 0.21));
        let image = render::render(&swimmer, 64);
        let at = |p: Point| image.get_pixel((p.x * 64.0) as u32, (p.y * 64.0) as u32).0;
        let water = at(pt(0.02, belly.y));
        let covered = at(belly);

        let distance = norm(
            f32::from(water[0]) - f32::from(covered[0]),
            f32::from(water[2]) - f32::from(covered[2]),
        );
        assert!(distance < 40.0, "{water:?} {covered:?}");
    }

    #[test]
    fn aligned_birds_stand_in_one_place_on_one_side_at_the_size_that_captions_name() {
        let birds = Birds::new(7, 60, PoseMode::Aligned);
        for (class, index) in (0..60).flat_map(|c| (0..8).map(move |i| (c, i))) {
            let bird = birds.instance(class, index);
            assert!(bird.is_facing_right && bird.pose != Pose::Flying);
            let ahead = bird.frame.to_image(pt(1.0, 0.0));
            let tilt = (ahead.y - bird.centre.y).abs() / bird.length;
            assert!(tilt <= 0.031, "{tilt}");
            let named = [0.38, 0.45, 0.52][usize::from(bird.species.value(Attribute::Size))];
            assert!((bird.length / named - 1.0).abs() <= 0.07, "{}", bird.length);
            // Only the longest tails and bills of large birds push the body aside.
            let room = if named < 0.5 { 0.012 } else { 0.06 };
            assert!(
                (bird.centre.x - 0.51).abs() <= room,
                "{:?} of a bird as long as {}",
                bird.centre,
                bird.length
            );
            assert!((bird.centre.y - 0.5).abs() <= 0.012, "{:?}", bird.centre);
        }
    }

    #[test]
    fn about_six_in_ten_captions_of_aligned_birds_name_the_ground() {
        let birds = Birds::new(7, 60, PoseMode::Aligned);
        let grounds = [
            "on a branch",
            "among green leaves",
            "on a tree limb",
            "in the grass",
            "in a green meadow",
            "on a sandy beach",
            "on the sand",
            "by the water",
            "on blue water",
            "on the water",
            "in the snow",
            "on a snowy field",
        ];
        let captions: Vec<String> = (0..240)
            .flat_map(|i| birds.captions(i % 60, i / 60))
            .collect();

        let names_ground = |caption: &&String| grounds.iter().any(|g| caption.contains(g));
        let named = captions.iter().filter(names_ground).count();

        let share = named as f32 / captions.len() as f32;
        assert!((0.55..=0.65).contains(&share), "{share}");
    }
}

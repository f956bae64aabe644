//! Parametric scenes of several objects: the likeness of COCO, with 80 categories as labels.

pub(crate) mod backdrop;
pub(crate) mod captions;
pub(crate) mod kinds;
pub(crate) mod plan;
pub(crate) mod render;
pub(crate) mod set;
mod shape;
mod spec;
mod things;

use image::RgbImage;
use wordpaint_rng::Rng;

pub use spec::SceneSpec;

use super::palette::jitter;
use super::raster::Colour;
use super::uri::{PoseMode, SIZES};
use super::{GENERATOR_VERSION, streams};
use crate::DataError;
use crate::dataset::{ImageSize, Object, Record, Split, TextImageDataset};
use captions::Name;
use kinds::{COLOURS, KINDS, MOON, SUN, Zone, category_colour, category_name};
use plan::{Candidate, Place, Placed, Setting, place};
use set::Set;

/// What stands before the options of an address.
const SCHEME: &str = "synth:scenes";

/// One scene: everything random about it, drawn before rasterising.
#[derive(Debug, Clone)]
struct Scene {
    setting: Setting,
    /// In rendering order.
    things: Vec<Placed>,
    colours: Vec<Colour>,
}

impl Scene {
    fn draw(pose: PoseMode, rng: &mut Rng) -> Self {
        let setting = Setting::draw(pose, rng);
        let allowed: Vec<usize> = (0..KINDS.len())
            .filter(|&kind| is_found(kind, setting.place))
            .collect();
        let things = place(&setting, rng, |rng| {
            let kind = *rng.pick(&allowed);
            Candidate {
                category: kind * COLOURS + rng.n(COLOURS),
                zone: KINDS[kind].zone,
                extent: KINDS[kind].rect(),
                scale: KINDS[kind].scale,
                exclusive: (kind == SUN || kind == MOON).then_some(0),
                can_be_mirrored: true,
            }
        });
        let colours = things
            .iter()
            .map(|thing| jitter(rng, category_colour(thing.category), 10.0))
            .collect();
        Self {
            setting,
            things,
            colours,
        }
    }
}

/// Categories of things, ascending, each once.
pub(crate) fn labels(things: &[Placed]) -> Vec<usize> {
    let mut labels: Vec<usize> = things.iter().map(|t| t.category).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// Whether things of a kind are found in a place.
fn is_found(kind: usize, at: Place) -> bool {
    let is_beach = at == Place::Beach;
    match KINDS[kind].zone {
        Zone::Sky => kind != MOON || at == Place::Evening,
        Zone::Air => true,
        Zone::Water => is_beach,
        Zone::Ground => !is_beach || matches!(KINDS[kind].name, "umbrella" | "ball" | "rock"),
    }
}

/// The built-in scenes (`synth:scenes?...`).
#[derive(Debug, Clone)]
pub struct SynthScenes {
    set: Set,
    categories: Vec<String>,
    names: Vec<Name>,
}

impl SynthScenes {
    /// Whether an address is one of these.
    pub fn is_address(uri: &str) -> bool {
        SceneSpec::is_address(uri, SCHEME)
    }

    /// Reads an address; nothing is drawn.
    pub(crate) fn specify(uri: &str) -> Result<SceneSpec, DataError> {
        SceneSpec::parse(uri, SCHEME)
    }

    /// Opens `synth:scenes`, optionally with `preset` or `n`, `size`, `seed`, `pose` and `label_noise`.
    pub fn open(uri: &str) -> Result<Self, DataError> {
        let set = Set::new(Self::specify(uri)?);
        let categories: Vec<String> = (0..KINDS.len() * COLOURS).map(category_name).collect();
        let name = |(category, one): (usize, &String)| {
            let kind = &KINDS[category / COLOURS];
            Name {
                one: one.clone(),
                many: format!("{} {}", kind.colours[category % COLOURS], kind.plural),
                kind: kind.name.to_owned(),
                kinds: kind.plural.to_owned(),
            }
        };
        Ok(Self {
            names: categories.iter().enumerate().map(name).collect(),
            set,
            categories,
        })
    }

    /// What it was made from.
    pub const fn spec(&self) -> &SceneSpec {
        &self.set.spec
    }

    fn scene(&self, index: usize) -> Scene {
        let keys = [self.set.spec.seed, streams::SCENE, index as u64];
        Scene::draw(self.set.spec.pose, &mut Rng::new(&keys))
    }
}

impl TextImageDataset for SynthScenes {
    fn uri(&self) -> String {
        self.set.spec.uri()
    }

    fn len(&self) -> usize {
        self.set.keys.len()
    }

    fn classes(&self) -> &[String] {
        &self.set.keys
    }

    fn categories(&self) -> &[String] {
        &self.categories
    }

    fn class_of(&self, index: usize) -> usize {
        index
    }

    fn labels_of(&self, index: usize) -> Result<Vec<usize>, DataError> {
        self.set.check(index)?;
        Ok(labels(&self.scene(self.set.label_source(index)).things))
    }

    fn record(&self, index: usize) -> Result<Record, DataError> {
        let labels = self.labels_of(index)?;
        let Scene {
            setting, things, ..
        } = self.scene(index);
        let size = self.set.spec.size;
        let keys = [self.set.spec.seed, streams::SCENE_CAPTIONS, index as u64];
        let mut rng = Rng::new(&keys);
        let objects = things.iter().map(|thing| Object {
            category: thing.category,
            bounding_box: thing.bounding_box(size),
            area: render::area(thing, size),
        });
        Ok(Record {
            key: self.set.keys[index].clone(),
            class: index,
            captions: captions::captions(setting.place, &things, &self.names, &mut rng),
            bounding_box: None,
            parts: Vec::new(),
            labels,
            objects: objects.collect(),
        })
    }

    fn image(&self, index: usize, size: ImageSize) -> Result<RgbImage, DataError> {
        self.set.check(index)?;
        let size = match size {
            ImageSize::Native => self.set.spec.size,
            ImageSize::Hint(size) => size.clamp(*SIZES.start(), *SIZES.end()),
        };
        Ok(render::render(&self.scene(index), size))
    }

    fn drawn_side(&self) -> Option<u32> {
        Some(self.set.spec.size)
    }

    fn split(&self, split: Split) -> Vec<usize> {
        self.set.split(split)
    }

    fn fingerprint(&self) -> String {
        self.set.fingerprint(&GENERATOR_VERSION.to_string())
    }
}

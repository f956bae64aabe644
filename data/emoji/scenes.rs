//! `emoji:scenes?...`: scenes of several emoji whose labels are COCO's own categories.

use image::RgbImage;
use rayon::prelude::*;
use wordpaint_rng::Rng;

use super::art::View;
use super::pack::{Pack, Style};
use super::{GENERATOR_VERSION, art};
use crate::DataError;
use crate::dataset::{ImageSize, Object, Record, Split, TextImageDataset};
use crate::synth::raster::Rect;
use crate::synth::scenes::captions::{Name, captions};
use crate::synth::scenes::kinds::Zone;
use crate::synth::scenes::plan::{Candidate, Place, Placed, Setting, place};
use crate::synth::scenes::render::{GRAIN, shadow};
use crate::synth::scenes::set::Set;
use crate::synth::scenes::{SceneSpec, backdrop, labels};
use crate::synth::uri::SIZES;

/// What stands before the options of an address.
const SCHEME: &str = "emoji:scenes";

/// COCO's categories and the emoji that show them.
const TABLE: &str = include_str!("../../assets/emoji/coco.txt");

/// Their mirror image would be wrong: they carry letters or a dial.
const ONE_WAY: [&str; 5] = ["stop sign", "clock", "keyboard", "cell phone", "book"];

/// Second key of the random streams.
mod streams {
    pub(super) const SCENE: u64 = 15;
    pub(super) const CAPTIONS: u64 = 16;
}

/// A category with an emoji.
#[derive(Debug, Clone)]
struct Kind {
    category: usize,
    code: &'static str,
    zone: Zone,
    /// Side of its picture in image sides.
    scale: f32,
    can_be_mirrored: bool,
}

/// What is known of a picture in one style.
#[derive(Debug, Clone, Copy)]
struct Appearance {
    /// Left, top, right and bottom of the opaque part, as fractions of the side.
    extent: [f32; 4],
    /// Share of the square that is opaque.
    share: f32,
}

/// Scenes of two to five emoji.
#[derive(Debug)]
pub struct EmojiScenes {
    set: Set,
    pack: Pack,
    categories: Vec<String>,
    names: Vec<Name>,
    kinds: Vec<Kind>,
    /// By kind and style.
    appearances: Vec<[Appearance; 2]>,
}

/// One scene before rasterising.
struct Scene {
    setting: Setting,
    /// In rendering order; their categories are those of COCO.
    things: Vec<Placed>,
    /// Kind and style of each.
    shown: Vec<(usize, Style)>,
}

const STYLES: [Style; 2] = [Style::Fluent, Style::Noto];

impl EmojiScenes {
    /// Whether an address is one of these.
    pub fn is_address(uri: &str) -> bool {
        SceneSpec::is_address(uri, SCHEME)
    }

    /// Reads an address; nothing is drawn.
    pub(super) fn specify(uri: &str) -> Result<SceneSpec, DataError> {
        SceneSpec::parse(uri, SCHEME)
    }

    /// Opens `emoji:scenes`, optionally with `preset` or `n`, `size`, `seed`, `pose` and `label_noise`.
    pub fn open(uri: &str) -> Result<Self, DataError> {
        let set = Set::new(Self::specify(uri)?);
        let pack = Pack::embedded()?;
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        let (mut categories, mut names, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
        for (category, line) in lines.enumerate() {
            let fields: Vec<&'static str> = line.split(';').map(str::trim).collect();
            let (name, one, many) = match fields[..] {
                [name, one, many, code, zone, percent] => {
                    kinds.push(Kind {
                        category,
                        code,
                        zone: match zone {
                            "sky" => Zone::Sky,
                            "water" => Zone::Water,
                            _ => Zone::Ground,
                        },
                        scale: percent.parse().map_or(0.24, |p: f32| p / 100.0),
                        can_be_mirrored: !ONE_WAY.contains(&name),
                    });
                    (name, one, many)
                }
                // Without an emoji: a category that no scene shows.
                _ => (line, line, line),
            };
            categories.push(name.to_owned());
            names.push(Name {
                one: one.to_owned(),
                many: many.to_owned(),
                kind: one.to_owned(),
                kinds: many.to_owned(),
            });
        }
        let appearances = kinds
            .par_iter()
            .map(|kind| {
                let [fluent, noto] = STYLES.map(|style| {
                    let art = art(&pack, kind.code, style)?;
                    Ok(Appearance {
                        extent: art.extent(),
                        share: art.opaque_share(),
                    })
                });
                Ok([fluent?, noto?])
            })
            .collect::<Result<_, DataError>>()?;
        Ok(Self {
            set,
            pack,
            categories,
            names,
            kinds,
            appearances,
        })
    }

    fn scene(&self, index: usize) -> Scene {
        let rng = &mut Rng::new(&[self.set.spec.seed, streams::SCENE, index as u64]);
        let setting = Setting::draw(self.set.spec.pose, rng);
        let is_found =
            |kind: &&usize| self.kinds[**kind].zone != Zone::Water || setting.place == Place::Beach;
        let all: Vec<usize> = (0..self.kinds.len()).collect();
        let allowed: Vec<usize> = all.iter().filter(is_found).copied().collect();
        let mut things = place(&setting, rng, |rng| {
            let (kind, style) = (*rng.pick(&allowed), rng.n(STYLES.len()));
            Candidate {
                category: kind * STYLES.len() + style,
                zone: self.kinds[kind].zone,
                extent: extent(self.kinds[kind].zone, self.appearances[kind][style].extent),
                scale: self.kinds[kind].scale,
                exclusive: None,
                can_be_mirrored: self.kinds[kind].can_be_mirrored,
            }
        });
        let mut shown = Vec::with_capacity(things.len());
        for thing in &mut things {
            let (kind, style) = (thing.category / STYLES.len(), thing.category % STYLES.len());
            thing.category = self.kinds[kind].category;
            shown.push((kind, STYLES[style]));
        }
        Scene {
            setting,
            things,
            shown,
        }
    }

    fn appearance(&self, (kind, style): (usize, Style)) -> Appearance {
        self.appearances[kind][style as usize]
    }
}

/// What an emoji covers in its own units; on the ground it stands on `y = 0`.
fn extent(zone: Zone, [left, top, right, bottom]: [f32; 4]) -> Rect {
    let foot = if zone == Zone::Ground { bottom } else { 0.5 };
    Rect {
        x0: left - 0.5,
        y0: top - foot,
        x1: right - 0.5,
        y1: bottom - foot,
    }
}

impl TextImageDataset for EmojiScenes {
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
        let scene = self.scene(index);
        let size = self.set.spec.size;
        let rng = &mut Rng::new(&[self.set.spec.seed, streams::CAPTIONS, index as u64]);
        let objects = scene
            .things
            .iter()
            .zip(&scene.shown)
            .map(|(thing, &shown)| {
                let side = thing.scale * size as f32;
                Object {
                    category: thing.category,
                    bounding_box: thing.bounding_box(size),
                    area: self.appearance(shown).share * side * side,
                }
            });
        Ok(Record {
            key: self.set.keys[index].clone(),
            class: index,
            captions: captions(scene.setting.place, &scene.things, &self.names, rng),
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
        let Scene {
            setting,
            things,
            shown,
        } = self.scene(index);
        let mut canvas = backdrop::canvas(&setting, size);
        for thing in things.iter().filter(|t| t.zone == Zone::Ground) {
            shadow(&mut canvas, thing);
        }
        let mut image = canvas.finish(setting.light, GRAIN, setting.grain);
        for (thing, &(kind, style)) in things.iter().zip(&shown) {
            let art = art(&self.pack, self.kinds[kind].code, style)?;
            let foot = extent(thing.zone, self.appearance((kind, style)).extent).y1;
            let bottom = self.appearance((kind, style)).extent[3];
            // From where it stands to the middle of its square.
            let y = thing.origin.y + (foot - bottom + 0.5) * thing.scale;
            let center = [thing.origin.x, y].map(|v| v * size as f32);
            let side = thing.scale * size as f32;
            View::new(&art, center, side, (0.0, 1.0), thing.is_mirrored).draw(&mut image);
        }
        Ok(image)
    }

    fn drawn_side(&self) -> Option<u32> {
        Some(self.set.spec.size)
    }

    fn split(&self, split: Split) -> Vec<usize> {
        self.set.split(split)
    }

    fn fingerprint(&self) -> String {
        let (pack, objects) = (Pack::crc(), Pack::crc_of_objects());
        self.set
            .fingerprint(&format!("{GENERATOR_VERSION} {pack:08x} {objects:08x}"))
    }
}

//! `emoji:nature-food?...`: real pictures with Unicode's names, in two styles, on plain backgrounds;
//! and `emoji:scenes?...`: several of them in a landscape.
//!
//! The pictures are embedded in the program as uncompressed zip files, one of 2.4 MB
//! (`assets/emoji/pack.zip`) and a small one of more things (`objects.zip`): an installed binary needs no file and no network, two files are easier
//! to keep and to check than 650, and any tool can look into it. `cargo xtask fetch emoji` builds it
//! from the published packages.

mod art;
mod captions;
mod colours;
mod pack;
mod scenes;
mod spec;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use image::RgbImage;
use sha2::{Digest, Sha256};
use wordpaint_rng::Rng;

use crate::DataError;
use crate::dataset::{BoundingBox, ImageSize, Record, Split, TextImageDataset};
use crate::scheme::{DataFacts, Extra, Scheme};
use crate::synth::uri::SIZES;
use art::{Art, Pose};
use captions::Subject;
use colours::COLOURS;
use pack::{Pack, Style};
pub use scenes::EmojiScenes;
pub use spec::EmojiSpec;

/// Raised whenever the same address would give other pictures or captions.
pub const GENERATOR_VERSION: u32 = 1;

/// Second key of the random streams.
mod streams {
    pub(super) const IMAGE: u64 = 8;
    pub(super) const SPLITS: u64 = 9;
    pub(super) const CAPTIONS: u64 = 10;
}

/// Addresses of emoji.
pub(crate) const SCHEME: Scheme = Scheme {
    name: "emoji",
    open,
    facts,
};

/// What is known before a picture is composed.
fn facts(uri: &str) -> Result<DataFacts, DataError> {
    if EmojiScenes::is_address(uri) {
        return Ok(EmojiScenes::specify(uri)?.facts());
    }
    Ok(DataFacts {
        extras: &[Extra::Boxes],
        ..DataFacts::default()
    })
}

/// Opens `emoji:nature-food`, optionally with `per_class`, `size` and `seed`, or `emoji:scenes` with
/// the options of `synth:scenes`.
pub fn open(uri: &str) -> Result<Box<dyn TextImageDataset>, DataError> {
    if EmojiScenes::is_address(uri) {
        return Ok(Box::new(EmojiScenes::open(uri)?));
    }
    Ok(Box::new(EmojiSet::new(EmojiSpec::parse(uri)?)?))
}

/// Decodes the picture of an emoji.
fn art(pack: &Pack, code: &str, style: Style) -> Result<Art, DataError> {
    Art::decode(pack.picture(code, style)?).map_err(|e| {
        DataError::Inconsistent(format!("the built-in picture of {code} is damaged: {e}"))
    })
}

/// What is known of a picture once it has been decoded.
#[derive(Debug, Clone, Copy)]
struct Appearance {
    /// Index into [`COLOURS`].
    main: usize,
    second: Option<usize>,
    /// Left, top, right and bottom of the opaque part, as fractions of the side.
    extent: [f32; 4],
}

/// Emoji as a dataset: class = emoji, whatever its style; nothing is stored, pictures are composed
/// when asked for.
#[derive(Debug)]
pub struct EmojiSet {
    spec: EmojiSpec,
    pack: Pack,
    classes: Vec<String>,
    /// Names of subgroups, then of colours.
    categories: Vec<String>,
    /// Index into `categories` of each class's subgroup.
    subgroup: Vec<usize>,
    is_test: Vec<bool>,
    /// By class and style.
    appearances: Vec<[OnceLock<Appearance>; 2]>,
}

impl EmojiSet {
    /// Reads the table of the embedded pack and draws the split.
    pub fn new(spec: EmojiSpec) -> Result<Self, DataError> {
        let pack = Pack::embedded()?;
        let classes: Vec<String> = pack.emoji().iter().map(|e| e.label.clone()).collect();
        let mut categories: Vec<String> = Vec::new();
        let mut subgroup = Vec::with_capacity(classes.len());
        for emoji in pack.emoji() {
            let known = categories.iter().position(|name| *name == emoji.subgroup);
            subgroup.push(known.unwrap_or_else(|| {
                categories.push(emoji.subgroup.clone());
                categories.len() - 1
            }));
        }
        categories.extend(COLOURS.iter().map(|(name, _)| (*name).to_owned()));
        let mut order: Vec<usize> = (0..classes.len()).collect();
        Rng::new(&[spec.seed, streams::SPLITS]).shuffle(&mut order);
        let mut is_test = vec![false; classes.len()];
        // Four fifths of the classes are for training.
        for &class in &order[classes.len() * 4 / 5..] {
            is_test[class] = true;
        }
        let appearances = classes.iter().map(|_| Default::default()).collect();
        Ok(Self {
            spec,
            pack,
            classes,
            categories,
            subgroup,
            is_test,
            appearances,
        })
    }

    /// Class of an image and its place inside the class.
    fn locate(&self, index: usize) -> Result<(usize, usize), DataError> {
        if index >= self.len() {
            let message = format!("image {index} is asked for, but there are {}", self.len());
            return Err(DataError::Uri {
                uri: self.uri(),
                message,
            });
        }
        Ok((index / self.spec.per_class, index % self.spec.per_class))
    }

    fn pose(&self, class: usize, place: usize) -> Pose {
        Pose::draw(&mut Rng::new(&[
            self.spec.seed,
            streams::IMAGE,
            class as u64,
            place as u64,
        ]))
    }

    fn art(&self, class: usize, style: Style) -> Result<Art, DataError> {
        art(&self.pack, &self.pack.emoji()[class].hexcode, style)
    }

    fn appearance(&self, class: usize, style: Style) -> Result<Appearance, DataError> {
        let slot = &self.appearances[class][style as usize];
        if let Some(appearance) = slot.get() {
            return Ok(*appearance);
        }
        let art = self.art(class, style)?;
        let (main, second) = colours::dominant(art.opaque());
        Ok(*slot.get_or_init(|| Appearance {
            main,
            second,
            extent: art.extent(),
        }))
    }
}

impl TextImageDataset for EmojiSet {
    fn uri(&self) -> String {
        self.spec.uri()
    }

    fn len(&self) -> usize {
        self.classes.len() * self.spec.per_class
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn categories(&self) -> &[String] {
        &self.categories
    }

    fn class_of(&self, index: usize) -> usize {
        index / self.spec.per_class
    }

    fn record(&self, index: usize) -> Result<Record, DataError> {
        let (class, place) = self.locate(index)?;
        let pose = self.pose(class, place);
        let appearance = self.appearance(class, pose.style)?;
        let emoji = &self.pack.emoji()[class];
        let keys = [
            self.spec.seed,
            streams::CAPTIONS,
            class as u64,
            place as u64,
        ];
        let subject = Subject {
            label: &emoji.label,
            tags: &emoji.tags,
            subgroup: &emoji.subgroup,
            style: pose.style,
            main: COLOURS[appearance.main].0,
            second: appearance.second.map(|c| COLOURS[c].0),
            background: pose.background_name(),
        };
        let [left, top, right, bottom] = pose.bounds(appearance.extent, self.spec.size);
        let [width, height] = [right - left, bottom - top].map(|v| (v * 10.0 + 0.5).floor() / 10.0);
        let colour = self.categories.len() - COLOURS.len() + appearance.main;
        let name: String = emoji
            .label
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect();
        Ok(Record {
            key: format!("{:03}.{name}/{name}_{:04}", class + 1, place + 1),
            class,
            captions: captions::captions(&subject, &mut Rng::new(&keys)),
            bounding_box: Some(BoundingBox {
                x: left,
                y: top,
                width,
                height,
            }),
            parts: Vec::new(),
            labels: vec![self.subgroup[class], colour],
            objects: Vec::new(),
        })
    }

    fn image(&self, index: usize, size: ImageSize) -> Result<RgbImage, DataError> {
        let (class, place) = self.locate(index)?;
        let size = match size {
            ImageSize::Native => self.spec.size,
            ImageSize::Hint(size) => size.clamp(*SIZES.start(), *SIZES.end()),
        };
        let pose = self.pose(class, place);
        Ok(pose.render(&self.art(class, pose.style)?, size))
    }

    fn drawn_side(&self) -> Option<u32> {
        Some(self.spec.size)
    }

    /// There are no validation classes: 80 % of the classes are for training, 20 % for testing.
    fn split(&self, split: Split) -> Vec<usize> {
        let is_in = |&i: &usize| {
            let is_test = self.is_test[self.class_of(i)];
            match split {
                Split::Train | Split::Trainval => !is_test,
                Split::Val => false,
                Split::Test => is_test,
                Split::All => true,
            }
        };
        (0..self.len()).filter(is_in).collect()
    }

    fn fingerprint(&self) -> String {
        let digest = Sha256::new()
            .chain_update(format!("generator {GENERATOR_VERSION} {}", self.uri()))
            .chain_update(Pack::crc().to_le_bytes())
            .finalize();
        let head = digest
            .first_chunk::<8>()
            .expect("a SHA-256 digest has 32 bytes");
        format!("{:016x}", u64::from_be_bytes(*head))
    }
}

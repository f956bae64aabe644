//! Writing a built-in dataset in the exact folder layout of a published one.

mod attngan;
mod coco;
mod cub;
mod matlab;
mod oxford;
mod target;

use std::collections::HashSet;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _, ImageFormat, RgbImage};
use rayon::prelude::*;
use serde::Serialize;

use super::GENERATOR_VERSION;
use super::kind::unknown;
use crate::dataset::{ImageSize, Record, Split, TextImageDataset};
use crate::error::DataError;
use target::Target;

/// Qualities of the written JPEG files, the usual one first. Chroma is not subsampled: at this size
/// of picture bills and wing bars would smear.
const JPEG_QUALITIES: [u8; 4] = [92, 95, 98, 100];
/// Mean difference of a decoded file to its render, out of 255, above which the next quality is
/// taken; small pictures of strong colours need it.
const MAX_LOSS: f64 = 2.0;
/// Images rendered and written between two reports of progress.
const CHUNK: usize = 64;

/// A published folder layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// AttnGAN's preprocessed folders: lists, texts and vocabulary.
    Attngan,
    /// COCO 2014: captions and instances in JSON.
    Coco,
    /// CUB-200-2011 with Reed's captions and class lists.
    Cub,
    /// Oxford-102 Flowers with Reed's captions and class lists.
    Oxford,
}

impl Layout {
    /// All layouts.
    const ALL: [Self; 4] = [Self::Attngan, Self::Coco, Self::Cub, Self::Oxford];

    /// Names of all layouts.
    pub const NAMES: [&str; 4] = ["attngan", "coco", "cub", "oxford"];

    /// Name on the command line and in `SYNTH.json`.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl std::str::FromStr for Layout {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|layout| layout.name() == name);
        found.ok_or_else(|| unknown("layout", name, &Self::NAMES))
    }
}

/// What stands in `SYNTH.json` beside the data.
#[derive(Serialize)]
struct Manifest<'a> {
    generator_version: u32,
    uri: String,
    seed: Option<u64>,
    preset: Option<&'a str>,
    layout: &'static str,
    images: usize,
    classes: &'a [String],
    categories: &'a [String],
    /// CRC-32 of every other file, in hexadecimal, by path.
    files: std::collections::BTreeMap<String, String>,
}

/// Renders the built-in dataset at an address and writes it as `layout` into `out`, which must not
/// exist or be an empty folder. `progress` is called with images done and images in all.
///
/// Everything is written into a hidden folder beside `out` first and renamed at the end, so that
/// `out` never holds half a dataset.
///
/// # Errors
///
/// If the address names nothing built-in, the layout has no place for something in the data, or a
/// file cannot be written.
pub fn export(
    uri: &str,
    layout: Layout,
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), DataError> {
    let refuse = |message: String| {
        Err(DataError::Uri {
            uri: uri.to_owned(),
            message,
        })
    };
    let generator_version = match uri.split_once(':') {
        Some(("synth", _)) => GENERATOR_VERSION,
        Some(("emoji", _)) => crate::emoji::GENERATOR_VERSION,
        _ => return refuse("only built-in data (`synth:`, `emoji:`) can be written".into()),
    };
    let dataset = &*crate::open(uri)?;
    let has_classes = dataset.classes().len() < dataset.len();
    match layout {
        Layout::Cub | Layout::Oxford if !has_classes => {
            return refuse(format!(
                "the {} layout lists images by class, and these have none; choose `coco` or \
                 `attngan`",
                layout.name()
            ));
        }
        Layout::Cub | Layout::Oxford if !is_class_disjoint(dataset) => {
            return refuse(format!(
                "the {} layout lists whole classes per split; export without split=per-image, or \
                 choose `coco` or `attngan`",
                layout.name()
            ));
        }
        _ => {}
    }
    let target = Target::create(out)?;
    match layout {
        Layout::Attngan => attngan::write(dataset, &target, progress)?,
        Layout::Coco => coco::write(dataset, &target, progress)?,
        Layout::Cub => {
            let classes = dataset.classes();
            let paths = |record: &Record, _| cub::paths(classes, record, "text_c10");
            let items = images(dataset, &target, progress, &paths)?;
            cub::lists(dataset, &items, &target)?;
            cub::class_lists(dataset, &target)?;
        }
        Layout::Oxford => {
            let items = images(dataset, &target, progress, &oxford::paths)?;
            oxford::lists(dataset, &items, &target)?;
        }
    }
    let address = dataset.uri();
    let manifest = Manifest {
        generator_version,
        seed: option(&address, "seed").and_then(|seed| seed.parse().ok()),
        preset: option(&address, "preset"),
        uri: address.clone(),
        layout: layout.name(),
        images: dataset.len(),
        classes: if has_classes { dataset.classes() } else { &[] },
        categories: dataset.categories(),
        files: target.checksums(),
    };
    let json = serde_json::to_string_pretty(&manifest)
        .expect("strings, numbers and maps with string keys are always JSON");
    target.write("SYNTH.json", json.as_bytes())?;
    target.publish()
}

/// Value of an option of an address in normal form.
fn option<'a>(uri: &'a str, key: &str) -> Option<&'a str> {
    let (_, query) = uri.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// Whether no class has images on both sides of the split.
fn is_class_disjoint(dataset: &dyn TextImageDataset) -> bool {
    let classes = |split| -> HashSet<usize> {
        let images = dataset.split(split).into_iter();
        images.map(|i| dataset.class_of(i)).collect()
    };
    classes(Split::Trainval).is_disjoint(&classes(Split::Test))
}

/// Where one image and its captions go, relative to the root.
struct Paths {
    image: String,
    /// `None` where captions go elsewhere.
    captions: Option<String>,
}

/// An image that has been written.
struct Item {
    record: Record,
    /// Width and height in pixels.
    size: [u32; 2],
}

/// Writes every image and its captions; returns what was written in order.
fn images(
    dataset: &dyn TextImageDataset,
    target: &Target,
    progress: &mut dyn FnMut(usize, usize),
    paths: &(dyn Fn(&Record, usize) -> Paths + Sync),
) -> Result<Vec<Item>, DataError> {
    let total = dataset.len();
    let mut items = Vec::with_capacity(total);
    progress(0, total);
    while items.len() < total {
        let chunk = items.len()..(items.len() + CHUNK).min(total);
        let written = chunk
            .into_par_iter()
            .map(|index| {
                let record = dataset.record(index)?;
                let paths = paths(&record, index);
                let image = dataset.image(index, ImageSize::Native)?;
                let jpeg = encode(&image, &target.path(&paths.image))?;
                target.write(&paths.image, &jpeg)?;
                if let Some(path) = paths.captions {
                    target.write_lines(&path, &record.captions)?;
                }
                let size = image.dimensions().into();
                Ok(Item { record, size })
            })
            .collect::<Result<Vec<Item>, DataError>>()?;
        items.extend(written);
        progress(items.len(), total);
    }
    Ok(items)
}

/// One picture as a JPEG file.
fn encode(image: &RgbImage, path: &Path) -> Result<Vec<u8>, DataError> {
    let (width, height) = image.dimensions();
    let mut jpeg = Vec::new();
    for quality in JPEG_QUALITIES {
        jpeg.clear();
        let loss = JpegEncoder::new_with_quality(&mut jpeg, quality)
            .write_image(image.as_raw(), width, height, ExtendedColorType::Rgb8)
            .and_then(|()| image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg))
            .map(|decoded| mean_difference(image, &decoded.to_rgb8()))
            .map_err(|e| DataError::format(path, format!("the picture cannot be encoded: {e}")))?;
        if loss <= MAX_LOSS {
            break;
        }
    }
    Ok(jpeg)
}

/// Mean absolute difference over all channels, out of 255.
fn mean_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    let sum: u64 = a
        .iter()
        .zip(b.iter())
        .map(|(x, y)| u64::from(x.abs_diff(*y)))
        .sum();
    sum as f64 / a.len() as f64
}

/// Writes Reed's class lists; `name` is the layout's name of a class.
fn class_lists(
    dataset: &dyn TextImageDataset,
    target: &Target,
    name: impl Fn(usize) -> String,
) -> Result<(), DataError> {
    let lists = [
        ("trainclasses.txt", Split::Train),
        ("valclasses.txt", Split::Val),
        ("trainvalclasses.txt", Split::Trainval),
        ("testclasses.txt", Split::Test),
        ("allclasses.txt", Split::All),
    ];
    for (file, split) in lists {
        let mut classes: Vec<usize> = dataset
            .split(split)
            .into_iter()
            .map(|i| dataset.class_of(i))
            .collect();
        classes.sort_unstable();
        classes.dedup();
        target.write_lines(file, &classes.into_iter().map(&name).collect::<Vec<_>>())?;
    }
    Ok(())
}

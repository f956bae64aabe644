//! Writing a built-in dataset in the exact folder layout of a published one.

mod cub;
mod matlab;
mod oxford;
mod target;

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _, ImageFormat, RgbImage};
use rayon::prelude::*;
use serde::Serialize;

use super::uri::{SplitMode, SynthSpec, unknown};
use super::{GENERATOR_VERSION, open};
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
    /// CUB-200-2011 with Reed's captions and class lists.
    Cub,
    /// Oxford-102 Flowers with Reed's captions and class lists.
    Oxford,
}

impl Layout {
    /// Names of all layouts.
    pub const NAMES: [&str; 2] = ["cub", "oxford"];

    /// Name on the command line and in `SYNTH.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cub => "cub",
            Self::Oxford => "oxford",
        }
    }
}

impl std::str::FromStr for Layout {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "cub" => Ok(Self::Cub),
            "oxford" => Ok(Self::Oxford),
            _ => Err(unknown("layout", name, &Self::NAMES)),
        }
    }
}

/// What stands in `SYNTH.json` beside the data.
#[derive(Serialize)]
struct Manifest<'a> {
    generator_version: u32,
    uri: String,
    seed: u64,
    preset: Option<&'static str>,
    layout: &'static str,
    images: usize,
    classes: &'a [String],
    /// CRC-32 of every other file, in hexadecimal, by path.
    files: std::collections::BTreeMap<String, String>,
}

/// Renders the dataset of `spec` and writes it as `layout` into `out`, which must not exist or be an
/// empty folder. `progress` is called with images done and images in all.
///
/// Everything is written into a hidden folder beside `out` first and renamed at the end, so that
/// `out` never holds half a dataset.
pub fn export(
    spec: &SynthSpec,
    layout: Layout,
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), DataError> {
    if spec.split == SplitMode::PerImage {
        let message = format!(
            "the {} layout lists whole classes per split; export without split=per-image",
            layout.name()
        );
        return Err(DataError::Uri {
            uri: spec.uri(),
            message,
        });
    }
    let dataset = open(&spec.uri())?;
    let target = Target::create(out)?;
    let records = match layout {
        Layout::Cub => images(&*dataset, &target, progress, cub::paths)?,
        Layout::Oxford => images(&*dataset, &target, progress, oxford::paths)?,
    };
    match layout {
        Layout::Cub => cub::lists(&*dataset, &records, &target)?,
        Layout::Oxford => oxford::lists(&*dataset, &records, &target)?,
    }
    let manifest = Manifest {
        generator_version: GENERATOR_VERSION,
        uri: spec.uri(),
        seed: spec.seed,
        preset: spec.preset.map(super::Preset::name),
        layout: layout.name(),
        images: dataset.len(),
        classes: dataset.classes(),
        files: target.checksums(),
    };
    let json = serde_json::to_string_pretty(&manifest)
        .expect("strings, numbers and maps with string keys are always JSON");
    target.write("SYNTH.json", json.as_bytes())?;
    target.publish()
}

/// Where one image and its captions go, relative to the root.
struct Paths {
    image: String,
    captions: String,
}

/// Writes every image and its captions; returns the records in order.
fn images(
    dataset: &dyn TextImageDataset,
    target: &Target,
    progress: &mut dyn FnMut(usize, usize),
    paths: fn(&[String], &Record, usize) -> Paths,
) -> Result<Vec<Record>, DataError> {
    let total = dataset.len();
    let mut records = Vec::with_capacity(total);
    progress(0, total);
    while records.len() < total {
        let chunk = records.len()..(records.len() + CHUNK).min(total);
        let written = chunk
            .into_par_iter()
            .map(|index| {
                let record = dataset.record(index)?;
                let paths = paths(dataset.classes(), &record, index);
                let jpeg = encode(dataset, index, &target.path(&paths.image))?;
                target.write(&paths.image, &jpeg)?;
                target.write_lines(&paths.captions, &record.captions)?;
                Ok(record)
            })
            .collect::<Result<Vec<Record>, DataError>>()?;
        records.extend(written);
        progress(records.len(), total);
    }
    Ok(records)
}

/// One picture as a JPEG file.
fn encode(dataset: &dyn TextImageDataset, index: usize, path: &Path) -> Result<Vec<u8>, DataError> {
    let image = dataset.image(index, ImageSize::Native)?;
    let (width, height) = image.dimensions();
    let mut jpeg = Vec::new();
    for quality in JPEG_QUALITIES {
        jpeg.clear();
        let loss = JpegEncoder::new_with_quality(&mut jpeg, quality)
            .write_image(image.as_raw(), width, height, ExtendedColorType::Rgb8)
            .and_then(|()| image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg))
            .map(|decoded| mean_difference(&image, &decoded.to_rgb8()))
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

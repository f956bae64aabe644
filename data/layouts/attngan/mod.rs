//! `attngan:PATH`: the preprocessed folders of AttnGAN, for birds, COCO and data of one's own.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::coco::{self, Category, Instances};
use super::cub;
use super::entry::{Captions, Entry};
use super::lists::inside;
use super::on_disk::OnDisk;
use super::sentences::Source;
use super::splits::{FileNames, Subset};
use super::verify::Published;
use super::vocabulary::Vocabulary;
use crate::DataError;
use crate::prepare::{PICKLE, Prepared, Side};
use crate::scheme::{DataFacts, Extra, Scheme};

/// Addresses of such folders; what is in one is not known before.
pub(super) const SCHEME: Scheme = Scheme {
    name: "attngan",
    open: |uri| Ok(Box::new(open(uri)?)),
    facts: |_| {
        Ok(DataFacts {
            extras: &[Extra::Boxes, Extra::Parts, Extra::Embeddings],
            ..DataFacts::default()
        })
    },
};

/// Sizes of `coco.zip`.
const COCO: Published = Published {
    classes: None,
    images: [82_783, 40_470],
    captions: 5..=5,
};

/// Opens `attngan:PATH`, where PATH is the folder that holds `captions.pickle`, `train/` and
/// `test/`.
///
/// Images are looked for in `CUB_200_2011/images/`, `images/`, `train2014/`, `val2014/` and PATH
/// itself; captions in `text/` and `text_c10/`. Without these the captions are put together from
/// their words. Boxes come from `CUB_200_2011/`, labels from `annotations/instances_*2014.json`,
/// where they are there. Images are in the order of the lists, training before test.
pub fn open(uri: &str) -> Result<OnDisk, DataError> {
    let holds = "the folder that holds captions.pickle, train/ and test/";
    let path = super::path_of(uri, "attngan", holds)?;
    let prepared = Prepared::open(&path)?;
    let list = path.join(PICKLE);
    let sides = [&prepared.train, &prepared.test];
    let (classes, class_of) = classes(sides);
    let texts = ["text", "text_c10"].map(|name| path.join(name));
    let texts = texts.into_iter().find(|folder| folder.is_dir());

    let mut entries: Vec<Entry> = Vec::with_capacity(class_of.len());
    let mut seen = HashSet::new();
    for (side, subset) in sides.into_iter().zip([Subset::Train, Subset::Test]) {
        let folder = images(&path, side);
        for (i, key) in side.keys.iter().enumerate() {
            inside(&list, 1, key)?;
            if !seen.insert(key) {
                let message = format!("image `{key}` is listed twice");
                return Err(DataError::format(path.join(split_of(subset)), message));
            }
            let class = class_of[entries.len()];
            let count = prepared.captions_per_image;
            let captions = if let Some(texts) = &texts {
                let name = text_name(key, side.classes.get(i).copied());
                Captions::FirstOf(texts.join(name), count)
            } else {
                let words = &side.captions[i * count..(i + 1) * count];
                Captions::Held(prepared.texts(words).collect())
            };
            let image = folder.join(format!("{key}.jpg"));
            entries.push(Entry {
                subset: Some(subset),
                ..Entry::new(key.clone(), class, image, captions)
            });
        }
    }
    boxes(&path, &mut entries)?;
    let categories = labels(&path, &mut entries)?;

    let train = prepared.train.keys.len();
    let names = FileNames {
        folder: path.clone(),
        train: (0..train).collect(),
        test: (train..entries.len()).collect(),
    };
    let source = Source::find(Some(&names), &[], "");
    let uri = format!("attngan:{}", path.display());
    let data = OnDisk::new(uri, classes, entries, published(&path, sides), source);
    let vocabulary = Vocabulary::new(path, prepared.words);
    Ok(data.with_categories(categories).with_vocabulary(vocabulary))
}

const fn split_of(subset: Subset) -> &'static str {
    match subset {
        Subset::Test => "test/filenames.pickle",
        Subset::Train | Subset::Val => "train/filenames.pickle",
    }
}

fn published(path: &Path, [train, _]: [&Side; 2]) -> Option<Published> {
    if path.join("CUB_200_2011").is_dir() {
        return Some(cub::PUBLISHED);
    }
    let is_coco = train.keys.first().is_some_and(|k| k.starts_with("COCO_"));
    is_coco.then_some(COCO)
}

/// Names of all classes, in the order of their ids, and the class of every image. A class is called
/// as the folder of its first image.
fn classes(sides: [&Side; 2]) -> (Vec<String>, Vec<usize>) {
    let keys = || sides.into_iter().flat_map(|side| &side.keys);
    let ids: Vec<u32> = sides.into_iter().flat_map(|s| s.classes.clone()).collect();
    let count = keys().count();
    if ids.len() < count {
        return (keys().cloned().collect(), (0..count).collect());
    }
    let mut names = BTreeMap::new();
    for (&id, key) in ids.iter().zip(keys()) {
        names
            .entry(id)
            .or_insert_with(|| match key.split_once('/') {
                Some((folder, _)) if folder != "jpg" => folder.to_owned(),
                _ => format!("class_{id:05}"),
            });
    }
    let order: Vec<u32> = names.keys().copied().collect();
    let class = |id: &u32| order.binary_search(id).expect("every id has a name");
    (
        names.into_values().collect(),
        ids.iter().map(class).collect(),
    )
}

/// The folder that holds the first image of a split.
fn images(path: &Path, side: &Side) -> PathBuf {
    let folders = ["CUB_200_2011/images", "images", "train2014", "val2014", ""];
    let holds_first = |folder: &PathBuf| {
        let first = side.keys.first();
        first.is_some_and(|key| folder.join(format!("{key}.jpg")).is_file())
    };
    let mut folders = folders.map(|name| path.join(name)).into_iter();
    folders
        .find(holds_first)
        .unwrap_or_else(|| path.join("images"))
}

/// Captions of an image below the folder of texts; StackGAN keeps flowers as `jpg/image_00001`.
fn text_name(key: &str, class: Option<u32>) -> String {
    match (key.strip_prefix("jpg/"), class) {
        (Some(name), Some(class)) => format!("class_{class:05}/{name}.txt"),
        _ => format!("{key}.txt"),
    }
}

fn boxes(path: &Path, entries: &mut [Entry]) -> Result<(), DataError> {
    let cub = path.join("CUB_200_2011");
    let Some(mut known) = cub::annotations(&cub)? else {
        return Ok(());
    };
    for entry in entries {
        let Some(found) = known.remove(&entry.key) else {
            let message = format!(
                "image `{}` is not listed, but {} names it; take both from the same data",
                entry.key,
                path.join(PICKLE).display()
            );
            return Err(DataError::format(cub.join("images.txt"), message));
        };
        entry.bounding_box = found.bounding_box;
        entry.parts = found.parts;
    }
    Ok(())
}

/// Labels of images that COCO's annotations know; returns the categories.
fn labels(path: &Path, entries: &mut [Entry]) -> Result<Vec<String>, DataError> {
    let mut categories: Option<Vec<Category>> = None;
    let mut is_known = vec![false; entries.len()];
    for split in ["train2014", "val2014"] {
        let file = coco::annotation_file(path, "instances", split);
        if !file.is_file() {
            continue;
        }
        let instances = Instances::open(&file)?;
        coco::agree(&mut categories, &instances, &file)?;
        for (entry, is_known) in entries.iter_mut().zip(&mut is_known) {
            if let Some(objects) = instances.by_key(&entry.key) {
                entry.labels = coco::labels(objects);
                entry.objects = objects.to_vec();
                *is_known = true;
            }
        }
    }
    let Some(categories) = categories else {
        return Ok(Vec::new());
    };
    if let Some(image) = is_known.iter().position(|known| !known) {
        let message = format!(
            "image `{}` is in no instances_*2014.json; put both files there, or none",
            entries[image].key
        );
        return Err(DataError::format(path.join("annotations"), message));
    }
    Ok(coco::names(categories))
}

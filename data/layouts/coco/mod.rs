//! `coco:PATH`: COCO 2014 with its captions and, as labels, the categories of its instances.

mod annotations;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(super) use annotations::{Category, Instances, labels};

use super::entry::{Captions, Entry};
use super::on_disk::OnDisk;
use super::splits::Subset;
use super::verify::Published;
use crate::DataError;
use crate::scheme::Scheme;

/// Addresses of such folders.
pub(super) const SCHEME: Scheme = Scheme {
    name: "coco",
    open: |uri| Ok(Box::new(open(uri)?)),
    facts: |_| Ok(PUBLISHED.facts(&[])),
};

/// Images of train2014 and val2014; every image has at least five captions.
const PUBLISHED: Published = Published {
    classes: None,
    images: [82_783, 40_504],
    captions: CAPTIONS..=CAPTIONS,
};

/// Captions used per image: the first ones in file order.
const CAPTIONS: usize = 5;

/// Opens `coco:PATH`, where PATH is the folder that holds `annotations/`, `train2014/` and
/// `val2014/`; either of the two may be left out.
///
/// As in the published text-to-image systems train2014 is trained on and val2014 tested on. Labels
/// are the categories that have at least one annotation, in the order of their ids; every image is
/// a class of its own. There are no boxes around *the* object, as there is more than one.
pub fn open(uri: &str) -> Result<OnDisk, DataError> {
    let holds = "the folder that holds annotations/, train2014/ and val2014/";
    let path = super::path_of(uri, "coco", holds)?;
    let mut entries = Vec::new();
    let mut categories: Option<Vec<Category>> = None;
    for (split, subset) in [("train2014", Subset::Train), ("val2014", Subset::Test)] {
        let file = |kind: &str| annotation_file(&path, kind, split);
        let (caption_file, instance_file) = (file("captions"), file("instances"));
        if !caption_file.is_file() && !instance_file.is_file() {
            continue;
        }
        let captioned = annotations::captions(&caption_file)?;
        let instances = Instances::open(&instance_file)?;
        agree(&mut categories, &instances, &instance_file)?;
        let folder = path.join(split);
        for image in captioned {
            let Some(objects) = instances.by_id(image.id) else {
                let message = format!(
                    "image {} (`{}`) is not listed, but {} has captions of it; take both files \
                     from one archive",
                    image.id,
                    image.file,
                    caption_file.display()
                );
                return Err(DataError::format(instance_file, message));
            };
            let mut captions = image.captions;
            if captions.is_empty() {
                let message = format!(
                    "image {} (`{}`) has no caption; add one or remove the image",
                    image.id, image.file
                );
                return Err(DataError::format(caption_file, message));
            }
            captions.truncate(CAPTIONS);
            let file = folder.join(&image.file);
            entries.push(Entry {
                subset: Some(subset),
                labels: labels(objects),
                objects: objects.to_vec(),
                ..Entry::new(image.key, entries.len(), file, Captions::Held(captions))
            });
        }
    }
    let Some(categories) = categories else {
        let wanted = annotation_file(&path, "captions", "train2014");
        let expected = "a file of annotations_trainval2014.zip; unpack it into the folder";
        return Err(DataError::missing(wanted, expected));
    };
    let classes: Vec<String> = entries.iter().map(|e| e.key.clone()).collect();
    let uri = format!("coco:{}", path.display());
    let data = OnDisk::new(uri, classes, entries, Some(PUBLISHED), None);
    Ok(data.with_categories(names(categories)))
}

/// `annotations/<kind>_<split>.json`.
pub(super) fn annotation_file(root: &Path, kind: &str, split: &str) -> PathBuf {
    root.join("annotations")
        .join(format!("{kind}_{split}.json"))
}

/// Keeps the categories of the first file and compares those of the next with them.
pub(super) fn agree(
    known: &mut Option<Vec<Category>>,
    instances: &Instances,
    path: &Path,
) -> Result<(), DataError> {
    let known = known.get_or_insert_with(|| instances.categories.clone());
    if *known == instances.categories {
        return Ok(());
    }
    let message = "has other categories than the training file; take both from one archive";
    Err(DataError::format(path, message))
}

/// Names in the order of the ids.
pub(super) fn names(categories: Vec<Category>) -> Vec<String> {
    categories.into_iter().map(|c| c.name).collect()
}

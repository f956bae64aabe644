//! `cub:PATH`: Caltech-UCSD Birds 200-2011 with Reed's captions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::entry::{Captions, Entry};
use super::lists::{columns, inside, lines, number};
use super::on_disk::OnDisk;
use super::sentences::Source;
use super::splits::{self, FileNames};
use super::verify::Published;
use crate::DataError;
use crate::dataset::{BoundingBox, Part};
use crate::scheme::{Extra, Scheme};

/// Addresses of such folders.
pub(super) const SCHEME: Scheme = Scheme {
    name: "cub",
    open: |uri| Ok(Box::new(open(uri)?)),
    facts: |_| Ok(PUBLISHED.facts(&[Extra::Boxes, Extra::Parts, Extra::Embeddings])),
};

/// Counts of the zero-shot split used by text-to-image work: 100/50/50 classes.
pub(super) const PUBLISHED: Published = Published {
    classes: Some([100, 50, 50]),
    images: [8_855, 2_933],
    captions: 10..=10,
};

/// Part ids run from 1 (back) to this one (throat).
const PARTS: u8 = 15;

/// Opens `cub:PATH`, where PATH is the folder that holds `CUB_200_2011/` or that folder itself.
///
/// Captions (`text_c10/` or `text/`), class lists, `{train,test}/*.pickle` and per-image Torch
/// files are looked for beside `CUB_200_2011/`, inside it, and in the folders of Reed's archives.
pub fn open(uri: &str) -> Result<OnDisk, DataError> {
    let path = super::path_of(uri, "cub", "the folder that holds CUB_200_2011/")?;
    let nested = path.join("CUB_200_2011");
    let (root, cub) = if nested.is_dir() {
        (path.clone(), nested)
    } else {
        // `..` works for relative paths too, where `parent` may be empty.
        (path.join(".."), path.clone())
    };
    let folders: Vec<PathBuf> = [
        &root,
        &cub,
        &root.join("cvpr2016_cub"),
        &root.join("cub_icml"),
    ]
    .map(Clone::clone)
    .into();
    let uri = format!("cub:{}", path.display());

    let classes = classes(&require(&cub, "classes.txt")?)?;
    let mut images = Images::open(&cub, &folders)?;
    images.set_classes(&require(&cub, "image_class_labels.txt")?, &classes)?;
    images.set_boxes(&cub.join("bounding_boxes.txt"))?;
    images.set_parts(&cub.join("parts").join("part_locs.txt"))?;
    let Images { mut entries, .. } = images;

    let class_file = cub.join("classes.txt");
    let mut has_image = vec![false; classes.len()];
    for entry in &entries {
        has_image[entry.class] = true;
    }
    if let Some(empty) = has_image.iter().position(|has| !has) {
        let message = format!(
            "class `{}` has no image in images.txt; restore the lists from the archive or remove \
             the class",
            classes[empty]
        );
        return Err(DataError::format_at(class_file, empty + 1, message));
    }

    let keys: HashMap<&str, usize> = entries
        .iter()
        .enumerate()
        .map(|(i, e)| (e.key.as_str(), i))
        .collect();
    let names = FileNames::open(&folders, |key| keys.get(key).copied())?;
    if let Some(subsets) = splits::from_class_lists(&folders, &classes)? {
        for entry in &mut entries {
            entry.subset = subsets[entry.class];
        }
    } else if let Some(names) = &names {
        let class_of: Vec<usize> = entries.iter().map(|e| e.class).collect();
        for (entry, subset) in entries.iter_mut().zip(names.subsets(&class_of, &classes)?) {
            entry.subset = subset;
        }
    }
    let first = entries.first().map_or("", |e| e.key.as_str());
    let source = Source::find(names.as_ref(), &folders, first);
    Ok(OnDisk::new(uri, classes, entries, Some(PUBLISHED), source))
}

fn require(cub: &Path, name: &str) -> Result<PathBuf, DataError> {
    let path = cub.join(name);
    if path.is_file() {
        return Ok(path);
    }
    let expected = "a list of CUB_200_2011.tgz; unpack the archive, or give the folder that holds \
                    CUB_200_2011/";
    Err(DataError::missing(path, expected))
}

/// Class names; ids must be 1, 2, 3, ...
fn classes(path: &Path) -> Result<Vec<String>, DataError> {
    let mut classes = Vec::new();
    for line in lines(path)? {
        let [id, name] = columns(path, &line, "class_id name")?;
        if number::<usize>(path, line.0, "class id", id)? != classes.len() + 1 {
            let message = format!("class id {id} where {} was expected", classes.len() + 1);
            return Err(DataError::format_at(path, line.0, message));
        }
        classes.push(name.trim().to_string());
    }
    Ok(classes)
}

/// Boxes and parts of the images of a `CUB_200_2011` folder by key, as far as there are lists.
pub(super) fn annotations(cub: &Path) -> Result<Option<HashMap<String, Entry>>, DataError> {
    if !cub.join("images.txt").is_file() {
        return Ok(None);
    }
    let mut images = Images::open(cub, &[cub.to_path_buf()])?;
    images.set_boxes(&cub.join("bounding_boxes.txt"))?;
    images.set_parts(&cub.join("parts").join("part_locs.txt"))?;
    let entries = images.entries.into_iter();
    Ok(Some(entries.map(|e| (e.key.clone(), e)).collect()))
}

/// The images while their lists are being read.
struct Images {
    entries: Vec<Entry>,
    /// Image id to position.
    index: HashMap<u32, usize>,
}

impl Images {
    fn open(cub: &Path, folders: &[PathBuf]) -> Result<Self, DataError> {
        let path = require(cub, "images.txt")?;
        let texts = folders
            .iter()
            .flat_map(|f| [f.join("text_c10"), f.join("text")]);
        let captions = texts.clone().find(|t| t.is_dir());
        let captions = captions.unwrap_or_else(|| folders[0].join("text_c10"));
        let mut entries = Vec::new();
        let mut index = HashMap::new();
        for line in lines(&path)? {
            let [id, file] = columns(&path, &line, "image_id path")?;
            inside(&path, line.0, file)?;
            let id = number(&path, line.0, "image id", id)?;
            if index.insert(id, entries.len()).is_some() {
                let message = format!("image id {id} occurs twice");
                return Err(DataError::format_at(&path, line.0, message));
            }
            let key = file
                .rsplit_once('.')
                .map_or(file, |(stem, _)| stem)
                .to_string();
            let captions = Captions::File(captions.join(format!("{key}.txt")));
            let image = cub.join("images").join(file);
            entries.push(Entry::new(key, usize::MAX, image, captions));
        }
        Ok(Self { entries, index })
    }

    fn entry(&mut self, path: &Path, line: usize, id: &str) -> Result<&mut Entry, DataError> {
        let id: u32 = number(path, line, "image id", id)?;
        let Some(&at) = self.index.get(&id) else {
            let message = format!("image id {id} is not in images.txt");
            return Err(DataError::format_at(path, line, message));
        };
        Ok(&mut self.entries[at])
    }

    fn set_classes(&mut self, path: &Path, classes: &[String]) -> Result<(), DataError> {
        for line in lines(path)? {
            let [id, class] = columns(path, &line, "image_id class_id")?;
            let class: usize = number(path, line.0, "class id", class.trim())?;
            if !(1..=classes.len()).contains(&class) {
                let message = format!("class id {class} is not in classes.txt");
                return Err(DataError::format_at(path, line.0, message));
            }
            self.entry(path, line.0, id)?.class = class - 1;
        }
        if let Some(entry) = self.entries.iter().find(|e| e.class == usize::MAX) {
            let message = format!("no class for image `{}` of images.txt", entry.key);
            return Err(DataError::format(path, message));
        }
        Ok(())
    }

    fn set_boxes(&mut self, path: &Path) -> Result<(), DataError> {
        if !path.is_file() {
            return Ok(());
        }
        for line in lines(path)? {
            let [id, x, y, width, height] = columns(path, &line, "image_id x y width height")?;
            let pixels = |text: &str| number(path, line.0, "a coordinate", text.trim());
            let bounds = BoundingBox {
                x: pixels(x)?,
                y: pixels(y)?,
                width: pixels(width)?,
                height: pixels(height)?,
            };
            self.entry(path, line.0, id)?.bounding_box = Some(bounds);
        }
        Ok(())
    }

    fn set_parts(&mut self, path: &Path) -> Result<(), DataError> {
        if !path.is_file() {
            return Ok(());
        }
        for line in lines(path)? {
            let [image, id, x, y, visible] = columns(path, &line, "image_id part_id x y visible")?;
            let id: u8 = number(path, line.0, "part id", id)?;
            if !(1..=PARTS).contains(&id) {
                let message = format!("part id {id} is not one of 1 to {PARTS}");
                return Err(DataError::format_at(path, line.0, message));
            }
            let pixels = |text: &str| number(path, line.0, "a coordinate", text);
            let part = Part {
                id,
                x: pixels(x)?,
                y: pixels(y)?,
                is_visible: number::<u8>(path, line.0, "the visible flag", visible.trim())? == 1,
            };
            self.entry(path, line.0, image)?.parts.push(part);
        }
        Ok(())
    }
}

//! The JSON files of COCO, read as a stream: polygons, licences and addresses are never held.

use std::collections::HashMap;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::DataError;
use crate::dataset::{BoundingBox, Object};
use crate::input;
use crate::layouts::lists;

/// Where annotations come from, for messages.
const ARCHIVE: &str = "annotations_trainval2014.zip";

/// Bytes read at a time: the largest file has 400 MB.
const BUFFER: usize = 1 << 20;

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
}

#[derive(Deserialize)]
struct Caption {
    image_id: u64,
    caption: String,
}

#[derive(Deserialize)]
struct CaptionFile {
    images: Vec<Image>,
    annotations: Vec<Caption>,
}

#[derive(Deserialize)]
struct Instance {
    image_id: u64,
    category_id: u64,
    bbox: [f32; 4],
    #[serde(default)]
    area: f32,
}

#[derive(Deserialize)]
struct InstanceFile {
    images: Vec<Image>,
    annotations: Vec<Instance>,
    categories: Vec<Category>,
}

/// A category of objects.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::layouts) struct Category {
    /// Number in the files; those of COCO have gaps.
    pub(in crate::layouts) id: u64,
    pub(in crate::layouts) name: String,
}

/// An image and its captions in file order.
pub(super) struct Captioned {
    pub(super) id: u64,
    /// File name without extension.
    pub(super) key: String,
    pub(super) file: String,
    pub(super) captions: Vec<String>,
}

/// Reads a `captions_*.json`; images stay in file order.
pub(super) fn captions(path: &Path) -> Result<Vec<Captioned>, DataError> {
    let file: CaptionFile = read(path)?;
    let mut index = HashMap::new();
    let mut images = Vec::with_capacity(file.images.len());
    for image in file.images {
        lists::inside(path, 1, &image.file_name)?;
        if index.insert(image.id, images.len()).is_some() {
            return Err(twice(path, image.id));
        }
        let key = stem(&image.file_name).to_owned();
        images.push(Captioned {
            id: image.id,
            key,
            file: image.file_name,
            captions: Vec::new(),
        });
    }
    for (i, caption) in file.annotations.into_iter().enumerate() {
        let Some(&image) = index.get(&caption.image_id) else {
            return Err(stray(path, i, caption.image_id));
        };
        // Some have line feeds inside, and many a blank at the end.
        let text: Vec<&str> = caption.caption.split_whitespace().collect();
        if !text.is_empty() {
            images[image].captions.push(text.join(" "));
        }
    }
    Ok(images)
}

/// Objects of every image of an `instances_*.json`.
pub(in crate::layouts) struct Instances {
    /// In the order of their ids.
    pub(in crate::layouts) categories: Vec<Category>,
    by_id: HashMap<u64, usize>,
    by_key: HashMap<String, usize>,
    objects: Vec<Vec<Object>>,
}

impl Instances {
    /// Reads the file.
    pub(in crate::layouts) fn open(path: &Path) -> Result<Self, DataError> {
        let file: InstanceFile = read(path)?;
        let mut categories = file.categories;
        categories.sort_by_key(|category| category.id);
        if let Some(pair) = categories.windows(2).find(|pair| pair[0].id == pair[1].id) {
            let message = format!("category id {} occurs twice", pair[0].id);
            return Err(DataError::format(path, message));
        }
        let (mut by_id, mut by_key) = (HashMap::new(), HashMap::new());
        for (i, image) in file.images.into_iter().enumerate() {
            if by_id.insert(image.id, i).is_some() {
                return Err(twice(path, image.id));
            }
            by_key.insert(stem(&image.file_name).to_owned(), i);
        }
        let mut objects = vec![Vec::new(); by_id.len()];
        for (i, instance) in file.annotations.into_iter().enumerate() {
            let Some(&image) = by_id.get(&instance.image_id) else {
                return Err(stray(path, i, instance.image_id));
            };
            let category = categories.binary_search_by_key(&instance.category_id, |c| c.id);
            let category = category.map_err(|_| {
                let message = format!(
                    "annotation {i} has the category id {}, which is not under `categories`; \
                     unpack {ARCHIVE} again",
                    instance.category_id
                );
                DataError::format(path, message)
            })?;
            let [x, y, width, height] = instance.bbox;
            let bounding_box = BoundingBox {
                x,
                y,
                width,
                height,
            };
            objects[image].push(Object {
                category,
                bounding_box,
                area: instance.area,
            });
        }
        Ok(Self {
            categories,
            by_id,
            by_key,
            objects,
        })
    }

    /// Objects of an image by its id; `None` if the file does not list it.
    pub(super) fn by_id(&self, id: u64) -> Option<&[Object]> {
        self.by_id.get(&id).map(|&i| self.objects[i].as_slice())
    }

    /// Objects of an image by its file name without extension.
    pub(in crate::layouts) fn by_key(&self, key: &str) -> Option<&[Object]> {
        self.by_key.get(key).map(|&i| self.objects[i].as_slice())
    }
}

/// Categories of some objects, ascending and each once.
pub(in crate::layouts) fn labels(objects: &[Object]) -> Vec<usize> {
    let mut labels: Vec<usize> = objects.iter().map(|object| object.category).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

fn twice(path: &Path, id: u64) -> DataError {
    let message = format!("image id {id} occurs twice; unpack {ARCHIVE} again");
    DataError::format(path, message)
}

fn stray(path: &Path, annotation: usize, id: u64) -> DataError {
    let message = format!(
        "annotation {annotation} belongs to image {id}, which is not under `images`; unpack \
         {ARCHIVE} again"
    );
    DataError::format(path, message)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    let file = input::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            DataError::missing(path, format!("a file of {ARCHIVE}; unpack it"))
        }
        _ => DataError::io("read", path, e),
    })?;
    serde_json::from_reader(BufReader::with_capacity(BUFFER, file)).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Io => "cannot be read",
            serde_json::error::Category::Syntax => "is no JSON",
            serde_json::error::Category::Data => "does not have the fields of a COCO file",
            serde_json::error::Category::Eof => "is truncated",
        };
        let message = format!("{what} ({error}); unpack {ARCHIVE} again");
        DataError::format_at(path, error.line(), message)
    })
}

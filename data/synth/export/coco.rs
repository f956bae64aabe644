//! The layout of COCO 2014.

use serde::Serialize;

use super::{Item, Paths, Target, images};
use crate::dataset::{BoundingBox, Object, Record, Split, TextImageDataset};
use crate::error::DataError;

/// Ids that COCO's categories do not use.
const GAPS: [usize; 10] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83]; // COCO 2014, instances_*.json

#[derive(Serialize)]
struct Info {
    description: &'static str,
    year: u32,
}

const INFO: Info = Info {
    description: "built-in data of wordpaint in the layout of COCO 2014",
    year: 2014,
};

#[derive(Serialize)]
struct Image<'a> {
    id: usize,
    file_name: &'a str,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct Caption<'a> {
    id: usize,
    image_id: usize,
    #[serde(rename = "caption")]
    text: &'a str,
}

#[derive(Serialize)]
struct CaptionFile<'a> {
    info: Info,
    licenses: [(); 0],
    images: &'a [Image<'a>],
    annotations: Vec<Caption<'a>>,
}

#[derive(Serialize)]
struct Instance {
    id: usize,
    image_id: usize,
    category_id: usize,
    bbox: [f32; 4],
    area: f32,
    iscrowd: u8,
    segmentation: [[f32; 8]; 1],
}

#[derive(Serialize)]
struct Category<'a> {
    id: usize,
    name: &'a str,
    supercategory: &'a str,
}

#[derive(Serialize)]
struct InstanceFile<'a> {
    info: Info,
    licenses: [(); 0],
    images: &'a [Image<'a>],
    annotations: Vec<Instance>,
    categories: Vec<Category<'a>>,
}

/// Images on both sides of the split: name of the side and indices.
fn sides(dataset: &dyn TextImageDataset) -> [(&'static str, Vec<usize>); 2] {
    [
        ("train2014", dataset.split(Split::Trainval)),
        ("val2014", dataset.split(Split::Test)),
    ]
}

pub(super) fn write(
    dataset: &dyn TextImageDataset,
    target: &Target,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), DataError> {
    let mut side_of = vec!["train2014"; dataset.len()];
    for index in dataset.split(Split::Test) {
        side_of[index] = "val2014";
    }
    let file = |index: usize| format!("COCO_{}_{:012}.jpg", side_of[index], index + 1);
    let paths = |_: &Record, index: usize| Paths {
        image: format!("{}/{}", side_of[index], file(index)),
        captions: None,
    };
    let items = images(dataset, target, progress, &paths)?;
    for (side, indices) in sides(dataset) {
        let mut captions = Vec::new();
        for &index in &indices {
            for text in &items[index].record.captions {
                captions.push(Caption {
                    id: captions.len() + 1,
                    image_id: index + 1,
                    text,
                });
            }
        }
        let names: Vec<String> = indices.iter().map(|&index| file(index)).collect();
        let content = CaptionFile {
            info: INFO,
            licenses: [],
            images: &listed(&items, &indices, &names),
            annotations: captions,
        };
        let path = format!("annotations/captions_{side}.json");
        target.write(&path, &json(&content))?;
    }
    instances(dataset, &items, target, file)
}

/// Writes `annotations/instances_*2014.json`; `file` names an image.
pub(super) fn instances(
    dataset: &dyn TextImageDataset,
    items: &[Item],
    target: &Target,
    file: impl Fn(usize) -> String,
) -> Result<(), DataError> {
    let names = match dataset.categories() {
        [] => dataset.classes(),
        categories => categories,
    };
    let ids: Vec<usize> = (1..)
        .filter(|id| !GAPS.contains(id))
        .take(names.len())
        .collect();
    for (side, indices) in sides(dataset) {
        let mut annotations = Vec::new();
        for &index in &indices {
            for object in objects(dataset, &items[index])? {
                let BoundingBox {
                    x,
                    y,
                    width,
                    height,
                } = object.bounding_box;
                let (right, bottom) = (x + width, y + height);
                annotations.push(Instance {
                    id: annotations.len() + 1,
                    image_id: index + 1,
                    category_id: ids[object.category],
                    bbox: [x, y, width, height],
                    area: object.area,
                    iscrowd: 0,
                    segmentation: [[x, y, right, y, right, bottom, x, bottom]],
                });
            }
        }
        let files: Vec<String> = indices.iter().map(|&index| file(index)).collect();
        let content = InstanceFile {
            info: INFO,
            licenses: [],
            images: &listed(items, &indices, &files),
            annotations,
            categories: (ids.iter().zip(names))
                .map(|(&id, name)| Category {
                    id,
                    name,
                    // Scenes say colour and kind.
                    supercategory: name.split_once(' ').map_or(name, |(_, kind)| kind),
                })
                .collect(),
        };
        let path = format!("annotations/instances_{side}.json");
        target.write(&path, &json(&content))?;
    }
    Ok(())
}

fn listed<'a>(items: &[Item], indices: &[usize], files: &'a [String]) -> Vec<Image<'a>> {
    let images = indices.iter().zip(files);
    images
        .map(|(&index, file_name)| {
            let [width, height] = items[index].size;
            Image {
                id: index + 1,
                file_name,
                width,
                height,
            }
        })
        .collect()
}

/// Objects of an image. Data without any have one for each label, or for the class, in the box.
fn objects(dataset: &dyn TextImageDataset, item: &Item) -> Result<Vec<Object>, DataError> {
    let Item { record, size } = item;
    if record.objects.is_empty() {
        let bounding_box = record.bounding_box.unwrap_or(BoundingBox {
            x: 0.0,
            y: 0.0,
            width: size[0] as f32,
            height: size[1] as f32,
        });
        let labels = if dataset.categories().is_empty() {
            vec![record.class]
        } else {
            record.labels.clone()
        };
        let object = |category| Object {
            category,
            bounding_box,
            area: bounding_box.width * bounding_box.height,
        };
        return Ok(labels.into_iter().map(object).collect());
    }
    let has = |label: &usize| record.objects.iter().any(|o| o.category == *label);
    let is_label = |object: &Object| record.labels.contains(&object.category);
    if record.labels.iter().all(has) && record.objects.iter().all(is_label) {
        return Ok(record.objects.clone());
    }
    Err(DataError::Uri {
        uri: dataset.uri(),
        message: format!(
            "the labels of `{}` are not those of its objects, and COCO's files have no place for \
             wrong labels; export without label_noise",
            record.key
        ),
    })
}

fn json(content: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(content).expect("strings and numbers are always JSON")
}

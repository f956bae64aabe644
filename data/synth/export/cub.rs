//! The layout of CUB-200-2011.

use super::{Item, Paths, Target};
use crate::dataset::{Record, Split, TextImageDataset};
use crate::error::DataError;

/// Names of CUB's parts in id order.
const PARTS: [&str; 15] = [
    "back",
    "beak",
    "belly",
    "breast",
    "crown",
    "forehead",
    "left eye",
    "left leg",
    "left wing",
    "nape",
    "right eye",
    "right leg",
    "right wing",
    "tail",
    "throat",
];

/// `NNN.Name`: birds are called so already.
fn folder(name: &str, class: usize) -> String {
    let number = format!("{:03}.", class + 1);
    if name.starts_with(&number) {
        name.to_owned()
    } else {
        number + name
    }
}

/// Path of an image below `images/`, without extension.
pub(super) fn stem(classes: &[String], record: &Record) -> String {
    let name = record
        .key
        .rsplit_once('/')
        .map_or(record.key.as_str(), |(_, name)| name);
    format!("{}/{name}", folder(&classes[record.class], record.class))
}

/// Captions go into the folder `texts`.
pub(super) fn paths(classes: &[String], record: &Record, texts: &str) -> Paths {
    let stem = stem(classes, record);
    Paths {
        image: format!("CUB_200_2011/images/{stem}.jpg"),
        captions: Some(format!("{texts}/{stem}.txt")),
    }
}

/// Reed's class lists.
pub(super) fn class_lists(
    dataset: &dyn TextImageDataset,
    target: &Target,
) -> Result<(), DataError> {
    let name = |class: usize| folder(&dataset.classes()[class], class);
    super::class_lists(dataset, target, name)
}

/// Everything in `CUB_200_2011/` but the images.
pub(super) fn lists(
    dataset: &dyn TextImageDataset,
    items: &[Item],
    target: &Target,
) -> Result<(), DataError> {
    let records: Vec<&Record> = items.iter().map(|item| &item.record).collect();
    let write =
        |name: &str, lines: &[String]| target.write_lines(&format!("CUB_200_2011/{name}"), lines);
    let numbered = |line: &dyn Fn(&Record) -> String| -> Vec<String> {
        (1..)
            .zip(&records)
            .map(|(id, r): (usize, _)| format!("{id} {}", line(r)))
            .collect()
    };
    write(
        "images.txt",
        &numbered(&|r| format!("{}.jpg", stem(dataset.classes(), r))),
    )?;
    write(
        "image_class_labels.txt",
        &numbered(&|r| (r.class + 1).to_string()),
    )?;
    write(
        "bounding_boxes.txt",
        &numbered(&|r| {
            r.bounding_box.map_or_else(
                || "0.0 0.0 0.0 0.0".to_owned(),
                |b| format!("{:.1} {:.1} {:.1} {:.1}", b.x, b.y, b.width, b.height),
            )
        }),
    )?;
    let names: Vec<String> = dataset
        .classes()
        .iter()
        .enumerate()
        .map(|(c, name)| folder(name, c))
        .collect();
    let classes: Vec<String> = (1..)
        .zip(&names)
        .map(|(id, name): (usize, _)| format!("{id} {name}"))
        .collect();
    write("classes.txt", &classes)?;
    let mut is_train = vec![0; records.len()];
    dataset
        .split(Split::Trainval)
        .into_iter()
        .for_each(|i| is_train[i] = 1);
    let split: Vec<String> = (1..)
        .zip(is_train)
        .map(|(id, t): (usize, u8)| format!("{id} {t}"))
        .collect();
    write("train_test_split.txt", &split)?;
    let parts: Vec<String> = (1..)
        .zip(PARTS)
        .map(|(id, name): (usize, _)| format!("{id} {name}"))
        .collect();
    write("parts/parts.txt", &parts)?;
    write("parts/part_locs.txt", &part_locations(&records))
}

/// Fifteen lines for each image; what a dataset does not know is invisible.
fn part_locations(records: &[&Record]) -> Vec<String> {
    let mut lines = Vec::with_capacity(records.len() * PARTS.len());
    for (image, record) in (1..).zip(records) {
        let image: usize = image;
        for id in 1..=PARTS.len() as u8 {
            let part = record.parts.iter().find(|p| p.id == id && p.is_visible);
            lines.push(part.map_or_else(
                || format!("{image} {id} 0.0 0.0 0"),
                |p| format!("{image} {id} {:.1} {:.1} 1", p.x, p.y),
            ));
        }
    }
    lines
}

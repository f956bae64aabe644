use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::open;
use crate::dataset::{ImageSize, Split, TextImageDataset};
use crate::layouts::OnDisk;

const CAPTIONS: &str = r#"{"info": {}, "licenses": [], "images": [
    {"id": 9, "file_name": "COCO_train2014_000000000009.jpg", "height": 8, "width": 12},
    {"id": 4, "file_name": "COCO_train2014_000000000004.jpg", "height": 8, "width": 12}],
  "annotations": [
    {"image_id": 4, "id": 1, "caption": "A cat.\n"}, {"image_id": 9, "id": 2, "caption": "A dog "},
    {"image_id": 4, "id": 3, "caption": " "}, {"image_id": 4, "id": 4, "caption": "Two\nlines"}]}"#;

const INSTANCES: &str = r#"{"images": [
    {"id": 4, "file_name": "COCO_train2014_000000000004.jpg"},
    {"id": 9, "file_name": "COCO_train2014_000000000009.jpg"}],
  "annotations": [
    {"id": 1, "image_id": 4, "category_id": 90, "bbox": [1, 2, 3, 4.5], "area": 7.25,
     "iscrowd": 0, "segmentation": [[1, 2, 3, 4, 5, 6]]},
    {"id": 2, "image_id": 4, "category_id": 17, "bbox": [0, 0, 2, 2], "iscrowd": 1,
     "segmentation": {"counts": [1, 2], "size": [8, 12]}},
    {"id": 3, "image_id": 4, "category_id": 90, "bbox": [5, 5, 1, 1]}],
  "categories": [
    {"id": 90, "name": "toothbrush", "supercategory": "indoor"},
    {"id": 17, "name": "cat", "supercategory": "animal"}]}"#;

fn write(folder: &Path, name: &str, content: &str) {
    fs::create_dir_all(folder.join("annotations")).expect("folder");
    fs::write(folder.join("annotations").join(name), content).expect("write");
}

/// Two training images, one of them without objects.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    write(folder.path(), "captions_train2014.json", CAPTIONS);
    write(folder.path(), "instances_train2014.json", INSTANCES);
    fs::create_dir(folder.path().join("train2014")).expect("folder");
    for id in [4, 9] {
        let name = format!("train2014/COCO_train2014_{id:012}.jpg");
        image::RgbImage::from_pixel(12, 8, image::Rgb([200, 100, 50]))
            .save(folder.path().join(name))
            .expect("image");
    }
    folder
}

fn open_folder(path: &Path) -> Result<OnDisk, String> {
    open(&format!("coco:{}", path.display())).map_err(|e| e.to_string())
}

#[test]
fn captions_and_labels_of_an_image_come_together() {
    let folder = folder();
    let data = open_folder(folder.path()).expect("opens");

    let [dog, cat] = [0, 1].map(|i| data.record(i).expect("record"));

    assert_eq!(data.categories(), ["cat", "toothbrush"]);
    assert_eq!(dog.key, "COCO_train2014_000000000009");
    assert_eq!(
        (&dog.captions[..], &dog.labels[..]),
        (&["A dog".to_owned()][..], &[][..])
    );
    assert_eq!(cat.captions, ["A cat.", "Two lines"]);
    assert_eq!(cat.labels, [0, 1]);
    assert_eq!(data.labels_of(1).expect("labels"), [0, 1]);
    let found: Vec<_> = cat
        .objects
        .iter()
        .map(|o| (o.category, o.area, o.bounding_box.height))
        .collect();
    assert_eq!(found, [(1, 7.25, 4.5), (0, 0.0, 2.0), (1, 0.0, 1.0)]);
    assert_eq!(
        (data.split(Split::Trainval), data.split(Split::Test)),
        (vec![0, 1], vec![])
    );
    assert_eq!((dog.class, cat.class), (0, 1));
    assert!(cat.bounding_box.is_none());
    let image = data.image(1, ImageSize::Native).expect("image");
    assert_eq!(image.dimensions(), (12, 8));
}

#[test]
fn val2014_is_for_testing_and_has_the_same_categories() {
    let folder = folder();
    let moved = |text: &str| {
        text.replace("train2014", "val2014")
            .replace("\"id\": 4,", "\"id\": 5,")
            .replace("\"image_id\": 4,", "\"image_id\": 5,")
    };
    write(folder.path(), "captions_val2014.json", &moved(CAPTIONS));
    write(folder.path(), "instances_val2014.json", &moved(INSTANCES));

    let data = open_folder(folder.path()).expect("opens");

    assert_eq!(
        (data.split(Split::Trainval), data.split(Split::Test)),
        (vec![0, 1], vec![2, 3])
    );
    assert!(data.split(Split::Val).is_empty());
    let other = moved(INSTANCES).replace("toothbrush", "hair drier");
    write(folder.path(), "instances_val2014.json", &other);
    let error = open_folder(folder.path()).expect_err("other categories");
    assert!(error.contains("other categories"), "{error}");
}

#[test]
fn verify_counts_images_and_captions() {
    let folder = folder();
    let image = folder
        .path()
        .join("train2014/COCO_train2014_000000000009.jpg");
    fs::remove_file(image).expect("was there");

    let findings = open_folder(folder.path())
        .expect("opens")
        .verify(&|_, _| ())
        .join("\n");

    assert!(findings.contains("82783 published"), "{findings}");
    assert!(
        findings.contains("000000000009.jpg is missing"),
        "{findings}"
    );
    assert!(
        findings.contains("000000000004`: 2 captions, 5 published"),
        "{findings}"
    );
    assert!(!findings.contains("classes"), "{findings}");
}

#[test]
fn every_damage_is_named_with_file_and_remedy() {
    let (captions, instances) = ("captions_train2014.json", "instances_train2014.json");
    let cases: [(&str, Option<String>, &str); 14] = [
        (captions, None, "captions_train2014.json is missing"),
        (instances, None, "instances_train2014.json is missing"),
        (
            captions,
            Some(CAPTIONS[..200].into()),
            "2014.json:3: is truncated",
        ),
        (instances, Some(INSTANCES[..500].into()), "is truncated"),
        (captions, Some("[1, 2]".into()), "fields of a COCO file"),
        (captions, Some("{\"images\": }".into()), "is no JSON"),
        (
            instances,
            Some(INSTANCES.replace("\"categories\"", "\"kinds\"")),
            "missing field `categories`",
        ),
        (
            instances,
            Some(INSTANCES.replace("[0, 0, 2, 2]", "[0, 0, 2]")),
            "fields of a COCO file",
        ),
        (
            captions,
            Some(CAPTIONS.replace("\"id\": 9,", "\"id\": 4,")),
            "image id 4 occurs twice",
        ),
        (
            captions,
            Some(CAPTIONS.replace("\"image_id\": 9", "\"image_id\": 8")),
            "annotation 1 belongs to image 8",
        ),
        (
            captions,
            Some(CAPTIONS.replace("A dog ", " ")),
            "image 9 (`COCO_train2014_000000000009.jpg`) has no caption",
        ),
        (
            captions,
            Some(CAPTIONS.replace("COCO_train2014_000000000009", "../../secret")),
            "not a path below the image folder",
        ),
        (
            instances,
            Some(INSTANCES.replace("\"category_id\": 17", "\"category_id\": 18")),
            "annotation 1 has the category id 18",
        ),
        (
            instances,
            Some(INSTANCES.replace("\"id\": 9,", "\"id\": 10,")),
            "image 9 (`COCO_train2014_000000000009.jpg`) is not listed",
        ),
    ];
    for (name, content, expected) in cases {
        let folder = folder();
        match content {
            Some(content) => write(folder.path(), name, &content),
            None => fs::remove_file(folder.path().join("annotations").join(name)).expect("there"),
        }

        let error = open_folder(folder.path()).expect_err(expected);

        assert!(error.contains(expected), "{expected}: {error}");
    }
    let empty = tempfile::tempdir().expect("temporary folder");
    let error = open_folder(empty.path()).expect_err("empty");
    assert!(error.contains("annotations_trainval2014.zip"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn altered_files_never_panic(at in 0usize..1000, byte in any::<u8>(), is_caption in any::<bool>()) {
        let folder = folder();
        let (name, text) = if is_caption {
            ("captions_train2014.json", CAPTIONS)
        } else {
            ("instances_train2014.json", INSTANCES)
        };
        let mut bytes = text.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        fs::write(folder.path().join("annotations").join(name), &bytes).expect("write");
        if let Ok(data) = open_folder(folder.path()) {
            for index in 0..data.len() {
                let record = data.record(index).expect("held in memory");
                prop_assert!(record.labels.iter().all(|&l| l < data.categories().len()));
            }
        }
    }
}

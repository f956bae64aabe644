//! Exports of the built-in data in the layouts of the published sets.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wordpaint_data::formats::matlab;
use wordpaint_data::synth::{self, Layout, export};
use wordpaint_data::{DataError, ImageSize, Split, TextImageDataset};

const BIRDS: &str = "synth:birds?preset=nano&size=32&seed=3";
const FLOWERS: &str = "synth:flowers?preset=nano&size=32&seed=3";

fn write(uri: &str, layout: Layout, out: &Path) -> Result<(), DataError> {
    export(uri, layout, out, &mut |_, _| ())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn lines(path: PathBuf) -> Vec<String> {
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(str::to_owned).collect()
}

fn source(uri: &str) -> Box<dyn TextImageDataset> {
    synth::open(uri).expect("the address is right")
}

/// Names of what lies in a folder, hidden things included.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a readable folder");
    entries
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

#[test]
fn cub_export_has_every_list_image_and_caption_file() {
    let temporary = folder();
    let out = temporary.path().join("birds");
    write(BIRDS, Layout::Cub, &out).expect("the export");
    let dataset = source(BIRDS);

    let cub = out.join("CUB_200_2011");
    let images = lines(cub.join("images.txt"));
    let boxes = lines(cub.join("bounding_boxes.txt"));
    let labels = lines(cub.join("image_class_labels.txt"));
    let parts = lines(cub.join("parts/part_locs.txt"));
    assert_eq!(lines(cub.join("parts/parts.txt"))[6], "7 left eye");
    assert_eq!(parts.len(), 120 * 15);
    assert_eq!([images.len(), boxes.len(), labels.len()], [120; 3]);
    for index in 0..dataset.len() {
        let record = dataset.record(index).expect("a record");
        let id = index + 1;
        assert_eq!(images[index], format!("{id} {}.jpg", record.key));
        assert_eq!(labels[index], format!("{id} {}", record.class + 1));
        let b = record.bounding_box.expect("a box");
        assert_eq!(
            boxes[index],
            format!("{id} {:.1} {:.1} {:.1} {:.1}", b.x, b.y, b.width, b.height)
        );
        assert!(cub.join(format!("images/{}.jpg", record.key)).is_file());
        assert_eq!(
            lines(out.join(format!("text_c10/{}.txt", record.key))),
            record.captions
        );
        let beak = &record.parts[1];
        assert_eq!(
            parts[index * 15 + 1],
            format!("{id} 2 {:.1} {:.1} 1", beak.x, beak.y)
        );
    }
    let class_names: Vec<String> = (1..)
        .zip(dataset.classes())
        .map(|(i, c): (usize, _)| format!("{i} {c}"))
        .collect();
    assert_eq!(lines(cub.join("classes.txt")), class_names);
    let counts = ["train", "val", "trainval", "test", "all"]
        .map(|s| lines(out.join(format!("{s}classes.txt"))).len());
    assert_eq!(counts, [6, 2, 8, 2, 10]);
    let trained = lines(cub.join("train_test_split.txt"))
        .iter()
        .filter(|l| l.ends_with(" 1"))
        .count();
    assert_eq!(trained, 96);
}

#[test]
fn oxford_export_has_labels_splits_images_and_captions() {
    let temporary = folder();
    let out = temporary.path().join("flowers");
    write(FLOWERS, Layout::Oxford, &out).expect("the export");
    let dataset = source(FLOWERS);

    let labels = matlab::integers(&out.join("imagelabels.mat"), "labels").expect("labels");
    let expected: Vec<i64> = (0..120).map(|i| dataset.class_of(i) as i64 + 1).collect();
    assert_eq!(labels, expected);
    for (name, split) in [
        ("trnid", Split::Train),
        ("valid", Split::Val),
        ("tstid", Split::Test),
    ] {
        let ids = matlab::integers(&out.join("setid.mat"), name).expect("ids");
        let expected: Vec<i64> = dataset.split(split).iter().map(|i| *i as i64 + 1).collect();
        assert_eq!(ids, expected, "{name}");
    }
    for index in 0..dataset.len() {
        let record = dataset.record(index).expect("a record");
        let (class, id) = (record.class + 1, index + 1);
        assert!(out.join(format!("jpg/image_{id:05}.jpg")).is_file());
        let captions = out.join(format!("text_c10/class_{class:05}/image_{id:05}.txt"));
        assert_eq!(lines(captions), record.captions);
    }
    assert!(
        lines(out.join("testclasses.txt"))
            .iter()
            .all(|l| l.starts_with("class_000"))
    );
}

#[test]
fn every_generator_fits_every_layout() {
    let temporary = folder();
    for (uri, layout, name) in [(FLOWERS, Layout::Cub, "a"), (BIRDS, Layout::Oxford, "b")] {
        write(uri, layout, &temporary.path().join(name)).expect("the export");
    }
    let cub = temporary.path().join("a/CUB_200_2011");
    for line in lines(cub.join("images.txt")) {
        let path = line.split_once(' ').expect("two columns").1;
        assert!(cub.join("images").join(path).is_file(), "{path}");
    }
}

#[test]
fn pictures_are_close_to_the_render_and_keep_full_chroma() {
    let temporary = folder();
    for (kind, size) in [
        ("birds", 32),
        ("birds", 64),
        ("flowers", 64),
        ("flowers", 128),
    ] {
        let uri = format!("synth:{kind}?classes=5&per_class=6&size={size}");
        let out = temporary.path().join(format!("{kind}{size}"));
        write(&uri, Layout::Oxford, &out).expect("the export");
        let dataset = source(&uri);
        for index in 0..dataset.len() {
            let path = out.join(format!("jpg/image_{:05}.jpg", index + 1));
            let file = fs::read(path).expect("a file");
            let decoded = image::load_from_memory(&file).expect("a picture").to_rgb8();
            let drawn = dataset.image(index, ImageSize::Native).expect("a picture");

            let sum: u64 = decoded
                .iter()
                .zip(drawn.iter())
                .map(|(a, b)| u64::from(a.abs_diff(*b)))
                .sum();

            let mean = sum as f64 / drawn.len() as f64;
            assert!(mean <= 2.0, "{uri} image {index}: {mean}");
            // Frame header: marker, length, precision, height, width, then three bytes a component.
            let frame = file
                .windows(2)
                .position(|w| w == [0xFF, 0xC0])
                .expect("a frame header");
            let sampling: Vec<u8> = (0..3).map(|c| file[frame + 11 + 3 * c]).collect();
            assert_eq!(sampling, [0x11; 3], "4:4:4");
        }
    }
}

#[test]
fn manifest_names_seed_preset_and_the_checksum_of_every_file() {
    let temporary = folder();
    let out = temporary.path().join("flowers");
    write(FLOWERS, Layout::Oxford, &out).expect("the export");
    let json = fs::read(out.join("SYNTH.json")).expect("the manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&json).expect("JSON");

    assert_eq!(manifest["generator_version"], synth::GENERATOR_VERSION);
    assert_eq!(manifest["seed"], 3);
    assert_eq!(manifest["preset"], "nano");
    assert_eq!(manifest["layout"], "oxford");
    let files: BTreeMap<String, String> =
        serde_json::from_value(manifest["files"].clone()).expect("a table of files");
    assert_eq!(files.len(), 120 + 120 + 2 + 5);
    for (path, crc) in files {
        let bytes = fs::read(out.join(&path)).expect("the file");
        assert_eq!(format!("{:08x}", crc32fast::hash(&bytes)), crc, "{path}");
    }
}

#[test]
fn two_exports_are_equal_to_the_byte() {
    let temporary = folder();
    let [a, b] = ["a", "b"].map(|name| temporary.path().join(name));
    for out in [&a, &b] {
        write(BIRDS, Layout::Cub, out).expect("the export");
    }

    // The manifest holds the checksum of everything else.
    let manifest = |out: &Path| fs::read(out.join("SYNTH.json")).expect("the manifest");
    assert_eq!(manifest(&a), manifest(&b));
}

#[test]
fn a_folder_with_files_is_refused_and_left_alone() {
    let temporary = folder();
    fs::write(temporary.path().join("mine.txt"), "keep").expect("a file");

    let error = write(BIRDS, Layout::Cub, temporary.path()).expect_err("the folder is in use");

    assert!(error.to_string().contains("not empty"), "{error}");
    assert_eq!(names(temporary.path()), ["mine.txt"]);
}

#[test]
fn an_empty_folder_is_filled_and_nothing_else_is_left_behind() {
    let temporary = folder();
    let out = temporary.path().join("flowers");
    fs::create_dir(&out).expect("a folder");
    let mut calls = Vec::new();

    export(FLOWERS, Layout::Oxford, &out, &mut |done, all| {
        calls.push((done, all));
    })
    .expect("export");

    assert_eq!(names(temporary.path()), ["flowers"]);
    assert_eq!(
        (calls.first(), calls.last()),
        (Some(&(0, 120)), Some(&(120, 120)))
    );
    assert!(calls.is_sorted());
}

#[test]
fn a_place_that_cannot_be_written_is_a_clear_error() {
    let temporary = folder();
    let file = temporary.path().join("file");
    fs::write(&file, "not a folder").expect("a file");

    let below = write(BIRDS, Layout::Cub, &file.join("birds")).expect_err("below a file");
    let itself = write(BIRDS, Layout::Cub, &file).expect_err("a file");

    assert!(below.to_string().contains("cannot create"), "{below}");
    assert!(itself.to_string().contains("is a file"), "{itself}");
    assert_eq!(names(temporary.path()), ["file"]);
}

#[test]
fn per_image_splits_have_no_layout() {
    let temporary = folder();
    let out = temporary.path().join("birds");

    let error = write("synth:birds?preset=nano&split=per-image", Layout::Cub, &out);

    assert!(
        error
            .expect_err("no layout")
            .to_string()
            .contains("whole classes")
    );
    assert!(!out.exists());
}

#[test]
fn unknown_layouts_are_answered_with_the_known_ones() {
    let error = "cup".parse::<Layout>().expect_err("no such layout");

    assert!(
        error.contains("`oxford`") && error.contains("did you mean `cub`?"),
        "{error}"
    );
}

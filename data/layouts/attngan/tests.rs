use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::open;
use crate::dataset::{ImageSize, Split, TextImageDataset};
use crate::layouts::OnDisk;
use crate::layouts::tests::picture;
use crate::prepare::Prepared;

fn open_folder(path: &Path) -> Result<OnDisk, String> {
    open(&format!("attngan:{}", path.display())).map_err(|e| e.to_string())
}

fn write(folder: &TempDir, name: &str, content: &[u8]) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
    fs::write(path, content).expect("write");
}

/// Two classes in two splits, as AttnGAN keeps birds.
fn birds() -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    let files: [(&str, &[u8]); 10] = [
        (
            "CUB_200_2011/images.txt",
            b"1 001.A/a_1.jpg\n2 007.B/b_1.jpg\n",
        ),
        (
            "CUB_200_2011/bounding_boxes.txt",
            b"1 1.0 2.0 3.0 4.0\n2 2.0 2.0 5.0 6.0\n",
        ),
        (
            "text/001.A/a_1.txt",
            b"\n...\nA red bird!\nblue\nnever read\n",
        ),
        ("text/007.B/b_1.txt", b"a\xc3\xa9 bird\nblue bird"),
        ("train/filenames.pickle", b"(lS'007.B/b_1'\na."),
        ("test/filenames.pickle", b"(lS'001.A/a_1'\na."),
        ("train/class_info.pickle", b"(lI7\na."),
        ("test/class_info.pickle", b"(lI1\na."),
        ("captions.pickle", CAPTIONS),
        ("example_filenames.txt", b""),
    ];
    for (name, content) in files {
        write(&folder, name, content);
    }
    picture(&folder, "CUB_200_2011/images/001.A/a_1.jpg");
    picture(&folder, "CUB_200_2011/images/007.B/b_1.jpg");
    folder
}

const CAPTIONS: &[u8] = b"(l(l(lI1\naI2\naa(lI3\naI2\naaa(l(lI1\naI4\naI2\naa(lI3\naaa\
    (dI0\nS'<end>'\nsI1\nS'a'\nsI2\nS'bird'\nsI3\nS'blue'\nsI4\nS'red'\ns\
    a(dS'<end>'\nI0\nsS'a'\nI1\nsS'bird'\nI2\nsS'blue'\nI3\nsS'red'\nI4\nsa.";

#[test]
fn lists_texts_boxes_and_words_come_together() {
    let folder = birds();
    let data = open_folder(folder.path()).expect("opens");

    let [b, a] = [0, 1].map(|i| data.record(i).expect("record"));

    assert_eq!(data.classes(), ["001.A", "007.B"]);
    assert_eq!((b.class, a.class), (1, 0));
    assert_eq!((b.key.as_str(), a.key.as_str()), ("007.B/b_1", "001.A/a_1"));
    assert_eq!(a.captions, ["A red bird!", "blue"]);
    assert_eq!(a.bounding_box.map(|b| b.height), Some(4.0));
    assert_eq!(b.bounding_box.map(|b| b.x), Some(2.0));
    assert_eq!(
        (data.split(Split::Train), data.split(Split::Test)),
        (vec![0], vec![1])
    );
    let words = data.vocabulary().expect("no error").expect("there");
    assert_eq!(words, ["<end>", "a", "bird", "blue", "red"]);
    let image = data.image(0, ImageSize::Native).expect("image");
    assert_eq!(image.dimensions(), (12, 8));
    let findings = data.verify(&|_, _| ()).join("\n");
    assert!(findings.contains("8855 published"), "{findings}");
    assert!(!findings.contains("do not agree"), "{findings}");
}

#[test]
fn without_text_files_captions_are_put_together_from_words() {
    let folder = birds();
    fs::remove_dir_all(folder.path().join("text")).expect("there");

    let data = open_folder(folder.path()).expect("opens");

    let captions = data.record(1).expect("record").captions;
    assert_eq!(captions, ["a red bird", "blue"]);
}

#[test]
fn texts_with_other_words_than_the_lists_are_found() {
    let folder = birds();
    write(&folder, "text/007.B/b_1.txt", b"a bird\nblue parrot\n");

    let findings = open_folder(folder.path())
        .expect("opens")
        .verify(&|_, _| ())
        .join("\n");

    assert!(
        findings.contains("1 of 2 caption files do not agree with captions.pickle"),
        "{findings}"
    );
    assert!(findings.contains("b_1.txt: caption 1"), "{findings}");
}

#[test]
fn every_damage_is_named_with_file_and_remedy() {
    let cases: [(&str, Option<&[u8]>, &str); 8] = [
        ("captions.pickle", None, "captions.pickle is missing"),
        ("text/001.A/a_1.txt", None, "a_1.txt is missing"),
        (
            "text/001.A/a_1.txt",
            Some(b"one\n"),
            "1 captions with a word, but captions.pickle counts 2",
        ),
        (
            "CUB_200_2011/images.txt",
            Some(b"2 007.B/b_1.jpg\n"),
            "image id 1 is not in images.txt",
        ),
        (
            "test/filenames.pickle",
            Some(b"(lS'007.B/b_1'\na."),
            "`007.B/b_1` is listed twice",
        ),
        (
            "test/filenames.pickle",
            Some(b"(lS'../../x'\na."),
            "not a path below the image folder",
        ),
        (
            "test/filenames.pickle",
            Some(b"(lS'009.C/c'\na."),
            "image `009.C/c` is not listed",
        ),
        (
            "captions.pickle",
            Some(b"cos\nsystem\n(S'touch x'\ntR."),
            "byte 0, opcode `c`",
        ),
    ];
    for (name, content, expected) in cases {
        let folder = birds();
        match content {
            Some(content) => write(&folder, name, content),
            None => fs::remove_file(folder.path().join(name)).expect("there"),
        }

        let failure = match open_folder(folder.path()) {
            Ok(data) => data.record(1).expect_err(expected).to_string(),
            Err(error) => error,
        };

        assert!(failure.contains(expected), "{expected}: {failure}");
    }
}

#[test]
fn labels_come_from_annotations_beside_the_lists() {
    let folder = birds();
    fs::remove_dir_all(folder.path().join("CUB_200_2011")).expect("there");
    let instances = |file: &str, category: &str| {
        format!(
            r#"{{"images": [{{"id": 1, "file_name": "{file}"}}], "annotations":
            [{{"image_id": 1, "category_id": {category}, "bbox": [0, 0, 1, 1]}}],
            "categories": [{{"id": 3, "name": "car"}}, {{"id": 5, "name": "bus"}}]}}"#
        )
    };
    let (train, test) = (
        instances("007.B/b_1.jpg", "5"),
        instances("001.A/a_1.jpg", "3"),
    );
    write(
        &folder,
        "annotations/instances_train2014.json",
        train.as_bytes(),
    );

    let error = open_folder(folder.path()).expect_err("one of two files");
    write(
        &folder,
        "annotations/instances_val2014.json",
        test.as_bytes(),
    );
    let data = open_folder(folder.path()).expect("opens");

    assert!(error.contains("put both files there"), "{error}");
    assert_eq!(data.categories(), ["car", "bus"]);
    let labels = [0, 1].map(|i| data.labels_of(i).expect("labels"));
    assert_eq!(labels, [[1], [0]]);
}

#[test]
fn prepared_files_turn_a_folder_of_birds_into_one_of_attngan() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let data = crate::open("synth:birds?classes=4&per_class=3&size=16").expect("built in");
    let prepared = Prepared::of(&*data, Some(4), &mut |_, _| ()).expect("readable");
    prepared.write(folder.path()).expect("writable");

    let read = open_folder(folder.path()).expect("opens");

    let order: Vec<usize> = [Split::Trainval, Split::Test]
        .iter()
        .flat_map(|&split| data.split(split))
        .collect();
    assert_eq!(read.len(), 12);
    for (i, &index) in order.iter().enumerate() {
        let (a, b) = (
            data.record(index).expect("made"),
            read.record(i).expect("read"),
        );
        assert_eq!(
            (a.key, data.classes()[a.class].clone()),
            (b.key, read.classes()[b.class].clone())
        );
        let words: Vec<String> = a.captions[..4]
            .iter()
            .map(|c| crate::words::words(c).join(" "))
            .collect();
        assert_eq!(words, b.captions);
    }
}

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::{OnDisk, cub, folder, oxford};
use crate::dataset::{ImageSize, Split, TextImageDataset};

/// Writes files below a temporary folder, making folders as needed.
fn write(folder: &TempDir, files: &[(&str, &[u8])]) {
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
        fs::write(path, content).expect("write");
    }
}

pub(super) fn picture(folder: &TempDir, name: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
    image::RgbImage::from_pixel(12, 8, image::Rgb([200, 100, 50]))
        .save(path)
        .expect("image");
}

/// Three classes of one image each.
fn birds() -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    write(
        &folder,
        &[
            ("CUB_200_2011/classes.txt", b"1 001.A\n2 002.B\n3 003.C\n"),
            (
                "CUB_200_2011/images.txt",
                b"1 001.A/a_1.jpg\n2 002.B/b_1.jpg\n3 003.C/c_1.jpg\n",
            ),
            ("CUB_200_2011/image_class_labels.txt", b"1 1\n2 2\n3 3\n"),
            ("CUB_200_2011/bounding_boxes.txt", b"1 1.0 2.0 3.0 4.0\n"),
            (
                "CUB_200_2011/parts/part_locs.txt",
                b"1 15 5.5 6.0 1\n1 2 0.0 0.0 0\n",
            ),
            ("text_c10/001.A/a_1.txt", b"a bird\nred bird\n\n"),
            ("text_c10/002.B/b_1.txt", "caf\u{e9} bird\r\n".as_bytes()),
            ("text_c10/003.C/c_1.txt", b"blue\n"),
            ("trainclasses.txt", b"002.B\n"),
            ("valclasses.txt", b"003.C\n"),
            ("testclasses.txt", b"001.A\n"),
            ("trainvalclasses.txt", b"002.B\n003.C\n"),
        ],
    );
    for image in ["001.A/a_1", "002.B/b_1", "003.C/c_1"] {
        picture(&folder, &format!("CUB_200_2011/images/{image}.jpg"));
    }
    folder
}

fn open_birds(path: &Path) -> Result<OnDisk, String> {
    cub::open(&format!("cub:{}", path.display())).map_err(|e| e.to_string())
}

#[test]
fn either_folder_of_cub_may_be_named() {
    let folder = birds();
    for path in [
        folder.path().to_path_buf(),
        folder.path().join("CUB_200_2011"),
    ] {
        let data = open_birds(&path).expect("opens");
        assert_eq!(data.classes(), ["001.A", "002.B", "003.C"]);
        assert_eq!(data.split(Split::Train), [1]);
        assert_eq!(data.split(Split::Val), [2]);
        assert_eq!(data.split(Split::Trainval), [1, 2]);
        assert_eq!(data.split(Split::Test), [0]);
        assert_eq!(data.split(Split::All), [0, 1, 2]);
        let record = data.record(0).expect("record");
        assert_eq!(record.key, "001.A/a_1");
        assert_eq!(record.captions, ["a bird", "red bird"]);
        assert_eq!(
            record.bounding_box.map(|b| (b.x, b.height)),
            Some((1.0, 4.0))
        );
        assert_eq!(
            (
                record.parts[0].id,
                record.parts[0].x,
                record.parts[0].is_visible
            ),
            (15, 5.5, true)
        );
        assert_eq!(data.record(1).expect("record").captions, ["café bird"]);
        assert_eq!(
            data.image(0, ImageSize::Native)
                .expect("image")
                .dimensions(),
            (12, 8)
        );
        assert!(data.embeddings().expect("no error").is_none());
    }
}

#[test]
fn a_partial_set_works_and_verify_says_so() {
    let folder = birds();
    let data = open_birds(folder.path()).expect("opens");
    let findings = data.verify(&|_, _| ()).join("\n");
    assert!(
        findings.contains("images: 3 found, 11788 published"),
        "{findings}"
    );
    assert!(
        findings.contains("test classes: 1 found, 50 published"),
        "{findings}"
    );
    assert!(
        findings.contains("a_1.txt: 2 captions, 10 published"),
        "{findings}"
    );
    assert!(!findings.contains(".jpg"), "{findings}");

    let image = folder.path().join("CUB_200_2011/images/002.B/b_1.jpg");
    let bytes = fs::read(&image).expect("image");
    fs::write(&image, &bytes[..bytes.len() - 40]).expect("write");
    assert!(
        data.verify(&|_, _| ())
            .join("\n")
            .contains("b_1.jpg: truncated JPEG")
    );
    let fingerprint = || open_birds(folder.path()).expect("opens").fingerprint();
    let damaged = fingerprint();
    fs::write(&image, &bytes).expect("write");
    assert_ne!(fingerprint(), damaged);
}

/// Replaces one file of the birds and returns the message of opening or reading image 0.
fn complaint(name: &str, content: Option<&[u8]>) -> String {
    let folder = birds();
    match content {
        Some(content) => write(&folder, &[(name, content)]),
        None => fs::remove_file(folder.path().join(name)).expect("was there"),
    }
    let failure = match open_birds(folder.path()) {
        Err(error) => Some(error),
        Ok(data) => (data.record(0).map(|_| ()))
            .and_then(|()| data.image(0, ImageSize::Native).map(|_| ()))
            .err()
            .map(|e| e.to_string()),
    };
    failure.unwrap_or_else(|| panic!("{name}: no complaint"))
}

#[test]
fn every_damage_is_named_with_file_line_and_remedy() {
    for (name, content, expected) in [
        ("CUB_200_2011/images.txt", None, "images.txt is missing"),
        (
            "CUB_200_2011/classes.txt",
            Some(&b"1 001.A\n3 x\n"[..]),
            "classes.txt:2: class id 3",
        ),
        (
            "CUB_200_2011/classes.txt",
            Some(b"1 001.A\n2 002.B\n3 003.C\n4 004.D\n"),
            "classes.txt:4: class `004.D` has no image",
        ),
        (
            "CUB_200_2011/images.txt",
            Some(b"1 ../../etc/passwd\n"),
            "images.txt:1: `../../etc",
        ),
        (
            "CUB_200_2011/images.txt",
            Some(b"1 a/b.jpg\n1 a/c.jpg\n"),
            "images.txt:2: image id 1 occurs",
        ),
        (
            "CUB_200_2011/image_class_labels.txt",
            Some(b"1 1\n2 2\n"),
            "no class for image `003.C/c_1`",
        ),
        (
            "CUB_200_2011/image_class_labels.txt",
            Some(b"1 9\n"),
            "labels.txt:1: class id 9",
        ),
        (
            "CUB_200_2011/bounding_boxes.txt",
            Some(b"1 1 2 3\n"),
            "boxes.txt:1: expected `image_id x y",
        ),
        (
            "CUB_200_2011/parts/part_locs.txt",
            Some(b"1 16 1 1 1\n"),
            "part_locs.txt:1: part id 16",
        ),
        ("text_c10/001.A/a_1.txt", None, "a_1.txt is missing"),
        (
            "text_c10/001.A/a_1.txt",
            Some(b"\n\n"),
            "a_1.txt:1: no caption",
        ),
        (
            "text_c10/001.A/a_1.txt",
            Some(b"one\n\ntwo\n"),
            "a_1.txt:2: empty caption",
        ),
        (
            "text_c10/001.A/a_1.txt",
            Some(b"one\ncaf\xe9\n"),
            "a_1.txt:2: byte 4 of the line is not UTF-8",
        ),
        (
            "CUB_200_2011/images/001.A/a_1.jpg",
            None,
            "a_1.jpg is missing",
        ),
        (
            "CUB_200_2011/images/001.A/a_1.jpg",
            Some(b"\xff\xd8\xff\xe0"),
            "truncated JPEG",
        ),
        (
            "testclasses.txt",
            Some(b"001.A\n002.B\n"),
            "trainclasses.txt:1: class `002.B` is in the Test",
        ),
        (
            "valclasses.txt",
            Some(b"003.C\n\n004.D\n"),
            "valclasses.txt:3: unknown class `004.D`",
        ),
        (
            "trainvalclasses.txt",
            Some(b"002.B\n"),
            "class `003.C` is in trainvalclasses.txt or",
        ),
    ] {
        let message = complaint(name, content);
        assert!(message.contains(expected), "{name}: {message}");
    }
}

#[test]
fn file_names_give_the_split_and_the_order_of_embeddings() {
    let folder = birds();
    for list in [
        "trainclasses.txt",
        "valclasses.txt",
        "testclasses.txt",
        "trainvalclasses.txt",
    ] {
        fs::remove_file(folder.path().join(list)).expect("was there");
    }
    let data = open_birds(folder.path()).expect("opens without split");
    assert!(data.split(Split::Trainval).is_empty());
    assert!(
        data.verify(&|_, _| ())
            .join("\n")
            .contains("no class-disjoint split")
    );

    let array = |value: u8| {
        let mut p = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR\
                      (I1\n(I1\nI2\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb\
                      I00\nS'"
            .to_vec();
        p.extend([value, value + 1]);
        p.extend(b"'\ntba");
        p
    };
    let arrays = |values: &[u8]| {
        let items = values.iter().flat_map(|&v| array(v)).collect::<Vec<_>>();
        [b"(l".to_vec(), items, b".".to_vec()].concat()
    };
    write(
        &folder,
        &[
            (
                "train/filenames.pickle",
                b"(lS'003.C/c_1'\naS'001.A/a_1'\na.",
            ),
            ("test/filenames.pickle", b"(lS'002.B/b_1'\na."),
            ("train/char-CNN-RNN-embeddings.pickle", &arrays(b"09")),
            ("test/char-CNN-RNN-embeddings.pickle", &arrays(b"5")),
        ],
    );
    let data = open_birds(folder.path()).expect("opens");
    assert_eq!(
        (data.split(Split::Train), data.split(Split::Test)),
        (vec![0, 2], vec![1])
    );
    let embeddings = data.embeddings().expect("readable").expect("there");
    assert_eq!((embeddings.captions, embeddings.dim), (1, 2));
    assert_eq!(embeddings.values[..], [57.0, 58.0, 53.0, 54.0, 48.0, 49.0]);

    let mut not_finite = b"\x80\x02](cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85\
        U\x01b\x87R(K\x01K\x01K\x02\x86cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff\
        J\xff\xff\xff\xffK\x00tb\x89U\x08"
        .to_vec();
    not_finite.extend([1.0, f32::NAN].map(f32::to_le_bytes).concat());
    not_finite.extend([b"tb", &b"e."[..]].concat());
    for (name, content, expected) in [
        (
            "test/filenames.pickle",
            &b"(lS'004.D/x'\na."[..],
            "entry 0: no image `004.D/x`",
        ),
        (
            "test/filenames.pickle",
            b"(lS'001.A/a_1'\na.",
            "class `001.A` is in train/filenames",
        ),
        (
            "test/filenames.pickle",
            b"cos\nsystem\n.",
            "filenames.pickle: byte 0, opcode `c`",
        ),
        (
            "test/char-CNN-RNN-embeddings.pickle",
            b"(l.",
            "0 arrays, but test/filenames.pickle has 1",
        ),
        (
            "test/char-CNN-RNN-embeddings.pickle",
            &not_finite,
            "entry 0: number 1 is not finite",
        ),
    ] {
        let old = fs::read(folder.path().join(name)).expect("was there");
        write(&folder, &[(name, content)]);
        let error = match open_birds(folder.path()) {
            Err(error) => error,
            Ok(data) => {
                let error = data.embeddings().expect_err("refused").to_string();
                let findings = data.verify(&|_, _| ());
                assert!(findings.contains(&error), "{findings:?}");
                error
            }
        };
        assert!(error.contains(expected), "{error}");
        write(&folder, &[(name, &old)]);
    }
}

#[test]
fn verify_decodes_every_image_to_its_end_and_tells_how_far_it_is() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for i in 0..5 {
        picture(&folder, &format!("owls/{i}.png"));
        write(&folder, &[(&format!("owls/{i}.txt"), b"an owl\n")]);
    }
    let data = folder::open(&format!("folder:{}", folder.path().display())).expect("opens");
    let steps = std::sync::Mutex::new(Vec::new());
    let findings = data.verify(&|done, of| steps.lock().expect("no panic").push((done, of)));
    let mut steps = steps.into_inner().expect("no panic");
    steps.sort_unstable();
    assert_eq!(findings, Vec::<String>::new());
    assert_eq!(steps, (1..=5).map(|done| (done, 5)).collect::<Vec<_>>());

    // A bit of the pixels: the header says nothing of it.
    let image = folder.path().join("owls/3.png");
    let mut bytes = fs::read(&image).expect("image");
    let pixels = bytes
        .windows(4)
        .position(|kind| kind == b"IDAT")
        .expect("pixels");
    bytes[pixels + 8] ^= 4;
    fs::write(&image, bytes).expect("write");

    let findings = data.verify(&|_, _| ()).join("\n");

    assert!(
        findings.contains("1 of 5 images") && findings.contains("3.png"),
        "{findings}"
    );
}

#[test]
fn folders_need_only_images_and_captions() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for i in 0..6 {
        picture(&folder, &format!("owls/{i}.png"));
        write(
            &folder,
            &[(&format!("owls/{i}.txt"), format!("owl {i}\n").as_bytes())],
        );
    }
    picture(&folder, "wrens/x.jpg");
    let uri = format!("folder:{}/", folder.path().display());
    let data = folder::open(&uri).expect("opens");
    assert_eq!(data.uri(), uri.trim_end_matches('/'));
    assert_eq!(data.classes(), ["owls", "wrens"]);
    assert_eq!(data.split(Split::Test), [4]);
    assert_eq!(data.record(5).expect("record").captions, ["owl 5"]);
    assert!(
        data.record(6)
            .expect_err("no captions")
            .to_string()
            .contains("x.txt is missing")
    );

    fs::create_dir(folder.path().join("crows")).expect("folder");
    let error = folder::open(&uri).expect_err("empty class").to_string();
    assert!(error.contains("class `crows` has no image"), "{error}");
}

#[test]
fn paths_that_are_no_dataset_are_explained() {
    assert!(
        cub::open("cub:")
            .expect_err("empty")
            .to_string()
            .contains("write `cub:PATH`")
    );
    let error = oxford::open("oxford:/nowhere/at/all")
        .expect_err("missing")
        .to_string();
    assert!(error.contains("/nowhere/at/all is missing") && error.contains("imagelabels.mat"));
    let empty = tempfile::tempdir().expect("temporary folder");
    let error = open_birds(empty.path()).expect_err("empty folder");
    assert!(
        error.contains("classes.txt is missing") && error.contains("CUB_200_2011"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_lists_never_panic(
        which in prop::sample::select(vec!["images", "classes", "image_class_labels", "bounding_boxes"]),
        content in prop::collection::vec(
            prop::sample::select(b"0123 \n.a/\xff-".to_vec()), 0..60),
    ) {
        let folder = birds();
        write(&folder, &[(&format!("CUB_200_2011/{which}.txt"), &content)]);
        if let Ok(data) = open_birds(folder.path()) {
            let _ = data.record(0);
            let _ = data.verify(&|_, _| ());
        }
    }
}

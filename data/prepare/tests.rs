use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::Prepared;
use crate::dataset::TextImageDataset;

fn prepare(dataset: &dyn TextImageDataset) -> Prepared {
    Prepared::of(dataset, None, &mut |_, _| ()).expect("readable")
}

fn birds() -> Box<dyn TextImageDataset> {
    crate::open("synth:birds?preset=nano&size=16").expect("built in")
}

/// Images with captions of one's own, every fifth for testing.
fn folder(captions: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::create_dir(folder.path().join("a")).expect("folder");
    for (i, text) in captions.iter().enumerate() {
        let path = folder.path().join(format!("a/{i}.png"));
        image::RgbImage::new(2, 2).save(&path).expect("image");
        fs::write(path.with_extension("txt"), text).expect("write");
    }
    folder
}

fn of_folder(folder: &TempDir, captions: Option<usize>) -> Result<Prepared, String> {
    let data = crate::open(&format!("folder:{}", folder.path().display())).expect("opens");
    Prepared::of(&*data, captions, &mut |_, _| ()).map_err(|e| e.to_string())
}

#[test]
fn ids_follow_the_first_use_of_a_word_in_training_and_then_in_test_captions() {
    let folder = folder(&[
        "A red bird.",
        "red\nblue",
        "a",
        "bird's",
        "Zebra",
        "a sixth -- \u{e9}t\u{e9}",
    ]);

    let prepared = of_folder(&folder, None).expect("every image has a caption");

    assert_eq!(
        prepared.words,
        ["<end>", "a", "red", "bird", "s", "sixth", "t", "zebra"]
    );
    assert_eq!(prepared.captions_per_image, 1);
    assert_eq!(prepared.train.keys, ["a/0", "a/1", "a/2", "a/3", "a/5"]);
    assert_eq!(prepared.test.captions, [[7]]);
    let texts: Vec<String> = prepared.texts(&prepared.train.captions).collect();
    assert_eq!(texts, ["a red bird", "red", "a", "bird s", "a sixth t"]);
    assert_eq!(prepared.train.classes, [1; 5]);
}

#[test]
fn captions_without_a_word_do_not_count() {
    let folder = folder(&["...\none\ntwo", "1\n2\n3", "x\ny", "z\nw", "p\nq"]);

    let two = of_folder(&folder, None).expect("two each");
    let error = of_folder(&folder, Some(3)).expect_err("not everywhere");

    assert_eq!(two.captions_per_image, 2);
    assert_eq!(
        two.texts(&two.train.captions[..2]).last(),
        Some("two".into())
    );
    assert!(
        error.contains("`a/0` has 2 captions with a word, 3 are needed"),
        "{error}"
    );
}

#[test]
fn written_files_are_read_back() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let prepared = prepare(&*birds());
    prepared.write(folder.path()).expect("an empty folder");

    let pickles = Prepared::open(folder.path()).expect("pickles");
    let again = prepared.write(folder.path()).expect_err("there already");
    fs::remove_file(folder.path().join("captions.pickle")).expect("there");
    let json = Prepared::open(folder.path()).expect("JSON");

    assert_eq!(json, prepared);
    let source = prepared.source.clone();
    assert_eq!(Prepared { source, ..pickles }, prepared);
    assert!(again.to_string().contains("stays as it is"), "{again}");
    let words = fs::read(folder.path().join("vocabulary.json")).expect("there");
    let words: Vec<String> = serde_json::from_slice(&words).expect("a list");
    assert_eq!(words, prepared.words);
}

#[test]
fn lists_that_do_not_fit_each_other_are_refused() {
    let prepared = prepare(&*birds());
    let cases: [(&str, Option<&[u8]>, &str); 8] = [
        ("captions.pickle", Some(b"(l."), "expected a list of four"),
        (
            "captions.pickle",
            Some(b"cos\nsystem\n(S'true'\ntR."),
            "byte 0, opcode `c`",
        ),
        (
            "train/filenames.pickle",
            None,
            "filenames.pickle is missing",
        ),
        (
            "test/class_info.pickle",
            None,
            "class_info.pickle is missing",
        ),
        (
            "train/filenames.pickle",
            Some(b"(lS'a'\na."),
            "96 training classes for 1 images",
        ),
        (
            "train/class_info.pickle",
            Some(b"(lI1\na."),
            "1 training classes",
        ),
        (
            "test/class_info.pickle",
            Some(b"(lI-1\na."),
            "-1 is no class id",
        ),
        (
            "test/filenames.pickle",
            Some(b"cposix\nsystem\n."),
            "filenames.pickle: byte 0, opcode `c`",
        ),
    ];
    for (name, content, expected) in cases {
        let folder = tempfile::tempdir().expect("temporary folder");
        prepared.write(folder.path()).expect("an empty folder");
        let path = folder.path().join(name);
        match content {
            Some(content) => fs::write(&path, content).expect("write"),
            None => fs::remove_file(&path).expect("there"),
        }

        let error = Prepared::open(folder.path()).expect_err(expected);

        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_damaged_json_is_refused() {
    let prepared = prepare(&*birds());
    let whole = serde_json::to_string(&prepared).expect("JSON");
    for (text, expected) in [
        (
            whole[..whole.len() / 2].to_owned(),
            "is no list of captions",
        ),
        (
            whole.replacen("\"version\":1", "\"version\":2", 1),
            "version 2",
        ),
        (
            whole.replacen("[[1,", "[[99999,", 1),
            "not below the word count",
        ),
        (
            whole.replacen("\"captions_per_image\":10", "\"captions_per_image\":9", 1),
            "and 9 captions per image",
        ),
    ] {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("captions.json"), text).expect("write");

        let error = Prepared::open(folder.path()).expect_err(expected);

        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn altered_pickles_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let data = crate::open("synth:birds?classes=3&per_class=2&size=16").expect("built in");
        prepare(&*data).write(folder.path()).expect("an empty folder");
        let path = folder.path().join("captions.pickle");
        let mut bytes = fs::read(&path).expect("there");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fs::write(&path, bytes).expect("write");
        if let Ok(prepared) = Prepared::open(folder.path()) {
            let _ = prepared.texts(&prepared.train.captions).count();
        }
    }
}

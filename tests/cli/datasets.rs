//! `data synth`, `verify`, `stats` and `preview`.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::tiny::{stderr, stdout, wordpaint};

fn data(folder: &Path, arguments: &[&str]) -> Output {
    wordpaint(folder)
        .arg("data")
        .args(arguments)
        .output()
        .expect("the binary starts")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable folder");
    entries
        .map(|entry| entry.expect("readable entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_written_dataset_opens_in_its_layout_with_the_same_numbers() {
    for (kind, layout) in [
        ("birds", "cub"),
        ("flowers", "oxford"),
        ("scenes", "coco"),
        ("scenes", "attngan"),
    ] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let options = ["--preset", "nano", "--size", "24", "--out", "out"];

        let written = data(
            folder.path(),
            &[&["synth", kind, "--layout", layout], &options[..]].concat(),
        );

        assert_eq!(written.status.code(), Some(0), "{}", stderr(&written));
        let address = stdout(&written).trim().to_owned();
        assert_eq!(address, format!("{layout}:out"));
        let numbers = |uri: &str| -> Value {
            let output = data(folder.path(), &["stats", uri, "--json"]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            serde_json::from_slice(&output.stdout).expect("only JSON on stdout")
        };
        let on_disk = numbers(&address);
        let built_in = numbers(&format!("synth:{kind}?preset=nano&size=24"));
        for key in [
            "images",
            "classes",
            "categories",
            "labels",
            "captions",
            "words",
            "vocabulary",
            "width",
        ] {
            assert_eq!(on_disk[key], built_in[key], "{layout} {key}");
        }
        assert_eq!(on_disk["width"]["max"], 24);
    }
}

#[test]
fn verify_finds_nothing_in_built_in_data_and_counts_in_a_small_copy() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let synth = [
        "synth", "birds", "--layout", "cub", "--out", "out", "--preset", "nano",
    ];
    assert!(data(folder.path(), &synth).status.success());

    let built_in = data(folder.path(), &["verify", "synth:birds?preset=nano"]);
    let copy = data(folder.path(), &["verify", "cub:out"]);

    assert_eq!(built_in.status.code(), Some(0), "{}", stderr(&built_in));
    assert!(stdout(&built_in).contains("nothing is wrong"));
    assert_eq!(copy.status.code(), Some(3));
    assert!(
        stdout(&copy).contains("11788 published"),
        "{}",
        stdout(&copy)
    );
}

#[test]
fn prepared_captions_turn_a_folder_into_one_of_attngan() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let synth = [
        "synth", "birds", "--layout", "cub", "--out", "birds", "--preset", "nano",
    ];
    assert!(data(folder.path(), &synth).status.success());

    let prepare = ["prepare", "cub:birds", "--out", "birds", "--captions", "3"];
    let first = data(folder.path(), &prepare);
    let again = data(folder.path(), &prepare);
    let stats = data(folder.path(), &["stats", "attngan:birds", "--json"]);

    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert!(stderr(&first).contains("3 captions of each of 96 training and 24 test images"));
    assert_eq!(again.status.code(), Some(3));
    assert!(
        stderr(&again).contains("stays as it is"),
        "{}",
        stderr(&again)
    );
    assert_eq!(stats.status.code(), Some(0), "{}", stderr(&stats));
    let stats: Value = serde_json::from_slice(&stats.stdout).expect("only JSON on stdout");
    assert_eq!(
        (&stats["images"], &stats["captions"]["max"]),
        (&120.into(), &3.into())
    );
    let words = fs::read(folder.path().join("birds/vocabulary.json")).expect("written");
    let words: Vec<String> = serde_json::from_slice(&words).expect("a list of words");
    assert_eq!(words[0], "<end>");
    assert_eq!(stats["vocabulary"], words.len() - 1);
}

#[test]
fn preview_draws_one_sheet() {
    let folder = tempfile::tempdir().expect("temporary folder");

    let uri = "synth:flowers?preset=nano&size=32";
    let output = data(
        folder.path(),
        &["preview", uri, "--out", "sheet.png", "-n", "4"],
    );

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).trim(), "sheet.png");
    let bytes = fs::read(folder.path().join("sheet.png")).expect("written");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    // Two by two pictures of at least 128 pixels.
    let width = u32::from_be_bytes(bytes[16..20].try_into().expect("four bytes"));
    assert!((256..400).contains(&width), "{width}");
}

#[test]
fn bad_input_is_told_with_its_code_and_leaves_nothing_behind() {
    let cases: [(&[&str], i32, &str); 8] = [
        (&["stats", "synth:birds?sise=3"], 3, "did you mean `size`?"),
        (&["verify", "zip:birds"], 3, "`synth:`"),
        (&["verify", "cub:nowhere"], 3, "nowhere is missing"),
        (
            &["preview", "cub:nowhere", "--out", "x.png"],
            3,
            "nowhere is missing",
        ),
        (
            &["preview", "synth:birds", "--out", "x.png", "-n", "0"],
            2,
            "1..=400",
        ),
        (
            &["synth", "dogs", "--layout", "cub", "--out", "out"],
            2,
            "flowers",
        ),
        (
            &["synth", "birds", "--layout", "voc", "--out", "out"],
            2,
            "`oxford`",
        ),
        (
            &[
                "synth",
                "--uri",
                "synth:birds?preset=huge",
                "--layout",
                "cub",
                "--out",
                "out",
            ],
            3,
            "`nano`",
        ),
    ];
    for (arguments, code, part) in cases {
        let folder = tempfile::tempdir().expect("temporary folder");

        let output = data(folder.path(), arguments);

        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(part),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert_eq!(names(folder.path()), [""; 0], "{arguments:?}");
    }
}

#[test]
fn a_folder_with_something_in_it_is_not_written_to() {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::create_dir(folder.path().join("out")).expect("created");
    fs::write(folder.path().join("out/mine.txt"), "keep").expect("written");

    let output = data(
        folder.path(),
        &[
            "synth", "birds", "--layout", "cub", "--out", "out", "--preset", "nano",
        ],
    );

    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("not empty"), "{}", stderr(&output));
    assert_eq!(names(folder.path()), ["out"]);
    assert_eq!(names(&folder.path().join("out")), ["mine.txt"]);
}

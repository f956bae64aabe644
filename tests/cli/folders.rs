//! `evaluate images`, `evaluate stats` and `evaluate rank`: no run needed.

use std::fs;
use std::path::Path;
use std::process::Output;

use image::{DynamicImage, Rgb, RgbImage};
use serde_json::{Value, json};
use tempfile::TempDir;

use wordpaint::evaluate::extract::Extractor;
use wordpaint::evaluate::instrument::Thumbnails;
use wordpaint::evaluate::statistics;

use crate::tiny::{copy, stderr, stdout, tiny, wordpaint};

/// A pattern that differs from image to image.
pub(crate) fn picture(seed: u32, side: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        let v = |k: u32| ((x * (3 + seed) + y * 7 * k + seed * 31 * k) % 251) as u8;
        Rgb([v(1), v(2), v(3)])
    })
}

fn set(folder: &Path, name: &str, count: u32, shift: u32) {
    let folder = folder.join(name);
    fs::create_dir_all(&folder).expect("created");
    for i in 0..count {
        let file = folder.join(format!("image-{i:03}.png"));
        picture(i + shift, 32).save(file).expect("written");
    }
}

fn two_sets() -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    set(folder.path(), "real", 12, 0);
    set(folder.path(), "fake", 12, 5);
    folder
}

fn evaluate(folder: &Path, arguments: &[&str]) -> Output {
    wordpaint(folder)
        .arg("evaluate")
        .args(arguments)
        .output()
        .expect("the binary starts")
}

fn images(folder: &Path, metrics: &str) -> Output {
    let arguments = [
        "images",
        "real",
        "fake",
        "--metrics",
        metrics,
        "--network",
        "thumb8",
        "-o",
        "out.json",
    ];
    evaluate(folder, &arguments)
}

fn stored(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("out.json")).expect("stored")).expect("JSON")
}

fn value(evaluation: &Value, name: &str) -> f64 {
    let metrics = evaluation["metrics"].as_array().expect("a list");
    let metric = metrics.iter().find(|m| m["name"] == name);
    metric.unwrap_or_else(|| panic!("no {name} in {evaluation}"))["value"]
        .as_f64()
        .expect(name)
}

/// Refused with `code`, saying every one of `words`.
fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` in {text}");
    }
}

#[test]
fn two_folders_are_compared_and_features_are_kept() {
    let folder = two_sets();
    let all = "ssim,ssim-rgb,fsim,fsimc,sharpness,fid,kid,prdc";

    let first = images(folder.path(), all);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let text = stdout(&first);
    assert!(
        text.contains("fd_thumb8") && !text.contains("FID"),
        "{text}"
    );
    let evaluation = stored(folder.path());
    assert!(value(&evaluation, "ssim") < 0.9);
    assert!(value(&evaluation, "fid") > 0.0);

    // A damaged file of the store is made anew, the others are taken as they are.
    let store = folder.path().join("cache/evaluation");
    let kept = files(&store);
    assert!(!kept.is_empty());
    fs::write(&kept[0], b"damaged").expect("written");
    let second = images(folder.path(), all);
    assert_eq!(stdout(&second), text);
    assert_eq!(files(&store), kept);
    assert_eq!(stored(folder.path()), evaluation);
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_against_itself_is_perfect() {
    let folder = two_sets();
    let arguments = [
        "images",
        "real",
        "real",
        "--metrics",
        "ssim,fsim,fid,prdc",
        "-o",
        "out.json",
    ];
    let arguments = [&arguments[..], &["--network", "thumb8"]].concat();
    let output = evaluate(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let evaluation = stored(folder.path());
    for (name, expected) in [("ssim", 1.0), ("fsim", 1.0), ("fid", 0.0), ("recall", 1.0)] {
        assert!(
            (value(&evaluation, name) - expected).abs() < 1e-6,
            "{name}: {evaluation}"
        );
    }
}

#[test]
fn images_without_partners_and_of_other_sizes_are_refused_by_name() {
    let folder = two_sets();
    let lonely = folder.path().join("fake/image-011.png");
    fs::rename(&lonely, folder.path().join("fake/other.png")).expect("renamed");
    assert_refused(
        &images(folder.path(), "ssim"),
        3,
        &["image-011", "same name"],
    );
    // Metrics of sets do not mind.
    assert_eq!(images(folder.path(), "fid").status.code(), Some(0));
    fs::remove_file(folder.path().join("fake/other.png")).expect("removed");
    assert_refused(
        &images(folder.path(), "fsim"),
        3,
        &["12 images", "holds 11"],
    );
    picture(3, 40).save(lonely).expect("written");
    assert_refused(
        &images(folder.path(), "ssim"),
        3,
        &["image-011.png", "(40, 40)", "one size"],
    );
    assert_eq!(images(folder.path(), "fid").status.code(), Some(0));
}

#[test]
fn grey_transparent_and_deep_images_are_measured_as_rgb() {
    let folder = two_sets();
    let image = |i: u32| DynamicImage::from(picture(i, 32));
    let path = |set: &str, i: u32| folder.path().join(format!("{set}/image-{i:03}.png"));
    for (set, shift) in [("real", 0), ("fake", 0)] {
        image(shift).to_luma8().save(path(set, 0)).expect("written");
        image(1 + shift)
            .to_rgba8()
            .save(path(set, 1))
            .expect("written");
        image(2 + shift)
            .to_rgb16()
            .save(path(set, 2))
            .expect("written");
        for i in 3..12 {
            picture(i, 32).save(path(set, i)).expect("written");
        }
    }
    picture(1, 32).save(path("fake", 1)).expect("written");
    picture(2, 32).save(path("fake", 2)).expect("written");
    let output = images(folder.path(), "ssim,fid");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let evaluation = stored(folder.path());
    assert!(
        (value(&evaluation, "ssim") - 1.0).abs() < 1e-9,
        "{evaluation}"
    );
    assert!(value(&evaluation, "fid").abs() < 1e-9, "{evaluation}");
}

#[test]
fn one_image_is_too_few_and_equal_images_are_not_an_error() {
    let folder = two_sets();
    set(folder.path(), "one", 1, 0);
    let one = [
        "images",
        "real",
        "one",
        "--metrics",
        "fid",
        "--network",
        "thumb8",
    ];
    assert_refused(&evaluate(folder.path(), &one), 3, &["at least 2", "got 1"]);
    let few = [
        "images",
        "real",
        "one",
        "--metrics",
        "prdc",
        "--network",
        "thumb8",
    ];
    assert_refused(&evaluate(folder.path(), &few), 3, &["at least"]);

    // All images equal: no covariance, so the distance is that of the means plus the other trace.
    for i in 0..12 {
        let file = folder.path().join(format!("fake/image-{i:03}.png"));
        picture(0, 32).save(file).expect("written");
    }
    let output = images(folder.path(), "fid,kid");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let distance = value(&stored(folder.path()), "fid");
    assert!(distance.is_finite() && distance > 0.0);
}

#[test]
fn unreadable_images_are_named() {
    let folder = two_sets();
    let broken = folder.path().join("fake/image-004.png");
    let whole = fs::read(&broken).expect("there");
    fs::write(&broken, &whole[..whole.len() / 2]).expect("written");
    assert_refused(
        &images(folder.path(), "fid"),
        3,
        &["image-004.png", "damaged PNG"],
    );
    assert_refused(&images(folder.path(), "ssim"), 3, &["image-004.png"]);
    // Decoders fill the rest of a truncated JPEG with grey.
    picture(4, 32)
        .save(folder.path().join("fake/image-004.jpg"))
        .expect("written");
    fs::remove_file(&broken).expect("removed");
    let broken = folder.path().join("fake/image-004.jpg");
    let whole = fs::read(&broken).expect("there");
    fs::write(&broken, &whole[..whole.len() - 20]).expect("written");
    assert_refused(
        &images(folder.path(), "fid,ssim"),
        3,
        &["image-004.jpg", "truncated JPEG"],
    );
    fs::remove_dir_all(folder.path().join("fake")).expect("removed");
    assert_refused(&images(folder.path(), "fid"), 3, &["fake"]);
    fs::create_dir(folder.path().join("fake")).expect("created");
    assert_refused(&images(folder.path(), "fid"), 3, &["holds no PNG"]);
    assert_refused(&images(folder.path(), "fidd"), 2, &["fsimc"]);
}

#[test]
fn statistics_stand_for_their_folder_and_are_refused_by_another_instrument() {
    let folder = two_sets();
    let stats = evaluate(
        folder.path(),
        &["stats", "real", "-o", "s.npz", "--network", "thumb8"],
    );
    assert_eq!(stats.status.code(), Some(0), "{}", stderr(&stats));
    assert_eq!(images(folder.path(), "fid").status.code(), Some(0));
    let by_images = value(&stored(folder.path()), "fid");
    let arguments = [
        "images",
        "s.npz",
        "fake",
        "--metrics",
        "fid",
        "--network",
        "thumb8",
        "-o",
        "out.json",
    ];
    let output = evaluate(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(value(&stored(folder.path()), "fid"), by_images);

    let arguments = [
        "images",
        "s.npz",
        "fake",
        "--metrics",
        "kid",
        "--network",
        "thumb8",
    ];
    assert_refused(&evaluate(folder.path(), &arguments), 2, &["only `fid`"]);

    // The same numbers, but they say to be of another network, or of none.
    let path = folder.path().join("s.npz");
    let read = statistics::read(&path).expect("just written");
    let mut other = Thumbnails::default().instrument().clone();
    other.id = "thumb9".into();
    statistics::write(&path, &read.gaussian, &other).expect("written");
    let arguments = [&arguments[..4], &["fid", "--network", "thumb8"]].concat();
    assert_refused(
        &evaluate(folder.path(), &arguments),
        3,
        &["s.npz", "another instrument", "thumb9", "thumb8"],
    );
    fs::write(&path, b"PK, but no archive").expect("written");
    assert_refused(
        &evaluate(folder.path(), &arguments),
        3,
        &["s.npz", "no .npz archive"],
    );
}

#[test]
fn a_single_pair_has_values_and_equal_images_have_neighbours() {
    let folder = two_sets();
    for (name, shift) in [("one", 0), ("other", 4)] {
        set(folder.path(), name, 1, shift);
    }
    let arguments = [
        "images",
        "one",
        "other",
        "--metrics",
        "ssim,fsimc,sharpness",
        "-o",
    ];
    let output = evaluate(folder.path(), &[&arguments[..], &["out.json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(value(&stored(folder.path()), "fsimc") < 1.0);

    // All distances are 0: radii are 0 too, and only an inclusive neighbourhood holds its centre.
    for set in ["real", "fake"] {
        for i in 0..12 {
            let file = folder.path().join(format!("{set}/image-{i:03}.png"));
            picture(0, 32).save(file).expect("written");
        }
    }
    let output = images(folder.path(), "fid,kid,prdc,ssim");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let evaluation = stored(folder.path());
    for (name, expected) in [
        ("fid", 0.0),
        ("kid", 0.0),
        ("precision", 1.0),
        ("recall", 1.0),
        ("density", 0.0),
        ("coverage", 0.0),
        ("ssim", 1.0),
    ] {
        let found = value(&evaluation, name);
        assert!((found - expected).abs() < 1e-9, "{name}: {found}");
    }
}

#[test]
fn a_perceptual_distance_without_weights_says_how_to_get_them() {
    let folder = two_sets();
    for (metric, name) in [
        ("lpips", "lpips-alex"),
        ("lpips-alex", "lpips-alex"),
        ("lpips-vgg", "lpips-vgg"),
    ] {
        let fetch = format!("cargo xtask fetch {name}");
        assert_refused(&images(folder.path(), metric), 4, &[&fetch]);
    }
}

fn prepared(folder: &Path) -> Value {
    set(folder, "a", 6, 0);
    set(folder, "b", 6, 9);
    set(folder, "c", 6, 20);
    let captions: Vec<String> = (0..6)
        .map(|i| format!("image-{i:03}.png\ta bird, number {i} </script>"))
        .collect();
    fs::write(folder.join("captions.tsv"), captions.join("\n")).expect("written");
    let mut arguments = vec![
        "rank",
        "prepare",
        "--captions",
        "captions.tsv",
        "-o",
        "study",
    ];
    for method in ["ours=a", "theirs=b", "others=c"] {
        arguments.extend(["--method", method]);
    }
    arguments.extend([
        "--people",
        "2",
        "--texts",
        "3",
        "--repeats",
        "0.34",
        "--seed",
        "4",
    ]);
    let output = evaluate(folder, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 3);
    let key = fs::read(folder.join("study/key.json")).expect("there");
    serde_json::from_slice(&key).expect("JSON")
}

/// Answers of a person who always prefers the methods in the order of the key.
fn answers(key: &Value, page: usize) -> Value {
    let page = &key["pages"][page];
    let each = page["questions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|question| {
            let mut images = question["images"].as_array().expect("a list").clone();
            images.sort_by_key(|image| image["method"].as_u64());
            let order: Vec<&Value> = images.iter().map(|image| &image["id"]).collect();
            json!({"question": question["id"], "order": order})
        });
    json!({"study": key["study"], "user": page["user"], "answers": each.collect::<Vec<_>>()})
}

#[test]
fn a_rank_study_is_blind_and_comes_back_as_mean_ranks() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let key = prepared(folder.path());
    for person in [1, 2] {
        let page = folder.path().join(format!("study/person-{person}.html"));
        let page = fs::read_to_string(page).expect("there");
        for secret in [
            "ours",
            "theirs",
            "others",
            "image-00",
            "is_repeat",
            "http://",
            "https://",
        ] {
            assert!(!page.contains(secret), "{secret}");
        }
        assert_eq!(page.matches("</script>").count(), 1);
        assert_eq!(page.matches("data:image/png;base64,").count(), 2 * 4 * 3);
        let given = answers(&key, person - 1).to_string();
        fs::write(folder.path().join(format!("answers-{person}.json")), given).expect("written");
    }

    let collect = [
        "rank",
        "collect",
        "study/key.json",
        "answers-1.json",
        "answers-2.json",
        "-o",
    ];
    let output = evaluate(folder.path(), &[&collect[..], &["ranks.csv"]].concat());

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("quality rank") && text.contains("correlation rank"),
        "{text}"
    );
    assert!(
        text.contains("1.00 \u{b1} 0.00") && text.contains("3.00 \u{b1} 0.00"),
        "{text}"
    );
    assert!(
        text.contains("Kendall's W 1.000") && text.contains("ordered alike 1.00"),
        "{text}"
    );
    let csv = fs::read_to_string(folder.path().join("ranks.csv")).expect("there");
    assert!(csv.contains("quality,ours,1,0,0"), "{csv}");

    // Into the report of the run that made the images.
    let run = folder.path().join("run");
    copy(&tiny().run("gan"), &run);
    let collect = &collect[..5];
    let into = evaluate(
        folder.path(),
        &[collect, &["--into", "theirs=run"]].concat(),
    );
    assert_eq!(into.status.code(), Some(0), "{}", stderr(&into));
    let wrong = evaluate(
        folder.path(),
        &[collect, &["--into", "nobody=run"]].concat(),
    );
    assert_refused(&wrong, 2, &["`nobody`", "ours, theirs, others"]);
    let report = wordpaint(folder.path()).args(["report", "run"]).output();
    assert!(report.expect("the binary starts").status.success());
    let report = fs::read_to_string(run.join("report.md")).expect("written");
    let rows = report
        .lines()
        .filter(|line| line.starts_with("| quality rank"));
    let rows: String = rows.collect();
    for part in [
        "2.77 \u{b1} 1.16",
        "2.000",
        "2 people, 3 texts",
        "no: other data",
    ] {
        assert!(rows.contains(part), "{part}: {rows}");
    }
}

#[test]
fn answers_that_do_not_fit_the_study_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let key = prepared(folder.path());
    let collect = |given: &[&Value], more: &[&str]| {
        let names: Vec<String> = (0..given.len())
            .map(|i| format!("given-{i}.json"))
            .collect();
        for (name, value) in names.iter().zip(given) {
            fs::write(folder.path().join(name), value.to_string()).expect("written");
        }
        let mut arguments = vec!["rank", "collect", "study/key.json"];
        arguments.extend(names.iter().map(String::as_str));
        arguments.extend(more);
        evaluate(folder.path(), &arguments)
    };
    let whole = answers(&key, 0);
    let mut foreign = whole.clone();
    foreign["study"] = json!("000000000000");
    assert_refused(
        &collect(&[&foreign], &[]),
        3,
        &["given-0.json", "belongs to study"],
    );
    assert_refused(&collect(&[&whole, &whole], &[]), 3, &["person 1"]);
    let mut short = whole.clone();
    short["answers"][0]["order"]
        .as_array_mut()
        .expect("a list")
        .pop();
    assert_refused(&collect(&[&short], &[]), 3, &["not fully ranked"]);
    let mut partial = answers(&key, 1);
    partial["answers"].as_array_mut().expect("a list").remove(0);
    assert_refused(
        &collect(&[&whole, &partial], &[]),
        3,
        &["--allow-unbalanced"],
    );
    let accepted = collect(&[&whole, &partial], &["--allow-unbalanced"]);
    assert_eq!(accepted.status.code(), Some(0), "{}", stderr(&accepted));
    assert!(
        stdout(&accepted).contains("person 2 left 1"),
        "{}",
        stdout(&accepted)
    );
}

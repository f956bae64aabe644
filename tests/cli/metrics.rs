//! What evaluations store and keep: names, order, instruments and the places of measured rows, so that
//! numbers and features of earlier programs stay of use.

use std::fs;
use std::path::Path;

use serde_json::Value;

use wordpaint::evaluate::extract::Instrument;
use wordpaint::evaluate::store::FeatureStore;

use crate::folders::picture;
use crate::tiny::{copy, stderr, tiny, wordpaint};

/// `name | label | network` of every metric, with `-` in front where less is better.
fn metrics(evaluation: &Value) -> Vec<String> {
    let text = |metric: &Value, key: &str| metric[key].as_str().unwrap_or_default().to_owned();
    let metrics = evaluation["metrics"].as_array().expect("a list");
    metrics
        .iter()
        .map(|metric| {
            let sign = if metric["higher_is_better"] == true {
                ""
            } else {
                "-"
            };
            let parts = ["name", "label", "network"].map(|key| text(metric, key));
            format!("{sign}{}", parts.join(" | "))
        })
        .collect()
}

fn missing(evaluation: &Value) -> Vec<&str> {
    let missing = evaluation["missing"].as_array().expect("a list");
    missing
        .iter()
        .map(|missing| missing["metric"].as_str().expect("text"))
        .collect()
}

fn folders(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("readable").file_name().display().to_string())
        .collect();
    names.sort();
    names
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("stored")).expect("JSON")
}

const THUMB8: &str = "thumb8: none: the 192 colour values of an 8 x 8 thumbnail; 8-bit RGB, Pillow \
                      bilinear (antialiased) to 8 x 8, values 0 to 1";

#[test]
fn numbers_of_two_folders_keep_names_order_and_instruments() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, shift) in [("real", 0), ("fake", 5)] {
        fs::create_dir(folder.path().join(name)).expect("created");
        for i in 0..12 {
            let file = folder.path().join(name).join(format!("{i:02}.png"));
            picture(i + shift, 32).save(file).expect("written");
        }
    }
    let asked = "prdc,sharpness,kid,fsimc,ssim,is,fid,ssim-rgb,fsim";

    let output = wordpaint(folder.path())
        .args(["evaluate", "images", "real", "fake", "--network", "thumb8"])
        .args(["--metrics", asked, "-o", "out.json"])
        .output()
        .expect("the binary starts");

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let stored = read(&folder.path().join("out.json"));
    let expected = [
        "fsimc | FSIMc | published constants, with chroma".to_owned(),
        "ssim | SSIM (luma) | 11x11 Gaussian, sigma 1.5, L 255".into(),
        "ssim-rgb | SSIM (RGB) | 11x11 Gaussian, sigma 1.5, L 255, mean over channels".into(),
        "fsim | FSIM (luma) | published constants".into(),
        "sharpness | Sharpness relative to real | Laplacian variance".into(),
        format!("precision | precision (thumb8, k 3) | {THUMB8}"),
        format!("recall | recall (thumb8, k 3) | {THUMB8}"),
        format!("density | density (thumb8, k 5) | {THUMB8}"),
        format!("coverage | coverage (thumb8, k 5) | {THUMB8}"),
        format!("-kid | kid_thumb8 | {THUMB8}"),
        format!("-fid | fd_thumb8 | {THUMB8}"),
    ];
    assert_eq!(metrics(&stored), expected);
    assert_eq!(missing(&stored), ["IS"]);
    assert_eq!(stored["protocol"]["version"], "2");
    // Digests of id, weights and preprocessing.
    let kept = [
        "sharpness-2093dc116d11",
        "similarity-7f7e3efdfb07",
        "thumb8-2e3131e9bcbb",
    ];
    assert_eq!(folders(&folder.path().join("cache/evaluation")), kept);
}

#[test]
fn numbers_of_a_run_keep_names_order_and_instruments() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (run, cache) = (folder.path().join("run"), folder.path().join("cache"));
    copy(&tiny().run("gan"), &run);
    let evaluate = |more: &[&str]| {
        let output = tiny()
            .wordpaint()
            .env("WORDPAINT_CACHE", &cache)
            .arg("evaluate")
            .arg(&run)
            .args(more)
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    };

    evaluate(&["--protocol", "quick"]);
    evaluate(&["--protocol", "ssagan"]);

    let numbers = [
        "ssim | SSIM (luma) | 11x11 Gaussian, sigma 1.5, L 255".to_owned(),
        "ssim-rgb | SSIM (RGB) | 11x11 Gaussian, sigma 1.5, L 255, mean over channels".into(),
        "fsim | FSIM (luma) | published constants".into(),
        "fsimc | FSIMc | published constants, with chroma".into(),
        "sharpness | Sharpness relative to real | Laplacian variance".into(),
        format!("-fid | fd_thumb8 | {THUMB8}"),
        format!("-kid | kid_thumb8 | {THUMB8}"),
    ];
    let common = [
        "Distances of sets and score of classes (efflite0)",
        "Distances of sets and score of classes (keras-nsfw)",
        "LPIPS (lpips-alex)",
        "LPIPS (lpips-vgg)",
        "Attribute agreement",
    ];
    for (protocol, first, last) in [
        (
            "quick",
            ["IS (imagenet-2015)", "FID (pytorch)"],
            &["quality rank", "correlation rank"][..],
        ),
        (
            "ssagan",
            ["IS (cub-finetuned)", "FID (tf-inception)"],
            &["R-precision"],
        ),
    ] {
        let stored = read(&run.join(format!("evaluation/{protocol}.json")));
        assert_eq!(stored["protocol"]["version"], "4");
        // Other metrics may stand between these.
        let mut found = metrics(&stored);
        found.retain(|metric| numbers.contains(metric));
        assert_eq!(found, numbers, "{protocol}");
        let absent = [&first[..], &common, last].concat();
        let mut found = missing(&stored);
        found.retain(|title| absent.contains(title));
        assert_eq!(found, absent, "{protocol}");
        let preprocessing = stored["protocol"]["front_end"].as_str().expect("text");
        for (id, preprocessing) in [
            ("pairs", preprocessing.to_owned()),
            ("shown", shown(&stored)),
            (
                "thumb8",
                THUMB8.split_once("; ").expect("two parts").1.into(),
            ),
        ] {
            let kept = kept(&cache, id, preprocessing);
            assert!(kept.is_dir(), "{protocol}: no {}", kept.display());
        }
    }
}

/// Preprocessing of the images that are shown of a run: their positions.
fn shown(stored: &Value) -> String {
    let count = stored["protocol"]["images"].as_u64().expect("a number");
    let shown = count.min(12);
    let positions: Vec<u64> = (0..shown).map(|i| i * count / shown).collect();
    format!("positions {positions:?}")
}

/// Where rows of an instrument without weights are kept.
fn kept(cache: &Path, id: &str, preprocessing: String) -> std::path::PathBuf {
    let instrument = Instrument {
        id: id.into(),
        network: String::new(),
        weights: String::new(),
        preprocessing,
        fid: String::new(),
        inception_score: None,
    };
    let place = FeatureStore::new(cache, &instrument).place([]);
    let folder = place.ancestors().nth(2).expect("two folders deep");
    folder.to_path_buf()
}

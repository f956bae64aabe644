//! Files that are none: pipes and devices, damaged archives, numbers that cannot be.

use std::fs;
use std::path::Path;
use std::process::Output;

use burn::prelude::TensorData;
use image::{Rgb, RgbImage};
use wordpaint::evaluate::extract::Extractor;
use wordpaint::evaluate::instrument::Thumbnails;
use wordpaint::evaluate::statistics;
use wordpaint::run::weights::to_safetensors;
use wordpaint_metrics::Gaussian;

use crate::tiny::{copy, stderr, tiny, wordpaint};

fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` in {said}");
    }
}

fn call(folder: &Path, arguments: &[&str]) -> Output {
    wordpaint(folder)
        .args(arguments)
        .output()
        .expect("the binary starts")
}

/// Images `a.png`, `b.png` and `c.png` in `folder/name`.
fn images(folder: &Path, name: &str) {
    let folder = folder.join(name);
    fs::create_dir_all(&folder).expect("created");
    for (i, name) in (0_u8..).zip(["a", "b", "c"]) {
        let image = RgbImage::from_fn(16, 16, |x, y| Rgb([x as u8 * 9, y as u8 * i, 40 * i]));
        image
            .save(folder.join(format!("{name}.png")))
            .expect("written");
    }
}

#[test]
fn pipes_and_endless_files_are_refused_at_once_wherever_a_file_is_read() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    images(folder, "real");
    copy(&tiny().run("gan"), &folder.join("run"));
    for ending in ["toml", "safetensors", "pth", "npz", "t7", "txt", "json"] {
        let pipe = folder.join(format!("pipe.{ending}"));
        let made = std::process::Command::new("mkfifo").arg(pipe).status();
        assert!(made.expect("mkfifo").success());
        let zero = folder.join(format!("zero.{ending}"));
        std::os::unix::fs::symlink("/dev/zero", zero).expect("links");
    }
    let rank = ["evaluate", "rank"];
    let methods = [
        "--method", "one=real", "--method", "two=real", "-o", "study",
    ];
    let commands: [(i32, &str, &[&str], &[&str]); 10] = [
        (2, "toml", &["train"], &[]),
        (2, "toml", &["show"], &[]),
        (4, "safetensors", &["import", "vgg"], &[]),
        (4, "pth", &["import", "vgg"], &[]),
        (4, "npz", &["import", "vgg"], &[]),
        (4, "t7", &["import", "char-cnn-rnn"], &[]),
        (
            3,
            "npz",
            &["evaluate", "images"],
            &["real", "--metrics", "fid", "--network", "thumb8"],
        ),
        (
            3,
            "txt",
            &[rank[0], rank[1], "prepare", "--captions"],
            &methods,
        ),
        (3, "json", &[rank[0], rank[1], "collect"], &["answers.json"]),
        (2, "txt", &["generate", "--from", "run", "--captions"], &[]),
    ];
    for (code, ending, before, after) in commands {
        for (file, kind) in [("pipe", "a pipe"), ("zero", "a device")] {
            let file = format!("{file}.{ending}");
            let arguments = [before, &[file.as_str()], after].concat();

            let output = call(folder, &arguments);

            let words = [file.as_str(), "no regular file but", kind];
            assert_refused(&output, code, &words);
        }
    }
}

#[test]
fn pipes_in_the_place_of_folders_and_images_are_refused_at_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    images(folder, "real");
    images(folder, "fake");
    for pipe in ["pipe", "fake/d.png"] {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join(pipe))
            .status();
        assert!(made.expect("mkfifo").success());
    }
    let network = ["--network", "thumb8"];

    for (arguments, words) in [
        (
            &["evaluate", "images", "real", "pipe"][..],
            &["pipe", "is no folder"][..],
        ),
        (
            &["evaluate", "images", "real", "fake"],
            &["d.png", "a pipe"],
        ),
        (&["evaluate", "stats", "pipe"], &["pipe", "is no folder"]),
        (&["evaluate", "stats", "fake"], &["d.png", "a pipe"]),
    ] {
        assert_refused(&call(folder, &[arguments, &network].concat()), 3, words);
    }
    let data = ["data", "verify", "folder:pipe"];
    assert_refused(&call(folder, &data), 3, &["pipe", "is no folder"]);
}

#[test]
fn a_flipped_bit_in_statistics_is_noticed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    images(folder, "real");
    let network = ["--network", "thumb8"];
    let stats = call(
        folder,
        &[&["evaluate", "stats", "real", "-o", "s.npz"], &network[..]].concat(),
    );
    assert_eq!(stats.status.code(), Some(0), "{}", stderr(&stats));
    let path = folder.join("s.npz");
    let mut bytes = fs::read(&path).expect("there");
    // In the middle of `sigma`, by far the longest array.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&path, bytes).expect("written");

    let compare = ["evaluate", "images", "s.npz", "real", "--metrics", "fid"];
    let output = call(folder, &[&compare, &network[..]].concat());

    assert_refused(&output, 3, &["s.npz", "`sigma`", "hecksum"]);
}

#[test]
fn statistics_that_no_images_have_are_refused_by_file_and_array() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    images(folder, "real");
    let instrument = Thumbnails::default().instrument().clone();
    let dims = 192;
    let unit = |at: usize| {
        if at.is_multiple_of(dims + 1) {
            1.0
        } else {
            0.0
        }
    };
    let changed = |at: usize, value: f64| {
        let mut values: Vec<f64> = (0..dims * dims).map(unit).collect();
        values[at] = value;
        values
    };
    for (covariance, expected) in [
        (changed(1, 0.5), "`sigma` is not symmetric"),
        (changed(0, -0.5), "`sigma` is not positive semidefinite"),
        (
            changed(7, f64::NAN),
            "`sigma` holds values that are not finite",
        ),
    ] {
        let gaussian = Gaussian {
            count: 3,
            mean: vec![0.0; dims],
            covariance,
        };
        statistics::write(&folder.join("s.npz"), &gaussian, &instrument).expect("written");
        let arguments = ["evaluate", "images", "s.npz", "real", "--metrics", "fid"];

        let output = call(folder, &[&arguments[..], &["--network", "thumb8"]].concat());

        assert_refused(&output, 3, &["s.npz", expected]);
    }
}

#[test]
fn weights_that_are_no_numbers_are_imported_only_when_asked_for() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    let tensors = [
        (
            "features.0.bias".to_owned(),
            TensorData::new(vec![0.5_f32, f32::NAN], [2]),
        ),
        (
            "features.0.weight".to_owned(),
            TensorData::new(vec![1.0_f32], [1]),
        ),
    ];
    fs::write(folder.join("vgg.safetensors"), to_safetensors(&tensors)).expect("written");
    let import = ["import", "vgg", "vgg.safetensors"];

    let refused = call(folder, &import);
    let asked_for = call(folder, &[&import[..], &["--allow-non-finite"]].concat());

    let words = ["`features.0.bias` holds NaN", "--allow-non-finite"];
    assert_refused(&refused, 4, &words);
    // Whatever else is wrong with it.
    assert_refused(&asked_for, 4, &["is not a VGG16"]);
    assert!(
        !stderr(&asked_for).contains("NaN"),
        "{}",
        stderr(&asked_for)
    );
}

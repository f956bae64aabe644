//! Runs as files: `export`, `--from FILE`, and the demo that comes with the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use wordpaint::run::manifest::sha256;

use crate::tiny::{stderr, tiny, wordpaint};

const CAPTION: &str = "a red bird with a short bill";

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo")
}

fn pixels(file: &Path) -> Vec<u8> {
    let image = image::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    image.into_rgb8().into_raw()
}

fn generate(folder: &Path, from: &Path, out: &str) -> Output {
    let mut command = wordpaint(folder);
    command.args(["generate", CAPTION, "-o", out, "--from"]);
    command.arg(from).output().expect("the binary starts")
}

/// Mean absolute difference in steps of 256.
fn distance(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len(), "other sizes");
    let sum: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)))
        .sum();
    sum / a.len() as f64
}

#[test]
fn an_exported_run_generates_what_the_run_does_without_anything_else() {
    for run in ["sdn", "gan", "attngan", "df-gan"] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("model.safetensors");
        let mut export = tiny().wordpaint();
        export
            .arg("export")
            .arg(tiny().run(run))
            .arg("-o")
            .arg(&file);
        let output = export.output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{run}: {}", stderr(&output));

        let output = generate(folder.path(), &file, "there");
        assert_eq!(output.status.code(), Some(0), "{run}: {}", stderr(&output));
        let output = generate(folder.path(), &tiny().run(run), "here");
        assert_eq!(output.status.code(), Some(0), "{run}: {}", stderr(&output));

        let name = "01-a-red-bird-with-a-short-bill";
        let image = |out: &str| {
            let folder = folder.path().join(out);
            let first = folder.join(format!("{name}-1.png"));
            pixels(&if first.is_file() {
                first
            } else {
                folder.join(format!("{name}.png"))
            })
        };
        // Half precision moves a pixel now and then by a step.
        let found = distance(&image("there"), &image("here"));
        assert!(found < 1.0, "{run}: {found}");
        let text = fs::read(&file).expect("readable");
        let private = tiny().run(run);
        let private = private.to_string_lossy();
        let private = private.as_bytes();
        let is_private = text.windows(private.len()).any(|part| part == private);
        assert!(
            !is_private,
            "{run}: the file names a folder of this machine"
        );
    }
}

#[test]
fn what_makes_no_images_is_not_exported() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("model.safetensors");
    let mut export = tiny().wordpaint();
    export
        .arg("export")
        .arg(tiny().run("damsm"))
        .arg("-o")
        .arg(&file);

    let output = export.output().expect("the binary starts");

    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("makes no images"),
        "{}",
        stderr(&output)
    );
    assert!(!file.exists());
}

#[test]
fn other_files_and_folders_are_no_runs() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("weights.safetensors");
    fs::write(&file, "weights").expect("writable");

    let of_file = generate(folder.path(), &file, "out");
    let nowhere = generate(folder.path(), Path::new("demos"), "out");

    assert_eq!(of_file.status.code(), Some(4), "{}", stderr(&of_file));
    assert!(
        stderr(&of_file).contains("wordpaint export"),
        "{}",
        stderr(&of_file)
    );
    assert_eq!(nowhere.status.code(), Some(4), "{}", stderr(&nowhere));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn the_demo_generates_the_images_of_its_page() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut command = wordpaint(folder.path());
    command.args(["generate", "--from", "demo", "-o", "birds", "--captions"]);
    command.arg(assets().join("captions.txt"));

    let output = command.output().expect("the binary starts");

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found = pixels(&folder.path().join("birds/grid.png"));
    // Processors round differently in the last bits.
    let distance = distance(&found, &pixels(&assets().join("birds.png")));
    assert!(distance < 0.05, "{distance}");
}

#[test]
fn the_page_of_the_demo_has_its_digest() {
    let model = fs::read(assets().join("demo.safetensors")).expect("readable");
    let page = fs::read_to_string(assets().join("README.md")).expect("readable");
    let digest = sha256(&model);

    assert!(page.contains(&digest), "the page does not name {digest}");
    assert!(model.len() <= 4 << 20, "{} bytes", model.len());
}

#[test]
fn between_two_captions_of_the_demo_there_are_images() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut command = wordpaint(folder.path());
    command.args([
        "explore",
        "interpolate",
        "a red bird",
        "a blue bird",
        "--from",
        "demo",
    ]);

    let output = command.output().expect("the binary starts");

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let figure = folder
        .path()
        .join("figures/interpolation-a-red-bird--a-blue-bird.png");
    assert!(pixels(&figure).iter().any(|value| *value != 0));
}

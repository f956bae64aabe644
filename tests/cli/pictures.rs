//! `generate` and `explore`.

use std::fs;
use std::path::Path;

use crate::tiny::{copy, stderr, stdout, tiny};

const RED: &str = "a red bird with a short bill";
const BLUE: &str = "a small blue bird with white wings";

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("readable entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_system_without_noise_makes_one_image_per_head_and_says_that_more_would_repeat() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("images");

    let output = tiny()
        .wordpaint()
        .args(["generate", RED, BLUE, "-n", "5", "--from"])
        .arg(tiny().run("sdn"))
        .arg("-o")
        .arg(&out)
        .output()
        .expect("the binary starts");

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let expected = [
        "01-a-red-bird-with-a-short-bill-1.png",
        "01-a-red-bird-with-a-short-bill-2.png",
        "02-a-small-blue-bird-with-white-wings-1.png",
        "02-a-small-blue-bird-with-white-wings-2.png",
        "grid.png",
    ];
    assert_eq!(names(&out), expected);
    assert_eq!(stdout(&output).lines().count(), expected.len());
    assert!(stderr(&output).contains("would only repeat"));
    for name in expected {
        let bytes = fs::read(out.join(name)).expect("readable");
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
    }
}

#[test]
fn equal_seeds_give_equal_bytes_and_other_seeds_other_images() {
    for run in ["gan", "attngan", "dm-gan", "df-gan", "ssa-gan"] {
        assert_seeds_count(run);
    }
}

fn assert_seeds_count(run: &str) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let generate = |name: &str, captions: &[&str], seed: &str| {
        let out = folder.path().join(name);
        let output = tiny()
            .wordpaint()
            .arg("generate")
            .args(captions)
            .args(["-n", "2", "--seed", seed, "--from"])
            .arg(tiny().run(run))
            .arg("-o")
            .arg(&out)
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        ["1", "2"].map(|k| {
            fs::read(out.join(format!("01-a-red-bird-with-a-short-bill-{k}.png")))
                .expect("readable")
        })
    };

    let first = generate("first", &[RED], "3");
    let again = generate("again", &[RED, BLUE], "3");
    let other = generate("other", &[RED], "4");

    assert!(first == again, "equal seeds, other bytes");
    assert!(first != other, "other seeds, equal bytes");
    assert!(first[0] != first[1], "the same image twice");
}

#[test]
fn captions_of_one_pass_have_the_images_that_each_has_alone() {
    for run in ["sdn", "gan", "attngan", "df-gan"] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let generate = |name: &str, options: &[&str]| {
            let out = folder.path().join(name);
            let output = tiny()
                .wordpaint()
                .args(["generate", RED, BLUE, "--from"])
                .arg(tiny().run(run))
                .args(options)
                .arg("-o")
                .arg(&out)
                .output()
                .expect("the binary starts");
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            out
        };

        let alone = generate("alone", &[]);
        let together = generate("together", &["--batch", "2"]);

        assert_eq!(names(&alone), names(&together));
        for name in names(&alone) {
            let [alone, together] = [&alone, &together].map(|folder| {
                let image = image::open(folder.join(&name)).expect("an image");
                image.into_rgb8().into_raw()
            });
            // Rounding may turn the last bit of a pixel.
            let is_close = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 1;
            assert!(alone.iter().zip(&together).all(is_close), "{run}: {name}");
        }
    }
}

#[test]
fn a_word_level_system_needs_a_word_it_knows_and_nothing_outside_its_run() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    copy(&tiny().run("attngan"), &run);
    let generate = |caption: &str| {
        let mut command = crate::tiny::wordpaint(folder.path());
        command.args(["generate", caption, "--from"]).arg(&run);
        command.arg("-o").arg(folder.path().join("images"));
        command.output().expect("the binary starts")
    };

    let known = generate("a red zebra");
    let unknown = generate("zebra, xylophone!");

    assert_eq!(known.status.code(), Some(0), "{}", stderr(&known));
    assert_eq!(unknown.status.code(), Some(2), "{}", stderr(&unknown));
    let said = stderr(&unknown);
    assert!(said.contains("vocabulary.json"), "{said}");
}

#[test]
fn captions_come_from_a_file_too() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("captions.txt");
    fs::write(&file, format!("{RED}\n\n{BLUE}\n")).expect("writes");
    let out = folder.path().join("images");

    let output = tiny()
        .wordpaint()
        .args(["generate", "--from"])
        .arg(tiny().run("gan"))
        .arg("--captions")
        .arg(&file)
        .arg("-o")
        .arg(&out)
        .output()
        .expect("the binary starts");

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(names(&out).len(), 3);
}

#[test]
fn unusable_requests_are_refused_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let blocked = folder.path().join("file");
    fs::write(&blocked, "in the way").expect("writes");
    let inside = blocked.join("images").display().to_string();
    let sdn = tiny().run("sdn").display().to_string();
    let vgg = tiny().run("vgg").display().to_string();
    let out = folder.path().join("images").display().to_string();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["", "--from", &sdn, "-o", &out], 3, "caption is empty"),
        (
            &["a bird", "--from", &sdn, "-o", &inside],
            1,
            "choose another place",
        ),
        (
            &["a bird", "--from", &vgg, "-o", &out],
            2,
            "makes no images",
        ),
        (
            &["a bird", "--from", &out, "-o", &out],
            4,
            "not a run folder",
        ),
        (
            &["a bird", "--from", &sdn, "--encoder", &vgg, "-o", &out],
            2,
            "not of `char-cnn-rnn`",
        ),
        (
            &["a bird", "--from", &sdn, "-n", "0", "-o", &out],
            2,
            "1..=1000",
        ),
    ];
    for (arguments, code, message) in cases {
        let output = tiny()
            .wordpaint()
            .arg("generate")
            .args(arguments)
            .output()
            .expect("the binary starts");

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(message), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn figures_go_into_the_run_and_its_report_shows_them() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    copy(&tiny().run("sdn"), &run);

    for arguments in [
        &["explore", "interpolate", RED, BLUE, "--steps", "3"][..],
        &["explore", "neighbours", "--count", "2"],
    ] {
        let output = tiny()
            .wordpaint()
            .args(arguments)
            .arg("--from")
            .arg(&run)
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }

    let figures = names(&run.join("figures"));
    assert_eq!(figures.len(), 4, "{figures:?}");
    let report = wordpaint::report::write(
        std::slice::from_ref(&run),
        None,
        wordpaint::report::Protocols::Apart,
    )
    .expect("a report");
    let page = fs::read_to_string(&report.html).expect("readable");
    assert!(page.contains("From \u{201c}a red bird"), "no interpolation");
    assert!(
        page.contains("each followed by the training images"),
        "no neighbours"
    );
}

#[test]
fn neighbours_list_training_images_with_falling_similarity() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("neighbours.png");

    let output = tiny()
        .wordpaint()
        .args(["explore", "neighbours", "--count", "2", "--vgg"])
        .arg(tiny().run("vgg"))
        .arg("--from")
        .arg(tiny().run("gan"))
        .arg("-o")
        .arg(&out)
        .output()
        .expect("the binary starts");

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    let similarities: Vec<f64> = said
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split("  ").next()?.parse().ok())
        .collect();
    assert_eq!(similarities.len(), 10, "{said}");
    for row in similarities.chunks(5) {
        assert!(row.is_sorted_by(|a, b| a >= b), "{row:?}");
        assert!(row.iter().all(|s| (-1.0..=1.0).contains(s)), "{row:?}");
    }
    assert!(out.is_file());
}

#[test]
fn attention_shows_every_word_of_every_later_stage_and_is_refused_without_any() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("attention.png");
    let explore = |run: &str, caption: &str| {
        let mut command = tiny().wordpaint();
        command.args(["explore", "attention", caption, "--from"]);
        command.arg(tiny().run(run)).arg("-o").arg(&file);
        command.output().expect("the binary starts")
    };

    for run in ["attngan", "dm-gan"] {
        let output = explore(run, "a red bird");

        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let said = stdout(&output);
        let shares = said.lines().filter(|line| line.starts_with("  "));
        let shares = shares.map(|line| -> f64 {
            let mean = line.split_whitespace().nth(2).expect("a share");
            mean.parse().expect("a number")
        });
        assert_eq!(said.lines().filter(|l| l.starts_with("stage")).count(), 1);
        let sum: f64 = shares.sum();
        assert!((sum - 100.0).abs() < 0.2, "{said}");
        assert!(image::open(&file).is_ok());
    }
    let none = explore("gan", "a red bird");
    assert_eq!(none.status.code(), Some(2), "{}", stderr(&none));
    assert!(stderr(&none).contains("does not attend"));
}

#[test]
fn masks_show_every_block_and_are_refused_where_there_are_none() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("masks.png");
    let explore = |run: &str| {
        let mut command = tiny().wordpaint();
        command.args(["explore", "masks", "a red bird", "--from"]);
        command.arg(tiny().run(run)).arg("-o").arg(&file);
        command.output().expect("the binary starts")
    };

    let shown = explore("ssa-gan");
    let none = explore("df-gan");

    assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
    let said = stdout(&shown);
    let sides: Vec<&str> = said
        .lines()
        .filter_map(|line| line.trim().split_once(" px"))
        .map(|(side, _)| side)
        .collect();
    assert_eq!(sides, ["4", "8", "16", "32"], "{said}");
    assert!(image::open(&file).is_ok());
    assert_eq!(none.status.code(), Some(2), "{}", stderr(&none));
    assert!(stderr(&none).contains("lets captions in everywhere"));
}

#[test]
fn pairs_show_a_real_image_and_one_per_caption() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("pairs.png");
    let explore = || {
        let mut command = tiny().wordpaint();
        command.args(["explore", "pairs", "--count", "3", "--from"]);
        command.arg(tiny().run("ssa-gan")).arg("-o").arg(&file);
        let output = command.output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };

    let said = explore();

    assert!(said.starts_with("two captions of one image: "), "{said}");
    assert!(said.contains("n=3"), "{said}");
    assert!(image::open(&file).is_ok());
    assert_eq!(explore(), said);
}

//! `evaluate` and `report`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::tiny::{stderr, stdout, tiny};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("readable folder") {
        let entry = entry.expect("readable entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// A copy of a tiny run that may be changed.
fn run_of(name: &str, folder: &Path) -> PathBuf {
    let run = folder.join(name);
    copy(&tiny().run(name), &run);
    run
}

fn call(verb: &str, arguments: &[&Path]) -> Output {
    tiny()
        .wordpaint()
        .arg(verb)
        .args(arguments)
        .output()
        .expect("the binary starts")
}

#[test]
fn evaluation_prints_and_stores_numbers_with_their_protocol_and_the_report_shows_them() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = run_of("sdn", folder.path());

    let evaluated = call("evaluate", &[&run]);
    let reported = call("report", &[&run]);

    assert_eq!(evaluated.status.code(), Some(0), "{}", stderr(&evaluated));
    let text = stdout(&evaluated);
    assert!(text.starts_with("protocol paired version"), "{text}");
    let file = fs::read(run.join("evaluation/paired.json")).expect("stored");
    let stored: Value = serde_json::from_slice(&file).expect("JSON");
    for metric in stored["metrics"].as_array().expect("a list") {
        let label = metric["label"].as_str().expect("text");
        let count = format!("n={}", metric["count"]);
        let is_there = |line: &str| line.starts_with(label) && line.contains(&count);
        assert!(text.lines().any(is_there), "{label}: {text}");
    }
    assert_eq!(reported.status.code(), Some(0), "{}", stderr(&reported));
    let paths: Vec<String> = stdout(&reported).lines().map(str::to_owned).collect();
    let expected = ["report.html", "report.md", "metrics.csv"];
    assert_eq!(paths.len(), expected.len());
    for (path, name) in paths.iter().zip(expected) {
        assert_eq!(Path::new(path), run.join(name));
        let content = fs::read_to_string(path).expect("readable");
        assert!(
            content.contains("SSIM") || content.contains("ssim"),
            "{name}"
        );
    }
}

#[test]
fn evaluating_twice_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = run_of("gan", folder.path());
    let file = run.join("evaluation/paired.json");

    assert!(call("evaluate", &[&run]).status.success());
    let first = fs::read(&file).expect("stored");
    assert!(call("evaluate", &[&run]).status.success());

    assert_eq!(fs::read(&file).expect("stored"), first);
}

#[test]
fn bad_runs_are_told_with_their_code_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let nowhere = folder.path().join("nowhere");
    let vgg = run_of("vgg", folder.path());
    let untrained = run_of("sdn", folder.path());
    fs::remove_dir_all(untrained.join("checkpoints")).expect("removed");

    for (verb, run, code, part) in [
        ("evaluate", &nowhere, 4, "is not a run folder"),
        ("evaluate", &untrained, 4, "no complete checkpoint"),
        ("evaluate", &vgg, 2, "makes no images"),
        ("report", &nowhere, 4, "config.toml is missing"),
    ] {
        let output = call(verb, &[run]);

        let error = stderr(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{verb} {}: {error}",
            run.display()
        );
        assert!(error.contains(part), "{verb}: {error}");
        assert_eq!(stdout(&output), "");
        assert!(!run.join("evaluation").exists() && !run.join("report.md").exists());
    }
    assert!(!nowhere.exists());
}

#[test]
fn an_unknown_protocol_is_refused_before_the_run_is_opened() {
    let output = tiny()
        .wordpaint()
        .args(["evaluate", "nowhere", "--protocol", "fid"])
        .output()
        .expect("the binary starts");

    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("expected `paired`"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_report_with_one_bad_run_among_good_ones_writes_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let good = run_of("gan", folder.path());
    let out = folder.path().join("comparison");

    let output = call("report", &[&good, &folder.path().join("nowhere")]);

    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(!out.exists() && !good.join("report.md").exists());
}

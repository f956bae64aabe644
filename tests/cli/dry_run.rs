//! `train --dry-run` finds what the training would, and leaves no trace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::tiny::{stderr, tiny};

/// Everything below `folder`.
fn listing(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("readable entry").path();
            if path.is_dir() {
                waiting.push(path.clone());
            }
            found.insert(path);
        }
    }
    found
}

/// Exit code and words of a dry run of the tiny run `name`, which may leave nothing.
fn dry_run(name: &str, folder: &Path, overrides: &[&str]) -> (Option<i32>, String) {
    let run = folder.join("run");
    let before = listing(folder);
    let mut command = tiny().again(name, &run, overrides);
    let output = command.arg("--dry-run").output();
    let output = output.expect("the binary starts");
    assert_eq!(listing(folder), before, "{name} {overrides:?}");
    (output.status.code(), stderr(&output))
}

#[test]
fn a_training_that_would_work_is_said_to_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for name in [
        "vgg",
        "encoder",
        "sdn",
        "gan",
        "damsm",
        "attngan",
        "df-gan",
        "captioner",
        "clip",
    ] {
        // Another seed of the data: nothing is in the cache.
        let other = "data.uri=synth:birds?preset=nano&size=32&seed=99";
        let cache = tiny().run("..").join("cache");
        let cached = listing(&cache);

        let (code, said) = dry_run(name, folder.path(), &[other]);

        assert_eq!(code, Some(0), "{name}: {said}");
        for part in [
            "opens",
            "batches: ",
            "predicted",
            "not checked: ",
            "nothing was written",
        ] {
            assert!(said.contains(part), "{name}: no `{part}` in {said}");
        }
        if name != "vgg" && name != "encoder" {
            assert_eq!(listing(&cache), cached, "{name}");
        }
    }
}

#[test]
fn what_would_stop_the_training_is_found_with_its_exit_code() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let full = folder.path().join("full");
    std::fs::create_dir(&full).expect("creates");
    std::fs::write(full.join("note.txt"), "mine").expect("writes");
    let cases: [(&str, &[&str], i32, &str); 7] = [
        ("gan", &["train.batch_size=600"], 2, "less than one batch"),
        (
            "gan",
            &["data.uri=cub:nowhere", "evaluate.probe="],
            3,
            "nowhere",
        ),
        ("gan", &["text.encoder=nowhere"], 4, "nowhere"),
        ("gan", &["model.text_dim=9"], 2, "gives 8"),
        ("attngan", &["model.vocabulary=61"], 2, "model.vocabulary"),
        ("sdn", &["model.widths=[4, 4, 6, 6, 10]"], 2, "model.widths"),
        (
            "df-gan",
            &["model.generator_width=65536", "model.resolution=4096"],
            2,
            "is predicted to need",
        ),
    ];
    for (name, overrides, expected, part) in cases {
        let (code, said) = dry_run(name, folder.path(), overrides);

        assert_eq!(code, Some(expected), "{overrides:?}: {said}");
        assert!(said.contains(part), "{overrides:?}: {said}");
    }
    let mut command = tiny().again("gan", &full, &[]);
    let output = command
        .arg("--dry-run")
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("a new or an empty folder"),
        "{}",
        stderr(&output)
    );
}

//! What is watched in training beside numbers that are none: collapse, terms without effect, data
//! that turn out to be damaged.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wordpaint::run::checkpoint::newest_step;
use wordpaint_data::synth::{Layout, export};

use crate::tiny::{stderr, stdout, tiny};
use crate::training::{logged, reopen};

/// Every grid is measured, and none is diverse enough.
const COLLAPSED: [&str; 5] = [
    "train.stages=[{name='adversarial', steps=6}]",
    "train.sample_every=1",
    "train.log_every=1",
    "train.monitor_share=1.0",
    "guard.diversity=1.0",
];

/// Lines of the log that are of the `kind`.
fn noted(run: &Path, kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(run.join("events.jsonl")).expect("a log");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines.filter(|line: &Value| line["kind"] == kind).collect()
}

#[test]
fn a_collapse_is_warned_of_in_the_output_the_log_and_the_report() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");

    let output = tiny().again("gan", &run, &COLLAPSED).output();

    let output = output.expect("the binary starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.matches("warning at step").count(), 1, "{said}");
    assert!(said.contains("diversity of real images"), "{said}");
    let warnings = noted(&run, "warning");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["matter"], "diversity");
    let report = tiny()
        .wordpaint()
        .arg("report")
        .arg(&run)
        .arg("-o")
        .arg(folder.path())
        .output();
    let report = report.expect("the binary starts");
    assert!(report.status.success(), "{}", stderr(&report));
    let page = fs::read_to_string(folder.path().join("report.md")).expect("written");
    assert!(page.contains("Warning at step 3"), "{page}");
    assert!(page.contains("diversity of real images"), "{page}");
}

#[test]
fn a_collapse_stops_the_run_after_saving_where_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let overrides = [&COLLAPSED[..], &["guard.on=stop"]].concat();

    let output = tiny().again("gan", &run, &overrides).output();

    let output = output.expect("the binary starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Stopped after saving"), "{said}");
    assert!(said.contains("wordpaint resume"), "{said}");
    assert_eq!(newest_step(&run.join("checkpoints")), Some(3));
    assert_eq!(noted(&run, "stop").len(), 1);
    // It goes on for as long as a new warning takes.
    let resumed = tiny().wordpaint().arg("resume").arg(&run).output();
    let resumed = resumed.expect("the binary starts");
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
}

#[test]
fn a_discriminator_that_wins_is_warned_of_once_per_interval_and_after_a_resume() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let overrides = [
        "train.stages=[{name='adversarial', steps=60}]",
        "train.log_every=10",
        "train.checkpoint_every=30",
        "train.keep_checkpoints=2",
        // It has won as soon as it is better than at its start.
        "guard.steps=2",
        "guard.discriminator=1.0",
        "train.optimizer.generator.lr=1e-30",
    ];

    let output = tiny().again("gan", &run, &overrides).output();

    let output = output.expect("the binary starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let warnings = noted(&run, "warning");
    assert_eq!(warnings.len(), 1, "{said}");
    assert_eq!(warnings[0]["matter"], "discriminator d");
    assert_eq!(said.matches("warning at step").count(), 1, "{said}");
    let starts = noted(&run, "start");
    assert_eq!(starts.len(), 1, "{starts:?}");
    assert_eq!(starts[0]["step"], 20);

    fs::remove_dir_all(run.join("checkpoints/step-60")).expect("was saved");
    reopen(&run);
    let resumed = tiny().wordpaint().arg("resume").arg(&run).output();
    let resumed = resumed.expect("the binary starts");
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    assert_eq!(noted(&run, "start"), starts, "begun anew");
    assert_eq!(noted(&run, "warning").len(), 1);
}

#[test]
fn after_a_loss_that_is_no_number_no_grid_is_drawn() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let overrides = [
        "train.stages=[{name='adversarial', steps=40}]",
        "train.optimizer.generator.lr=1e30",
        "train.sample_every=1",
        "train.log_every=40",
        "train.checkpoint_every=0",
        "train.monitor_share=0.0",
    ];

    let output = tiny().again("gan", &run, &overrides).output();

    let output = output.expect("the binary starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let stop = noted(&run, "stop");
    let step = stop[0]["step"].as_u64().expect("a number");
    let drawn = fs::read_dir(run.join("samples"))
        .into_iter()
        .flatten()
        .count() as u64;
    assert!(drawn < step, "{drawn} grids up to step {step}");
}

/// Birds in the published layout of CUB, below `folder`.
fn cub(folder: &Path) -> PathBuf {
    let root = folder.join("cub");
    let uri = "synth:birds?classes=4&per_class=6&size=32&seed=7";
    export(uri, Layout::Cub, &root, &mut |_, _| {}).expect("exports");
    root
}

#[test]
fn damaged_data_in_mid_run_save_what_was_trained_and_name_the_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (root, run) = (cub(folder.path()), folder.path().join("run"));
    let classes = fs::read_to_string(root.join("trainvalclasses.txt")).expect("exported");
    let class = root
        .join("CUB_200_2011/images")
        .join(classes.lines().next().expect("a class"));
    let images = fs::read_dir(class).expect("readable");
    let mut images: Vec<PathBuf> = images
        .map(|entry| entry.expect("readable").path())
        .collect();
    images.sort();
    let whole = fs::read(&images[0]).expect("readable");
    fs::write(&images[0], &whole[..whole.len() / 2]).expect("writes");
    let uri = format!("data.uri=cub:{}", root.display());
    let overrides = [
        &uri,
        "train.batch_size=2",
        "train.stages=[{name='adversarial', steps=60}]",
        "train.sample_every=0",
        "train.log_every=1",
        "train.checkpoint_every=0",
        "train.seed=3",
    ];

    let output = tiny().again("gan", &run, &overrides).output();

    let output = output.expect("the binary starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    let name = images[0].file_name().expect("named").to_string_lossy();
    assert!(said.contains(&*name), "{said}");
    assert!(said.contains("wordpaint resume"), "{said}");
    let steps = logged(&run);
    let last = steps.last().expect("it trained before")["step"].as_u64();
    assert_eq!(newest_step(&run.join("checkpoints")), last);
    assert_eq!(noted(&run, "stop").len(), 1);

    fs::write(&images[0], &whole).expect("writes");
    // The run began with the damaged image, so that the whole one is another.
    let mut resume = tiny().wordpaint();
    let resumed = resume.arg("resume").arg(&run).args(["--allow", "data"]);
    let resumed = resumed.output().expect("the binary starts");
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    assert_eq!(logged(&run).len(), 60);
}

/// A folder with one class of birds and their captions.
fn one_class(folder: &Path) -> PathBuf {
    let root = cub(folder);
    let (images, captions) = (root.join("CUB_200_2011/images"), root.join("text_c10"));
    let to = folder.join("mine/photos");
    fs::create_dir_all(&to).expect("creates");
    let classes = fs::read_dir(&images).expect("readable");
    for class in classes.map(|entry| entry.expect("readable").file_name()) {
        for image in fs::read_dir(images.join(&class)).expect("readable") {
            let image = image.expect("readable").path();
            let name = image.file_name().expect("named");
            fs::copy(&image, to.join(name)).expect("copies");
            let text = Path::new(name).with_extension("txt");
            fs::copy(captions.join(&class).join(&text), to.join(&text)).expect("copies");
        }
    }
    folder.join("mine")
}

#[test]
fn images_of_a_single_class_are_told_apart_each_by_itself_and_that_is_said() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let uri = format!("data.uri=folder:{}", one_class(folder.path()).display());
    for (name, stages) in [
        ("damsm", "train.stages=[{name='matching', steps=4}]"),
        (
            "encoder",
            "train.stages=[{name='joint-embedding', steps=4}]",
        ),
        ("gan", "train.stages=[{name='adversarial', steps=4}]"),
    ] {
        let run = folder.path().join(name);
        let overrides = [
            &uri,
            stages,
            "train.log_every=1",
            "train.sample_every=0",
            "evaluate.probe=",
        ];

        let output = tiny().again(name, &run, &overrides).output();

        let output = output.expect("the binary starts");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{name}: {said}");
        assert!(said.contains("a class of its own"), "{name}: {said}");
        for line in logged(&run) {
            for (term, value) in line["terms"].as_object().expect("terms") {
                assert!(value["value"] != 0.0, "{name}: {term} in {line}");
            }
        }
    }
    let output = tiny()
        .again("vgg", &folder.path().join("vgg"), &[&uri])
        .output();
    let output = output.expect("the binary starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("are of one"), "{said}{}", stdout(&output));
}

//! `resume RUN key=value`: settings that change in the middle of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::tiny::{copy, stderr, tiny, wordpaint};
use crate::training::{logged, reopen};

const FOUR: [&str; 5] = [
    "train.stages=[{name='adversarial', steps=4}]",
    "train.log_every=1",
    "train.checkpoint_every=2",
    "train.keep_checkpoints=9",
    "train.sample_every=0",
];

fn trained(folder: &Path, overrides: &[&str]) -> PathBuf {
    let run = folder.join("run");
    let output = tiny()
        .again("gan", &run, &[&FOUR[..], overrides].concat())
        .output();
    let output = output.expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    run
}

/// As it was after step 2.
fn stopped(folder: &Path) -> PathBuf {
    let run = trained(folder, &[]);
    fs::remove_dir_all(run.join("checkpoints/step-4")).expect("was saved");
    reopen(&run);
    run
}

fn resume(run: &Path, changes: &[&str]) -> Output {
    let mut command = tiny().wordpaint();
    command.arg("resume").arg(run).args(changes);
    command.output().expect("the binary starts")
}

fn succeed(run: &Path, changes: &[&str]) -> String {
    let output = resume(run, changes);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stderr(&output)
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(path).expect("readable")
}

fn environment(run: &Path) -> Value {
    serde_json::from_str(&read(run.join("environment.json"))).expect("JSON")
}

fn weights(run: &Path, step: u64) -> Vec<u8> {
    let path = run.join(format!("checkpoints/step-{step}/model.safetensors"));
    fs::read(path).expect("saved")
}

#[test]
fn a_lower_rate_from_here_on_is_used_and_recorded() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped(folder.path());
    let before = read(run.join("config.toml"));
    let identity = environment(&run)["identity"].clone();

    let said = succeed(&run, &["train.optimizer.generator.lr=0.001"]);

    let change = "train.optimizer.generator.lr: 0.05 -> 0.001";
    assert!(said.contains(&format!("changed: {change}")), "{said}");
    assert_eq!(read(run.join("config-2.toml")), before);
    assert!(read(run.join("config.toml")).contains("0.001"));
    assert!(read(run.join("events.jsonl")).contains(change));
    let changes = environment(&run)["changes"].clone();
    assert_eq!(changes[0]["step"], 2);
    assert_eq!(changes[0]["changed"][0], change);
    let rates: Vec<f64> = logged(&run)
        .iter()
        .map(|line| line["lr"]["generator"].as_f64().expect("a rate"))
        .collect();
    assert_eq!(rates, [0.05, 0.05, 0.001, 0.001]);
    assert_ne!(environment(&run)["identity"], identity);
    // It stays so.
    reopen(&run);
    succeed(&run, &[]);
}

#[test]
fn a_finished_run_made_longer_equals_a_longer_run() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = trained(folder.path(), &[]);
    let longer = folder.path().join("longer");
    let six = "train.stages=[{name='adversarial', steps=6}]";
    let output = tiny()
        .again("gan", &longer, &[&FOUR[1..], &[six]].concat())
        .output();
    let output = output.expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let said = succeed(&run, &["train.stages.adversarial.steps=6"]);

    assert!(said.contains("train.stages[0].steps: 4 -> 6"), "{said}");
    assert!(said.contains("continuing from step 4"), "{said}");
    assert_eq!(logged(&run), logged(&longer));
    assert!(weights(&run, 6) == weights(&longer, 6), "other weights");
    assert!(environment(&run)["finished"].is_string());
}

#[test]
fn intervals_change_no_weight_and_no_identity() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = trained(folder.path(), &[]);
    let other = folder.path().join("other");
    copy(&run, &other);
    fs::remove_dir_all(other.join("checkpoints/step-4")).expect("was saved");
    reopen(&other);

    succeed(&other, &["train.checkpoint_every=1", "train.log_every=2"]);

    assert!(other.join("checkpoints/step-3").is_dir());
    assert!(weights(&run, 4) == weights(&other, 4));
    assert_eq!(
        environment(&run)["identity"],
        environment(&other)["identity"]
    );
}

#[test]
fn what_may_not_change_is_refused_with_what_may() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = stopped(folder.path());
    let before = read(run.join("config.toml"));
    for (change, code, word) in [
        ("train.seed=3", 2, "cannot change in the middle of a run"),
        ("model.noise_dim=8", 2, "`train.optimizer.NAME.lr`"),
        ("train.optimizer.nobody.lr=1", 2, "nobody"),
        ("train.log_every=0", 2, "train.log_every"),
        ("train.stages.adversarial.steps=1", 4, "place.json"),
    ] {
        let output = resume(&run, &[change]);

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{change}: {said}");
        assert!(said.contains(word), "{change}: {said}");
        assert_eq!(read(run.join("config.toml")), before);
        assert!(!run.join("config-2.toml").exists());
    }
}

#[test]
fn a_changed_run_is_not_taken_for_its_experiment() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = |name: &str, arguments: &[&str]| {
        let mut command = wordpaint(folder.path());
        command.arg(name).args(arguments);
        let output = command.output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        crate::tiny::stdout(&output)
    };
    let config = tiny().run("gan").join("config.toml");
    let train = [
        config.to_str().expect("UTF-8"),
        "--run-or-resume",
        "train.stages=[{name='adversarial', steps=2}]",
    ];
    let first = run("train", &train);
    let again = run("train", &train);
    assert!(again.contains("reused"), "{again}");
    let path = first.trim().strip_prefix("run: ").expect("the run");

    run("resume", &[path, "train.stages.adversarial.steps=3"]);

    let anew = run("train", &train);
    assert!(!anew.contains("reused") && !anew.contains(path), "{anew}");
}

#[test]
fn the_advice_after_a_loss_that_is_no_number_is_a_command_that_works() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let overrides = [
        "train.optimizer.generator.lr=1e30",
        "train.checkpoint_every=1",
        "train.sample_every=0",
    ];
    let output = tiny().again("gan", &run, &overrides).output();
    let said = stderr(&output.expect("the binary starts"));
    let advice = said
        .split('`')
        .find(|part| part.starts_with("wordpaint resume "));
    let advice = advice.unwrap_or_else(|| panic!("no command in {said}"));
    let arguments: Vec<&str> = advice.split(' ').skip(1).collect();
    assert!(advice.contains(".lr="), "{advice}");

    // Still far too high, but taken.
    let mut command = tiny().wordpaint();
    command.args(&arguments);
    let again = stderr(&command.output().expect("the binary starts"));

    assert!(again.contains("changed: train.optimizer."), "{again}");
    assert!(again.contains("-> "), "{again}");
}

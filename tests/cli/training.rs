//! `train` and `resume`: what a run leaves on disk, and that it does not depend on how it was
//! interrupted, on workers or on the backend.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;
use wordpaint::run::weights::from_safetensors;

use crate::changed::as_before_manifests;
use crate::tiny::{copy, stderr, tiny};

/// Logs and saves every step.
const EVERY_STEP: [&str; 4] = [
    "train.log_every=1",
    "train.checkpoint_every=1",
    "train.keep_checkpoints=20",
    "train.sample_every=0",
];
const SDN_STAGES: &str = "train.stages=[{name='stage-1', steps=6}, {name='stage-2', steps=6}]";
const GAN_STAGES: &str = "train.stages=[{name='adversarial', steps=12}]";
const WORD_STAGES: &str = "train.stages=[{name='matching', steps=12}]";

fn succeed(mut command: Command) {
    let output = command.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// Steps in `events.jsonl` without what depends on the clock.
pub(crate) fn logged(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("events.jsonl")).expect("a log");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object per line"));
    lines
        .filter(|line: &Value| line.get("kind").is_none())
        .map(|mut line| {
            let fields = line.as_object_mut().expect("an object");
            fields.remove("seconds_per_step").expect("timed");
            fields.remove("images_per_second").expect("timed");
            line
        })
        .collect()
}

/// `full` as it would be had its process ended right after the checkpoint of `step`.
fn stopped_after(full: &Path, step: u64, to: &Path) {
    copy(full, to);
    for later in step + 1..=12 {
        fs::remove_dir_all(to.join(format!("checkpoints/step-{later}"))).expect("was saved");
    }
    reopen(to);
}

/// Takes away the note that a run is finished.
pub(crate) fn reopen(run: &Path) {
    let path = run.join("environment.json");
    let mut environment: Value =
        serde_json::from_slice(&fs::read(&path).expect("there")).expect("JSON");
    let fields = environment.as_object_mut().expect("an object");
    fields.remove("finished").expect("was finished");
    fs::write(path, environment.to_string()).expect("writes");
}

fn assert_equal_runs(expected: &Path, found: &Path, what: &str) {
    let saved = |run: &Path| files(&run.join("checkpoints/step-12"));
    assert_eq!(saved(expected), saved(found), "{what}");
    // The manifest has the digests of the others; the configuration has the number of workers, and
    // the run's manifest tells the runs apart.
    for file in saved(expected) {
        if !["manifest.json", "config.toml", "run.json"].contains(&file.as_str()) {
            let read =
                |run: &Path| fs::read(run.join("checkpoints/step-12").join(&file)).expect("saved");
            assert!(read(expected) == read(found), "{what}: `{file}` differs");
        }
    }
    assert_eq!(logged(expected), logged(found), "{what}");
}

/// Trains `name` for 12 steps in one go, and again from each of the checkpoints `steps`.
fn assert_resumes(name: &str, overrides: &[&str], steps: impl Fn(&Path) -> Vec<u64>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let full = folder.path().join("full");
    succeed(tiny().again(name, &full, &[&EVERY_STEP[..], overrides].concat()));
    assert_eq!(logged(&full).len(), 12);
    for step in steps(&full) {
        let resumed = folder.path().join(format!("from-{step}"));
        stopped_after(&full, step, &resumed);

        let mut resume = tiny().wordpaint();
        resume.arg("resume").arg(&resumed);
        succeed(resume);

        assert_equal_runs(&full, &resumed, &format!("{name} resumed from step {step}"));
    }
}

#[test]
fn sdn_resumed_in_either_stage_or_between_them_equals_a_run_in_one_go() {
    assert_resumes("sdn", &[SDN_STAGES], |_| vec![5, 6, 9]);
}

/// Steps in the midst of an epoch and at its end, of a run of 12 steps.
fn within_and_between_epochs(full: &Path) -> Vec<u64> {
    let epochs: Vec<u64> = logged(full)
        .iter()
        .map(|line| line["epoch"].as_u64().expect("a number"))
        .collect();
    let boundary = epochs.iter().filter(|&&epoch| epoch == 1).count() as u64;
    assert!((1..12).contains(&boundary), "one epoch only: {epochs:?}");
    let within = if boundary == 5 { 7 } else { 5 };
    vec![within, boundary]
}

#[test]
fn a_gan_resumed_within_or_between_epochs_equals_a_run_in_one_go() {
    let overrides = [GAN_STAGES, "train.batch_size=12"];
    assert_resumes("gan", &overrides, within_and_between_epochs);
}

#[test]
fn encoders_resumed_within_or_between_epochs_equal_a_run_in_one_go() {
    // The optimiser starts afresh in every epoch; the rate falls with it.
    for method in ["none", "sup-con"] {
        let method = format!("model.contrastive.method={method}");
        let overrides = [WORD_STAGES, "train.batch_size=12", &method];
        assert_resumes("damsm", &overrides, within_and_between_epochs);
    }
    let overrides = [WORD_STAGES, "train.batch_size=12"];
    assert_resumes("clip", &overrides, within_and_between_epochs);
}

#[test]
fn systems_of_several_stages_resumed_within_or_between_epochs_equal_a_run_in_one_go() {
    for name in ["attngan", "dm-gan"] {
        let overrides = [GAN_STAGES, "train.batch_size=12"];
        assert_resumes(name, &overrides, within_and_between_epochs);
        let contrastive = "model.contrastive.method=nt-xent";
        let overrides = [GAN_STAGES, "train.batch_size=12", contrastive];
        assert_resumes(name, &overrides, |_| vec![5]);
    }
}

#[test]
fn penalised_systems_resumed_within_or_between_epochs_equal_a_run_in_one_go() {
    let right = [
        "model.contrastive.method=nt-xent",
        "model.contrastive.real_to_fake=0.2",
    ];
    for name in ["df-gan", "ssa-gan"] {
        let overrides = [GAN_STAGES, "train.batch_size=12"];
        assert_resumes(name, &overrides, within_and_between_epochs);
        assert_resumes(name, &[&overrides[..], &right].concat(), |_| vec![5]);
    }
}

#[test]
fn encoders_that_are_trained_along_resumed_equal_a_run_in_one_go() {
    let overrides = [
        GAN_STAGES,
        "model.fine_tuning.weight=1.0",
        // Those of the tiny pretraining.
        "model.fine_tuning.channels=6",
        "model.fine_tuning.pooled=8",
    ];
    assert_resumes("ssa-gan", &overrides, |_| vec![5]);
}

#[test]
fn encoders_of_other_sizes_are_not_trained_along() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let overrides = [
        "model.fine_tuning.weight=1.0",
        "model.fine_tuning.channels=6",
    ];

    let output = tiny().again("ssa-gan", &run, &overrides).output();

    let output = output.expect("the binary starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("model.fine_tuning.pooled"), "{said}");
    assert!(said.contains("is 2048, but"), "{said}");
}

#[test]
fn a_captioner_and_what_it_teaches_resumed_equal_runs_in_one_go() {
    let stages = "train.stages=[{name='captioning', steps=12}]";
    let overrides = [stages, "train.batch_size=12"];
    assert_resumes("captioner", &overrides, within_and_between_epochs);
    let captioner = format!(
        "pretrained.captioner.from={}",
        tiny().run("captioner").display()
    );
    for name in ["ssa-gan", "attngan"] {
        let overrides = [GAN_STAGES, &captioner, "model.caption_weight=1.0"];
        assert_resumes(name, &overrides, |_| vec![5]);
    }
}

#[test]
fn captioners_that_are_missing_or_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let from = |name: &str| format!("pretrained.captioner.from={}", tiny().run(name).display());
    let weight = "model.caption_weight=1.0";
    let unused = from("captioner");
    let other_family = from("gan");
    let other_words = folder.path().join("captioner");
    copy(&tiny().run("captioner"), &other_words);
    let vocabulary = other_words.join("vocabulary.json");
    let words = fs::read_to_string(&vocabulary).expect("kept");
    fs::write(&vocabulary, words.replacen("bird", "boat", 1)).expect("writes");
    // As if it had been trained so.
    as_before_manifests(&other_words);
    let other_words = format!("pretrained.captioner.from={}", other_words.display());
    let cases: [(&[&str], i32, &str); 4] = [
        (&[weight, &other_words], 2, "knows other words"),
        (&[weight], 2, "pretrained.captioner.from"),
        (&[&unused], 2, "model.caption_weight"),
        (&[weight, &other_family], 4, "not of `captioner`"),
    ];
    for (overrides, code, message) in cases {
        let output = tiny().again("ssa-gan", &run, overrides).output();
        let output = output.expect("the binary starts");

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn networks_of_the_same_sizes_are_not_taken_for_those_a_run_was_trained_with() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| folder.path().join(name);
    let encoders = at("encoders");
    copy(&tiny().run("damsm"), &encoders);
    let from = format!("text.encoder={}", encoders.display());
    let captioner = format!("pretrained.captioner.from={}", at("captioner").display());
    succeed(tiny().again("captioner", &at("captioner"), &[&from]));
    let overrides = [&from, &captioner, "model.caption_weight=1.0", GAN_STAGES];
    let gan = at("gan");
    succeed(tiny().again("ssa-gan", &gan, &[&EVERY_STEP[..], &overrides].concat()));
    stopped_after(&gan, 5, &at("stopped"));

    fs::remove_dir_all(&encoders).expect("was there");
    succeed(tiny().again("damsm", &encoders, &["train.seed=9"]));

    let anew = tiny().again("ssa-gan", &at("anew"), &overrides);
    let [mut resume, mut evaluate] = [tiny().wordpaint(), tiny().wordpaint()];
    resume.arg("resume").arg(at("stopped"));
    evaluate.arg("evaluate").arg(at("captioner"));
    for (mut command, run) in [
        (anew, "captioner"),
        (resume, "stopped"),
        (evaluate, "captioner"),
    ] {
        let output = command.output().expect("the binary starts");

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(4), "{said}");
        let expected = at(run).display().to_string();
        assert!(said.contains(&expected), "{said}");
        assert!(said.contains("`text.encoder`"), "{said}");
    }
    assert!(!at("anew").exists());
}

#[test]
fn a_run_that_does_not_know_its_networks_any_more_goes_on_and_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [full, stopped] = ["full", "stopped"].map(|name| folder.path().join(name));
    succeed(tiny().again("ssa-gan", &full, &[&EVERY_STEP[..], &[GAN_STAGES]].concat()));
    stopped_after(&full, 5, &stopped);
    fs::remove_file(stopped.join("environment.json")).expect("was there");
    as_before_manifests(&stopped);

    let output = tiny().wordpaint().arg("resume").arg(&stopped).output();
    let output = output.expect("the binary starts");

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("does not say which frozen networks"),
        "{said}"
    );
    assert_equal_runs(&full, &stopped, "resumed");
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, stages) in [
        ("sdn", SDN_STAGES),
        ("gan", GAN_STAGES),
        ("damsm", WORD_STAGES),
        ("clip", WORD_STAGES),
        ("attngan", GAN_STAGES),
        ("dm-gan", GAN_STAGES),
        ("df-gan", GAN_STAGES),
        ("ssa-gan", GAN_STAGES),
    ] {
        let runs: Vec<PathBuf> = [1, 2, 4]
            .map(|workers| {
                let run = folder.path().join(format!("{name}-{workers}"));
                let workers = format!("data.workers={workers}");
                let overrides = [&EVERY_STEP[..], &[stages, &workers]].concat();
                succeed(tiny().again(name, &run, &overrides));
                run
            })
            .into();
        for run in &runs[1..] {
            assert_equal_runs(&runs[0], run, &run.display().to_string());
        }
    }
}

#[test]
fn wrong_labels_change_what_is_learnt_and_are_the_same_in_every_run() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let train = |label: &str, noise: &str| {
        let run = folder.path().join(label);
        let contrastive = "model.contrastive={method='sup-con', views='halves'}";
        let overrides = [WORD_STAGES, noise, contrastive, "data.positives=label"];
        succeed(tiny().again("damsm", &run, &[&EVERY_STEP[..], &overrides].concat()));
        run
    };

    let clean = train("clean", "data.label_noise=0");
    let wrong = train("wrong", "data.label_noise=0.5");
    let again = train("again", "data.label_noise=0.5");

    assert_equal_runs(&wrong, &again, "the same noise");
    assert!(
        difference(&clean, &wrong, 12).0 > 0.0,
        "labels change nothing"
    );
}

/// Largest difference between the weights of two runs after `step`, with its tensor.
fn difference(a: &Path, b: &Path, step: u64) -> (f32, String) {
    let weights = |run: &Path| {
        let path = run.join(format!("checkpoints/step-{step}/model.safetensors"));
        let tensors = from_safetensors(&fs::read(path).expect("saved")).expect("readable");
        tensors.into_iter().collect::<BTreeMap<_, _>>()
    };
    let (a, b) = (weights(a), weights(b));
    assert_eq!(a.len(), b.len());
    let mut worst = (0.0, String::new());
    for ((name, x), (other, y)) in a.iter().zip(&b) {
        assert_eq!((name, &x.shape), (other, &y.shape));
        for (x, y) in x.iter::<f32>().zip(y.iter::<f32>()) {
            assert!(x.is_finite() && y.is_finite(), "{name}");
            if (x - y).abs() > worst.0 {
                worst = ((x - y).abs(), name.clone());
            }
        }
    }
    worst
}

/// One step of gradient descent at `rate`: the weights then differ by `rate` times what the gradients
/// do. Adam would hide scale, and blow up rounding where a gradient is 0.
fn assert_backends_agree(name: &str, groups: &[&str], stages: &str, rate: f64) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let train = |device: &str, label: &str, rate: f64| {
        let run = folder.path().join(label);
        let sgd = groups.iter().map(|group| {
            let settings = format!("optimizer={{kind='sgd', lr={rate:e}, momentum=0.0}}");
            format!("train.optimizer.{group}={{lr={rate:e}, {settings}}}")
        });
        let sgd: Vec<String> = sgd.collect();
        let mut overrides = vec![stages, "train.batch_size=2", "train.sample_every=0"];
        overrides.extend(sgd.iter().map(String::as_str));
        let mut command = tiny().again(name, &run, &overrides);
        command.args(["--device", device]);
        succeed(command);
        run
    };
    let flex = train("flex", "flex", rate);
    let ndarray = train("ndarray", "ndarray", rate);
    let still = train("flex", "still", 1e-30);

    let (worst, tensor) = difference(&flex, &ndarray, 1);
    assert!(worst <= 1e-4, "`{tensor}` differs by {worst}");
    let (moved, _) = difference(&flex, &still, 1);
    assert!(
        moved > 1e-2,
        "the step moved no weight by more than {moved}"
    );
}

#[test]
fn one_step_of_sdn_agrees_on_flex_and_ndarray() {
    let stages = "train.stages=[{name='stage-1', steps=1}]";
    assert_backends_agree("sdn", &["generator"], stages, 1.0);
}

#[test]
fn one_step_of_a_gan_agrees_on_flex_and_ndarray() {
    let stages = "train.stages=[{name='adversarial', steps=1}]";
    // Batch normalisation over two samples gives gradients up to 30, whose rounding in single
    // precision alone exceeds 1e-4 at rate 1.
    assert_backends_agree("gan", &["generator", "discriminator"], stages, 0.1);
}

#[test]
fn one_step_of_encoders_and_systems_of_several_stages_agrees_on_flex_and_ndarray() {
    let stages = "train.stages=[{name='matching', steps=1}]";
    assert_backends_agree("damsm", &["text", "heads"], stages, 0.1);
    assert_backends_agree("clip", &["clip"], stages, 1.0);
    let stages = "train.stages=[{name='adversarial', steps=1}]";
    for name in ["attngan", "dm-gan"] {
        // As above, with two images more.
        assert_backends_agree(name, &["d64", "d128", "g"], stages, 0.005);
    }
}

#[test]
fn one_step_of_penalised_systems_agrees_on_flex_and_ndarray() {
    let stages = "train.stages=[{name='adversarial', steps=1}]";
    for name in ["df-gan", "ssa-gan"] {
        assert_backends_agree(name, &["d", "g"], stages, 1.0);
    }
    let stages = "train.stages=[{name='captioning', steps=1}]";
    assert_backends_agree("captioner", &["captioner"], stages, 1.0);
}

/// Files below `folder`, relative, with `/`.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(relative) = waiting.pop() {
        for entry in fs::read_dir(folder.join(&relative)).expect("readable folder") {
            let entry = entry.expect("readable entry");
            let path = relative.join(entry.file_name());
            if entry.path().is_dir() {
                waiting.push(path);
            } else {
                found.insert(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_run_is_one_folder_with_everything_in_it() {
    let folder: TempDir = tempfile::tempdir().expect("temporary folder");
    let mut train = crate::tiny::wordpaint(folder.path());
    train
        .arg("train")
        .arg(tiny().run("gan").join("config.toml"))
        .args(["train.stages=[{name='adversarial', steps=4}]"])
        .args(["train.sample_every=2", "train.checkpoint_every=2"]);
    let output = train.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let outside: Vec<String> = files(folder.path())
        .into_iter()
        .filter(|file| !file.starts_with("runs/") && !file.starts_with("cache/"))
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    let runs: Vec<_> = fs::read_dir(folder.path().join("runs"))
        .expect("a folder of runs")
        .map(|entry| entry.expect("readable").path())
        .collect();
    let [run] = &runs[..] else {
        panic!("one run, found {runs:?}")
    };
    let said = crate::tiny::stdout(&output);
    assert!(said.contains(&format!("run: {}", run.display())), "{said}");

    let mut expected: BTreeSet<String> = [
        ".lock",
        "config.toml",
        "environment.json",
        "events.jsonl",
        "manifest.json",
        "samples/step-2.png",
        "samples/step-4.png",
    ]
    .map(str::to_owned)
    .into();
    for step in [2, 4] {
        for file in [
            "config.toml",
            "manifest.json",
            "model.safetensors",
            "optimizer.mpk",
            "place.json",
            "run.json",
        ] {
            expected.insert(format!("checkpoints/step-{step}/{file}"));
        }
    }
    let found: BTreeSet<String> = files(run)
        .into_iter()
        .filter(|file| !file.starts_with("text_encoder/"))
        .collect();
    assert_eq!(found, expected);

    let frozen = fs::read_to_string(run.join("config.toml")).expect("readable");
    let copy = fs::read_to_string(run.join("checkpoints/step-4/config.toml")).expect("readable");
    assert_eq!(frozen, copy);
    let environment = wordpaint::run::folder::RunFolder::open(run)
        .expect("a run")
        .environment();
    for key in [
        "version",
        "device",
        "backend",
        "data_uri",
        "data_fingerprint",
    ] {
        assert!(environment[key].is_string(), "no `{key}` in {environment}");
    }
    let command = environment["command"].as_str().expect("text");
    assert!(command.contains("train.sample_every=2"), "{command}");
    assert_eq!(environment["steps"], 4);
    assert!(environment["finished"].is_string(), "{environment}");
}

#[test]
fn nothing_is_left_to_resume_of_a_finished_run_and_none_is_trained_over_another() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    copy(&tiny().run("gan"), &run);
    let before = files(&run);

    let resumed = tiny().wordpaint().arg("resume").arg(&run).output();
    let resumed = resumed.expect("the binary starts");
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    assert!(stderr(&resumed).contains("training is finished"));

    let again = tiny().again("gan", &run, &[]).output();
    let again = again.expect("the binary starts");
    assert_eq!(again.status.code(), Some(2), "{}", stderr(&again));
    assert!(stderr(&again).contains("wordpaint resume"));
    assert_eq!(files(&run), before);
}

#[test]
fn image_features_are_computed_once_for_the_same_images_and_network() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let train = |name: &str, data: &str| {
        let run = folder.path().join(name);
        let stages = "train.stages=[{name='joint-embedding', steps=2}]";
        let output = tiny().again("encoder", &run, &[data, stages]).output();
        let output = output.expect("the binary starts");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let weights = run.join("checkpoints/step-2/model.safetensors");
        let is_computed = said.contains("image features of");
        (is_computed, fs::read(weights).expect("saved"))
    };
    let other = "data.uri=synth:birds?preset=nano&size=32&seed=8";

    let first = train("first", other);
    let second = train("second", other);
    let (is_computed, _) = train("third", "data.uri=synth:birds?preset=nano&size=32&seed=9");

    assert!(first.0, "nothing was cached before");
    assert!(!second.0, "computed again");
    assert!(first.1 == second.1, "other features came from the cache");
    assert!(is_computed, "features of other images were taken");
}

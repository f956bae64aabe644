//! Runs and evaluations that end early: by a signal, by a loss that is no number, by `kill -9`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use burn::prelude::TensorData;
use wordpaint::run::{checkpoint, weights};

use crate::background::{Background, ignores_hang_ups};
use crate::tiny::{copy, stderr, tiny};
use crate::training::{logged, reopen};

const ENDLESS: [&str; 5] = [
    "train.stages=[{name='stage-1', steps=500000}, {name='stage-2', steps=2}]",
    "train.log_every=1",
    "train.checkpoint_every=1",
    "train.keep_checkpoints=2",
    "train.sample_every=0",
];

pub(crate) fn newest_step(run: &Path) -> u64 {
    checkpoint::newest_step(&run.join("checkpoints")).unwrap_or(0)
}

pub(crate) fn resume(run: &Path) -> assert_cmd::Command {
    let mut command = tiny().wordpaint();
    command.arg("resume").arg(run);
    command
}

#[test]
fn a_signal_saves_tells_how_to_continue_and_sets_the_exit_code() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (run, said) = (folder.path().join("run"), folder.path().join("said"));
    // Nothing is saved in between, so that what is there after the stop was saved by it.
    let train = tiny().again(
        "sdn",
        &run,
        &[&ENDLESS[..], &["train.checkpoint_every=0"]].concat(),
    );
    let mut reached = 0;
    let mut stops = vec![(train, "TERM", 143), (resume(&run), "INT", 130)];
    // What ignores it, as `nohup` asks, is not stopped by it.
    if !ignores_hang_ups() {
        stops.push((resume(&run), "HUP", 129));
    }
    for (command, signal, code) in stops {
        let mut process = Background::start(&command, &said);
        process.wait_until(&said, || {
            run.join("events.jsonl").exists() && {
                let text = fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
                text.lines().count() as u64 > reached + 5
            }
        });
        process.signal(signal);

        assert_eq!(process.wait(), Some(code), "SIG{signal}");
        let log = fs::read_to_string(&said).expect("readable");
        assert!(log.contains("wordpaint resume"), "{log}");
        let saved = checkpoint::newest(&run.join("checkpoints")).expect("saved");
        let steps = logged(&run);
        assert_eq!(steps.last().expect("logged")["step"], saved.step);
        assert!(saved.step > reached, "step {} after {reached}", saved.step);
        assert_eq!(steps.len() as u64, saved.step, "a step is missing or twice");
        reached = saved.step;
    }
}

#[test]
fn a_run_is_trained_by_one_process_at_a_time() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (run, said) = (folder.path().join("run"), folder.path().join("said"));
    let mut process = Background::start(&tiny().again("sdn", &run, &ENDLESS), &said);
    process.wait_until(&said, || newest_step(&run) > 0);

    let second = resume(&run).output().expect("the binary starts");

    let log = stderr(&second);
    assert_eq!(second.status.code(), Some(1), "{log}");
    assert!(log.contains("another process trains"), "{log}");
    assert!(log.contains(&run.display().to_string()), "{log}");
    process.signal("KILL");
    process.wait();
    let mut third = Background::start(&resume(&run), &said);
    let before = newest_step(&run);
    third.wait_until(&said, || newest_step(&run) > before);
}

/// A run with a rate that no weight survives ends and says what, where and with which samples.
fn assert_guarded(name: &str, stage: &str, group: &str) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    let stages = format!("train.stages=[{{name='{stage}', steps=40}}]");
    let rate = format!("train.optimizer.{group}.lr=1e30");
    let overrides = [
        stages.as_str(),
        &rate,
        "train.log_every=3",
        "train.checkpoint_every=1",
        "train.keep_checkpoints=50",
        "train.sample_every=0",
    ];
    let output = tiny().again(name, &run, &overrides).output();
    let output = output.expect("the binary starts");

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let text = fs::read_to_string(run.join("events.jsonl")).expect("a log");
    let last: serde_json::Value =
        serde_json::from_str(text.lines().last().expect("lines")).expect("JSON");
    assert_eq!(last["kind"], "stop", "{last}");
    let (step, message) = (&last["step"], last["message"].as_str().expect("text"));
    assert!(said.contains(message), "{said}");
    assert!(message.contains("loss term `"), "{message}");
    assert!(message.contains("of phase `"), "{message}");
    assert!(message.contains(&format!("at step {step}")), "{message}");
    let batch = message.split("batch: ").nth(1).expect("the samples");
    let keys = batch.split(". ").next().expect("a sentence");
    assert_eq!(keys.split(", ").count(), 4, "{keys}");
    let saved = checkpoint::newest(&run.join("checkpoints")).expect("the one before");
    assert_eq!(step.as_u64(), Some(saved.step + 1));
    assert!(saved.skipped.is_empty(), "{:?}", saved.skipped);
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_names_term_phase_step_and_samples() {
    assert_guarded("gan", "adversarial", "generator");
    assert_guarded("damsm", "matching", "heads");
    assert_guarded("clip", "matching", "clip");
    assert_guarded("attngan", "adversarial", "g");
    assert_guarded("dm-gan", "adversarial", "g");
    assert_guarded("df-gan", "adversarial", "g");
    assert_guarded("ssa-gan", "adversarial", "g");
}

/// The penalties of both families as the guard names them.
const PENALTIES: [(&str, &str); 2] = [
    ("df-gan", "loss term `d/penalty` of phase `d`"),
    (
        "ssa-gan",
        "loss term `penalty/matching-aware` of phase `penalty`",
    ),
];

/// Trains a tiny run anew until it is stopped, and returns what it said.
fn stopped(name: &str, run: &Path, overrides: &[&str]) -> String {
    let stages = [
        "train.stages=[{name='adversarial', steps=40}]",
        "train.log_every=1",
        "train.keep_checkpoints=50",
    ];
    let overrides = [&stages[..], overrides].concat();
    let output = tiny().again(name, run, &overrides).output();
    let output = output.expect("the binary starts");

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let advice = "Resume from the last checkpoint with a lower learning rate";
    assert!(said.contains(advice), "{said}");
    said
}

/// The last checkpoint is of the step before the one in the message, and can be used.
fn assert_last_good_is_kept(run: &Path, said: &str) {
    let saved = checkpoint::newest(&run.join("checkpoints")).expect("the one before");
    let step = format!("at step {}", saved.step + 1);
    assert!(said.contains(&step), "{}: {said}", saved.step);
    assert!(saved.skipped.is_empty(), "{:?}", saved.skipped);
    for (name, data) in weights::tensors(&saved, weights::MODEL).expect("readable") {
        assert!(data.iter::<f32>().all(f32::is_finite), "{name}");
    }
}

#[test]
fn a_penalty_that_explodes_is_named() {
    for (name, penalty) in PENALTIES {
        let folder = tempfile::tempdir().expect("temporary folder");
        let run = folder.path().join("run");
        // Its sixth power leaves the range of single precision first.
        let overrides = ["train.optimizer.d.lr=30", "train.checkpoint_every=0"];

        let said = stopped(name, &run, &overrides);

        assert!(said.contains(penalty), "{said}");
    }
}

/// The discriminator's rate is this many times as high from the second epoch on.
fn raised(factor: &str) -> String {
    format!("train.optimizer.d.schedule={{kind='step-decay', every=1, factor={factor}}}")
}

#[test]
fn a_penalty_that_explodes_in_training_leaves_the_last_good_checkpoint() {
    for ((name, penalty), factor) in PENALTIES.into_iter().zip(["2e3", "1e5"]) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let run = folder.path().join("run");

        let said = stopped(name, &run, &[&raised(factor), "train.checkpoint_every=1"]);

        assert!(said.contains(&format!("{penalty} is inf")), "{said}");
        assert_last_good_is_kept(&run, &said);
    }
}

#[test]
fn moments_that_overflow_before_any_loss_does_are_not_saved() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");

    // What the generator learns from such a discriminator has squares beyond single precision. Until
    // then next to nothing is learned, so that the rounding of other processors changes nothing.
    let overrides = [
        &raised("4e7"),
        "train.optimizer.d.lr=1e-6",
        "train.optimizer.g.lr=1e-6",
        "train.checkpoint_every=1",
    ];
    let said = stopped("df-gan", &run, &overrides);

    assert!(said.contains("the second moment of `generator."), "{said}");
    assert!(
        said.contains("loss term `g/adversarial` of phase `g` is "),
        "{said}"
    );
    assert_last_good_is_kept(&run, &said);
}

#[test]
fn a_penalty_that_is_no_number_is_named_and_the_last_good_checkpoint_kept() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = folder.path().join("run");
    // The first step of the second epoch takes the weights out of range; the hinge loss was computed
    // before it, the penalty after it.
    let overrides = [&raised("1e35"), "train.checkpoint_every=1"];

    let said = stopped("ssa-gan", &run, &overrides);

    let named = format!("{} is NaN", PENALTIES[1].1);
    assert!(said.contains(&named), "{said}");
    assert_last_good_is_kept(&run, &said);
}

/// Sets weights of the newest checkpoint to 0, as if they had been trained so.
fn erase(run: &Path, names: &[&str]) {
    let checkpoints = run.join("checkpoints");
    let saved = checkpoint::newest(&checkpoints).expect("saved");
    let mut tensors = weights::tensors(&saved, weights::MODEL).expect("readable");
    for (name, data) in &mut tensors {
        if names.contains(&name.as_str()) {
            *data = TensorData::zeros::<f32, _>(data.shape.clone());
        }
    }
    let mut files = vec![(weights::MODEL, weights::to_safetensors(&tensors))];
    for name in [
        "optimizer.mpk",
        "place.json",
        "config.toml",
        weights::AVERAGE,
    ] {
        files.push((name, saved.file(name).expect("written").to_vec()));
    }
    fs::remove_dir_all(&saved.path).expect("removed");
    let files = files.into_iter().map(Ok::<_, checkpoint::CheckpointError>);
    checkpoint::save(&checkpoints, saved.step, files, 50).expect("written");
}

#[test]
fn a_discriminator_that_sees_nothing_has_no_penalty_and_trains_on() {
    let head = ["discriminator.logit.weight", "discriminator.joint.weight"];
    for (name, term, erased) in [
        // Its hinge loss wakes the last layer again.
        ("df-gan", "d/penalty", &head[..1]),
        // Nothing can.
        ("ssa-gan", "penalty/matching-aware", &head[..]),
    ] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let run = folder.path().join("run");
        let overrides = [
            "train.stages=[{name='adversarial', steps=8}]",
            "train.log_every=1",
            "train.checkpoint_every=4",
        ];
        let trained = tiny().again(name, &run, &overrides).output();
        let trained = trained.expect("the binary starts");
        assert!(trained.status.success(), "{}", stderr(&trained));
        fs::remove_dir_all(run.join("checkpoints/step-8")).expect("was saved");
        reopen(&run);
        erase(&run, erased);

        let output = resume(&run).output().expect("the binary starts");

        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let values: Vec<f64> = logged(&run)
            .iter()
            .filter(|line| line["step"].as_u64() > Some(4))
            .map(|line| {
                let value = &line["terms"][term]["value"];
                value.as_f64().unwrap_or_else(|| panic!("{term}: {line}"))
            })
            .collect();
        assert_eq!(values.len(), 4);
        assert_eq!(values[0], 0.0, "{name}: {values:?}");
        let wakes = erased.len() == 1;
        assert_eq!(values[3] > 0.0, wakes, "{name}: {values:?}");
        let saved = checkpoint::newest(&run.join("checkpoints")).expect("saved");
        assert_eq!(saved.step, 8);
        for (name, data) in weights::tensors(&saved, weights::MODEL).expect("readable") {
            assert!(data.iter::<f32>().all(f32::is_finite), "{name}");
        }
    }
}

#[test]
#[ignore = "slow: twenty processes"]
fn twenty_of_twenty_killed_runs_resume_from_a_complete_checkpoint() {
    assert_survives("sdn", ENDLESS[0]);
}

#[test]
#[ignore = "slow: a hundred processes"]
fn killed_runs_of_word_level_systems_resume_from_a_complete_checkpoint() {
    for (name, stage) in [
        ("damsm", "matching"),
        ("clip", "matching"),
        ("attngan", "adversarial"),
        ("dm-gan", "adversarial"),
        ("df-gan", "adversarial"),
        ("ssa-gan", "adversarial"),
    ] {
        let stages = format!("train.stages=[{{name='{stage}', steps=500000}}]");
        assert_survives(name, &stages);
    }
}

/// Kills a run twenty times.
fn assert_survives(name: &str, stages: &str) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (run, said) = (folder.path().join("run"), folder.path().join("said"));
    let overrides = [&[stages], &ENDLESS[1..]].concat();
    let mut command = tiny().again(name, &run, &overrides);
    let mut reached = 0;
    for k in 0..=20 {
        let mut process = Background::start(&command, &said);
        process.wait_until(&said, || {
            let log = fs::read_to_string(&said).unwrap_or_default();
            k == 0 && newest_step(&run) > 0 || log.contains("continuing from step")
        });
        if k > 0 {
            let log = fs::read_to_string(&said).expect("readable");
            assert!(
                log.contains(&format!("continuing from step {reached}")),
                "{log}"
            );
            assert!(!log.contains("damaged"), "{log}");
        }
        if k == 20 {
            // The last one goes on to train.
            process.wait_until(&said, || newest_step(&run) > reached);
            return;
        }
        let moment = wordpaint_rng::Rng::new(&[k]).n(400);
        sleep(Duration::from_millis(moment as u64));
        process.signal("KILL");
        process.wait();

        let saved = checkpoint::newest(&run.join("checkpoints")).expect("a complete one");
        assert!(saved.skipped.is_empty(), "kill {k}: {:?}", saved.skipped);
        assert!(saved.step >= reached, "kill {k}");
        reached = saved.step;
        command = resume(&run);
    }
}

/// Whole chunks of an evaluation and when they were written.
fn chunks(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(chunks(&path));
        } else if path.extension().is_some_and(|ending| ending == "features") {
            // A file may get its name between the listing and this look.
            found.extend(
                entry
                    .metadata()
                    .and_then(|m| m.modified())
                    .map(|m| (path, m)),
            );
        }
    }
    found
}

/// Interrupts `command` by `kill -9` at random moments, each time after some more chunks, until it
/// ends; `result` must then hold what an uninterrupted evaluation gave, and no chunk may have been
/// written twice.
fn assert_survives_kills(
    command: &assert_cmd::Command,
    cache: &Path,
    result: &Path,
    expected: &[u8],
    total: usize,
) {
    fs::create_dir_all(cache).expect("created");
    let said = cache.join("said");
    let mut written: BTreeMap<PathBuf, SystemTime> = BTreeMap::new();
    let mut kills = 0;
    for k in 0.. {
        let mut rng = wordpaint_rng::Rng::new(&[k]);
        let aim = written.len() + 1 + rng.n(total / 4 + 1);
        if aim >= total {
            break;
        }
        let mut process = Background::start(command, &said);
        process.wait_until(&said, || chunks(cache).len() >= aim);
        sleep(Duration::from_micros(rng.n(3000) as u64));
        process.signal("KILL");
        process.wait();
        kills += 1;

        assert!(!result.exists(), "finished before kill {k}");
        let now = chunks(cache);
        for (path, when) in &written {
            assert_eq!(now.get(path), Some(when), "kill {k}: {}", path.display());
        }
        written = now;
    }
    assert!(kills >= 2, "{kills} kills within {total} chunks");

    let mut process = Background::start(command, &said);
    assert_eq!(process.wait(), Some(0), "{:?}", fs::read_to_string(&said));

    assert!(
        fs::read(result).expect("a result") == expected,
        "another value"
    );
    let now = chunks(cache);
    assert_eq!(now.len(), total);
    for (path, when) in &written {
        assert_eq!(now.get(path), Some(when), "done again: {}", path.display());
    }
}

#[test]
fn an_evaluation_killed_at_random_moments_gives_the_same_bytes_and_redoes_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    // One place for both: what has to be fetched is told with the folder it belongs into.
    let cache = folder.path().join("cache");
    let prepare = |name: &str| {
        let run = folder.path().join(name);
        copy(&tiny().run("gan"), &run);
        let mut command = tiny().wordpaint();
        command
            .env("WORDPAINT_CACHE", &cache)
            .arg("evaluate")
            .arg(&run)
            .args(["--protocol", "sdn-29330"]);
        (run.join("evaluation/sdn-29330.json"), command)
    };
    let (result, mut whole) = prepare("whole");
    assert!(whole.output().expect("the binary starts").status.success());
    let expected = fs::read(result).expect("a result");
    let total = chunks(&cache).len();
    fs::remove_dir_all(&cache).expect("removed");

    let (result, killed) = prepare("killed");

    assert_survives_kills(&killed, &cache, &result, &expected, total);
}

#[test]
fn a_comparison_of_folders_killed_at_random_moments_gives_the_same_bytes_and_redoes_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (set, shift) in [("real", 0), ("fake", 3)] {
        fs::create_dir(folder.path().join(set)).expect("created");
        for i in 0..640_u32 {
            let image = image::RgbImage::from_fn(32, 32, |x, y| {
                image::Rgb([1, 2, 3].map(|k| (x * (i % 40 + shift) + y * 7 * k + i * k) as u8))
            });
            let path = folder.path().join(format!("{set}/{i:03}.png"));
            image.save(path).expect("written");
        }
    }
    let command = |name: &str| {
        let (cache, result) = (
            folder.path().join(name),
            folder.path().join(format!("{name}.json")),
        );
        let mut command = tiny().wordpaint();
        command
            .env("WORDPAINT_CACHE", &cache)
            .args(["evaluate", "images"])
            .args(["real", "fake"].map(|set| folder.path().join(set)))
            .args([
                "--network",
                "thumb8",
                "--metrics",
                "ssim,fsim,sharpness,fid,kid,prdc",
                "-o",
            ])
            .arg(&result);
        (result, cache, command)
    };
    let (result, cache, mut whole) = command("whole");
    assert!(whole.output().expect("the binary starts").status.success());
    let expected = fs::read(result).expect("a result");
    let total = chunks(&cache).len();

    let (result, cache, killed) = command("killed");

    assert_survives_kills(&killed, &cache, &result, &expected, total);
}

//! Sweeps end to end, with a script in the place of the `wordpaint` binary; the last test takes the
//! binary itself.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Answers as the binary does: a run per set of arguments. `stop-at` holds the number of trainings
/// after which one is interrupted.
const SCRIPT: &str = r#"#!/bin/sh
folder=$(dirname "$0")
echo "$@" >> "$folder/calls"
case "$1" in
show)
    case "$2" in judge) requires='"vgg"' ;; *) requires='"vgg", "encoder"' ;; esac
    echo '{"name": "'"$2"'", "quick_available": true, "is_evaluated": true, "data_ready": true, "missing": [],
           "requires": ['"$requires"'], "runs_dir": "'"$folder"'/runs"}'
    ;;
train)
    id=$(echo "$@" | cksum | cut -d ' ' -f 1)
    done=$(cat "$folder/trained" 2>/dev/null | wc -l)
    if test -e "$folder/runs/$id"; then
        echo "reused: a finished run"
    else
        test "$done" -ge "$(cat "$folder/stop-at" 2>/dev/null || echo 1000)" && exit 130
        case "$*" in *impossible*) exit 1 ;; esac
        mkdir -p "$folder/runs/$id"
        echo "$2" >> "$folder/trained"
    fi
    echo "run: $folder/runs/$id"
    ;;
evaluate)
    test -e "$2/measured" && echo "reused: measured before"
    touch "$2/measured"
    ;;
report)
    echo "runs/sweeps/noise/report.html"
    echo "number: Agreement plain 40.0 %"
    echo "next: read the report"
    ;;
esac
"#;

const SWEEP: &str = r#"
title = "Noise"

[[grids]]
name = "main"
title = "Encoders"
seeds = [1, 2]
metrics = ["recall"]

[grids.axis]
key = "data.label_noise"
title = "labels replaced"
unit = "share"
values = [0.0, 0.5]

[[grids.lines]]
title = "plain"
experiment = "plain"
is_level = true

[[grids.lines]]
title = "contrast"
experiment = "contrast"
"#;

struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(sweep: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = folder.path().join("wordpaint");
        fs::write(&program, SCRIPT).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
        fs::write(folder.path().join("noise.toml"), sweep).expect("written");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), name)
    }

    fn reproduce(&self, arguments: &[&str]) -> Output {
        command(&self.path("wordpaint"), self.folder.path(), arguments)
            .output()
            .expect("xtask starts")
    }

    /// Calls of the script that begin with `verb`.
    fn calls(&self, verb: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with(verb));
        lines.map(str::to_owned).collect()
    }

    fn record(&self) -> Value {
        record(&self.path("runs/sweeps/noise/sweep.json"))
    }
}

fn command(binary: &Path, sweeps: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["reproduce", "noise"])
        .args(arguments)
        .arg("--binary")
        .arg(binary)
        .arg("--sweeps")
        .arg(sweeps);
    command
}

fn record(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a record")).expect("JSON")
}

/// How many points of a record are there, of how many.
fn points(record: &Value) -> (usize, usize) {
    let lines = record["grids"][0]["lines"].as_array().expect("lines");
    let points = lines
        .iter()
        .flat_map(|line| line["points"].as_array().expect("points"));
    let runs: Vec<bool> = points.map(|point| point["run"].is_string()).collect();
    (
        runs.iter().filter(|is_there| **is_there).count(),
        runs.len(),
    )
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_point_is_trained_measured_and_drawn_after_what_all_of_them_need() {
    let machine = Machine::new(SWEEP);

    let output = machine.reproduce(&["--device", "flex", "train.batch_size=4"]);

    assert!(output.status.success(), "{output:?}");
    let said = stdout(&output);
    let lines: Vec<&str> = said.lines().collect();
    let closing = [
        "report   runs/sweeps/noise/report.html",
        "number   Agreement plain 40.0 %",
        "next     read the report",
    ];
    assert_eq!(lines[lines.len() - 3..], closing);
    let device = "--run-or-resume --device flex";
    let changed = "train.batch_size=4";
    let expected = [
        format!("train vgg {device}"),
        format!("train encoder {device}"),
        format!("train plain {device} {changed} train.seed=1"),
        format!("train contrast {device} {changed} data.label_noise=0 train.seed=1"),
        format!("train contrast {device} {changed} data.label_noise=0.5 train.seed=1"),
        format!("train plain {device} {changed} train.seed=2"),
        format!("train contrast {device} {changed} data.label_noise=0 train.seed=2"),
        format!("train contrast {device} {changed} data.label_noise=0.5 train.seed=2"),
    ];
    assert_eq!(machine.calls("train"), expected);
    let measured = machine.calls("evaluate");
    assert_eq!(measured.len(), 6);
    assert!(
        measured
            .iter()
            .all(|call| call.ends_with("--keep --device flex"))
    );
    // Changed settings do not overwrite the curves of the sweep itself.
    let file = machine.path("runs/sweeps/noise-changed/sweep.json");
    let drawn = machine.calls("report");
    assert_eq!(drawn, [format!("report --sweep {}", file.display())]);
    assert_eq!(points(&record(&file)), (6, 6));
}

#[test]
fn a_sweep_that_was_stopped_goes_on_where_it_was_and_trains_nothing_twice() {
    let machine = Machine::new(SWEEP);
    fs::write(machine.path("stop-at"), "4").expect("written");

    let stopped = machine.reproduce(&[]);

    assert_eq!(stopped.status.code(), Some(1), "{stopped:?}");
    assert!(
        stderr(&stopped).contains("the same command continues"),
        "{}",
        stderr(&stopped)
    );
    assert_eq!(points(&machine.record()), (2, 6));

    fs::remove_file(machine.path("stop-at")).expect("there");
    let second = machine.reproduce(&[]);

    assert!(second.status.success(), "{second:?}");
    let said = stdout(&second);
    for line in [
        "reused   train vgg",
        "reused   main: plain, seed 1 (1 of 6)",
        "reused   main: contrast, data.label_noise=0, seed 1 (2 of 6)",
        "done     main: contrast, data.label_noise=0.5, seed 1 (3 of 6)",
        "done     main: contrast, data.label_noise=0.5, seed 2 (6 of 6)",
    ] {
        assert!(said.contains(line), "no {line:?} in {said}");
    }
    assert_eq!(points(&machine.record()), (6, 6));
    let trained = fs::read_to_string(machine.path("trained")).expect("a list");
    assert_eq!(trained.lines().count(), 2 + 6, "{trained}");

    let third = machine.reproduce(&[]);
    assert_eq!(
        stdout(&third).matches("\nreused   main: ").count(),
        6,
        "{third:?}"
    );
}

#[test]
fn what_is_trained_first_is_handed_over_and_one_pair_measures_all() {
    let first = "first = { experiment = \"encoder\", gives = \"text.encoder\" }";
    let sweep = format!("{SWEEP}{first}\n").replace(
        "metrics = [\"recall\"]",
        "metrics = [\"recall\"]\njudge = \"judge\"",
    );
    let machine = Machine::new(&sweep);

    let output = machine.reproduce(&["--quick"]);

    assert!(output.status.success(), "{output:?}");
    let trained = machine.calls("train");
    // The encoder as it is for the line without one of its own, then one for every seed.
    let encoders: Vec<&String> = trained
        .iter()
        .filter(|call| call.contains("train encoder"))
        .collect();
    assert_eq!(
        encoders,
        [
            "train encoder --run-or-resume --quick",
            "train encoder --run-or-resume --quick train.seed=1",
            "train encoder --run-or-resume --quick train.seed=2",
        ]
    );
    let contrastive: Vec<&String> = trained
        .iter()
        .filter(|call| call.contains("train contrast"))
        .collect();
    assert_eq!(contrastive.len(), 4);
    let handed = format!(" text.encoder={}/", machine.path("runs").display());
    assert!(
        contrastive.iter().all(|call| call.contains(&handed)),
        "{contrastive:?}"
    );
    assert!(trained.contains(&"train judge --run-or-resume --quick".to_owned()));
    let measured = machine.calls("evaluate");
    assert!(
        measured
            .iter()
            .all(|call| call.ends_with("--keep --retrieval-encoder experiment:judge"))
    );
}

#[test]
fn a_point_that_fails_does_not_keep_the_others_from_being_trained() {
    let sweep = SWEEP.replace("experiment = \"plain\"", "experiment = \"impossible\"");
    let machine = Machine::new(&sweep);

    let output = machine.reproduce(&[]);

    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("2 of 6 points failed") && said.contains("main: plain, seed 2"),
        "{said}"
    );
    assert_eq!(points(&machine.record()), (4, 6));
    assert_eq!(machine.calls("report").len(), 1);
}

#[test]
fn a_dry_run_lists_the_points_and_a_wrong_file_or_grid_is_named_before_anything_runs() {
    let machine = Machine::new(SWEEP);
    let output = machine.reproduce(&["--dry-run"]);
    assert!(stdout(&output).contains("would run  main: contrast, data.label_noise=0.5, seed 2"));
    assert!(machine.calls("train").is_empty());

    let wrong = Machine::new(&SWEEP.replace("values", "value"));
    let said = stderr(&wrong.reproduce(&[]));
    assert!(
        said.contains("noise.toml") && said.contains("value"),
        "{said}"
    );
    assert!(wrong.calls("").is_empty());

    let said = stderr(&machine.reproduce(&["--grid", "other"]));
    assert!(
        said.contains("no grid `other`") && said.contains("main"),
        "{said}"
    );
}

/// Settings of a training of seconds.
const TINY: &str = r#"[
    "data.uri=synth:birds?preset=nano&size=32&seed=7",
    "data.workers=1",
    "model.trunk.widths=[4, 4, 6, 6, 8]",
    "model.image_size=32",
    "model.words=10",
    "model.vocabulary=60",
    "model.encoder.embedding_dim=6",
    "model.encoder.dim=8",
    "train.batch_size=4",
    "train.stages.matching.steps=40",
    "train.checkpoint_every=1",
    "train.log_every=1",
    "pretrained.vgg.from=VGG",
]"#;

#[test]
#[ignore = "slow: trains with the development binary, which the tests of the workspace build"]
fn a_sweep_killed_in_the_midst_of_a_training_continues_that_training() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let runs = folder.path().join("runs");
    let binary = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("wordpaint");
    let environment = [
        ("WORDPAINT_RUNS", runs.clone()),
        ("WORDPAINT_CACHE", folder.path().join("cache")),
    ];
    let vgg = folder.path().join("vgg");
    let trained = Command::new(&binary)
        .args(["train", "vgg-cub", "--quick", "--run"])
        .arg(&vgg)
        .args([
            "data.uri=synth:birds?preset=nano&size=32&seed=7",
            "model.widths=[4, 4, 6, 6, 8]",
        ])
        .args([
            "model.image_size=32",
            "train.batch_size=4",
            "train.stages.train.steps=3",
        ])
        .envs(environment.clone())
        .output()
        .expect("the binary starts");
    assert!(trained.status.success(), "{}", stderr(&trained));
    let sweep = SWEEP
        .replace("seeds = [1, 2]", "seeds = [1]")
        .replace("\"recall\"", "\"caption_to_image_r10\"")
        .replace(
            "experiment = \"plain\"\nis_level = true",
            "experiment = \"damsm-cub\"",
        )
        .replace("experiment = \"contrast\"", "experiment = \"damsm-cl-cub\"")
        .replace(
            "title = \"Encoders\"",
            &format!(
                "title = \"Encoders\"\nset = {}",
                TINY.replace("VGG", &vgg.display().to_string())
            ),
        );
    fs::write(folder.path().join("noise.toml"), sweep).expect("written");
    let begin = || {
        let mut command = command(&binary, folder.path(), &["--quick"]);
        command.envs(environment.clone());
        command
    };
    // Whole ones: others begin with a dot.
    let checkpoints = |run: &Path| {
        let entries = fs::read_dir(run.join("checkpoints"))
            .into_iter()
            .flatten()
            .flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("step-")).count()
    };
    let all_runs = || -> Vec<PathBuf> {
        let entries = fs::read_dir(&runs).into_iter().flatten().flatten();
        let folders = entries.map(|entry| entry.path());
        folders
            .filter(|path| path.join("config.toml").exists())
            .collect()
    };

    let mut child = begin()
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("xtask starts");
    let start = Instant::now();
    let is_in_the_second = || {
        let found = all_runs();
        found.len() == 2 && found.iter().all(|run| checkpoints(run) > 0)
    };
    while !is_in_the_second() {
        assert!(start.elapsed() < Duration::from_mins(2), "{:?}", all_runs());
        assert!(
            child.try_wait().expect("our child").is_none(),
            "ended early"
        );
        sleep(Duration::from_millis(5));
    }
    let group = format!("-{}", child.id());
    let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
    assert!(killed.expect("`kill` is there").success());
    child.wait().expect("our child");
    let before = all_runs();
    assert_eq!(before.len(), 2);

    let output = begin().output().expect("xtask starts");

    assert!(
        output.status.success(),
        "{}\n{}",
        stdout(&output),
        stderr(&output)
    );
    let said = stdout(&output);
    assert!(
        said.contains("reused   main: plain, data.label_noise=0, seed 1 (1 of 4)"),
        "{said}"
    );
    assert!(
        said.contains("done     main: plain, data.label_noise=0.5, seed 1 (2 of 4)"),
        "{said}"
    );
    let after = all_runs();
    assert_eq!(after.len(), 4, "{after:?}");
    let resumed = before.iter().filter(|run| {
        let log = fs::read_to_string(run.join("events.jsonl")).expect("a log");
        log.contains("\"resume\"")
    });
    assert_eq!(resumed.count(), 1);
    let place = runs.join("sweeps/noise-quick");
    assert_eq!(points(&record(&place.join("sweep.json"))), (4, 4));
    let report = fs::read_to_string(place.join("report.md")).expect("drawn");
    for part in [
        "| plain | 50 % |",
        "| contrast | 0 % |",
        "main-caption_to_image_r10.svg",
    ] {
        assert!(report.contains(part), "no {part:?} in {report}");
    }
}

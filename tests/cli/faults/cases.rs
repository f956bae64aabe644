//! The commands whose file operations fail.

use std::fs;
use std::path::Path;

use assert_cmd::Command;

use crate::tiny::{copy, tiny, wordpaint};
use crate::training::reopen;

/// A command that is repeated with faults.
pub(super) struct Case {
    /// What its working folder holds before.
    pub(super) before: fn(&Path),
    pub(super) command: fn(&Path) -> Command,
    /// What is done after a fault.
    pub(super) again: fn(&Path) -> Command,
}

/// Three steps, each saved, two of them kept.
const SAVED: [&str; 3] = [
    "train.checkpoint_every=1",
    "train.keep_checkpoints=2",
    "train.log_every=1",
];

pub(super) const CASES: [(&str, Case); 9] = [
    (
        "train",
        Case {
            before: |_| {},
            command: |folder| tiny().again("vgg", &folder.join("run"), &SAVED),
            again: |folder| {
                let run = folder.join("run");
                if run.join("config.toml").exists() {
                    resume(folder)
                } else {
                    tiny().again("vgg", &run, &SAVED)
                }
            },
        },
    ),
    (
        "resume",
        Case {
            before: |folder| {
                let run = folder.join("run");
                let output = tiny().again("vgg", &run, &SAVED).output();
                assert!(output.expect("the binary starts").status.success());
                fs::remove_dir_all(run.join("checkpoints/step-3")).expect("saved");
                reopen(&run);
            },
            command: resume,
            again: resume,
        },
    ),
    (
        "evaluate",
        Case {
            before: |folder| copy(&tiny().run("damsm"), &folder.join("run")),
            command: evaluate,
            again: evaluate,
        },
    ),
    (
        "evaluate images",
        Case {
            before: |folder| {
                for (set, shift) in [("real", 0), ("fake", 3)] {
                    fs::create_dir(folder.join(set)).expect("made");
                    for i in 0..4 {
                        let path = folder.join(format!("{set}/{i}.png"));
                        crate::folders::picture(i + shift, 32)
                            .save(path)
                            .expect("written");
                    }
                }
                fs::write(folder.join("out.json"), "{}").expect("written");
            },
            command: evaluate_images,
            again: evaluate_images,
        },
    ),
    (
        "generate",
        Case {
            before: |folder| copy(&tiny().run("gan"), &folder.join("run")),
            command: generate,
            again: generate,
        },
    ),
    (
        "report",
        Case {
            before: |folder| {
                copy(&tiny().run("vgg"), &folder.join("run"));
                for name in ["report.md", "report.html", "metrics.csv"] {
                    fs::write(folder.join("run").join(name), "before</html>").expect("written");
                }
            },
            command: report,
            again: report,
        },
    ),
    (
        "cache",
        Case {
            before: |_| {},
            command: |folder| with_cache(folder, "run"),
            again: |folder| {
                let run = folder.join("run");
                if run.join("config.toml").exists() {
                    resume(folder)
                } else {
                    with_cache(folder, "run")
                }
            },
        },
    ),
    (
        "data prepare",
        Case {
            before: |folder| {
                fs::create_dir_all(folder.join("out")).expect("made");
                fs::write(folder.join("out/mine"), "mine").expect("written");
            },
            command: prepare,
            again: |folder| unless_there(folder, "out/captions.pickle", prepare),
        },
    ),
    (
        "data synth",
        Case {
            before: |folder| fs::create_dir(folder.join("out")).expect("made"),
            command: synth,
            again: |folder| unless_there(folder, "out/SYNTH.json", synth),
        },
    ),
];

fn resume(folder: &Path) -> Command {
    let mut command = wordpaint(folder);
    command.arg("resume").arg(folder.join("run"));
    command
}

fn evaluate(folder: &Path) -> Command {
    let mut command = wordpaint(folder);
    command.arg("evaluate").arg(folder.join("run"));
    command
}

fn evaluate_images(folder: &Path) -> Command {
    let mut command = wordpaint(folder);
    command.args(["evaluate", "images", "real", "fake", "--metrics", "fid"]);
    command.args(["--network", "thumb8", "-o", "out.json"]);
    command
}

fn generate(folder: &Path) -> Command {
    let mut command = wordpaint(folder);
    command
        .args(["generate", "a red bird", "--from"])
        .arg(folder.join("run"));
    command
}

fn report(folder: &Path) -> Command {
    let mut command = wordpaint(folder);
    command.arg("report").arg(folder.join("run"));
    command
}

/// A training whose embeddings go through the cache.
fn with_cache(folder: &Path, run: &str) -> Command {
    let mut command = wordpaint(folder);
    command
        .arg("train")
        .arg(tiny().run("gan").join("config.toml"))
        .arg("--run")
        .arg(folder.join(run))
        .arg("train.stages=[{name='adversarial', steps=1}]");
    command
}

/// The command, unless it had done its work before the fault: then it rightly refuses to do it again.
fn unless_there(folder: &Path, last: &str, command: fn(&Path) -> Command) -> Command {
    if !folder.join(last).exists() {
        return command(folder);
    }
    let mut nothing = wordpaint(folder);
    nothing.arg("list");
    nothing
}

fn prepare(folder: &Path) -> Command {
    let mut command = wordpaint(folder);
    command.args([
        "data",
        "prepare",
        "synth:birds?preset=nano&size=16",
        "-o",
        "out",
    ]);
    command
}

fn synth(folder: &Path) -> Command {
    let mut command = wordpaint(folder);
    command.args([
        "data", "synth", "birds", "--layout", "cub", "--preset", "nano",
    ]);
    command.args(["--size", "16", "--out", "out"]);
    command
}

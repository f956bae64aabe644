//! The `wordpaint` binary: how it is called and what it answers.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::Args;
use super::plan::{self, Mode, Plan};
use crate::{say, workspace};

/// The `wordpaint` binary with the options that all its calls share.
pub(super) struct Program {
    binary: PathBuf,
    device: Option<String>,
    overrides: Vec<String>,
}

impl Program {
    /// The binary with the options of the command line.
    pub(super) fn new(binary: PathBuf, args: &Args) -> Self {
        Self {
            binary,
            device: args.device.clone(),
            overrides: args.overrides.clone(),
        }
    }

    fn verb(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(workspace::root()).args(words);
        command
    }

    /// Asks for the plans of the experiments.
    pub(super) fn plans(&self, names: &[String], is_quick: bool) -> Result<Vec<Plan>> {
        names.iter().map(|name| self.plan(name, is_quick)).collect()
    }

    fn plan(&self, name: &str, is_quick: bool) -> Result<Plan> {
        let mut command = self.verb(&["show", name, "--json"]);
        if is_quick {
            command.arg("--quick");
        }
        plan::parse(&workspace::output(command.args(&self.overrides))?)
    }

    /// Trains or continues an experiment, or finds its complete run.
    pub(super) fn train(&self, experiment: &str, is_row: bool, mode: Mode) -> Command {
        let mut command = self.verb(&["train", experiment, "--run-or-resume"]);
        if mode == Mode::Quick {
            command.arg("--quick");
        }
        if let Some(device) = &self.device {
            command.args(["--device", device]);
        }
        // What the user changes is the experiment, not the encoders below it.
        if is_row {
            command.args(&self.overrides);
        }
        command
    }

    /// A verb that takes run folders.
    pub(super) fn on_runs(&self, verb: &str, runs: &[&str]) -> Command {
        let mut command = self.verb(&[verb]);
        command.args(runs);
        if let (Some(device), "evaluate") = (&self.device, verb) {
            command.args(["--device", device]);
        }
        command
    }
}

/// What a call of the binary told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Path after the last `run: `.
    pub(super) run: Option<String>,
    /// Whether it found the work done.
    pub(super) is_reused: bool,
}

impl Answer {
    fn take(&mut self, line: &str) {
        if let Some(path) = line.strip_prefix("run: ") {
            self.run = Some(path.trim().to_owned());
        }
        self.is_reused |= line.split([' ', ':']).next() == Some("reused");
    }
}

/// Runs a command, hands on its lines as they come and keeps what they say.
pub(super) fn follow(command: &mut Command) -> Result<Answer> {
    let shown = workspace::shown(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {shown}"))?;
    let mut answer = Answer::default();
    let stdout = child.stdout.take().expect("stdout was asked to be a pipe");
    for line in BufReader::new(stdout).lines() {
        let line = line.with_context(|| format!("cannot read what {shown} prints"))?;
        answer.take(&line);
        say(format!("         {line}"));
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for {shown}"))?;
    match status.code() {
        Some(0) => Ok(answer),
        Some(130 | 143) => bail!("stopped; the same command continues from the last checkpoint"),
        _ => bail!("{shown} ended with {status}; the same command continues with this stage"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_binary_name_the_run_and_whether_it_was_reused() {
        let mut answer = Answer::default();
        for line in [
            "step 1 run: no",
            "reused: complete run",
            "run: runs/old",
            "run: runs/new ",
        ] {
            answer.take(line);
        }

        assert_eq!(
            answer,
            Answer {
                run: Some("runs/new".to_owned()),
                is_reused: true
            }
        );
    }
}

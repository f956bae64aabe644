//! The `wordpaint` binary: how it is called and what it answers.

use std::error::Error;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::Args;
use super::plan::{self, Mode, Plan};
use crate::{print_line, workspace};

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

    /// The binary on the default device, with experiments as they are.
    pub(super) fn plain(binary: PathBuf) -> Self {
        Self {
            binary,
            device: None,
            overrides: Vec::new(),
        }
    }

    /// The binary as one would type it in the workspace.
    pub(super) fn name(&self) -> String {
        let root = workspace::root();
        let short = self.binary.strip_prefix(&root).unwrap_or(&self.binary);
        short.display().to_string()
    }

    fn verb(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(workspace::root()).args(words);
        command
    }

    /// Asks for the plans of the experiments.
    pub(super) fn plans(&self, names: &[String], is_quick: bool) -> Result<Vec<Plan>> {
        let plan = |name: &String| self.plan(name, &self.overrides, is_quick);
        names.iter().map(plan).collect()
    }

    /// Asks for the plan of an experiment with `changes`.
    pub(super) fn plan(&self, name: &str, changes: &[String], is_quick: bool) -> Result<Plan> {
        let mut command = self.verb(&["show", name, "--json"]);
        if is_quick {
            command.arg("--quick");
        }
        plan::parse(&workspace::output(command.args(changes))?)
    }

    /// Changes that the user asks of a row; encoders below it stay as they are.
    pub(super) fn changes(&self, is_row: bool) -> &[String] {
        if is_row { &self.overrides } else { &[] }
    }

    /// Trains or continues an experiment with `changes`, or finds its complete run.
    pub(super) fn train(&self, experiment: &str, changes: &[String], mode: Mode) -> Command {
        let mut command = self.verb(&["train", experiment, "--run-or-resume"]);
        if mode == Mode::Quick {
            command.arg("--quick");
        }
        if let Some(device) = &self.device {
            command.args(["--device", device]);
        }
        command.args(changes);
        command
    }

    /// Measures a run, by the encoders of the experiment `retrieval_encoder` where one is named, unless it was
    /// measured so before.
    pub(super) fn evaluate(&self, run: &str, retrieval_encoder: Option<&str>) -> Command {
        let mut command = self.verb(&["evaluate", run, "--keep"]);
        if let Some(retrieval_encoder) = retrieval_encoder {
            command.args([
                "--retrieval-encoder",
                &format!("experiment:{retrieval_encoder}"),
            ]);
        }
        if let Some(device) = &self.device {
            command.args(["--device", device]);
        }
        command
    }

    /// Writes the report over runs.
    pub(super) fn report(&self, runs: &[&str]) -> Command {
        let mut command = self.verb(&["report"]);
        command.args(runs);
        command
    }

    /// Draws the curves of a sweep.
    pub(super) fn report_sweep(&self, file: &Path) -> Command {
        let mut command = self.verb(&["report", "--sweep"]);
        command.arg(file);
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
    /// The page for browsers.
    report: Option<String>,
    /// The most telling number of a report.
    number: Option<String>,
    /// What to do after a report.
    next: Option<String>,
}

impl Answer {
    /// Takes what a line says, and whether that is told at the end only.
    fn take(&mut self, line: &str) -> bool {
        if let Some(number) = line.strip_prefix("number: ") {
            self.number = Some(number.to_owned());
            return true;
        }
        if let Some(next) = line.strip_prefix("next: ") {
            self.next = Some(next.to_owned());
            return true;
        }
        if line.ends_with("report.html") {
            self.report = Some(line.to_owned());
        }
        if let Some(path) = line.strip_prefix("run: ") {
            self.run = Some(path.trim().to_owned());
        }
        self.is_reused |= line.split([' ', ':']).next() == Some("reused");
        false
    }

    /// The last lines of a reproduction: where the report is, its most telling number and what to
    /// do next with `binary`.
    pub(super) fn closing(&self, binary: &str) -> [String; 3] {
        let [report, number, next] = [&self.report, &self.number, &self.next]
            .map(|said| said.as_deref().unwrap_or("not told"));
        let next = next.replacen(": wordpaint ", &format!(": {binary} "), 1);
        [
            format!("report   {report}"),
            format!("number   {number}"),
            format!("next     {next}"),
        ]
    }
}

/// A call of the binary was stopped by a signal and saved what it had.
#[derive(Debug)]
pub(super) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped; the same command continues from the last checkpoint")
    }
}

impl Error for Stopped {}

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
        if !answer.take(&line) {
            print_line(format!("         {line}"));
        }
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for {shown}"))?;
    match status.code() {
        Some(0) => Ok(answer),
        Some(130 | 143) => Err(Stopped.into()),
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
                is_reused: true,
                ..Answer::default()
            }
        );
    }

    #[test]
    fn a_closing_has_three_lines_with_a_command_that_can_be_typed() {
        let mut answer = Answer::default();
        for line in [
            "runs/a/report.html",
            "runs/a/report.md",
            "number: Agreement 40 % (chance 10 %)",
            "next: paint: wordpaint generate --from runs/a",
        ] {
            answer.take(line);
        }

        assert_eq!(
            answer.closing("target/release/wordpaint"),
            [
                "report   runs/a/report.html",
                "number   Agreement 40 % (chance 10 %)",
                "next     paint: target/release/wordpaint generate --from runs/a",
            ]
        );
    }
}

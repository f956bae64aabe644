//! The stages of a reproduction and the program that does them.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::Args;
use super::plan::{self, Mode, Plan};
use crate::{fetch, say, workspace};

/// One stage; its run folders are known when the stages before it are done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Brings weights into the cache.
    Fetch { name: String },
    /// Trains, continues, or finds a complete run.
    Train { experiment: String, is_row: bool },
    /// Computes the metrics of a run.
    Evaluate { experiment: String },
    /// Writes the report over the runs.
    Report { experiments: Vec<String> },
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch { name } => write!(f, "fetch {name}"),
            Self::Train { experiment, .. } => write!(f, "train {experiment}"),
            Self::Evaluate { experiment } => write!(f, "evaluate {experiment}"),
            Self::Report { experiments } => write!(f, "report {}", experiments.join(" ")),
        }
    }
}

/// Stages of all rows in order: what is required is trained once, before the first row needing it.
pub(super) fn stages(mode: Mode, plans: &[Plan]) -> Result<Vec<Stage>> {
    let mut stages = Vec::new();
    let mut push = |stage: Stage| {
        if !stages.contains(&stage) {
            stages.push(stage);
        }
    };
    for item in plans.iter().flat_map(|plan| &plan.missing) {
        match item.automatic() {
            Some(name) => push(Stage::Fetch {
                name: name.to_owned(),
            }),
            None if mode == Mode::Quick => bail!("the quick run misses something: {item:?}"),
            None => {}
        }
    }
    let rows: Vec<String> = plans.iter().map(|plan| plan.name.clone()).collect();
    for plan in plans {
        for experiment in plan.requires.iter().chain([&plan.name]) {
            let is_row = rows.contains(experiment);
            push(Stage::Train {
                experiment: experiment.clone(),
                is_row,
            });
        }
        push(Stage::Evaluate {
            experiment: plan.name.clone(),
        });
    }
    push(Stage::Report { experiments: rows });
    Ok(stages)
}

/// The `wordpaint` binary with the options that all its calls share.
pub(super) struct Program {
    binary: PathBuf,
    device: Option<String>,
    overrides: Vec<String>,
}

impl Program {
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

    fn train(&self, experiment: &str, is_row: bool, mode: Mode) -> Command {
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

    fn on_runs(&self, verb: &str, runs: &[&str]) -> Command {
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
struct Answer {
    /// Path after the last `run: `.
    run: Option<String>,
    /// Whether it found the work done.
    is_reused: bool,
}

impl Answer {
    fn take(&mut self, line: &str) {
        if let Some(path) = line.strip_prefix("run: ") {
            self.run = Some(path.trim().to_owned());
        }
        self.is_reused |= line.split([' ', ':']).next() == Some("reused");
    }
}

/// Runs the stages and prints what became of each.
pub(super) fn run_all(program: &Program, mode: Mode, stages: &[Stage]) -> Result<()> {
    // An interrupt reaches the child as well; it saves, and we stay to hand on what it says.
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted)
        .context("cannot watch for interrupts")?;

    let mut runs = BTreeMap::<&str, String>::new();
    for stage in stages {
        say(format!("running  {stage}"));
        let start = Instant::now();
        let answer = match stage {
            Stage::Fetch { name } => {
                fetch::run(&fetch::Args::of(name))?;
                Answer::default()
            }
            Stage::Train { experiment, is_row } => {
                let answer = follow(&mut program.train(experiment, *is_row, mode))?;
                let run = answer.run.clone();
                let run =
                    run.with_context(|| format!("`train {experiment}` named no run folder"))?;
                runs.insert(experiment, run);
                answer
            }
            Stage::Evaluate { experiment } => {
                follow(&mut program.on_runs("evaluate", &folders(&runs, &[experiment])))?
            }
            Stage::Report { experiments } => {
                let experiments: Vec<&String> = experiments.iter().collect();
                follow(&mut program.on_runs("report", &folders(&runs, &experiments)))?
            }
        };
        let outcome = if answer.is_reused {
            "reused "
        } else {
            "done   "
        };
        say(format!(
            "{outcome}  {stage}, {:.1} s",
            start.elapsed().as_secs_f64()
        ));
    }
    Ok(())
}

fn folders<'a>(runs: &'a BTreeMap<&str, String>, experiments: &[&String]) -> Vec<&'a str> {
    let run = |experiment: &&String| runs.get(experiment.as_str()).map(String::as_str);
    experiments.iter().filter_map(run).collect()
}

/// Runs a command, hands on its lines as they come and keeps what they say.
fn follow(command: &mut Command) -> Result<Answer> {
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

    fn plan(name: &str, requires: &[&str], missing: &str) -> Plan {
        let requires = serde_json::to_string(requires).expect("serialisable");
        plan::parse(&format!(
            r#"{{"name": "{name}", "quick_available": true, "data_ready": true,
                 "requires": {requires}, "missing": {missing}}}"#
        ))
        .expect("a plan")
    }

    fn shown(stages: &[Stage]) -> Vec<String> {
        stages.iter().map(Stage::to_string).collect()
    }

    #[test]
    fn one_experiment_is_trained_evaluated_and_reported() {
        let stages = stages(Mode::Full, &[plan("sdn-cub", &[], "[]")]).expect("possible");

        assert_eq!(
            shown(&stages),
            ["train sdn-cub", "evaluate sdn-cub", "report sdn-cub"]
        );
    }

    #[test]
    fn rows_share_what_they_require_and_one_report() {
        let plans = [
            plan("a", &["damsm"], "[]"),
            plan("b", &["damsm", "a"], "[]"),
        ];

        let stages = stages(Mode::Full, &plans).expect("possible");

        let expected = [
            "train damsm",
            "train a",
            "evaluate a",
            "train b",
            "evaluate b",
            "report a b",
        ];
        assert_eq!(shown(&stages), expected);
    }

    #[test]
    fn weights_that_can_be_fetched_come_first_and_once() {
        let missing = r#"[{"what": "VGG", "how": "cargo xtask fetch vgg16-hed"}]"#;
        let plans = [plan("a", &[], missing), plan("b", &[], missing)];

        let stages = stages(Mode::Full, &plans).expect("possible");

        assert_eq!(shown(&stages)[..2], ["fetch vgg16-hed", "train a"]);
        assert_eq!(
            shown(&stages)
                .iter()
                .filter(|stage| stage.starts_with("fetch"))
                .count(),
            1
        );
    }

    #[test]
    fn a_quick_run_that_needs_data_is_refused() {
        let missing = r#"[{"what": "CUB", "how": "download it"}]"#;

        assert!(stages(Mode::Quick, &[plan("a", &[], missing)]).is_err());
    }

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

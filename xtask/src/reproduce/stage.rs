//! The stages of a reproduction.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::plan::{Mode, Plan};
use super::program::{self, Answer, Program};
use crate::{fetch, print_line};

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

/// Stages of all rows in order: what is required is trained once, before the first row needing it, and
/// measured where it can be, since what a system learns from decides what it can learn.
pub(super) fn stages(mode: Mode, plans: &[Plan]) -> Result<Vec<Stage>> {
    let mut stages = fetches(mode, plans)?;
    let mut push = |stage: Stage| {
        if !stages.contains(&stage) {
            stages.push(stage);
        }
    };
    let rows: Vec<String> = plans.iter().map(|plan| plan.name.clone()).collect();
    for plan in plans {
        for experiment in plan.requires.iter().chain([&plan.name]) {
            let is_row = rows.contains(experiment);
            push(Stage::Train {
                experiment: experiment.clone(),
                is_row,
            });
            if !is_row && plan.measured.contains(experiment) {
                push(Stage::Evaluate {
                    experiment: experiment.clone(),
                });
                push(Stage::Report {
                    experiments: vec![experiment.clone()],
                });
            }
        }
        if plan.is_evaluated {
            push(Stage::Evaluate {
                experiment: plan.name.clone(),
            });
        }
    }
    push(Stage::Report { experiments: rows });
    Ok(stages)
}

/// What is fetched before anything else, once.
pub(super) fn fetches(mode: Mode, plans: &[Plan]) -> Result<Vec<Stage>> {
    let mut stages = Vec::new();
    for item in plans.iter().flat_map(|plan| &plan.missing) {
        match item.automatic() {
            Some(name) => {
                let name = name.to_owned();
                let stage = Stage::Fetch { name };
                if !stages.contains(&stage) {
                    stages.push(stage);
                }
            }
            None if mode == Mode::Quick => bail!("the quick run misses something: {item:?}"),
            None => {}
        }
    }
    Ok(stages)
}

/// Runs the stages, prints what became of each, and gives the run folders by experiment.
pub(super) fn run_all(
    program: &Program,
    mode: Mode,
    stages: &[Stage],
) -> Result<BTreeMap<String, String>> {
    // An interrupt reaches the child as well; it saves, and we stay to hand on what it says.
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted)
        .context("cannot watch for interrupts")?;

    let mut runs = BTreeMap::<String, String>::new();
    let mut closing = None;
    for stage in stages {
        print_line(format!("running  {stage}"));
        let start = Instant::now();
        let answer = match stage {
            Stage::Fetch { name } => {
                fetch::run(&fetch::Args::of(name))?;
                Answer::default()
            }
            Stage::Train { experiment, is_row } => {
                let changes = program.changes(*is_row);
                let answer = program::follow(&mut program.train(experiment, changes, mode))?;
                let run = answer.run.clone();
                let run =
                    run.with_context(|| format!("`train {experiment}` named no run folder"))?;
                runs.insert(experiment.clone(), run);
                answer
            }
            Stage::Evaluate { experiment } => {
                let run = runs.get(experiment.as_str());
                let run = run.with_context(|| format!("`{experiment}` was not trained"))?;
                program::follow(&mut program.evaluate(run, None))?
            }
            Stage::Report { experiments } => {
                let experiments: Vec<&String> = experiments.iter().collect();
                let answer = program::follow(&mut program.report(&folders(&runs, &experiments)))?;
                closing = Some(answer.closing(&program.name()));
                answer
            }
        };
        let outcome = if answer.is_reused {
            "reused "
        } else {
            "done   "
        };
        print_line(format!(
            "{outcome}  {stage}, {:.1} s",
            start.elapsed().as_secs_f64()
        ));
    }
    for line in closing.into_iter().flatten() {
        print_line(line);
    }
    Ok(runs)
}

fn folders<'a>(runs: &'a BTreeMap<String, String>, experiments: &[&String]) -> Vec<&'a str> {
    let run = |experiment: &&String| runs.get(experiment.as_str()).map(String::as_str);
    experiments.iter().filter_map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str, requires: &[&str], missing: &str) -> Plan {
        let requires = serde_json::to_string(requires).expect("serialisable");
        crate::reproduce::plan::parse(&format!(
            r#"{{"name": "{name}", "quick_available": true, "is_evaluated": true,
                 "data_ready": true, "requires": {requires}, "missing": {missing}}}"#
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
    fn what_cannot_be_measured_is_trained_and_reported() {
        let teacher = Plan {
            is_evaluated: false,
            ..plan("vgg-cub", &[], "[]")
        };

        let stages = stages(Mode::Full, &[teacher]).expect("possible");

        assert_eq!(shown(&stages), ["train vgg-cub", "report vgg-cub"]);
    }

    #[test]
    fn what_a_system_learns_from_is_measured_before_it_is_used() {
        let row = Plan {
            measured: vec!["vgg".to_owned()],
            ..plan("a", &["vgg", "probe"], "[]")
        };

        let stages = stages(Mode::Full, &[row]).expect("possible");

        let expected = [
            "train vgg",
            "evaluate vgg",
            "report vgg",
            "train probe",
            "train a",
            "evaluate a",
            "report a",
        ];
        assert_eq!(shown(&stages), expected);
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
}

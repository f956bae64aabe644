//! What the binary says an experiment needs, and the choice between the full and the quick run.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Args;
use crate::{fetch, print_line};

/// Answer of `wordpaint show NAME --json`, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Plan {
    pub(super) name: String,
    /// Whether the experiment can run on built-in data.
    pub(super) quick_available: bool,
    /// Whether anything of it can be measured.
    pub(super) is_evaluated: bool,
    /// Whether data and weights are in place.
    pub(super) data_ready: bool,
    #[serde(default)]
    pub(super) missing: Vec<Missing>,
    /// Experiments to train first, in order.
    #[serde(default)]
    pub(super) requires: Vec<String>,
    /// Those of them of which something can be measured.
    #[serde(default)]
    pub(super) measured: Vec<String>,
    /// Where runs are kept, as seen from the workspace root.
    #[serde(default)]
    pub(super) runs_dir: PathBuf,
    /// Time, memory and disk.
    #[serde(default)]
    pub(super) estimate: Map<String, Value>,
}

/// Something that must be there before a full run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Missing {
    what: String,
    how: String,
}

impl Missing {
    /// The name to fetch, if fetching it needs nothing from the user.
    pub(super) fn automatic(&self) -> Option<&str> {
        let words: Vec<&str> = self.how.split_whitespace().collect();
        match words[..] {
            ["cargo", "xtask", "fetch", name] if fetch::is_automatic(name) => Some(name),
            _ => None,
        }
    }
}

/// Which run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The paper's setting.
    Full,
    /// Built-in data and a small network.
    Quick,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Quick => "quick",
        })
    }
}

/// Reads the binary's answer.
pub(super) fn parse(text: &str) -> Result<Plan> {
    serde_json::from_str(text).context("`wordpaint show --json` printed no plan")
}

/// Full when everything is in place, else quick, said loudly; a flag decides against that.
pub(super) fn mode(args: &Args, plans: &[Plan]) -> Result<Mode> {
    if args.quick {
        ensure_quick(plans)?;
        return Ok(Mode::Quick);
    }
    if plans.iter().all(|plan| plan.data_ready) {
        return Ok(Mode::Full);
    }
    let list = missing_lines(plans);
    if args.full {
        let is_automatic = |item: &Missing| item.automatic().is_some();
        let waiting = plans.iter().filter(|plan| !plan.data_ready);
        let can_go_on =
            |plan: &Plan| !plan.missing.is_empty() && plan.missing.iter().all(is_automatic);
        if waiting.clone().all(can_go_on) {
            return Ok(Mode::Full);
        }
        bail!("a full run needs what is missing here:\n{list}\nRun with --quick to see the chain");
    }
    ensure_quick(plans).with_context(|| format!("missing for a full run:\n{list}"))?;
    print_line("QUICK RUN: built-in data, a small network, not comparable with the paper.");
    print_line(format!("Missing for the full run:\n{list}"));
    Ok(Mode::Quick)
}

fn ensure_quick(plans: &[Plan]) -> Result<()> {
    match plans.iter().find(|plan| !plan.quick_available) {
        Some(plan) => bail!("`{}` has no quick run", plan.name),
        None => Ok(()),
    }
}

fn missing_lines(plans: &[Plan]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for item in plans.iter().flat_map(|plan| &plan.missing) {
        let line = format!("  {}: {}", item.what, item.how);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn args(flags: &[&str]) -> Args {
        Cli::parse_from([&["reproduce", "sdn-cub"], flags].concat()).args
    }

    fn plan(text: &str) -> Plan {
        parse(text).expect("a plan")
    }

    fn ready() -> Plan {
        plan(
            r#"{"name": "sdn-cub", "quick_available": true, "is_evaluated": true,
                "data_ready": true}"#,
        )
    }

    fn waiting(how: &str) -> Plan {
        let mut plan = ready();
        plan.data_ready = false;
        plan.missing = vec![Missing {
            what: "VGG weights".to_owned(),
            how: how.to_owned(),
        }];
        plan
    }

    #[test]
    fn fields_that_are_not_needed_may_be_added_to_the_plan() {
        let plan = plan(
            r#"{"name": "sdn-cub", "quick_available": true, "is_evaluated": true, "data_ready": false,
                "missing": [{"what": "CUB", "how": "cargo xtask fetch cub"}],
                "requires": ["damsm-cub"], "runs_dir": "runs", "estimate": {"time": "4 h"}}"#,
        );

        assert_eq!(plan.requires, ["damsm-cub"]);
        assert_eq!(plan.estimate["time"], "4 h");
    }

    #[test]
    fn without_a_flag_everything_in_place_means_full() {
        assert_eq!(mode(&args(&[]), &[ready()]).expect("decided"), Mode::Full);
    }

    #[test]
    fn without_a_flag_one_missing_item_means_quick_for_all_rows() {
        let plans = [ready(), waiting("cargo xtask fetch cub")];

        assert_eq!(mode(&args(&[]), &plans).expect("decided"), Mode::Quick);
    }

    #[test]
    fn a_flag_decides_against_what_is_in_place() {
        assert_eq!(
            mode(&args(&["--quick"]), &[ready()]).expect("decided"),
            Mode::Quick
        );
    }

    #[test]
    fn full_without_data_says_what_is_missing_and_how_to_get_it() {
        let plans = [waiting("cargo xtask fetch cub --archive CUB_200_2011.tgz")];

        let error = mode(&args(&["--full"]), &plans)
            .expect_err("missing")
            .to_string();

        assert!(
            error.contains("VGG weights: cargo xtask fetch cub --archive"),
            "{error}"
        );
    }

    #[test]
    fn full_goes_on_when_what_is_missing_can_be_fetched() {
        let plans = [waiting("cargo xtask fetch vgg16-hed")];

        assert_eq!(
            mode(&args(&["--full"]), &plans).expect("decided"),
            Mode::Full
        );
    }

    #[test]
    fn full_and_quick_exclude_each_other() {
        assert!(Cli::try_parse_from(["reproduce", "sdn-cub", "--quick", "--full"]).is_err());
    }

    #[test]
    fn an_experiment_without_a_quick_run_cannot_fall_back() {
        let mut plan = waiting("download it");
        plan.quick_available = false;

        let error = format!("{:#}", mode(&args(&[]), &[plan]).expect_err("no quick run"));

        assert!(
            error.contains("VGG weights") && error.contains("no quick run"),
            "{error}"
        );
    }
}

//! `cargo xtask reproduce`: an experiment, a whole table or a sweep, from data to report.
//!
//! The `wordpaint` binary says what an experiment needs and does the work; this decides between the
//! full and the quick run and drives the stages, each of which can be repeated without harm.

mod plan;
mod program;
mod stage;
mod sweep;
mod table;

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use self::plan::{Mode, Plan};
use self::program::Program;
use crate::{print_line, workspace};

/// Devices and the Cargo feature each one needs beyond the default ones.
const DEVICES: [(&str, Option<&str>); 4] = [
    ("flex", None),
    ("ndarray", None),
    ("wgpu", Some("wgpu")),
    ("cuda", Some("cuda")),
];

/// Arguments of `reproduce`.
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct Args {
    /// Experiment (`wordpaint list`), table (experiments/tables/) or sweep (experiments/sweeps/)
    name: String,
    /// Built-in data and a small network: minutes on a CPU, not comparable with the paper
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// The paper's setting; an error where data are missing
    #[arg(long)]
    full: bool,
    /// Run every row of the table that the experiment belongs to
    #[arg(long)]
    rows: bool,
    /// Run one grid of the sweep
    #[arg(long, value_name = "GRID", conflicts_with = "rows")]
    grid: Option<String>,
    /// flex, ndarray, wgpu:N, cuda:N; several after commas
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Print the stages and start none
    #[arg(long)]
    dry_run: bool,
    /// Use this `wordpaint` binary instead of building one
    #[arg(long, value_name = "FILE", hide = true)]
    binary: Option<PathBuf>,
    /// Look for sweeps in this folder
    #[arg(long, value_name = "DIR", hide = true)]
    sweeps: Option<PathBuf>,
    /// Changes to the experiment
    #[arg(value_name = "KEY=VALUE", value_parser = override_of)]
    overrides: Vec<String>,
}

/// Drives the chain.
pub(crate) fn run(args: &Args) -> Result<()> {
    let features = features(args.device.as_deref())?;
    let sweeps = workspace::root().join("experiments/sweeps");
    if let Some(sweep) = sweep::find(args, args.sweeps.as_ref().unwrap_or(&sweeps))? {
        let program = Program::new(build(args, &features)?, args);
        return sweep::run(&program, args, &sweep);
    }
    let names = experiments(args)?;
    let program = Program::new(build(args, &features)?, args);

    let plans = program.plans(&names, false)?;
    let mode = plan::mode(args, &plans)?;
    let plans = if mode == Mode::Quick {
        program.plans(&names, true)?
    } else {
        plans
    };
    announce(mode, &plans);
    let stages = stage::stages(mode, &plans)?;
    if args.dry_run {
        for stage in &stages {
            print_line(format!("would run  {stage}"));
        }
        return Ok(());
    }
    stage::run_all(&program, mode, &stages)?;
    Ok(())
}

/// Runs the quick form of an experiment, what it builds on included, and gives its run folder.
pub(crate) fn quick(name: &str, binary: PathBuf) -> Result<String> {
    let program = Program::plain(binary);
    let plans = program.plans(&[name.to_owned()], true)?;
    announce(Mode::Quick, &plans);
    let stages = stage::stages(Mode::Quick, &plans)?;
    let mut runs = stage::run_all(&program, Mode::Quick, &stages)?;
    let run = runs.remove(name);
    run.with_context(|| format!("`{name}` was not trained"))
}

/// Names and titles of the shipped sweeps.
pub(crate) fn sweeps() -> Result<Vec<(String, String)>> {
    sweep::titles(&workspace::root().join("experiments/sweeps"))
}

/// One name, or the rows of a table.
fn experiments(args: &Args) -> Result<Vec<String>> {
    let tables = table::read_all(&workspace::root().join("experiments/tables"))?;
    if let Some(table) = tables.iter().find(|table| table.name == args.name) {
        print_line(format!("{}: {}", table.name, table.title));
        return Ok(table.rows.clone());
    }
    if !args.rows {
        return Ok(vec![args.name.clone()]);
    }
    let table = table::of_row(tables, &args.name)?;
    print_line(format!("{}: {}", table.name, table.title));
    Ok(table.rows)
}

/// The binary to ask; the stages of a dry run may be those of an older build.
fn build(args: &Args, features: &[&str]) -> Result<PathBuf> {
    if let Some(binary) = &args.binary {
        return Ok(binary.clone());
    }
    let binary = workspace::binary(&workspace::target_dir()?, "release");
    if args.dry_run && binary.exists() {
        return Ok(binary);
    }
    build_release(features)
}

/// Builds the optimised binary and returns its path.
pub(crate) fn build_release(features: &[&str]) -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release", "--locked", "--package", "wordpaint"]);
    if !features.is_empty() {
        cargo.args(["--features", &features.join(",")]);
    }
    print_line(format!("running  {}", workspace::shown(&cargo)));
    workspace::run(&mut cargo)?;
    print_line("done     build");
    Ok(workspace::binary(&workspace::target_dir()?, "release"))
}

/// Cargo features for a device list such as `cuda:0,cuda:1`.
pub(crate) fn features(devices: Option<&str>) -> Result<Vec<&'static str>> {
    let mut features = Vec::new();
    for device in devices.into_iter().flat_map(|devices| devices.split(',')) {
        let kind = device.split(':').next().unwrap_or(device);
        let Some((_, feature)) = DEVICES.iter().find(|(name, _)| *name == kind) else {
            let known = DEVICES.map(|(name, _)| name).join(", ");
            bail!("unknown device `{device}`; expected one of: {known}");
        };
        features.extend(feature.filter(|feature| !features.contains(feature)));
    }
    Ok(features)
}

fn announce(mode: Mode, plans: &[Plan]) {
    print_line(format!("{mode} run"));
    let mut seen = Vec::new();
    for plan in plans {
        // Points of a sweep differ little in cost.
        if seen.contains(&&plan.name) {
            continue;
        }
        seen.push(&plan.name);
        for (key, value) in &plan.estimate {
            print_line(format!("  {}: estimated {key} {}", plan.name, Plain(value)));
        }
    }
}

/// A JSON value without the quotes of strings.
struct Plain<'a>(&'a serde_json::Value);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            Some(text) => f.write_str(text),
            None => self.0.fmt(f),
        }
    }
}

fn override_of(text: &str) -> Result<String> {
    let is_pair = text.split_once('=').is_some_and(|(key, _)| !key.is_empty());
    ensure!(
        is_pair,
        "expected KEY=VALUE, for example train.batch_size=16"
    );
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_choose_their_features_once() {
        assert_eq!(features(Some("cuda:0,cuda:1")).expect("known"), ["cuda"]);
        assert_eq!(features(Some("flex")).expect("known"), [""; 0]);
        assert_eq!(features(None).expect("none"), [""; 0]);
    }

    #[test]
    fn an_unknown_device_is_refused_before_anything_is_built() {
        let error = features(Some("tpu")).expect_err("unknown").to_string();

        assert!(error.contains("tpu") && error.contains("wgpu"), "{error}");
    }

    #[test]
    fn changes_are_pairs() {
        assert!(override_of("train.steps=10").is_ok());
        assert!(override_of("train.steps").is_err());
        assert!(override_of("=1").is_err());
    }
}

//! `cargo xtask check`: exactly what CI runs.

mod instructions;
mod licences;
mod typos;

use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::workspace::{self, cargo};
use crate::{docs, print_line};

/// Arguments of `check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also run the tests marked `#[ignore = "slow: ..."]`
    #[arg(long)]
    slow: bool,
    /// Leave a step out (may be repeated)
    #[arg(long, value_name = "STEP")]
    skip: Vec<Step>,
}

/// One step of the checks, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Formatting
    Fmt,
    /// Spelling
    Typos,
    /// Licences of all dependencies against deny.toml
    Licences,
    /// Lints
    Clippy,
    /// Tests
    Test,
    /// Tests again, as processors with narrower vector instructions run them
    Instructions,
    /// Documentation of the code
    Doc,
    /// Generated pages of docs/
    Docs,
    /// The GPU backends compile
    Gpu,
}

impl Step {
    fn run(self, args: &Args) -> Result<()> {
        match self {
            Self::Fmt => workspace::run(cargo().args(["fmt", "--all", "--check"]))
                .context("run `cargo fmt --all`"),
            Self::Typos => typos::check(),
            Self::Licences => licences::check(),
            Self::Clippy => workspace::run(
                cargo()
                    .args(["clippy", "--workspace", "--all-targets", "--locked"])
                    .args(["--", "-D", "warnings"]),
            ),
            Self::Test => {
                let mut command = cargo();
                command.args(["test", "--workspace", "--locked"]);
                if args.slow {
                    command.args(["--", "--include-ignored"]);
                }
                workspace::run(&mut command)
            }
            Self::Instructions => instructions::check(),
            Self::Doc => workspace::run(cargo().env("RUSTDOCFLAGS", "-D warnings").args([
                "doc",
                "--workspace",
                "--no-deps",
                "--locked",
            ])),
            Self::Docs => docs::check(&docs::development_binary()?),
            Self::Gpu => workspace::run(
                cargo()
                    .args(["check", "--package", "wordpaint", "--locked"])
                    .args(["--features", "cuda,wgpu"]),
            ),
        }
    }
}

/// Runs all steps in order and stops at the first that fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    components()?;
    let start = Instant::now();
    let steps = Step::value_variants()
        .iter()
        .filter(|step| !args.skip.contains(step));
    let mut count = 0;
    for step in steps {
        let name = step
            .to_possible_value()
            .expect("no step is hidden")
            .get_name()
            .to_owned();
        print_line(format!("check {name} ..."));
        let step_start = Instant::now();
        step.run(args)
            .with_context(|| format!("check {name} failed"))?;
        print_line(format!(
            "check {name}: ok, {:.1} s",
            step_start.elapsed().as_secs_f64()
        ));
        count += 1;
    }
    print_line(format!(
        "all {count} checks passed in {:.0} s",
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Both components are optional in a toolchain; Cargo's own message does not say how to get them.
fn components() -> Result<()> {
    for component in ["fmt", "clippy"] {
        if workspace::output(cargo().args([component, "--version"])).is_err() {
            bail!("`cargo {component}` is missing: run `rustup component add rustfmt clippy`");
        }
    }
    Ok(())
}

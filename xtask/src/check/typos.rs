//! Spelling, by the `typos` program.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace;

/// Pinned, so that a new word list does not fail an old commit.
const VERSION: &str = "1.52.0";

/// Checks the spelling of every file that git would track.
pub(super) fn check() -> Result<()> {
    let program = program()?;
    let mut command = Command::new(program);
    command
        .current_dir(workspace::root())
        .args(["--format", "brief"]);
    workspace::run(&mut command).context("correct the words, or list them in _typos.toml")
}

/// The installed program, else the one of a Python environment below the target directory.
fn program() -> Result<PathBuf> {
    if workspace::output(Command::new("typos").arg("--version")).is_ok() {
        return Ok(PathBuf::from("typos"));
    }
    let environment = workspace::target_dir()?.join(format!("tools/typos-{VERSION}"));
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    let program = environment.join(folder).join("typos");
    if workspace::output(Command::new(&program).arg("--version")).is_ok() {
        return Ok(program);
    }
    install(&environment, folder).context(
        "no `typos` program: run `cargo install typos-cli` or `pip install typos`, \
         or leave the step out with `--skip typos`",
    )?;
    Ok(program)
}

fn install(environment: &PathBuf, folder: &str) -> Result<()> {
    let python = if cfg!(windows) { "python" } else { "python3" };
    workspace::output(Command::new(python).args(["-m", "venv"]).arg(environment))?;
    let pip = environment.join(folder).join("pip");
    let requirement = format!("typos=={VERSION}");
    workspace::output(Command::new(pip).args(["install", "--quiet", &requirement]))?;
    Ok(())
}

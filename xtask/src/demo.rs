//! `cargo xtask demo`: the model that comes with the program, trained again.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::fetch::checksum::sha256;
use crate::{print_line, reproduce, workspace};

/// Experiment whose quick form is the model.
const EXPERIMENT: &str = "sdn-birds";
/// The model, below the workspace.
const FILE: &str = "assets/demo/demo.safetensors";

/// Arguments of `demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write the model here instead of into the repository
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Trains the model and what it builds on, and writes it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let binary = reproduce::build_release(&[])?;
    let run = reproduce::quick(EXPERIMENT, binary.clone())?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| workspace::root().join(FILE));
    let mut export = std::process::Command::new(&binary);
    export.current_dir(workspace::root());
    workspace::run(export.arg("export").arg(&run).arg("-o").arg(&out))?;
    let bytes = std::fs::read(&out).with_context(|| format!("cannot read {}", out.display()))?;
    print_line(format!("{} bytes, SHA-256 {}", bytes.len(), sha256(&bytes)));
    Ok(())
}

//! `wordpaint report`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Outcome, output};
use crate::report::{self, Protocols};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folders; several are compared.
    #[arg(required_unless_present = "sweep")]
    runs: Vec<PathBuf>,
    /// Curves of a sweep in place of runs: the `sweep.json` that `cargo xtask reproduce SWEEP` wrote.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["runs", "across_protocols"])]
    sweep: Option<PathBuf>,
    /// Folder for the report; without it the run's own, `comparison` beside the first of several, or
    /// that of the sweep.
    #[arg(short = 'o', value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Also put values of different protocols into one table, each with the name of its protocol.
    #[arg(long)]
    across_protocols: bool,
}

pub(super) fn run(args: Args) -> Outcome {
    let protocols = if args.across_protocols {
        Protocols::Across
    } else {
        Protocols::Apart
    };
    let folder = args.folder.as_deref();
    let paths = match &args.sweep {
        Some(sweep) => report::sweep::write(sweep, folder)?,
        None => report::write(&args.runs, folder, protocols)?,
    };
    for path in [paths.html, paths.markdown, paths.csv] {
        output::line(&path.display().to_string());
    }
    output::line(&format!("number: {}", paths.closing.number));
    output::line(&format!("next: {}", paths.closing.next));
    Ok(ExitCode::SUCCESS)
}

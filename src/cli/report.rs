//! `wordpaint report`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Outcome, output};
use crate::report::{self, Protocols};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folders; several are compared.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Folder for the report; without it the run's own, or `comparison` beside the first of several.
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
    let paths = report::write(&args.runs, args.folder.as_deref(), protocols)?;
    for path in [paths.html, paths.markdown, paths.csv] {
        output::line(&path.display().to_string());
    }
    Ok(ExitCode::SUCCESS)
}

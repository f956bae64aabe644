//! `wordpaint export`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Outcome, output};
use crate::export::export;
use crate::run::folder::RunFolder;
use crate::setup::Dirs;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A trained run that makes images.
    run: PathBuf,
    /// File to write: weights in half precision, settings, words and the text encoder; `--from FILE`
    /// generates with it.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: Args) -> Outcome {
    let run = RunFolder::open(&args.run)?;
    let file = export(&run, &args.out, &Dirs::from_environment())?;
    output::line(&file.display().to_string());
    Ok(ExitCode::SUCCESS)
}

//! `wordpaint resume`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{DeviceArg, Outcome, output};
use crate::run::folder::RunFolder;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of the run.
    run: PathBuf,
    #[command(flatten)]
    device: DeviceArg,
}

pub(super) fn run(args: Args) -> Outcome {
    let run = RunFolder::open(&args.run)?;
    if run.is_finished() {
        output::status("training is finished; nothing to continue");
        output::line(&format!("run: {}", run.path().display()));
        return Ok(ExitCode::SUCCESS);
    }
    super::train::continue_run(run, args.device.device)
}

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
    if !run.is_finished() {
        let hold = super::train::held(&run)?;
        return super::train::continue_run(run, hold, args.device.device);
    }
    output::status("training is finished; nothing to continue");
    output::line(&format!("run: {}", run.path().display()));
    Ok(ExitCode::SUCCESS)
}

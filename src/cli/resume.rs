//! `wordpaint resume`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{DeviceArg, Outcome, output};
use crate::launch::Wishes;
use crate::run::difference::Kind;
use crate::run::folder::RunFolder;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of the run.
    run: PathBuf,
    /// Settings to change from here on, `key.path=value`: rates and schedules
    /// (`train.optimizer.GROUP.lr=1e-4`), lengths (`train.stages.NAME.steps=5000`), intervals, places.
    #[arg(value_name = "KEY=VALUE")]
    changes: Vec<String>,
    /// Go on although this is not what the run was trained with so far.
    #[arg(long, value_name = "WHAT", value_parser = kinds())]
    allow: Vec<Kind>,
    #[command(flatten)]
    device: DeviceArg,
}

/// Names of what may differ.
fn kinds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::name))
        .map(|name| Kind::of(&name).expect("one of the possible values"))
}

pub(super) fn run(args: Args) -> Outcome {
    let run = RunFolder::open(&args.run)?;
    let wishes = Wishes {
        allowed: args.allow,
        changes: args.changes,
    };
    if !run.is_finished() || !wishes.is_empty() {
        let hold = super::train::held(&run)?;
        return super::train::continue_run(run, hold, args.device.device, wishes);
    }
    output::status(
        "training is finished; nothing to continue (train.stages.NAME.steps=N makes it longer)",
    );
    output::line(&format!("run: {}", run.path().display()));
    Ok(ExitCode::SUCCESS)
}

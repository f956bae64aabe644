//! Exit codes: 0 done, 1 failed, 2 usage, 3 data, 4 checkpoint; stops by signal use 129, 130 and 143.

use wordpaint_data::DataError;
use wordpaint_files::{Action, FileError};

use crate::backends::DeviceError;
use crate::config::ConfigError;
use crate::data::loader::LoaderError;
use crate::evaluate::EvaluateError;
use crate::generate::GenerateError;
use crate::launch::LaunchError;
use crate::report::ReportError;
use crate::run::checkpoint::CheckpointError;
use crate::run::folder::RunError;
use crate::setup::SetupError;
use crate::train::TrainError;

/// Everything asked for was done.
pub(super) const DONE: u8 = 0;
/// Something failed that none of the other codes names.
pub(super) const FAILED: u8 = 1;
/// The command line or an experiment file is wrong.
pub(super) const USAGE: u8 = 2;
/// Data are missing or damaged.
pub(super) const DATA: u8 = 3;
/// A checkpoint, a run or a weights file is missing or damaged.
pub(super) const CHECKPOINT: u8 = 4;

/// Exit code of an error.
pub(super) fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(of).unwrap_or(FAILED)
}

/// The errors of an area show their cause's text as their own and leave the cause out of the chain,
/// so they are looked into.
fn of(error: &(dyn std::error::Error + 'static)) -> Option<u8> {
    let is_usage = error.is::<DeviceError>() || error.is::<ConfigError>();
    (error.downcast_ref().map(launch))
        .or_else(|| error.downcast_ref().map(train))
        .or_else(|| error.downcast_ref().map(evaluate))
        .or_else(|| error.downcast_ref().map(generate))
        .or_else(|| error.downcast_ref().map(setup))
        .or_else(|| error.downcast_ref().map(report))
        .or_else(|| error.downcast_ref().map(run))
        .or_else(|| error.downcast_ref().map(loader))
        .or_else(|| error.downcast_ref().map(checkpoint))
        .or_else(|| error.downcast_ref().map(data))
        .or_else(|| is_usage.then_some(USAGE))
}

fn launch(error: &LaunchError) -> u8 {
    match error {
        LaunchError::Setup(error) => setup(error),
        LaunchError::Train(error) => train(error),
        LaunchError::Evaluate(error) => evaluate(error),
        LaunchError::Generate(error) => generate(error),
        LaunchError::Config(_) | LaunchError::Family(_) | LaunchError::Request(_) => USAGE,
        LaunchError::Output(_) => FAILED,
    }
}

fn train(error: &TrainError) -> u8 {
    match error {
        TrainError::Loader(error) => loader(error),
        TrainError::Data(error) => data(error),
        TrainError::Run(error) => run(error),
        TrainError::Checkpoint(error) => checkpoint(error),
        _ => FAILED,
    }
}

fn evaluate(error: &EvaluateError) -> u8 {
    match error {
        EvaluateError::Setup(error) => setup(error),
        EvaluateError::Run(error) => run(error),
        EvaluateError::NoGenerator(_) | EvaluateError::Protocol(_) | EvaluateError::Request(_) => {
            USAGE
        }
        EvaluateError::Absent(_) => CHECKPOINT,
        // A metric refuses images that are too few, too small or not finite.
        EvaluateError::Data(error) => data(error),
        EvaluateError::Folders(_) | EvaluateError::Metric(_) => DATA,
        EvaluateError::Extract(_) => FAILED,
    }
}

fn generate(error: &GenerateError) -> u8 {
    match error {
        GenerateError::Setup(error) => setup(error),
        GenerateError::NoGenerator(_) | GenerateError::Caption(_) => USAGE,
    }
}

fn setup(error: &SetupError) -> u8 {
    match error {
        SetupError::Data(error) => data(error),
        SetupError::Loader(error) => loader(error),
        SetupError::Run(error) => run(error),
        SetupError::Checkpoint(error) => checkpoint(error),
        SetupError::Weights { .. } => CHECKPOINT,
        SetupError::Setting { .. } | SetupError::Config(_) => USAGE,
    }
}

fn report(error: &ReportError) -> u8 {
    match error {
        ReportError::NoRuns => USAGE,
        ReportError::Missing { .. } | ReportError::Read { .. } | ReportError::Invalid { .. } => {
            CHECKPOINT
        }
        ReportError::Write(_) => FAILED,
    }
}

fn run(error: &RunError) -> u8 {
    match error {
        RunError::NotARun { .. } | RunError::NoRun { .. } => CHECKPOINT,
        RunError::Taken { .. } | RunError::NotText(_) => USAGE,
        RunError::File(error) => file(error, CHECKPOINT),
        RunError::Busy { .. } => FAILED,
    }
}

fn checkpoint(error: &CheckpointError) -> u8 {
    match error {
        CheckpointError::File(error) => file(error, CHECKPOINT),
        CheckpointError::Folder(error) => run(error),
        _ => CHECKPOINT,
    }
}

fn data(error: &DataError) -> u8 {
    match error {
        DataError::File(error) => file(error, DATA),
        _ => DATA,
    }
}

/// What cannot be read has the code of its area; a disk that takes nothing is nobody's fault.
fn file(error: &FileError, area: u8) -> u8 {
    match error.action() {
        Action::Read | Action::List => area,
        _ => FAILED,
    }
}

fn loader(error: &LoaderError) -> u8 {
    match error {
        LoaderError::Data(error) => data(error),
        LoaderError::Sampler(_) => USAGE,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn code_of(error: impl Into<anyhow::Error>) -> u8 {
        code(&error.into())
    }

    fn no_data() -> DataError {
        DataError::missing("data/cub", "the photographs")
    }

    fn no_checkpoint() -> CheckpointError {
        CheckpointError::None {
            path: PathBuf::from("runs/a"),
            skipped: Vec::new(),
        }
    }

    #[test]
    fn missing_data_are_3_however_deep() {
        assert_eq!(code_of(no_data()), DATA);
        assert_eq!(code_of(SetupError::Data(no_data())), DATA);
        assert_eq!(code_of(LaunchError::Setup(no_data().into())), DATA);
        let evaluation = EvaluateError::Setup(no_data().into());
        assert_eq!(code_of(LaunchError::Evaluate(evaluation)), DATA);
        assert_eq!(code_of(TrainError::Data(no_data())), DATA);
    }

    #[test]
    fn missing_checkpoints_runs_and_weights_are_4() {
        assert_eq!(code_of(no_checkpoint()), CHECKPOINT);
        assert_eq!(code_of(LaunchError::from(no_checkpoint())), CHECKPOINT);
        let run = || RunError::NotARun {
            path: PathBuf::from("runs/a"),
            message: "it has no config.toml".into(),
        };
        assert_eq!(code_of(run()), CHECKPOINT);
        assert_eq!(code_of(LaunchError::from(run())), CHECKPOINT);
        let weights = SetupError::Weights {
            path: PathBuf::from("vgg19.pth"),
            message: "not there".into(),
        };
        assert_eq!(code_of(LaunchError::Setup(weights)), CHECKPOINT);
        let report = ReportError::Missing {
            path: PathBuf::from("runs/a/config.toml"),
            command: "wordpaint train".into(),
        };
        assert_eq!(code_of(report), CHECKPOINT);
    }

    #[test]
    fn what_the_user_asked_for_wrongly_is_2() {
        assert_eq!(code_of(ConfigError::new("unknown key")), USAGE);
        assert_eq!(code_of(DeviceError::Unknown("tpu".into())), USAGE);
        assert_eq!(code_of(EvaluateError::Protocol("fid".into())), USAGE);
        let no_images = EvaluateError::NoGenerator("vgg-classifier".into());
        assert_eq!(code_of(LaunchError::Evaluate(no_images)), USAGE);
        assert_eq!(code_of(ReportError::NoRuns), USAGE);
    }

    #[test]
    fn an_error_under_a_context_keeps_its_code_and_any_other_is_1() {
        let error = anyhow::Error::from(no_data()).context("while checking");
        assert_eq!(code(&error), DATA);
        assert_eq!(code(&anyhow::anyhow!("something else")), FAILED);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_1_whatever_was_to_be_written() {
        let full = || {
            let source = std::io::ErrorKind::StorageFull.into();
            FileError::new(Action::Write, std::path::Path::new("a"), source)
        };
        assert_eq!(code_of(full()), FAILED);
        assert_eq!(code_of(ReportError::Write(full())), FAILED);
        assert_eq!(code_of(RunError::File(full())), FAILED);
        assert_eq!(code_of(CheckpointError::File(full())), FAILED);
        assert_eq!(code_of(DataError::File(full())), FAILED);
        assert_eq!(
            code_of(LaunchError::from(CheckpointError::File(full()))),
            FAILED
        );
        let denied = std::io::ErrorKind::PermissionDenied.into();
        let denied = FileError::new(Action::Read, std::path::Path::new("a"), denied);
        assert_eq!(code_of(CheckpointError::File(denied)), CHECKPOINT);
    }
}

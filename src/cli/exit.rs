//! Exit codes: 0 done, 1 failed, 2 usage, 3 data, 4 checkpoint; stops by signal use 129, 130 and 143.

use wordpaint_data::DataError;

use crate::backends::DeviceError;
use crate::config::ConfigError;
use crate::data::loader::LoaderError;
use crate::evaluate::EvaluateError;
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
        .or_else(|| error.downcast_ref().map(setup))
        .or_else(|| error.downcast_ref().map(report))
        .or_else(|| error.downcast_ref().map(run))
        .or_else(|| error.downcast_ref().map(loader))
        .or_else(|| error.is::<CheckpointError>().then_some(CHECKPOINT))
        .or_else(|| error.is::<DataError>().then_some(DATA))
        .or_else(|| is_usage.then_some(USAGE))
}

fn launch(error: &LaunchError) -> u8 {
    match error {
        LaunchError::Setup(error) => setup(error),
        LaunchError::Train(error) => train(error),
        LaunchError::Evaluate(error) => evaluate(error),
        LaunchError::Config(_) | LaunchError::Family(_) | LaunchError::Request(_) => USAGE,
        LaunchError::Output { .. } => FAILED,
    }
}

fn train(error: &TrainError) -> u8 {
    match error {
        TrainError::Loader(error) => loader(error),
        TrainError::Data(_) => DATA,
        TrainError::Run(error) => run(error),
        TrainError::Checkpoint(_) => CHECKPOINT,
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
        EvaluateError::Data(_) | EvaluateError::Folders(_) | EvaluateError::Metric(_) => DATA,
        EvaluateError::Extract(_) => FAILED,
    }
}

fn setup(error: &SetupError) -> u8 {
    match error {
        SetupError::Data(_) => DATA,
        SetupError::Loader(error) => loader(error),
        SetupError::Run(error) => run(error),
        SetupError::Checkpoint(_) | SetupError::Weights { .. } => CHECKPOINT,
        SetupError::Setting { .. } | SetupError::Config(_) => USAGE,
    }
}

fn report(error: &ReportError) -> u8 {
    match error {
        ReportError::NoRuns => USAGE,
        ReportError::Missing { .. } | ReportError::Read { .. } | ReportError::Invalid { .. } => {
            CHECKPOINT
        }
        ReportError::Write(error) => run(error),
    }
}

fn run(error: &RunError) -> u8 {
    match error {
        RunError::NotARun { .. } | RunError::NoRun { .. } => CHECKPOINT,
        RunError::Io { .. } | RunError::Busy { .. } => FAILED,
    }
}

fn loader(error: &LoaderError) -> u8 {
    match error {
        LoaderError::Data(_) => DATA,
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
        let full = RunError::Io {
            action: "write",
            path: PathBuf::from("report.md"),
            source: std::io::Error::other("no space left"),
        };
        assert_eq!(code_of(ReportError::Write(full)), FAILED);
    }
}

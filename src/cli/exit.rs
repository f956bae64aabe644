//! Exit codes: 0 done, 1 failed, 2 usage, 3 data, 4 checkpoint; stops by signal use 130 and 143.

use wordpaint_data::DataError;

use crate::backends::DeviceError;
use crate::data::loader::LoaderError;
use crate::evaluate::EvaluateError;
use crate::launch::LaunchError;
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
/// A checkpoint or a weights file is missing or damaged.
pub(super) const CHECKPOINT: u8 = 4;

/// Exit code of an error.
pub(super) fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(of).unwrap_or(FAILED)
}

fn of(error: &(dyn std::error::Error + 'static)) -> Option<u8> {
    // The errors of an area show their source's text as their own and leave it out of the chain.
    if let Some(error) = error.downcast_ref::<LaunchError>() {
        return match error {
            LaunchError::Setup(error) => of(error),
            LaunchError::Train(error) => of(error),
            LaunchError::Evaluate(error) => of(error),
            LaunchError::Config(_) | LaunchError::Family(_) | LaunchError::Request(_) => {
                Some(USAGE)
            }
            LaunchError::Output { .. } => Some(FAILED),
        };
    }
    if let Some(error) = error.downcast_ref::<EvaluateError>() {
        return match error {
            EvaluateError::Setup(error) => of(error),
            EvaluateError::NoGenerator(_) | EvaluateError::Protocol(_) => Some(USAGE),
            _ => Some(FAILED),
        };
    }
    if let Some(error) = error.downcast_ref::<SetupError>() {
        return match error {
            SetupError::Data(_) => Some(DATA),
            SetupError::Loader(error) => of(error),
            SetupError::Checkpoint(_) | SetupError::Weights { .. } | SetupError::Run(_) => {
                Some(CHECKPOINT)
            }
            SetupError::Setting { .. } | SetupError::Config(_) => Some(USAGE),
        };
    }
    if error.is::<RunError>() {
        return Some(CHECKPOINT);
    }
    if let Some(error) = error.downcast_ref::<TrainError>() {
        return match error {
            TrainError::Loader(LoaderError::Sampler(_)) => Some(USAGE),
            TrainError::Loader(_) | TrainError::Data(_) => Some(DATA),
            TrainError::Checkpoint(_) => Some(CHECKPOINT),
            _ => Some(FAILED),
        };
    }
    if let Some(error) = error.downcast_ref::<LoaderError>() {
        return Some(if matches!(error, LoaderError::Data(_)) {
            DATA
        } else {
            USAGE
        });
    }
    if error.is::<DataError>() {
        return Some(DATA);
    }
    if error.is::<CheckpointError>() {
        return Some(CHECKPOINT);
    }
    if error.is::<DeviceError>() || error.is::<crate::config::ConfigError>() {
        return Some(USAGE);
    }
    None
}

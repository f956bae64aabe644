//! Whether this machine has the memory that a training is predicted to need.

use sysinfo::System;

use super::Status;
use crate::backends::Device;
use crate::config::cost::bytes;
use crate::config::schema::Memory;
use crate::config::{ConfigError, Experiment, describe};

/// Memory of this machine, or of the part of it that this process may use, in bytes; `None` where
/// the system does not say.
pub fn available() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    let limit = system.cgroup_limits().map(|limits| limits.total_memory);
    let all = [Some(system.total_memory()), limit];
    all.into_iter().flatten().filter(|bytes| *bytes > 0).min()
}

/// Refuses a training that is predicted to need more memory than there is. On a graphics card the
/// networks lie in its own memory, of which nothing is known here.
///
/// # Errors
///
/// Names both figures.
pub fn check(experiment: &Experiment, device: Device) -> Result<(), ConfigError> {
    if experiment.train.memory == Memory::Any || !device.is_cpu() {
        return Ok(());
    }
    match available() {
        Some(available) => against(describe(experiment)?.memory, available as f64),
        None => Ok(()),
    }
}

/// Says so instead, where a run that has begun is continued.
pub fn warn(experiment: &Experiment, device: Device, status: Status<'_>) {
    if let Err(error) = check(experiment, device) {
        let text = error.to_string();
        status(&format!(
            "warning: {}",
            text.lines().next().unwrap_or_default()
        ));
    }
}

fn against(predicted: f64, available: f64) -> Result<(), ConfigError> {
    // NaN does not fit either.
    if predicted <= available {
        return Ok(());
    }
    let message = format!(
        "training is predicted to need {} of memory, this machine has {}",
        bytes(predicted),
        bytes(available)
    );
    Err(ConfigError::new(message)
        .with_key("train.memory")
        .with_expected("a smaller `train.batch_size` or smaller sizes in `[model]`")
        .with_help("`wordpaint show` predicts it; `train.memory=any` begins all the same"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn with(changes: &[&str]) -> Result<(), String> {
        let changes: Vec<String> = changes.iter().map(|c| (*c).to_owned()).collect();
        let experiment = load("df-gan-cub", &changes, true).expect("within bounds");
        check(&experiment, Device::Flex).map_err(|error| error.to_string())
    }

    #[test]
    fn a_training_that_no_machine_holds_is_refused_with_both_figures() {
        let wide = ["model.generator_width=65536", "model.resolution=4096"];

        assert_eq!(with(&[]), Ok(()));
        let error = with(&wide).expect_err("too large");
        assert!(error.contains("is predicted to need"), "{error}");
        assert_eq!(error.matches("GiB").count(), 2, "{error}");
        let asked_for = [&wide[..], &["train.memory=any"]].concat();
        assert_eq!(with(&asked_for), Ok(()));
    }

    #[test]
    fn figures_that_are_no_numbers_do_not_fit() {
        assert!(against(f64::NAN, 1.0).is_err());
        assert!(against(1.0, 1.0).is_ok());
    }
}

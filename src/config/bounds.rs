//! Bounds of the numbers that all families share.

use std::fmt::Display;
use std::ops::RangeInclusive;

use wordpaint_models::system::check::{FACTORS, LARGEST_SIDE};
use wordpaint_models::system::{Optimizer, Schedule};

use super::error::ConfigError;
use super::schema::{Experiment, GroupSettings};

type Check = Result<(), ConfigError>;

/// The order of the samples is keyed by stage and epoch; a stage has room for so many.
const MOST_EPOCHS: u64 = 1_000_000;
/// At a thousand steps a second, thirty years.
const MOST_STEPS: u64 = 1_000_000_000_000;
/// Samples of a batch, which is held in memory several times over.
const LARGEST_BATCH: u64 = 1 << 16;
/// Every worker is a thread with a batch in its hands.
const MOST_WORKERS: u64 = 1024;
/// 16 TiB.
const LARGEST_CACHE: u64 = 1 << 24;
/// A sample grid is generated as one batch.
const MOST_SAMPLES: u64 = 1024;
/// Checkpoints, captions of an image.
const MANY: u64 = 1_000_000;
/// Images of an evaluation.
const MOST_IMAGES: u64 = 100_000_000;
/// Change of the learning rate in one decay: what single precision holds.
const LARGEST_DECAY: f64 = 1e38;

/// Checks every number of `[data]`, `[train]` and `[evaluate]` by itself.
pub(super) fn check(experiment: &Experiment) -> Check {
    let (data, train, evaluate) = (&experiment.data, &experiment.train, &experiment.evaluate);
    whole("train.batch_size", train.batch_size, 1..=LARGEST_BATCH)?;
    whole("train.log_every", train.log_every, 1..=MOST_STEPS)?;
    whole("train.keep_checkpoints", train.keep_checkpoints, 1..=MANY)?;
    whole("data.cache_mib", data.cache_mib, 1..=LARGEST_CACHE)?;
    whole("data.workers", data.workers, 0..=MOST_WORKERS)?;
    whole(
        "data.load_size",
        data.load_size as usize,
        0..=LARGEST_SIDE as u64,
    )?;
    let every = 0..=MOST_STEPS;
    whole(
        "train.checkpoint_every",
        train.checkpoint_every,
        every.clone(),
    )?;
    whole("train.sample_every", train.sample_every, every)?;
    whole("train.samples", train.samples, 0..=MOST_SAMPLES)?;
    whole("evaluate.images", evaluate.images, 0..=MOST_IMAGES)?;
    whole("evaluate.caption", evaluate.caption, 0..=MANY)?;
    share("train.monitor_share", train.monitor_share, "the time")?;
    share("data.label_noise", data.label_noise, "the images")?;
    if i64::try_from(train.seed).is_err() {
        return Err(ConfigError::at("train.seed", "is too large").with_expected("at most 2^63 - 1"));
    }
    for (i, stage) in train.stages.iter().enumerate() {
        let key = |name: &str| format!("train.stages[{i}].{name}");
        if let Some(epochs) = stage.epochs {
            whole(&key("epochs"), epochs, 1..=MOST_EPOCHS)?;
        }
        if let Some(steps) = stage.steps {
            whole(&key("steps"), steps, 1..=MOST_STEPS)?;
        }
    }
    let mut groups = train.optimizer.iter();
    groups.try_for_each(|(name, settings)| group(&format!("train.optimizer.{name}"), settings))
}

/// One table of `[train.optimizer]`.
fn group(key: &str, settings: &GroupSettings) -> Check {
    if let Some(lr) = settings.lr {
        rate(key, lr)?;
    }
    if let Some(settings) = &settings.optimizer {
        optimizer(&format!("{key}.optimizer"), settings)?;
    }
    match settings.schedule {
        Some(Schedule::StepDecay { every, factor }) => {
            whole(&format!("{key}.schedule.every"), every, 1..=MOST_EPOCHS)?;
            decay(&format!("{key}.schedule.factor"), factor)
        }
        Some(Schedule::DecayTo { factor, floor }) => {
            decay(&format!("{key}.schedule.factor"), factor)?;
            decay(&format!("{key}.schedule.floor"), floor)
        }
        Some(Schedule::Constant) | None => Ok(()),
    }
}

fn optimizer(key: &str, optimizer: &Optimizer) -> Check {
    let inner = |name: &str| format!("{key}.{name}");
    match *optimizer {
        Optimizer::Adam { lr, betas, eps } => {
            rate(key, lr)?;
            positive(&inner("eps"), f64::from(eps), 1.0)?;
            betas
                .iter()
                .try_for_each(|b| below_one(&inner("betas"), f64::from(*b)))
        }
        Optimizer::Rmsprop { lr, alpha, eps } => {
            rate(key, lr)?;
            positive(&inner("eps"), f64::from(eps), 1.0)?;
            below_one(&inner("alpha"), f64::from(alpha))
        }
        Optimizer::Sgd { lr, momentum } => {
            rate(key, lr)?;
            below_one(&inner("momentum"), momentum)
        }
    }
}

/// The learning rate in the table at `key`.
fn rate(key: &str, value: f64) -> Check {
    positive(&format!("{key}.lr"), value, *FACTORS.end())
}

fn decay(key: &str, value: f64) -> Check {
    positive(key, value, LARGEST_DECAY)
}

/// A whole number within `bounds`.
pub(super) fn whole(key: &str, value: usize, bounds: RangeInclusive<u64>) -> Check {
    let (least, most) = (bounds.start(), bounds.end());
    if bounds.contains(&(value as u64)) {
        return Ok(());
    }
    Err(refused(key, value).with_expected(format!("at least {least}, at most {most}")))
}

/// A number that single precision tells from 0, not above `most`.
pub(super) fn positive(key: &str, value: f64, most: f64) -> Check {
    let least = *FACTORS.start();
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let expected = format!("a number above 0, from {least:e} to {most:e}");
    Err(refused(key, value).with_expected(expected))
}

fn below_one(key: &str, value: f64) -> Check {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(refused(key, value).with_expected("a number from 0 to below 1"))
}

/// A share `of` something, both ends included.
pub(super) fn share(key: &str, value: f64, of: &str) -> Check {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::at(key, format!("{value} is no share of {of}")).with_expected("0 to 1"))
}

fn refused(key: &str, value: impl Display) -> ConfigError {
    ConfigError::at(key, format!("cannot be {value}"))
}

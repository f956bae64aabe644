//! `[guard]`: what is watched while a run trains, and what happens then.

use serde::{Deserialize, Serialize};

use super::bounds::{positive, share, whole};
use super::error::ConfigError;

/// `[guard]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guard {
    /// What happens when something is wrong.
    pub on: Action,
    /// Steps in a row in which a loss has to be wrong. Single steps go astray in every GAN, and a
    /// hinge loss is 0 in many.
    pub steps: usize,
    /// Steps between two warnings of the same thing.
    pub interval: usize,
    /// Diversity of the sample grid, as a share of that of the real images, below which the
    /// generator has collapsed when three grids in a row are there; 0 never warns. Grids of systems
    /// that learn have a tenth and more.
    pub diversity: f64,
    /// Share of its start below which the loss of a discriminator says that it has won, and teaches
    /// the generator nothing any more; 0 never warns.
    pub discriminator: f64,
    /// Factor on its start beyond which a term diverges; a start below 1 counts as 1, because many
    /// terms begin at 0.
    pub growth: f64,
}

/// What happens when something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is said in the log, in `events.jsonl` and in the report.
    #[default]
    Warn,
    /// The run saves and ends with code 1, too.
    Stop,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            on: Action::Warn,
            steps: 200,
            interval: 1000,
            diversity: 0.01,
            discriminator: 0.01,
            growth: 1000.0,
        }
    }
}

impl Guard {
    /// Refuses numbers that are out of bounds.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        const MOST: u64 = 1_000_000_000;
        whole("guard.steps", self.steps, 2..=MOST)?;
        whole("guard.interval", self.interval, 1..=MOST)?;
        share("guard.diversity", self.diversity, "the real images'")?;
        share("guard.discriminator", self.discriminator, "the first loss")?;
        positive("guard.growth", self.growth, 1e30)?;
        if self.growth <= 1.0 {
            let message = format!("cannot be {}", self.growth);
            return Err(ConfigError::at("guard.growth", message).with_expected("more than 1"));
        }
        Ok(())
    }
}

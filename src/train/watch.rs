//! Signs that training has gone wrong although every loss is a number: collapse, divergence, terms
//! that teach nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::guard::Observation;
use super::monitor::Reading;
use crate::config::guard::Guard;

/// Steps whose median is the start of a loss.
const FIRST: usize = 20;
/// Steps in a row beyond the start that are no accident.
const BEYOND: usize = 5;
/// Grids in a row without diversity that are no accident.
const GRIDS: usize = 3;

/// Something is wrong with the training.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Warning {
    /// Step at which it was seen.
    pub step: u64,
    /// What is wrong, without figures: `constant m/words`.
    pub matter: String,
    /// What is wrong, since when, and what to do.
    pub message: String,
}

/// What is known of a loss since its stage began.
#[derive(Debug, Default)]
struct Course {
    /// The first sizes, until there are enough.
    first: Vec<f64>,
    /// Median of the first sizes.
    start: Option<f64>,
    last: Option<f64>,
    /// Steps in a row of the same value, below and beyond the bounds.
    same: usize,
    below: usize,
    beyond: usize,
}

impl Course {
    /// Notes a size; the start, when this makes it known.
    fn begin(&mut self, size: f64) -> Option<f64> {
        if self.start.is_some() {
            return None;
        }
        self.first.push(size);
        if self.first.len() < FIRST {
            return None;
        }
        let mut sizes = std::mem::take(&mut self.first);
        sizes.sort_by(f64::total_cmp);
        self.start = Some(f64::midpoint(sizes[FIRST / 2 - 1], sizes[FIRST / 2]));
        self.start
    }
}

/// Counts the steps in a row for which a condition holds.
const fn count(steps: &mut usize, holds: bool) -> usize {
    *steps = if holds { *steps + 1 } else { 0 };
    *steps
}

/// Watches the losses and the sample grids of a run.
#[derive(Debug)]
pub struct Watch {
    settings: Guard,
    /// Phases that train discriminators.
    discriminators: Vec<&'static str>,
    courses: BTreeMap<String, Course>,
    grids: usize,
    /// Step of the last warning of a matter.
    warned: BTreeMap<String, u64>,
    /// Starts that became known and are not logged yet.
    known: BTreeMap<String, f64>,
}

impl Watch {
    /// Watches with `settings` a system whose phases `discriminators` train nothing else.
    pub fn new(settings: Guard, discriminators: Vec<&'static str>) -> Self {
        Self {
            settings,
            discriminators,
            courses: BTreeMap::new(),
            grids: 0,
            warned: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    /// Forgets the losses of the stage before.
    pub fn enter_stage(&mut self) {
        self.courses.clear();
        self.grids = 0;
    }

    /// Takes up what a run logged before it was stopped in `stage`.
    pub fn recall(&mut self, log: &[Value], stage: &str) {
        for line in log {
            match line["kind"].as_str() {
                Some("start") if line["stage"] == stage => {
                    for (name, start) in line["values"].as_object().into_iter().flatten() {
                        let course = self.courses.entry(name.clone()).or_default();
                        course.start = start.as_f64();
                    }
                }
                Some("warning") => {
                    let (matter, step) = (line["matter"].as_str(), line["step"].as_u64());
                    if let (Some(matter), Some(step)) = (matter, step) {
                        self.warned.insert(matter.to_owned(), step);
                    }
                }
                _ => {}
            }
        }
    }

    /// Starts that became known since the last time.
    pub fn starts(&mut self) -> BTreeMap<String, f64> {
        std::mem::take(&mut self.known)
    }

    /// Looks at one step, phase by phase.
    pub fn step(&mut self, observations: &[Observation]) -> Vec<Warning> {
        let mut found = Vec::new();
        for observation in observations {
            for term in &observation.terms {
                found.extend(self.term(observation, term));
            }
            if self.discriminators.contains(&observation.phase) {
                found.extend(self.discriminator(observation));
            }
        }
        found.retain(|warning| self.is_due(warning));
        found
    }

    /// Looks at a sample grid.
    pub fn grid(&mut self, step: u64, reading: &Reading) -> Option<Warning> {
        let bound = self.settings.diversity;
        let diversity = reading.diversity?;
        if count(&mut self.grids, diversity < bound) < GRIDS {
            return None;
        }
        let message = format!(
            "the sample grid has {diversity:.4} of the diversity of real images, and less than \
             {bound} (`guard.diversity`) in the last {} grids: the generator paints nearly the same \
             for every caption. Resume an earlier checkpoint or begin anew with lower learning rates",
            self.grids
        );
        let warning = Warning {
            step,
            matter: "diversity".to_owned(),
            message,
        };
        self.is_due(&warning).then_some(warning)
    }

    /// Terms that never change, and such as grow beyond all bounds.
    fn term(
        &mut self,
        observation: &Observation,
        (name, weight, value): &(String, f64, f64),
    ) -> Vec<Warning> {
        let Observation { step, phase, .. } = observation;
        // Parts of a hinge loss are 0 for hundreds of steps in which the generator learns well; that
        // all of them are is seen by their sum.
        let is_idle = *value == 0.0 && self.discriminators.contains(phase);
        let course = self.courses.entry(name.clone()).or_default();
        let size = (weight * value).abs();
        if let Some(start) = course.begin(size) {
            self.known.insert(name.clone(), start);
        }
        let mut found = Vec::new();
        let mut warn = |matter: &str, message: String| {
            found.push(Warning {
                step: *step,
                matter: format!("{matter} {name}"),
                message: format!("loss term `{name}` of phase `{phase}` {message}"),
            });
        };
        let is_same = course.last == Some(*value);
        course.last = Some(*value);
        // The first of them counts, too.
        count(&mut course.same, is_same);
        if course.same + 1 >= self.settings.steps && !is_idle {
            let message = format!(
                "has been exactly {value} in the last {} steps although its weight is {weight}: \
                 nothing is learned from it. Either it is satisfied, or the data give it nothing to \
                 compare (a single class, a small batch)",
                course.same + 1
            );
            warn("constant", message);
        }
        let growth = self.settings.growth;
        if let Some(start) = course.start {
            let is_beyond = size > growth * start.max(1.0);
            if count(&mut course.beyond, is_beyond) >= BEYOND {
                let message = format!(
                    "is {value:e}, with its weight more than {growth} times (`guard.growth`) its \
                     start of {start:.4}: training diverges. Begin anew or resume an earlier \
                     checkpoint with a lower learning rate"
                );
                warn("growth", message);
            }
        }
        found
    }

    /// Discriminators that cannot be deceived any more. A penalty near 0 is none of it.
    fn discriminator(&mut self, observation: &Observation) -> Option<Warning> {
        let Observation {
            step, phase, terms, ..
        } = observation;
        let adversarial = || terms.iter().filter(|(name, ..)| !name.contains("penalty"));
        adversarial().next()?;
        let loss: f64 = adversarial().map(|(_, weight, value)| weight * value).sum();
        let key = format!("{phase} total");
        let course = self.courses.entry(key.clone()).or_default();
        if let Some(start) = course.begin(loss.abs()) {
            self.known.insert(key, start);
        }
        let (start, share) = (course.start?, self.settings.discriminator);
        let is_below = loss.abs() < share * start;
        if count(&mut course.below, is_below) < self.settings.steps {
            return None;
        }
        let message = format!(
            "the loss of the discriminator's phase `{phase}` is {loss:.6} and has been below {share} \
             (`guard.discriminator`) of its start of {start:.4} in the last {} steps: it tells \
             generated from real images without fail and teaches the generator nothing. Lower its \
             learning rate or raise the generator's",
            course.below
        );
        Some(Warning {
            step: *step,
            matter: format!("discriminator {phase}"),
            message,
        })
    }

    /// Whether a warning is to be given, after `guard.interval` steps again.
    fn is_due(&mut self, warning: &Warning) -> bool {
        let last = self.warned.get(&warning.matter).copied();
        let interval = self.settings.interval as u64;
        let is_due = last.is_none_or(|last| warning.step >= last.saturating_add(interval));
        if is_due {
            self.warned.insert(warning.matter.clone(), warning.step);
        }
        is_due
    }
}

/// Warnings of a log, each matter once, with its last message.
pub fn warnings(log: &[Value]) -> Vec<String> {
    let mut found = BTreeMap::new();
    for line in log.iter().filter(|line| line["kind"] == "warning") {
        if let (Some(matter), Some(message)) = (line["matter"].as_str(), line["message"].as_str()) {
            found.insert(matter, (line["step"].as_u64().unwrap_or(0), message));
        }
    }
    let line = |(step, message): (u64, &str)| format!("warning at step {step}: {message}");
    found.into_values().map(line).collect()
}

#[cfg(test)]
mod tests;

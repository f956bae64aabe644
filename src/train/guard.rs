//! Stops a run whose losses are no longer numbers.

use wordpaint_data::TextImageDataset;

/// Loss terms of one phase of one step, read from the device.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Training step, 1-based.
    pub step: u64,
    /// Phase.
    pub phase: &'static str,
    /// Term, weight and value.
    pub terms: Vec<(String, f64, f64)>,
    /// Dataset indices of the batch.
    pub indices: Vec<usize>,
}

/// A term that is NaN or infinite.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "loss term `{term}` of phase `{phase}` is {value} at step {step}; batch: {}. The weights after \
     this step are not saved. Resume from the last checkpoint with a lower learning rate, or set \
     the term's weight to 0 to see whether it is the cause",
    samples.join(", ")
)]
pub struct NotFinite {
    /// Name of the term.
    pub term: String,
    /// Phase that computed it.
    pub phase: &'static str,
    /// Step, 1-based.
    pub step: u64,
    /// Its value.
    pub value: f64,
    /// Keys of the samples in the batch.
    pub samples: Vec<String>,
}

/// Refuses an observation with a term that is not finite.
///
/// # Errors
///
/// Names the first such term.
pub fn check(observation: &Observation, dataset: &dyn TextImageDataset) -> Result<(), NotFinite> {
    let Some((term, _, value)) = observation.terms.iter().find(|(_, _, v)| !v.is_finite()) else {
        return Ok(());
    };
    let name = |&index: &usize| match dataset.record(index) {
        Ok(record) => record.key,
        Err(_) => format!("#{index}"),
    };
    Err(NotFinite {
        term: term.clone(),
        phase: observation.phase,
        step: observation.step,
        value: *value,
        samples: observation.indices.iter().map(name).collect(),
    })
}

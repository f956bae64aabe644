//! Stops a run whose losses or weights are no longer numbers.

use burn::prelude::TensorData;
use wordpaint_data::TextImageDataset;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::system::Train;

use super::strategy::Session;

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
     this step are not saved. Resume from the last checkpoint with a lower learning rate{advice}, \
     or train anew with the term's weight at 0 to see whether it is the cause",
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
    /// The command that lowers the rate, where one is known.
    pub advice: String,
}

/// Weights or moments that left the range of numbers although all losses are numbers.
///
/// Gradients may overflow before the loss they are taken of does. Weights take the step with them;
/// squares of gradients in a second moment stop a weight for good, without a sign of it in any loss.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "{what} of `{parameter}` left the range of numbers: loss term `{term}` of phase `{phase}` is \
     {value:e} at step {step}, the largest; batch: {}. The weights after this step are not saved. \
     Resume from the last checkpoint with a lower learning rate{advice}, or train anew with the \
     term's weight at 0 to see whether it is the cause",
    samples.join(", ")
)]
pub struct Overflown {
    /// Weights or moments.
    pub what: &'static str,
    /// Name of the first parameter concerned.
    pub parameter: String,
    /// Name of the largest weighted term of the last step.
    pub term: String,
    /// Phase that computed it.
    pub phase: &'static str,
    /// Step, 1-based.
    pub step: u64,
    /// Its value, without the weight.
    pub value: f64,
    /// Keys of the samples in the batch.
    pub samples: Vec<String>,
    /// The command that lowers the rate, where one is known.
    pub advice: String,
}

impl Overflown {
    /// `what` of `parameter` after the last step, which was observed in phases.
    pub fn after(
        observations: &[Observation],
        (what, parameter): (&'static str, String),
        dataset: &dyn TextImageDataset,
    ) -> Self {
        let each = observations
            .iter()
            .flat_map(|o| o.terms.iter().map(move |term| (o, term)));
        let largest = each.max_by(|(_, a), (_, b)| (a.1 * a.2).abs().total_cmp(&(b.1 * b.2).abs()));
        let (phase, step, (term, _, value), samples) = match largest {
            Some((o, term)) => (o.phase, o.step, term.clone(), keys(&o.indices, dataset)),
            None => ("", 0, (String::new(), 0.0, 0.0), Vec::new()),
        };
        Self {
            what,
            parameter,
            term,
            phase,
            step,
            value,
            samples,
            advice: String::new(),
        }
    }
}

/// Name of the first tensor with a value that is not finite.
pub fn not_finite(tensors: &[(String, TensorData)]) -> Option<&str> {
    let values = |data| TensorData::as_slice::<f32>(data).expect("of single precision");
    let is_finite = |data| values(data).iter().all(|value: &f32| value.is_finite());
    let found = tensors.iter().find(|(_, data)| !is_finite(data));
    found.map(|(name, _)| name.as_str())
}

fn keys(indices: &[usize], dataset: &dyn TextImageDataset) -> Vec<String> {
    let name = |&index: &usize| match dataset.record(index) {
        Ok(record) => record.key,
        Err(_) => format!("#{index}"),
    };
    indices.iter().map(name).collect()
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
    Err(NotFinite {
        term: term.clone(),
        phase: observation.phase,
        step: observation.step,
        value: *value,
        samples: keys(&observation.indices, dataset),
        advice: String::new(),
    })
}

/// The command that goes on with half the rates of `phase`, to follow "a lower learning rate".
pub fn lower_rate<B: AutodiffBackend, S: Train<B> + 'static>(
    session: &Session<B, S>,
    phase: &str,
) -> String {
    let mut phases = session.stages.iter().flat_map(|stage| &stage.phases);
    let Some(phase) = phases.find(|known| known.name == phase) else {
        return String::new();
    };
    let rates = session.optimizer.base_rates();
    let lower = phase.groups.iter().filter_map(|group| {
        let rate = rates.get(*group)? / 2.0;
        Some(format!(" train.optimizer.{group}.lr={rate:e}"))
    });
    let (run, lower) = (session.run.path(), lower.collect::<String>());
    format!(" (`wordpaint resume {}{lower}`)", run.display())
}

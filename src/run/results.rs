//! The JSON files of a run folder, as they are written by training and evaluation and read by
//! reports.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// `evaluation/<protocol>.json`: what was measured and how.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evaluation {
    /// The conditions; numbers are compared only where they are equal.
    pub protocol: Protocol,
    /// The numbers.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// Grid of generated images, as a path inside the run folder.
    #[serde(default)]
    pub grid: Option<String>,
    /// Further pictures.
    #[serde(default)]
    pub figures: Vec<Figure>,
    /// What the paper reports and this evaluation could not measure.
    #[serde(default)]
    pub missing: Vec<Missing>,
}

/// Conditions of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Protocol {
    /// Short name, also the file's stem.
    pub name: String,
    /// Version; changes whenever numbers could change.
    pub version: String,
    /// One sentence for people.
    pub description: String,
    /// Number of generated images.
    pub images: usize,
    /// Split the captions come from.
    pub split: String,
    /// Which captions of each image.
    pub captions: String,
    /// Seed of noise and sampling.
    pub seed: u64,
    /// Text encoder or probe behind the numbers.
    pub encoder: String,
    /// How images are prepared before they are measured.
    #[serde(rename = "front_end")]
    pub preprocessing: String,
}

/// One measured number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Name for programs (`attribute_agreement`).
    pub name: String,
    /// Name for people.
    pub label: String,
    /// The number; a share lies in 0 to 1. `null` in the file is read as NaN.
    #[serde(deserialize_with = "null_as_nan")]
    pub value: f64,
    /// Lower end of the 95 % interval.
    #[serde(default)]
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    #[serde(default)]
    pub high: Option<f64>,
    /// `share` (shown in per cent), another unit, or empty.
    #[serde(default)]
    pub unit: String,
    /// Which direction is better.
    pub higher_is_better: bool,
    /// Number of observations behind the number.
    pub count: usize,
    /// The instrument: network or formula with its version.
    #[serde(default)]
    pub network: String,
    /// What a random pairing of captions and images would give.
    #[serde(default)]
    pub chance: Option<f64>,
    /// What the same instrument gives for real images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real: Option<f64>,
    /// Heading under which it is listed.
    #[serde(default)]
    pub group: Option<String>,
    /// Anything a reader must know.
    #[serde(default)]
    pub detail: String,
}

/// A picture of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// PNG file, as a path inside the run folder.
    pub path: String,
}

/// A metric that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Name of the metric.
    pub metric: String,
    /// Why it is missing.
    pub why: String,
    /// What would make it measurable.
    #[serde(default)]
    pub how: String,
}

/// One logged step: a line of `events.jsonl` without a `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Step, 1-based.
    pub step: u64,
    /// Epoch of the stage, 1-based.
    #[serde(default)]
    pub epoch: u64,
    /// Stage of the training.
    #[serde(default)]
    pub stage: String,
    /// Loss terms by name (`g/image`).
    #[serde(default)]
    pub terms: BTreeMap<String, Term>,
    /// Learning rate by parameter group.
    #[serde(default)]
    pub lr: BTreeMap<String, f64>,
    /// Mean wall-clock seconds per step since the last logged step.
    #[serde(default, deserialize_with = "null_as_nan")]
    pub seconds_per_step: f64,
    /// Samples per second since the last logged step.
    #[serde(default, deserialize_with = "null_as_nan")]
    pub images_per_second: f64,
    /// Samples seen since the start.
    #[serde(default)]
    pub samples: u64,
}

/// Value of a loss term before its weight.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Unweighted value; `null` (a number that was not finite) is read as NaN.
    #[serde(deserialize_with = "null_as_nan")]
    pub value: f64,
    /// Weight in the total.
    #[serde(default = "one")]
    pub weight: f64,
}

/// Any other line of `events.jsonl`: something that happened at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Happening {
    /// `resume`, `checkpoint`, `stop`, `finished`, ...
    pub kind: String,
    /// Step at which it happened.
    #[serde(default)]
    pub step: u64,
    /// In words.
    #[serde(default)]
    pub message: String,
    /// When (UTC).
    #[serde(default)]
    pub time: String,
    /// What a `warning` is about.
    #[serde(default)]
    pub matter: String,
    /// What a `monitor` measured on a sample grid.
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
}

/// `environment.json`: what ran, where and for how long.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// Name of the program.
    pub wordpaint: String,
    /// Its version.
    pub version: String,
    /// Device.
    pub device: String,
    /// Burn backend.
    pub backend: String,
    /// Operating system.
    pub os: String,
    /// Number of processors.
    pub cpus: usize,
    /// Command line.
    pub command: String,
    /// Start (UTC).
    pub started: String,
    /// Address of the data.
    pub data_uri: String,
    /// Fingerprint of the data.
    pub data_fingerprint: String,
    /// End (UTC); absent while training runs.
    pub finished: Option<String>,
    /// Wall-clock seconds, all sessions together.
    pub wall_seconds: Option<f64>,
    /// Steps done.
    pub steps: Option<u64>,
    /// Parameters by network.
    pub parameters: BTreeMap<String, u64>,
    /// Peak memory of the process in bytes.
    pub peak_memory_bytes: Option<u64>,
}

const fn one() -> f64 {
    1.0
}

/// JSON has no NaN; it is written as `null`.
fn null_as_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_a_diverged_step_is_readable() {
        let line = r#"{"step":3,"terms":{"g/image":{"value":null,"weight":2.0}}}"#;
        let event: Event = serde_json::from_str(line).expect("valid");
        assert!(event.terms["g/image"].value.is_nan());
    }

    #[test]
    fn an_evaluation_survives_writing_and_reading() {
        let evaluation = Evaluation {
            protocol: Protocol {
                name: "birds".into(),
                images: 600,
                ..Protocol::default()
            },
            metrics: vec![Metric {
                name: "ssim".into(),
                label: "SSIM".into(),
                value: 0.25,
                low: Some(0.2),
                high: None,
                unit: String::new(),
                higher_is_better: true,
                count: 600,
                network: "ssim/gaussian".into(),
                chance: None,
                real: None,
                group: None,
                detail: String::new(),
            }],
            grid: Some("evaluation/grid.png".into()),
            figures: vec![Figure {
                title: "a".into(),
                path: "b.png".into(),
            }],
            missing: vec![],
        };
        let json = serde_json::to_string(&evaluation).expect("writes");
        assert_eq!(
            serde_json::from_str::<Evaluation>(&json).expect("reads"),
            evaluation
        );
    }
}

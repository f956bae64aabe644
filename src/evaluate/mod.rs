//! Protocols: which images, how many, which captions, which instruments. Every value leaves with
//! the protocol it was measured under.

mod cached_extractor;
pub mod captions;
pub mod classes;
mod colour_words;
mod distances;
pub mod embedding;
mod encoders;
pub mod extract;
pub mod features;
pub mod instrument;
mod measures;
mod metric;
mod perceptual;
pub mod pictures;
mod pixels;
pub mod probe;
pub mod protocol;
pub mod rank;
pub mod requested;
pub mod retrieval;
pub mod retrieval_model;
pub mod reuse;
mod scores;
pub mod sets;
pub mod statistics;
pub mod store;
pub mod streamed;
pub mod training_metric;

use image::RgbImage;
use wordpaint_data::DataError;
use wordpaint_metrics::MetricError;
use wordpaint_models::registry::FAMILIES;
use wordpaint_models::system::Role;

use crate::config::Experiment;
use crate::config::schema::PROTOCOLS;
use crate::data::Source;
use crate::picture::{self, Cell};
use crate::run::folder::{RunError, RunFolder, write_atomic};
use crate::run::results::{Evaluation, Protocol};
use crate::setup::SetupError;

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Data, encoder or probe are missing.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The result cannot be written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A metric refused its input.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The family makes no images.
    #[error("`{0}` makes no images, so there is nothing to evaluate")]
    NoGenerator(String),
    /// Images or statistics are missing or damaged.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Folders do not fit each other or the metric.
    #[error("{0}")]
    Folders(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Request(String),
    /// A feature network is not in place.
    #[error(transparent)]
    Absent(#[from] instrument::Absent),
    /// A feature network failed.
    #[error(transparent)]
    Extract(#[from] extract::ExtractError),
    /// The protocol is unknown.
    #[error("unknown protocol `{0}`; expected one of {known}", known = PROTOCOLS.join(", "))]
    Protocol(String),
}

/// What is measured of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Generated images.
    Images,
    /// How well a pair of encoders finds captions and images.
    Retrieval,
    /// How well captions are told.
    Captions,
    /// How well classes are told apart.
    Classes,
    /// What a text encoder makes of captions.
    Embeddings,
}

impl Subject {
    /// Of runs of `family`; `None` where there is nothing to measure.
    pub fn of(family: &str) -> Option<Self> {
        let info = FAMILIES.iter().find(|info| info.name == family)?;
        match info.role {
            Role::Generator => Some(Self::Images),
            Role::Encoders => Some(Self::Retrieval),
            Role::Captioner => Some(Self::Captions),
            Role::Classifier => Some(Self::Classes),
            Role::TextEncoder => Some(Self::Embeddings),
            Role::Probe => None,
        }
    }
}

/// Conditions of the protocol `(name, version, description)` of `experiment` that looks at `images`
/// real ones, each with one of its captions, by `encoder`.
fn of_real_images(
    (name, version, description): (&str, &str, &str),
    experiment: &Experiment,
    images: usize,
    encoder: &str,
) -> Protocol {
    Protocol {
        name: name.into(),
        version: version.into(),
        description: description.into(),
        images,
        split: format!("{:?}", experiment.data.eval_split).to_lowercase(),
        captions: "captions in turn".into(),
        seed: experiment.train.seed,
        encoder: encoder.into(),
        preprocessing: "centre crops as in training, without flips".into(),
    }
}

/// Writes `evaluation` into `run`, under the name of its protocol.
fn keep(run: &RunFolder, evaluation: &Evaluation) -> Result<(), RunError> {
    let json = serde_json::to_vec_pretty(evaluation).expect("an evaluation is plain data");
    let file = format!("evaluation/{}.json", evaluation.protocol.name);
    write_atomic(&run.join(&file), &json)
}

/// Real images as training sees them, at the size of the generated ones.
fn real_images(
    source: &Source,
    images: &[usize],
    fakes: &[RgbImage],
) -> Result<Vec<RgbImage>, DataError> {
    let pairs = images.iter().zip(fakes);
    pairs
        .map(|(&index, fake)| source.real(index, fake.width()))
        .collect()
}

/// Real beside generated images with their captions.
fn sheet(captions: &[String], reals: &[RgbImage], fakes: &[RgbImage]) -> RgbImage {
    let pairs = reals.iter().zip(fakes).zip(captions);
    let cells: Vec<Cell<'_>> = pairs
        .flat_map(|((real, fake), caption)| {
            [
                Cell {
                    image: real.clone(),
                    caption: "real",
                },
                Cell {
                    image: fake.clone(),
                    caption,
                },
            ]
        })
        .collect();
    picture::grid(&cells, 6)
}

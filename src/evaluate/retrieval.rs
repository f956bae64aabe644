//! The protocol of pretrained pairs of encoders: do captions find their images, and images their
//! captions?

use wordpaint_models::backend::Backend;

use super::EvaluateError;
use super::extract::Extractor;
use super::matcher::{self, Matcher};
use crate::config::Experiment;
use crate::data::Source;
use crate::report::schema::{Evaluation, Protocol};
use crate::run::folder::{RunFolder, write_atomic};
use crate::setup::{Places, Say};

/// Its name.
pub const NAME: &str = "retrieval";
/// Raised whenever a number could change.
pub const VERSION: &str = "1";

/// Measures the pair that `run` made on the real images of `source` and writes
/// `evaluation/retrieval.json`.
///
/// # Errors
///
/// If data are missing or the result cannot be written.
pub fn evaluate<B: Backend>(
    run: &RunFolder,
    experiment: &Experiment,
    source: &Source,
    device: &B::Device,
    places: &Places,
    say: Say<'_>,
) -> Result<Evaluation, EvaluateError> {
    let seed = experiment.train.seed;
    let pair = Matcher::<B>::open(run, device, places)?;
    let images = source.population.indices.len();
    say(&format!("encoding {images} images and their captions"));
    let evaluation = Evaluation {
        protocol: Protocol {
            name: NAME.into(),
            version: VERSION.into(),
            description: "every real image with one of its captions in turn, each looked for \
                          among 99 of other classes"
                .into(),
            images,
            split: format!("{:?}", experiment.data.eval_split).to_lowercase(),
            captions: "captions in turn".into(),
            seed,
            encoder: pair.instrument().network.clone(),
            front_end: "centre crops as in training, without flips".into(),
        },
        metrics: matcher::retrieval(&pair, source, seed)?,
        ..Evaluation::default()
    };
    let json = serde_json::to_vec_pretty(&evaluation).expect("an evaluation is plain data");
    write_atomic(&run.join(&format!("evaluation/{NAME}.json")), &json)?;
    Ok(evaluation)
}

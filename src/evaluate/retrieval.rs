//! The protocol of pretrained pairs of encoders: do captions find their images, and images their
//! captions?

use wordpaint_models::backend::Backend;

use super::extract::Extractor;
use super::matcher::{self, Matcher};
use super::{EvaluateError, keep, of_real_images};
use crate::config::Experiment;
use crate::data::Source;
use crate::report::schema::Evaluation;
use crate::run::folder::RunFolder;
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
        protocol: of_real_images(
            (
                NAME,
                VERSION,
                "every real image with one of its captions in turn, each looked for among 99 of \
                 other classes",
            ),
            experiment,
            images,
            &pair.instrument().network,
        ),
        metrics: matcher::retrieval(&pair, source, seed)?,
        ..Evaluation::default()
    };
    keep(run, &evaluation)?;
    Ok(evaluation)
}

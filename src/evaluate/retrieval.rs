//! The protocol of pretrained pairs of encoders: do captions find their images, and images their
//! captions?

use wordpaint_metrics::r_precision::retrieve;
use wordpaint_models::backend::Backend;

use super::colour_words;
use super::extract::Extractor;
use super::retrieval_model::{Pool, RetrievalModel, codes_of, recall};
use super::{EvaluateError, keep, of_real_images};
use crate::config::Experiment;
use crate::data::Source;
use crate::run::folder::RunFolder;
use crate::run::results::{Evaluation, Metric};
use crate::setup::{Dirs, Status};

/// Its name.
pub const NAME: &str = "retrieval";
/// Raised whenever a number could change.
pub const VERSION: &str = "2";

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
    dirs: &Dirs,
    status: Status<'_>,
) -> Result<Evaluation, EvaluateError> {
    let seed = experiment.train.seed;
    let pair = RetrievalModel::<B>::open(run, device, dirs)?;
    let images = source.split.indices.len();
    status(&format!("encoding {images} images and their captions"));
    let mut metrics = metrics(&pair, source, seed)?;
    let embed = |texts: &[String]| Ok(pair.sentences(texts)?);
    let network = &pair.instrument().network;
    metrics.extend(colour_words::metrics(experiment, source, network, &embed)?);
    let evaluation = Evaluation {
        protocol: of_real_images(
            (
                NAME,
                VERSION,
                "every real image with one of its captions in turn, each looked for among 99 of \
                 other classes; colour words read off sentences by a linear map",
            ),
            experiment,
            images,
            &pair.instrument().network,
        ),
        metrics,
        ..Evaluation::default()
    };
    keep(run, &evaluation)?;
    Ok(evaluation)
}

/// Retrieval of the real images of a split by their captions, and the other way; every image with
/// one of its captions in turn.
///
/// # Errors
///
/// If data cannot be read or all images are of one class.
fn metrics<B: Backend>(
    encoders: &RetrievalModel<B>,
    source: &Source,
    seed: u64,
) -> Result<Vec<Metric>, EvaluateError> {
    let pool = Pool::new(encoders, source)?;
    let images = codes_of(encoders, source, pool.indices)?;
    let (mut to_image, mut to_caption, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for place in 0..pool.indices.len() {
        let caption = place % pool.count;
        let query = place as u64;
        let drawn = pool.mismatched(place, query, seed)?;
        let said = pool.caption(place, caption);
        let others = || drawn.iter().map(|c| images.row(c.image));
        to_image.push(retrieve(said, images.row(place), others())?);
        let code = images.row(place);
        to_caption.push(pool.rank(code, (place, caption), query, seed)?);
        let wrong = pool.mismatched(place, query, !seed)?[0];
        control.push(retrieve(said, images.row(wrong.image), others())?);
    }
    let network = &encoders.instrument().network;
    let detail = "against 99 of other classes by cosine of the whole codes; ties are misses; 95 % \
                  bootstrap interval";
    let mut metrics = Vec::new();
    for (ranks, way, title) in [
        (&to_image, "caption_to_image", "Caption to image"),
        (&to_caption, "image_to_caption", "Image to caption"),
    ] {
        for k in [1, 5, 10] {
            let (name, label) = (format!("{way}_r{k}"), format!("{title}, R@{k} of 100"));
            metrics.push(recall(ranks, k, (&name, &label), network, seed, detail)?);
        }
    }
    let names = (
        "caption_to_image_shuffled",
        "Caption to another's image, R@1 of 100",
    );
    let detail = "control: every caption with an image of another class";
    metrics.push(recall(&control, 1, names, network, seed, detail)?);
    Ok(metrics)
}

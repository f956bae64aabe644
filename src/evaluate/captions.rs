//! The protocol of captioners: how surprising are the captions of unseen images, and does the image
//! help to predict them?

use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_metrics::interval::bootstrap;
use wordpaint_metrics::{Interval, MetricError};
use wordpaint_models::backend::Backend;
use wordpaint_models::captioner;
use wordpaint_models::system::Description;
use wordpaint_models::text::captioner::{Captioner, predicted_tokens};
use wordpaint_models::vision::matching::DamsmSizes;

use super::protocol::turns;
use super::scores::{RESAMPLES, with_interval};
use super::{EvaluateError, keep, of_real_images};
use crate::config::Experiment;
use crate::data::Source;
use crate::data::batch::fixed_batch;
use crate::run::folder::RunFolder;
use crate::run::results::{Evaluation, Metric};
use crate::setup::{Dirs, SetupError, Status, networks, pretrained, words};

/// Its name.
pub const NAME: &str = "captions";
/// Raised whenever a number could change.
pub const VERSION: &str = "1";
/// Captions decoded together.
const BATCH: usize = 64;

/// Measures the captioner that `run` made on the real images of `source` and writes
/// `evaluation/captions.json`.
///
/// # Errors
///
/// If data or its image encoder are missing, or the result cannot be written.
pub fn evaluate<B: Backend>(
    run: &RunFolder,
    experiment: &Experiment,
    source: &Source,
    device: &B::Device,
    dirs: &Dirs,
    status: Status<'_>,
) -> Result<Evaluation, EvaluateError> {
    let seed = experiment.train.seed;
    let images = source.split.indices.len();
    status(&format!("telling the captions of {images} images"));
    let captioner = pretrained::captioner_of::<B>(run, device)?;
    networks::check(
        run,
        &pretrained::digests(experiment, [DamsmSizes::KEY], dirs)?,
    )?;
    let pretraining = words::pretraining(experiment, dirs)?;
    let rows = rows::<B>(experiment, source, (&pretraining, dirs), device)?;
    let own: Vec<usize> = (0..rows.len()).collect();
    let classes: Vec<usize> = rows.iter().map(|row| row.class).collect();
    let own = costs(&rows, &own, &captioner, device);
    let others = costs(&rows, &of_others(&classes), &captioner, device);
    let name = pretraining.path().file_name().unwrap_or_default();
    let network = format!("captioner, through the encoder of {}", name.display());
    let evaluation = Evaluation {
        protocol: of_real_images(
            (
                NAME,
                VERSION,
                "every real image with one of its captions in turn, told word by word",
            ),
            experiment,
            images,
            &network,
        ),
        metrics: metrics(&own, &others, &network, seed)?,
        ..Evaluation::default()
    };
    keep(run, &evaluation)?;
    Ok(evaluation)
}

/// An image as the encoder gives it, with a caption.
struct Row {
    image: usize,
    class: usize,
    features: Vec<f32>,
    /// Ids of words, padded to a common length.
    tokens: Vec<i32>,
    /// Words of the caption.
    length: usize,
}

/// Rows of all images, in their order.
fn rows<B: Backend>(
    experiment: &Experiment,
    source: &Source,
    (pretraining, dirs): (&RunFolder, &Dirs),
    device: &B::Device,
) -> Result<Vec<Row>, EvaluateError> {
    let config = experiment
        .config_of::<captioner::Family>()
        .map_err(SetupError::from)?;
    let (pair, _) = pretrained::pair_of::<B>(pretraining, device, dirs)?;
    let mut rows = Vec::new();
    let queries = turns(source, usize::MAX, 0);
    for of_caption in queries.chunk_by(|a, b| a.prompt.caption == b.prompt.caption) {
        for chunk in of_caption.chunks(BATCH) {
            let images: Vec<usize> = chunk.iter().map(|query| query.prompt.image).collect();
            let batch = fixed_batch(source, &images, chunk[0].prompt.caption)?;
            let batch = batch.upload::<B>(source, device);
            let (ids, lengths) = batch.text.caption(0);
            let whole = pair.encode(batch.real(), config.align_corners).whole;
            let ([_, width], [_, dim]) = (ids.dims(), whole.dims());
            let tokens: Vec<i32> = ids.into_data().iter::<i32>().collect();
            let whole: Vec<f32> = whole.into_data().iter::<f32>().collect();
            let tokens = tokens.chunks(width);
            let parts = whole.chunks(dim).zip(tokens).zip(lengths).zip(images);
            rows.extend(parts.map(|(((features, tokens), length), image)| Row {
                image,
                class: source.dataset.class_of(image),
                features: features.to_vec(),
                tokens: tokens.to_vec(),
                length,
            }));
        }
    }
    rows.sort_by_key(|row| row.image);
    Ok(rows)
}

/// For every row one of another class, half of the rows further on or the next one behind that;
/// where all are of one class, half of the rows further on.
fn of_others(classes: &[usize]) -> Vec<usize> {
    let count = classes.len();
    let other = |row: usize| {
        let mut further = (0..count).map(|step| (row + count / 2 + step) % count);
        let found = further.find(|&other| classes[other] != classes[row]);
        found.unwrap_or((row + count / 2) % count)
    };
    (0..count).map(other).collect()
}

/// Cross entropy of a caption, and the number of words and ends it is summed over.
type Cost = (f64, usize);

/// Costs of the captions of `rows`, each decoded from the image of the row that `image_rows` has for it.
fn costs<B: Backend>(
    rows: &[Row],
    image_rows: &[usize],
    captioner: &Captioner<B>,
    device: &B::Device,
) -> Vec<Cost> {
    let mut costs = Vec::new();
    for (batch, image_rows) in rows.chunks(BATCH).zip(image_rows.chunks(BATCH)) {
        let count = batch.len();
        let features = image_rows
            .iter()
            .flat_map(|&row| rows[row].features.clone());
        let features = TensorData::new(features.collect(), [count, captioner.features()]);
        let tokens: Vec<i32> = batch.iter().flat_map(|row| row.tokens.clone()).collect();
        let width = tokens.len() / count;
        let ids = Tensor::<B, 2, Int>::from_data(TensorData::new(tokens, [count, width]), device);
        let lengths: Vec<usize> = batch.iter().map(|row| row.length).collect();
        let features = Tensor::from_data(features, device);
        let found = captioner.costs(features, ids, &lengths, None).into_data();
        let predicted_tokens = lengths.into_iter().map(predicted_tokens);
        costs.extend(found.iter::<f32>().map(f64::from).zip(predicted_tokens));
    }
    costs
}

/// Perplexity of captions with their own images and with others'.
fn metrics(
    own: &[Cost],
    others: &[Cost],
    network: &str,
    seed: u64,
) -> Result<Vec<Metric>, MetricError> {
    let lower = |name, label, interval, detail| Metric {
        higher_is_better: false,
        ..with_interval(name, label, network, interval, detail)
    };
    let entropy = over(own, seed, |entropy| entropy)?;
    Ok(vec![
        lower(
            "caption_perplexity",
            "Caption perplexity",
            over(own, seed, f64::exp)?,
            "exponential of the mean cross entropy of all words and ends; 95 % bootstrap interval",
        ),
        lower(
            "caption_perplexity_shuffled",
            "Caption perplexity with others' images",
            over(others, seed, f64::exp)?,
            "control: every caption told from an image of another class",
        ),
        Metric {
            unit: "nats".into(),
            ..lower(
                "caption_cross_entropy",
                "Caption cross entropy",
                entropy,
                "mean over all words and ends; 95 % bootstrap interval",
            )
        },
    ])
}

/// A function of the mean cost per word, with the interval of resampled captions.
fn over(costs: &[Cost], seed: u64, of_mean: fn(f64) -> f64) -> Result<Interval, MetricError> {
    bootstrap(costs.len(), RESAMPLES, seed, |rows| {
        let add = |(nats, predicted_tokens): Cost, &row: &usize| {
            (nats + costs[row].0, predicted_tokens + costs[row].1)
        };
        let (nats, predicted_tokens) = rows.iter().fold((0.0, 0), add);
        of_mean(nats / predicted_tokens as f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_of_another_class_where_there_is_one() {
        let classes = [0, 0, 0, 1, 1, 0];

        let others = of_others(&classes);

        assert_eq!(others, [3, 4, 3, 0, 1, 3]);
        assert_eq!(of_others(&[7; 4]), [2, 3, 0, 1]);
    }

    #[test]
    fn perplexity_weighs_words_alike_and_comes_with_its_control() {
        let own = [(2.0, 4), (4.0, 2), (0.0, 6)];
        let others = own.map(|(nats, predicted_tokens)| (2.0 * nats, predicted_tokens));

        let metrics = metrics(&own, &others, "captioner", 3).expect("not empty");

        let value = |name: &str| {
            let found = metrics.iter().find(|metric| metric.name == name);
            found.expect("measured").clone()
        };
        let entropy = value("caption_cross_entropy");
        assert!((entropy.value - 0.5).abs() < 1e-12);
        assert!(entropy.low < Some(0.5) && entropy.high > Some(0.5));
        let perplexity = value("caption_perplexity");
        assert!((perplexity.value - 0.5f64.exp()).abs() < 1e-12 && !perplexity.higher_is_better);
        let control = value("caption_perplexity_shuffled");
        assert!((control.value - 1f64.exp()).abs() < 1e-12);
    }
}

//! The protocol of sentence embeddings: do captions of unseen classes find their images, and which
//! words can be read off an embedding?

use std::collections::BTreeMap;

use wordpaint_metrics::bootstrap_mean;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::char_cnn_rnn;

use super::colour_words::{self, captions};
use super::scores::{RESAMPLES, with_interval};
use super::{EvaluateError, keep, of_real_images};
use crate::config::Experiment;
use crate::data::Source;
use crate::run::folder::RunFolder;
use crate::run::results::{Evaluation, Metric};
use crate::setup::text::Encoder;
use crate::setup::{Dirs, SetupError, Status, features, pretrained};

/// Its name.
pub const NAME: &str = "embedding";
/// Raised whenever a number could change.
pub const VERSION: &str = "1";
/// Captions encoded together.
const BATCH: usize = 64;

/// Measures the encoder that `run` made on `unseen` images and their captions and writes
/// `evaluation/embedding.json`.
///
/// # Errors
///
/// If data or the network of image features are missing, or the result cannot be written.
pub fn evaluate<B: AutodiffBackend>(
    run: &RunFolder,
    experiment: &Experiment,
    unseen: &Source,
    device: &B::Device,
    dirs: &Dirs,
    status: Status<'_>,
) -> Result<Evaluation, EvaluateError> {
    let config = experiment
        .config_of::<char_cnn_rnn::Family>()
        .map_err(SetupError::from)?;
    let encoder = Encoder::<B::InnerBackend>::from_run(run, device)?;
    let vgg = pretrained::vgg::<B::InnerBackend>(experiment, device, dirs)?;
    let features = features::table(experiment, unseen, &vgg, device, dirs, status)?;
    let (split, seed) = (&unseen.split, experiment.train.seed);
    let count = split.captions.max(1);
    status(&format!(
        "embedding {} captions",
        split.indices.len() * count
    ));
    let texts = captions(unseen, &split.indices, |_| 0..count)?;
    let texts = encode(&encoder, &texts, config.embedding_dim);
    let image_features: Vec<&[f32]> = split
        .indices
        .iter()
        .map(|image| features.row(*image, 0))
        .collect();
    let name = run.path().file_name().unwrap_or_default();
    let network = format!("text encoder of {}", name.display());
    let share = |hits: &[f64], chance: f64, (name, label): (&str, &str), detail: &str| {
        let interval = bootstrap_mean(hits, RESAMPLES, seed)?;
        Ok::<_, EvaluateError>(Metric {
            unit: "share".into(),
            chance: Some(chance),
            ..with_interval(name, label, &network, interval, detail)
        })
    };
    let found = Found::new(&image_features, &texts, &split.classes, count);
    let chance = 1.0 / found.classes as f64;
    let mut metrics = vec![
        share(
            &found.images,
            chance,
            ("zero_shot_top1", "Unseen images told apart by captions"),
            "every image given to the unseen class whose mean caption it agrees with most (dot \
             product); 95 % bootstrap interval",
        )?,
        share(
            &found.captions,
            chance,
            ("caption_to_class", "Captions that find their unseen class"),
            "every caption given to the unseen class whose mean image it agrees with most (dot \
             product); 95 % bootstrap interval",
        )?,
    ];
    let embed = |texts: &[String]| Ok(encode(&encoder, texts, config.embedding_dim));
    metrics.extend(colour_words::metrics(experiment, unseen, &network, &embed)?);
    let evaluation = Evaluation {
        protocol: of_real_images(
            (
                NAME,
                VERSION,
                "captions and image features of unseen classes; colour words read by a linear map",
            ),
            experiment,
            split.indices.len(),
            &network,
        ),
        metrics,
        ..Evaluation::default()
    };
    keep(run, &evaluation)?;
    Ok(evaluation)
}

fn encode<B: wordpaint_models::backend::Backend>(
    encoder: &Encoder<B>,
    captions: &[String],
    dim: usize,
) -> Vec<Vec<f32>> {
    let encoded = captions.chunks(BATCH).flat_map(|captions| {
        let values: Vec<f32> = encoder.encode(captions).into_data().iter::<f32>().collect();
        values.chunks(dim).map(<[f32]>::to_vec).collect::<Vec<_>>()
    });
    encoded.collect()
}

/// 1 for every image and every caption that found its class.
struct Found {
    classes: usize,
    images: Vec<f64>,
    captions: Vec<f64>,
}

impl Found {
    /// `texts` holds `count` rows for each of `images`.
    fn new(images: &[&[f32]], texts: &[Vec<f32>], classes: &[usize], count: usize) -> Self {
        let of_texts: Vec<usize> = (0..texts.len()).map(|row| classes[row / count]).collect();
        let rows: Vec<&[f32]> = texts.iter().map(Vec::as_slice).collect();
        let (mean_texts, mean_images) = (means(&rows, &of_texts), means(images, classes));
        Self {
            classes: mean_images.len(),
            images: hits(images, classes, &mean_texts),
            captions: hits(&rows, &of_texts, &mean_images),
        }
    }
}

/// Mean row of every class.
fn means(rows: &[&[f32]], classes: &[usize]) -> BTreeMap<usize, Vec<f32>> {
    let mut sums = BTreeMap::<usize, (Vec<f32>, f32)>::new();
    for (row, class) in rows.iter().zip(classes) {
        let (sum, count) = sums
            .entry(*class)
            .or_insert_with(|| (vec![0.0; row.len()], 0.0));
        sum.iter_mut().zip(*row).for_each(|(s, v)| *s += v);
        *count += 1.0;
    }
    let mean = |(sum, count): (Vec<f32>, f32)| sum.into_iter().map(|s| s / count).collect();
    sums.into_iter()
        .map(|(class, sum)| (class, mean(sum)))
        .collect()
}

fn hits(rows: &[&[f32]], classes: &[usize], means: &BTreeMap<usize, Vec<f32>>) -> Vec<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let hit = |(row, class): (&&[f32], &usize)| {
        let best = means
            .iter()
            .max_by(|a, b| dot(row, a.1).total_cmp(&dot(row, b.1)));
        f64::from(u8::from(best.is_some_and(|(found, _)| found == class)))
    };
    rows.iter().zip(classes).map(hit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_captions_are_given_to_the_class_of_the_largest_dot_product() {
        let images: [&[f32]; 4] = [&[1.0, 0.0], &[0.8, 0.1], &[0.0, 1.0], &[0.6, 0.1]];
        let texts = [[1.0, 0.0], [0.5, 0.0], [0.9, 0.2], [0.7, 0.0]]
            .into_iter()
            .chain([[0.0, 1.0], [0.1, 1.0], [0.0, 2.0], [1.0, 0.0]])
            .map(|row| row.to_vec())
            .collect::<Vec<_>>();

        let found = Found::new(&images, &texts, &[3, 3, 8, 8], 2);

        assert_eq!(found.classes, 2);
        assert_eq!(found.images, [1.0, 1.0, 1.0, 0.0]);
        assert_eq!(found.captions, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
    }
}

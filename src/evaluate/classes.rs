//! The protocol of classifiers: do they know their classes, and do their features tell unseen ones
//! apart?

use burn::prelude::Tensor;
use wordpaint_metrics::bootstrap_mean;
use wordpaint_models::backend::Backend;
use wordpaint_models::vgg_classifier::{Classifier, Family};

use super::scores::{RESAMPLES, with_interval};
use super::{EvaluateError, keep, of_real_images};
use crate::config::Experiment;
use crate::data::Source;
use crate::data::batch::fixed_batch;
use crate::run::folder::RunFolder;
use crate::run::results::{Evaluation, Metric};
use crate::setup::trained::Trained;
use crate::setup::{self, SetupError, Status};

/// Its name.
pub const NAME: &str = "classes";
/// Raised whenever a number could change.
pub const VERSION: &str = "1";
/// Images in a batch.
const BATCH: usize = 32;
/// Images of the training split that are classified.
const MOST: usize = 1000;

/// Measures the classifier that `run` made on images of its own classes and on those of `unseen`,
/// and writes `evaluation/classes.json`.
///
/// # Errors
///
/// If data are missing or the result cannot be written.
pub fn evaluate<B: Backend>(
    run: &RunFolder,
    experiment: &Experiment,
    unseen: &Source,
    device: &B::Device,
    status: Status<'_>,
) -> Result<Evaluation, EvaluateError> {
    let classifier = Trained::<Family>::open(run)?.system::<B>(device);
    let classifier = classifier.map_err(SetupError::from)?;
    let known = known(experiment, unseen)?;
    let images = known.split.indices.len() + unseen.split.indices.len();
    status(&format!("classifying {images} images"));
    let (name, seed) = (
        run.path().file_name().unwrap_or_default(),
        experiment.train.seed,
    );
    let network = format!("classifier of {}", name.display());
    let share = |hits: &[f64], chance: usize, name: &str, label: &str, detail: &str| {
        let interval = bootstrap_mean(hits, RESAMPLES, seed)?;
        Ok::<_, EvaluateError>(Metric {
            unit: "share".into(),
            chance: Some(1.0 / chance.max(1) as f64),
            ..with_interval(name, label, &network, interval, detail)
        })
    };
    let (right, of) = (top1(&classifier, &known, device)?, distinct(&known));
    let (near, among) = (nearest(&classifier, unseen, device)?, distinct(unseen));
    let evaluation = Evaluation {
        protocol: of_real_images(
            (
                NAME,
                VERSION,
                "real images of known and of unseen classes, whole",
            ),
            experiment,
            images,
            &network,
        ),
        metrics: vec![
            share(
                &right,
                of,
                "top1",
                "Top-1 accuracy on its classes",
                "images it was trained on, without flips; 95 % bootstrap interval",
            )?,
            share(
                &near,
                among,
                "unseen_top1",
                "Unseen classes told apart by its features",
                "half of the images of every unseen class, each given to the class with the nearest \
                 mean of the other half's features; 95 % bootstrap interval",
            )?,
        ],
        ..Evaluation::default()
    };
    keep(run, &evaluation)?;
    Ok(evaluation)
}

/// Some images that the classifier was trained on.
fn known(experiment: &Experiment, unseen: &Source) -> Result<Source, EvaluateError> {
    let dataset = unseen.dataset.clone();
    let all = crate::data::source::images(dataset.as_ref(), experiment.data.split)?;
    let chosen = setup::spread(&all, MOST);
    Ok(Source::of(
        dataset,
        &experiment.data,
        chosen,
        unseen.needs.clone(),
    )?)
}

fn distinct(source: &Source) -> usize {
    let mut classes = source.split.classes.clone();
    classes.sort_unstable();
    classes.dedup();
    classes.len()
}

/// What `network` returns for every image of a source, row by row.
fn rows<B: Backend>(
    source: &Source,
    device: &B::Device,
    network: impl Fn(Tensor<B, 4>) -> Tensor<B, 2>,
) -> Result<Vec<Vec<f32>>, EvaluateError> {
    let mut rows = Vec::new();
    for images in source.split.indices.chunks(BATCH) {
        let batch = fixed_batch(source, images, 0)?.upload::<B>(source, device);
        let output = network(batch.real());
        let [_, width] = output.dims();
        let values: Vec<f32> = output.into_data().iter::<f32>().collect();
        rows.extend(values.chunks(width).map(<[f32]>::to_vec));
    }
    Ok(rows)
}

/// 1 for every image whose class has the largest score.
fn top1<B: Backend>(
    classifier: &Classifier<B>,
    source: &Source,
    device: &B::Device,
) -> Result<Vec<f64>, EvaluateError> {
    let scores = rows(source, device, |images| classifier.forward(images))?;
    let hit = |(scores, class): (&Vec<f32>, &usize)| {
        let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        f64::from(u8::from(best == Some(*class)))
    };
    Ok(scores.iter().zip(&source.split.classes).map(hit).collect())
}

/// 1 for every second image of a class whose features lie nearest to the mean of its class's others.
fn nearest<B: Backend>(
    classifier: &Classifier<B>,
    source: &Source,
    device: &B::Device,
) -> Result<Vec<f64>, EvaluateError> {
    let features = rows(source, device, |images| classifier.features(images))?;
    Ok(by_means(&features, &source.split.classes))
}

fn by_means(features: &[Vec<f32>], classes: &[usize]) -> Vec<f64> {
    let mut by_class = std::collections::BTreeMap::<usize, Vec<usize>>::new();
    for (row, class) in classes.iter().enumerate() {
        by_class.entry(*class).or_default().push(row);
    }
    let mean = |rows: &[usize]| -> Vec<f32> {
        let known = rows.iter().step_by(2);
        let count = known.len() as f32;
        (0..features[rows[0]].len())
            .map(|c| known.clone().map(|r| features[*r][c]).sum::<f32>() / count)
            .collect()
    };
    let means: Vec<(usize, Vec<f32>)> = by_class.iter().map(|(c, rows)| (*c, mean(rows))).collect();
    let distance =
        |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum() };
    let asked = by_class.iter().flat_map(|(class, rows)| {
        rows.iter()
            .skip(1)
            .step_by(2)
            .map(move |row| (*class, *row))
    });
    asked
        .map(|(class, row)| {
            let nearest = means.iter().min_by(|a, b| {
                distance(&features[row], &a.1).total_cmp(&distance(&features[row], &b.1))
            });
            f64::from(u8::from(nearest.is_some_and(|(found, _)| *found == class)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_image_is_given_to_the_class_of_the_nearest_mean() {
        let features = [[0.0], [0.2], [0.1], [1.0], [0.4], [1.2]].map(|row| row.to_vec());

        let hits = by_means(&features, &[0, 0, 0, 1, 1, 1]);

        // 0.2 lies by class 0 (mean 0.05); 0.4 lies nearer to it than to class 1 (mean 1.1).
        assert_eq!(hits, [1.0, 0.0]);
    }
}

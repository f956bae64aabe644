//! Sharpness of generated images relative to that of real ones.

use wordpaint_metrics::{MetricError, Rgb8, bootstrap_mean, laplacian_variance};

use super::super::scores::{RESAMPLES, with_interval};
use super::{Definition, Needs, OfImages, Score};
use crate::run::results::Metric;

const SCORE: Score = Score::new(
    "sharpness",
    "Sharpness relative to real",
    "Laplacian variance",
);

pub(super) const SHARPNESS: Definition = Definition {
    scores: &[SCORE],
    higher_is_better: true,
    needs: Needs::Images(OfImages {
        value,
        metric,
        title: "Sharpness",
        meaningless: [
            "the real images are flat",
            "the reference images are flat: relative sharpness has no meaning for them",
        ],
    }),
};

/// Variance of the Laplacian.
fn value(image: &Rgb8<'_>) -> Result<f64, MetricError> {
    laplacian_variance(&image.luma())
}

/// `None` where the real images are flat.
fn metric(real: &[f64], fake: &[f64], seed: u64) -> Result<Option<Metric>, MetricError> {
    let reference = real.iter().sum::<f64>() / real.len().max(1) as f64;
    if reference <= 0.0 {
        return Ok(None);
    }
    let relative: Vec<f64> = fake.iter().map(|v| v / reference).collect();
    let interval = bootstrap_mean(&relative, RESAMPLES, seed)?;
    Ok(Some(with_interval(
        SCORE.id,
        SCORE.label,
        SCORE.instrument,
        interval,
        "mean variance of the 4-neighbour Laplacian of luma, divided by that of the real images; \
         1 = as sharp, noise raises it too",
    )))
}

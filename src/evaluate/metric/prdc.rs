//! Improved precision and recall, density and coverage of features.

use wordpaint_metrics::{MetricError, Neighbourhood, Rows, Tie, bootstrap_mean, prdc, wilson};

use super::super::scores::{RESAMPLES, with_interval};
use super::{Definition, Needs, OfFeatures, Score, Sets};
use crate::run::results::Metric;

pub(super) const PRDC: Definition = Definition {
    scores: &[Score::new("prdc", "precision and recall", "")],
    higher_is_better: true,
    needs: Needs::Features(OfFeatures {
        title: "precision and recall",
        fewest: K_DENSITY + 1,
        metrics: of_sets,
        from_statistics: None,
    }),
};

/// Neighbours of improved precision and recall (Kynkäänniemi et al. 2019).
const K_PRECISION: usize = 3;
/// Neighbours of density and coverage (Naeem et al. 2020).
const K_DENSITY: usize = 5;

fn of_sets(sets: &Sets<'_>) -> Result<Vec<Metric>, MetricError> {
    let (instrument, real, fake) = (sets.instrument, sets.real, sets.fake);
    let kinds = [
        Neighbourhood {
            k: K_PRECISION,
            tie: Tie::Inclusive,
        },
        Neighbourhood {
            k: K_DENSITY,
            tie: Tie::Strict,
        },
    ];
    let scores = prdc(real, fake, &kinds)?;
    let (quality, cover) = (&scores[0], &scores[1]);
    let network = instrument.described();
    let share = |name: &str, value: f64, count: usize, k: usize| {
        let hits = (value * count as f64).round() as usize;
        let label = format!("{name} ({}, k {k})", instrument.id);
        let detail = format!(
            "{} reference and {} generated images",
            real.count(),
            fake.count()
        );
        let interval = wilson(hits, count)?;
        Ok::<_, MetricError>(with_interval(name, &label, &network, interval, &detail))
    };
    let label = format!("density ({}, k {K_DENSITY})", instrument.id);
    let density = bootstrap_mean(&cover.densities, RESAMPLES, sets.seed)?;
    let detail = "mean number of reference neighbourhoods around a generated image, divided by k";
    Ok(vec![
        share("precision", quality.precision, fake.count(), K_PRECISION)?,
        share("recall", quality.recall, real.count(), K_PRECISION)?,
        with_interval("density", &label, &network, density, detail),
        share("coverage", cover.coverage, real.count(), K_DENSITY)?,
    ])
}

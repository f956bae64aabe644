//! Fréchet distance of features: FID where the network is the one that the name stands for.

use wordpaint_metrics::{
    Gaussian, GaussianStats, MetricError, Rows, frechet_distance, frechet_interval,
};

use super::super::scores::plain;
use super::{Definition, Needs, OfFeatures, Score, Sets};
use crate::evaluate::extract::Instrument;
use crate::evaluate::store::FeatureSet;
use crate::run::results::Metric;

pub(super) const FID: Definition = Definition {
    scores: &[Score::new("fid", "FID", "")],
    higher_is_better: false,
    needs: Needs::Features(OfFeatures {
        title: "distances",
        fewest: 2,
        metrics: |sets| Ok(vec![of_sets(sets)?]),
        from_statistics: Some(from_statistics),
    }),
};

/// Mean and covariance of the pooled features.
pub(in crate::evaluate) fn gaussian(features: &FeatureSet) -> Result<Gaussian, MetricError> {
    if features.dims() == 0 {
        return Err(MetricError::Empty { what: "features" });
    }
    let mut stats = GaussianStats::new(features.dims());
    for pool in features.pools() {
        stats.push(&pool?)?;
    }
    stats.finish()
}

fn of_sets(sets: &Sets<'_>) -> Result<Metric, MetricError> {
    from_statistics(sets.instrument, &gaussian(sets.real)?, sets.fake, sets.seed)
}

/// Under the name that the instrument allows, with a jackknife interval.
fn from_statistics(
    instrument: &Instrument,
    real: &Gaussian,
    fake: &FeatureSet,
    seed: u64,
) -> Result<Metric, MetricError> {
    let whole = gaussian(fake)?;
    let value = frechet_distance(real, &whole)?.distance.max(0.0);
    let interval = frechet_interval(value, real, fake, &whole, seed)?;
    let given = if real.count == 0 {
        u64::MAX
    } else {
        real.count
    };
    let (n, d) = (given.min(whole.count), whole.dims());
    let warning = if n <= d as u64 {
        format!("; {n} images do not determine {d} x {d} covariances: strongly biased upwards")
    } else {
        String::new()
    };
    let confidence = if interval.is_some() {
        "; interval by leaving out tenths of the generated images"
    } else {
        ""
    };
    let detail = format!(
        "{} reference and {} generated images, {d} features; falls with the number of images, so \
         compare equal numbers only{warning}{confidence}",
        if real.count == 0 {
            "unknown number of".into()
        } else {
            real.count.to_string()
        },
        whole.count
    );
    let (network, count) = (instrument.described(), whole.count as usize);
    Ok(Metric {
        low: interval.map(|i| i.low),
        high: interval.map(|i| i.high),
        ..plain("fid", &instrument.fid, &network, value, count, &detail)
    })
}

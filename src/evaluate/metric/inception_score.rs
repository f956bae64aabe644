//! Inception Score of the classes of generated images.

use wordpaint_metrics::folds::T95;
use wordpaint_metrics::{InceptionScore, Interval, MetricError, Rows, SplitRule};
use wordpaint_rng::{Rng, key};

use super::super::scores::{SPLITS, with_interval};
use super::{Definition, Needs, OfClasses, Score};
use crate::evaluate::extract::Instrument;
use crate::evaluate::store::FeatureSet;
use crate::run::results::Metric;

pub(super) const INCEPTION_SCORE: Definition = Definition {
    scores: &[Score::new("is", "IS", "")],
    higher_is_better: true,
    needs: Needs::Classes(OfClasses {
        title: "Inception Score",
        fewest: SPLITS,
        metric,
    }),
};

/// Inception Score over ten splits of a seeded order; `None` where the instrument has none.
fn metric(
    instrument: &Instrument,
    fake: &FeatureSet,
    seed: u64,
) -> Result<Option<Metric>, MetricError> {
    let (Some(label), classes @ 1..) = (&instrument.inception_score, fake.classes()) else {
        return Ok(None);
    };
    let mut order: Vec<usize> = (0..fake.count()).collect();
    Rng::new(&[seed, key("inception score splits")]).shuffle(&mut order);
    let mut score = InceptionScore::new(fake.count(), classes, SPLITS, SplitRule::FloorBounds)?;
    for chunk in fake.logits() {
        let (first, logits) = chunk?;
        for (i, row) in logits.chunks_exact(classes).enumerate() {
            score.push_logits(order[first + i], row)?;
        }
    }
    let scores = score.finish()?;
    // The published spread divides by the number of splits, an interval by one less.
    let half = T95 * scores.std / ((SPLITS - 1) as f64).sqrt();
    let interval = Interval {
        value: scores.mean,
        low: scores.mean - half,
        high: scores.mean + half,
        count: fake.count(),
    };
    let detail = format!(
        "mean over {SPLITS} splits, as published \u{b1} {:.4} (population standard deviation over \
         splits); order shuffled with seed {seed}",
        scores.std
    );
    Ok(Some(with_interval(
        "is",
        label,
        &instrument.described(),
        interval,
        &detail,
    )))
}

//! Kernel distance of features, over subsets.

use wordpaint_metrics::{MetricError, Rows, draw_subsets, kid, kid_interval};

use super::super::scores::plain;
use super::{Definition, Needs, OfFeatures, Score, Sets};
use crate::run::results::Metric;

pub(super) const KID: Definition = Definition {
    scores: &[Score::new("kid", "KID", "")],
    higher_is_better: false,
    needs: Needs::Features(OfFeatures {
        title: "distances",
        fewest: 2,
        metrics: |sets| Ok(vec![of_sets(sets)?]),
        from_statistics: None,
    }),
};

/// Subsets and their rows (torch-fidelity).
const SUBSETS: (usize, usize) = (100, 1000);

fn of_sets(sets: &Sets<'_>) -> Result<Metric, MetricError> {
    let (real, fake, seed) = (sets.real, sets.fake, sets.seed);
    let (count, size) = SUBSETS;
    let subsets = draw_subsets(real.count(), fake.count(), count, size, seed)?;
    let size = subsets[0].real.len();
    let kid = kid(real, fake, &subsets)?;
    let interval = kid_interval(kid.mean, real, fake, seed)?;
    let confidence = if interval.is_some() {
        "; interval from ten disjoint parts"
    } else {
        ""
    };
    let detail = format!(
        "mean over {count} subsets of {size} of {} and {} images, standard deviation {:.6} over \
         subsets, seed {seed}{confidence}",
        real.count(),
        fake.count(),
        kid.std
    );
    let (label, network) = (sets.instrument.distance("kid"), sets.instrument.described());
    Ok(Metric {
        low: interval.map(|i| i.low),
        high: interval.map(|i| i.high),
        ..plain("kid", &label, &network, kid.mean, fake.count(), &detail)
    })
}

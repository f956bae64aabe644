//! A feature network at work on painted and real images, and what it tells.

use wordpaint_metrics::Rows;

use super::EvaluateError;
use super::extract::{Extractor, Features};
use super::features::check;
use super::measures::{Measure, Painted};
use super::protocol::Query;
use super::scores;
use super::store::{FeatureSet, FeatureStore};
use crate::report::schema::{Metric, Missing};
use crate::setup::Places;

/// A feature network with the store of its features.
pub(super) struct Station {
    pub(super) network: Box<dyn Extractor>,
    store: FeatureStore,
}

impl Station {
    pub(super) fn new(network: Box<dyn Extractor>, places: &Places) -> Self {
        let store = FeatureStore::new(&places.cache, network.instrument());
        Self { network, store }
    }
}

impl Measure for Station {
    fn store(&self) -> &FeatureStore {
        &self.store
    }

    fn measure(&mut self, painted: &Painted<'_>) -> Result<Features, EvaluateError> {
        let features = self.network.features(painted.images)?;
        let name = |row: usize| described(&painted.queries[row]);
        check(&features, &self.network.instrument().id, name)?;
        Ok(features)
    }
}

/// An image in words.
fn described(query: &Query) -> String {
    format!(
        "the image of caption {} of image {}",
        query.prompt.caption, query.prompt.image
    )
}

/// Everything a network tells, under the names it may bear, and what it cannot tell.
pub(super) fn distances(
    network: &dyn Extractor,
    reals: &FeatureSet,
    fakes: &FeatureSet,
    seed: u64,
) -> Result<(Vec<Metric>, Vec<Missing>), EvaluateError> {
    let instrument = network.instrument();
    let mut missing = Vec::new();
    let too_few = |metric: &str, needed: usize| Missing {
        metric: format!("{metric} ({})", instrument.id),
        why: format!(
            "{} real and {} generated images are too few; it takes {needed} of each",
            reals.count(),
            fakes.count()
        ),
        how: "evaluate on more images".into(),
    };
    let mut metrics = Vec::new();
    if reals.count().min(fakes.count()) < 2 {
        missing.push(too_few("distances", 2));
        return Ok((metrics, missing));
    }
    metrics.push(scores::frechet(instrument, reals, fakes, seed)?);
    metrics.push(scores::kernel(instrument, reals, fakes, seed)?);
    if reals.count().min(fakes.count()) > scores::K_DENSITY {
        metrics.extend(scores::neighbours(instrument, reals, fakes, seed)?);
    } else {
        missing.push(too_few("precision and recall", scores::K_DENSITY + 1));
    }
    if instrument.inception_score.is_none() {
        return Ok((metrics, missing));
    }
    if fakes.count() < scores::SPLITS {
        missing.push(too_few("Inception Score", scores::SPLITS));
    } else {
        metrics.extend(scores::inception_score(instrument, fakes, seed)?);
    }
    Ok((metrics, missing))
}

//! What feature networks tell of two sets of images: every metric of the table that needs features.

use wordpaint_metrics::Rows;

use super::EvaluateError;
use super::cached_extractor::CachedExtractor;
use super::measures::{Context, Findings, Measure};
use super::metric::{ALL, Needs, Sets};

/// Fewest images of a set of which anything is told.
const FEWEST: usize = 2;

/// Everything that the network of `extractor` tells of real images and of those generated last, under
/// the names it may bear, and what it cannot tell.
pub(super) fn measure(
    extractor: &mut CachedExtractor,
    context: &Context<'_>,
) -> Result<Findings, EvaluateError> {
    let fake = extractor.rows().set()?;
    let real = extractor.reference(context)?;
    let sets = Sets {
        instrument: extractor.network.instrument(),
        real: &real,
        fake: &fake,
        seed: context.seed,
    };
    of_sets(&sets)
}

fn of_sets(sets: &Sets<'_>) -> Result<Findings, EvaluateError> {
    let mut findings = Findings::default();
    let too_few = |findings: &mut Findings, title: &str, needed: usize| {
        let why = format!(
            "{} real and {} generated images are too few; it takes {needed} of each",
            sets.real.count(),
            sets.fake.count()
        );
        let title = format!("{title} ({})", sets.instrument.id);
        findings.lacks(title, why, "evaluate on more images");
    };
    if sets.fewest() < FEWEST {
        too_few(&mut findings, "distances", FEWEST);
        return Ok(findings);
    }
    for definition in ALL {
        let metrics = match definition.needs {
            Needs::Features(of) if sets.fewest() < of.fewest => {
                too_few(&mut findings, of.title, of.fewest);
                Vec::new()
            }
            Needs::Features(of) => (of.metrics)(sets)?,
            Needs::Classes(_) if sets.instrument.inception_score.is_none() => Vec::new(),
            Needs::Classes(of) if sets.fake.count() < of.fewest => {
                too_few(&mut findings, of.title, of.fewest);
                Vec::new()
            }
            Needs::Classes(of) => {
                let metric = (of.metric)(sets.instrument, sets.fake, sets.seed)?;
                metric.into_iter().collect()
            }
            Needs::Pairs(_) | Needs::Images(_) | Needs::PairNetwork(_) => Vec::new(),
        };
        let metrics = metrics
            .into_iter()
            .map(|metric| definition.directed(metric));
        findings.metrics.extend(metrics);
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::extract::{Extractor, Features};
    use crate::evaluate::instrument::Thumbnails;
    use crate::evaluate::store::{FeatureSet, FeatureStore};

    /// Names of what is told of two sets of `rows` images each, and titles of what is not.
    fn found(rows: usize, has_classes: bool) -> (Vec<String>, Vec<String>) {
        let cache = tempfile::tempdir().expect("temporary folder");
        let mut instrument = Thumbnails::default().instrument().clone();
        if has_classes {
            instrument.inception_score = Some("is_thumb8".into());
        }
        let store = FeatureStore::new(cache.path(), &instrument);
        let set = |name: &str, shift: f32| {
            let values = |i: usize| (i * i % 7) as f32 + shift;
            let features = Features {
                pool: (0..rows * 2).map(values).collect(),
                dims: 2,
                logits: has_classes.then(|| (0..rows * 3).map(values).collect()),
                classes: if has_classes { 3 } else { 0 },
            };
            let place = store.place([name.as_bytes()]);
            FeatureSet::new(vec![store.keep(place, &features).expect("writable")]).expect("alike")
        };
        let sets = Sets {
            instrument: &instrument,
            real: &set("real", 0.0),
            fake: &set("fake", 0.5),
            seed: 0,
        };
        let found = of_sets(&sets).expect("finite");
        let names = found.metrics.into_iter().map(|metric| metric.name);
        let missing = found.missing.into_iter().map(|missing| missing.metric);
        (names.collect(), missing.collect())
    }

    #[test]
    fn every_metric_of_features_is_told_or_said_to_need_more_images() {
        assert_eq!(found(1, true), (vec![], vec!["distances (thumb8)".into()]));
        let few = found(5, true);
        assert_eq!(few.0, ["fid", "kid"]);
        assert_eq!(
            few.1,
            ["precision and recall (thumb8)", "Inception Score (thumb8)"]
        );
        let many = found(12, true);
        let names = [
            "fid",
            "kid",
            "precision",
            "recall",
            "density",
            "coverage",
            "is",
        ];
        assert_eq!(many, (names.map(str::to_owned).into(), vec![]));
        let classless = found(12, false);
        assert_eq!(classless.0, names[..6]);
        assert!(classless.1.is_empty(), "{:?}", classless.1);
    }
}

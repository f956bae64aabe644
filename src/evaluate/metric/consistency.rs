//! Do captions of one picture lead to one image? Two captions of a picture and a caption of another
//! one are generated from the same noise, so that nothing but the words tells the images apart.

use wordpaint_metrics::MetricError;
use wordpaint_metrics::consistency::{consistency, distance};
use wordpaint_rng::{Rng, key};

use super::super::protocol::{Query, spread_over};
use super::super::scores::{RESAMPLES, with_interval};
use crate::data::Source;
use crate::evaluate::EvaluateError;
use crate::evaluate::cached_extractor::CachedExtractor;
use crate::evaluate::extract::Instrument;
use crate::evaluate::measures::{Findings, Measure};
use crate::generate::prompts::Prompt;
use crate::run::results::Metric;

/// Name in messages.
const TITLE: &str = "Semantic consistency";
/// Pictures from whose captions images are generated at most.
const PICTURES: usize = 512;

/// Captions whose images are generated from the same noise, row by row.
pub(in crate::evaluate) struct Triplets {
    /// A caption of every picture.
    anchors: Vec<Query>,
    /// The next caption of the same picture.
    positives: Vec<Query>,
    /// The caption at the positive's position of another picture, drawn at random.
    negatives: Vec<Query>,
}

impl Triplets {
    /// Pictures spread over the split, at most `images` (0 for no limit), with their captions in
    /// turn; `None` where pictures have a single caption or there is a single picture.
    ///
    /// Noise belongs to a place in a batch, and batches hold captions of one position. The positions
    /// of a row's captions are neighbours, so that all three lists fall into the same batches.
    pub(in crate::evaluate) fn of(source: &Source, images: usize, seed: u64) -> Option<Self> {
        let captions = source.split.captions;
        let chosen = spread_over(source, PICTURES, images);
        if captions < 2 || chosen.len() < 2 {
            return None;
        }
        let query = |image: usize, caption: usize| Query {
            prompt: Prompt { image, caption },
            is_pair: false,
        };
        let mut rows: Vec<[Query; 3]> = (0..chosen.len())
            .map(|i| {
                let drawn = Rng::new(&[seed, key("semantic consistency"), i as u64]);
                let caption = i % (captions - 1);
                let other = another(drawn, i, chosen.len());
                [
                    query(chosen[i], caption),
                    query(chosen[i], caption + 1),
                    query(chosen[other], caption + 1),
                ]
            })
            .collect();
        rows.sort_by_key(|row| row[0].prompt.caption);
        let list = |k: usize| rows.iter().map(|row| row[k]).collect();
        Some(Self {
            anchors: list(0),
            positives: list(1),
            negatives: list(2),
        })
    }
}

/// What every network makes of the images of captions of one picture, and of two. The first
/// `num_encoders` of `networks` are encoders of texts and images; `generate` makes images of captions and measures
/// them, `announce` is told how many there are.
///
/// # Errors
///
/// If generating or measuring fails.
pub(in crate::evaluate) fn measure(
    triplets: Option<Triplets>,
    networks: &mut [&mut CachedExtractor],
    num_encoders: usize,
    seed: u64,
    announce: impl Fn(usize),
    mut generate: impl FnMut(&[Query], &mut [&mut dyn Measure]) -> Result<(), EvaluateError>,
) -> Result<Findings, EvaluateError> {
    let mut findings = Findings::default();
    if networks.is_empty() {
        findings.lacks(
            TITLE,
            "nothing looks at the images of pairs of captions",
            "name a pretraining of `damsm` or `clip` with `--retrieval-encoder`, or a protocol with feature networks",
        );
        return Ok(findings);
    }
    let Some(triplets) = triplets else {
        let why = "there are no two pictures with two captions each";
        findings.lacks(TITLE, why, "");
        return Ok(findings);
    };
    announce(3 * triplets.anchors.len());
    let mut features: Vec<[Vec<Vec<f32>>; 3]> = vec![Default::default(); networks.len()];
    let lists = [&triplets.anchors, &triplets.positives, &triplets.negatives];
    for (list, queries) in lists.into_iter().enumerate() {
        let mut measures: Vec<&mut dyn Measure> = Vec::new();
        for extractor in networks.iter_mut() {
            measures.push(&mut **extractor);
        }
        generate(queries, &mut measures)?;
        for (extractor, features) in networks.iter_mut().zip(&mut features) {
            features[list] = extractor.rows().all()?;
        }
    }
    for (i, (extractor, features)) in networks.iter().zip(&features).enumerate() {
        let instrument = extractor.network.instrument();
        match metric(instrument, i < num_encoders, features, seed)? {
            Some(metric) => findings.metrics.push(metric),
            None => findings.lacks(
                format!("{TITLE} ({})", instrument.id),
                "it sees no difference between the images of any two captions",
                "train for longer",
            ),
        }
    }
    Ok(findings)
}

/// A random number below `count` that is not `own`.
fn another(mut rng: Rng, own: usize, count: usize) -> usize {
    let drawn = rng.n(count - 1);
    if drawn < own { drawn } else { drawn + 1 }
}

/// The metric from the features of anchors, positives and negatives by `instrument`; `None` where
/// these do not differ at all. That of the retrieval encoder has the plain name.
fn metric(
    instrument: &Instrument,
    is_encoder: bool,
    [anchors, positives, negatives]: &[Vec<Vec<f32>>; 3],
    seed: u64,
) -> Result<Option<Metric>, MetricError> {
    let to = |others: &[Vec<f32>]| -> Vec<f64> {
        let pairs = anchors.iter().zip(others);
        pairs.map(|(a, b)| distance(a, b)).collect()
    };
    let Some(interval) = consistency(&to(positives), &to(negatives), RESAMPLES, seed)? else {
        return Ok(None);
    };
    let (name, label) = if is_encoder {
        ("semantic_consistency".to_owned(), TITLE.to_owned())
    } else {
        let name = format!("semantic_consistency_{}", instrument.id);
        (name.clone(), name)
    };
    let detail = "distance (1 - cosine) between images of two captions of one picture, divided by \
                  that between captions of two pictures, all from the same noise; 1 = no closer than \
                  any two captions; 95 % bootstrap interval over pictures";
    Ok(Some(Metric {
        higher_is_better: false,
        ..with_interval(&name, &label, &instrument.network, interval, detail)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::extract::Extractor;
    use crate::evaluate::instrument::Thumbnails;

    #[test]
    fn everyone_but_oneself_is_drawn() {
        let drawn = |seed| another(Rng::new(&[seed]), 2, 4);
        let all: std::collections::BTreeSet<usize> = (0..100).map(drawn).collect();
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [0, 1, 3]);
    }

    #[test]
    fn the_metric_relates_both_kinds_of_pairs_and_names_its_network() {
        let instrument = Thumbnails::default().instrument().clone();
        let rows =
            |rows: &[[f32; 2]]| -> Vec<Vec<f32>> { rows.iter().map(|r| r.to_vec()).collect() };
        // Cosines 24/25 and 1 with the positives, 0 and 1/2 with the negatives.
        let half = [0.5, 0.75_f32.sqrt()];
        let features = [
            rows(&[[3.0, 4.0], [1.0, 0.0]]),
            rows(&[[4.0, 3.0], [2.0, 0.0]]),
            rows(&[[4.0, -3.0], half]),
        ];

        let found = metric(&instrument, false, &features, 0).expect("finite");
        let found = found.expect("they differ");
        assert!((found.value - 0.04 / 1.5).abs() < 1e-6, "{found:?}");
        assert_eq!(found.name, "semantic_consistency_thumb8");
        assert_eq!((found.count, found.higher_is_better), (2, false));
        let of_encoder = metric(&instrument, true, &features, 0).expect("finite");
        assert_eq!(
            of_encoder.expect("they differ").name,
            "semantic_consistency"
        );

        let alike = [
            features[0].clone(),
            features[1].clone(),
            features[0].clone(),
        ];
        let none = metric(&instrument, false, &alike, 0).expect("finite");
        assert!(none.is_none(), "{none:?}");
    }
}

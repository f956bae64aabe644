//! Attribute agreement as metrics: do images show what their captions say?

use std::collections::BTreeMap;

use wordpaint_data::synth::birds::attribute_names;
use wordpaint_metrics::{MetricError, Share};
use wordpaint_models::backend::Backend;

use super::super::probe::{self, AttributeClassifier};
use super::super::scores::{RESAMPLES, with_interval};
use super::{CaptionMetric, Opening};
use crate::evaluate::EvaluateError;
use crate::evaluate::extract::{Features, Instrument};
use crate::evaluate::measures::{Context, Findings, GeneratedChunk, Kept, Measure, plain, rows};
use crate::generate::prompts::Prompt;
use crate::run::results::Metric;
use crate::setup::Dirs;

/// Agreement of captions with what a probe predicts for generated images.
struct AttributeAgreement<B: Backend> {
    classifier: AttributeClassifier<B>,
    rows: Kept,
}

/// The probe of the experiment; nothing where it names none.
pub(super) fn open<B: Backend>(
    opening: &Opening<'_, B>,
    findings: &mut Findings,
) -> Result<Option<Box<dyn CaptionMetric>>, EvaluateError> {
    let experiment = opening.experiment;
    let probe = &experiment.evaluate.probe;
    if probe.is_empty() {
        findings.lacks(
            "Attribute agreement",
            "these data have no known attributes",
            "evaluate on built-in birds (`data.uri=synth:birds?...`) with `evaluate.probe`",
        );
        return Ok(None);
    }
    let classifier = AttributeClassifier::<B>::open(
        probe,
        experiment.quick,
        opening.source,
        &experiment.data,
        opening.device,
        opening.dirs,
    )?;
    Ok(Some(Box::new(AttributeAgreement::new(
        classifier,
        opening.dirs,
    ))))
}

impl<B: Backend> AttributeAgreement<B> {
    fn new(classifier: AttributeClassifier<B>, dirs: &Dirs) -> Self {
        let instrument = Instrument {
            weights: classifier.digest.clone(),
            ..plain("attributes", &classifier.name, "the probe's own".into())
        };
        Self {
            rows: Kept::of(&instrument, dirs),
            classifier,
        }
    }
}

impl<B: Backend> Measure for AttributeAgreement<B> {
    fn rows(&mut self) -> &mut Kept {
        &mut self.rows
    }

    fn measure(&mut self, generated: &GeneratedChunk<'_>) -> Result<Features, EvaluateError> {
        let predicted = self.classifier.classify(generated.images).concat();
        let values = predicted.into_iter().map(|v| v as f32).collect();
        Ok(rows(values, self.classifier.accuracy.len()))
    }
}

impl<B: Backend> CaptionMetric for AttributeAgreement<B> {
    fn network(&self) -> String {
        format!("probe {}", self.classifier.name)
    }

    fn metrics(&mut self, context: &Context<'_>) -> Result<Vec<Metric>, EvaluateError> {
        let predicted: Vec<Vec<usize>> = self
            .rows
            .all()?
            .into_iter()
            .map(|row| row.into_iter().map(|v| v as usize).collect())
            .collect();
        let prompts: Vec<Prompt> = context.queries.iter().map(|query| query.prompt).collect();
        let captions = probe::captions(&context.source.dataset, &prompts)?;
        Ok(agreement(
            &self.classifier,
            &predicted,
            &captions,
            context.seed,
        )?)
    }
}

/// Agreement per attribute and on average; nothing where the probe can tell no attribute.
fn agreement<B: Backend>(
    classifier: &AttributeClassifier<B>,
    predicted: &[Vec<usize>],
    captions: &[String],
    seed: u64,
) -> Result<Vec<Metric>, MetricError> {
    let agreement = classifier.agreement(predicted, captions);
    let names = attribute_names();
    let reliable: BTreeMap<&str, usize> = classifier
        .reliable()
        .into_iter()
        .map(|i| (names[i], i))
        .collect();
    if reliable.is_empty() {
        return Ok(Vec::new());
    }
    let network = format!("attribute probe {}", classifier.name);
    let metric = |share: Share, real: f64, label: String, name: String, detail: String| Metric {
        unit: "share".into(),
        chance: Some(share.chance),
        real: Some(real),
        group: Some("attributes".into()),
        ..with_interval(&name, &label, &network, share.interval, &detail)
    };
    let mean = agreement.mean(RESAMPLES, seed)?;
    let detail = format!("mean over {} attributes the probe can tell", reliable.len());
    let right = reliable.values().map(|&i| classifier.accuracy[i]);
    let mut metrics = vec![metric(
        mean,
        right.sum::<f64>() / reliable.len() as f64,
        "Attribute agreement (mean)".into(),
        "attribute_agreement".into(),
        detail,
    )];
    for share in agreement.shares() {
        let Some(&i) = reliable.get(share.name.as_str()) else {
            continue;
        };
        let detail = format!(
            "the probe is right on {:.1} % of real pictures of these species (majority {:.1} %)",
            classifier.accuracy[i] * 100.0,
            classifier.majority[i] * 100.0
        );
        let label = format!("Agreement: {}", share.name);
        let name = format!("agreement/{}", share.name);
        metrics.push(metric(share, classifier.accuracy[i], label, name, detail));
    }
    Ok(metrics)
}

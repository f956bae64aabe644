//! Attribute agreement as metrics: do images show what their captions say?

use std::collections::BTreeMap;

use wordpaint_data::synth::birds::attribute_names;
use wordpaint_metrics::{MetricError, Share};
use wordpaint_models::backend::Backend;

use super::probe::Reader;
use super::scores::{RESAMPLES, with_interval};
use crate::report::schema::Metric;

/// Agreement per attribute and on average; nothing where the probe can tell no attribute.
pub(super) fn agreement<B: Backend>(
    reader: &Reader<B>,
    seen: &[Vec<usize>],
    captions: &[String],
    seed: u64,
) -> Result<Vec<Metric>, MetricError> {
    let agreement = reader.agreement(seen, captions);
    let names = attribute_names();
    let reliable: BTreeMap<&str, usize> = reader
        .reliable()
        .into_iter()
        .map(|i| (names[i], i))
        .collect();
    if reliable.is_empty() {
        return Ok(Vec::new());
    }
    let network = format!("attribute probe {}", reader.name);
    let metric = |share: Share, real: f64, label: String, name: String, detail: String| Metric {
        unit: "share".into(),
        chance: Some(share.chance),
        real: Some(real),
        group: Some("attributes".into()),
        ..with_interval(&name, &label, &network, share.interval, &detail)
    };
    let mean = agreement.mean(RESAMPLES, seed)?;
    let detail = format!("mean over {} attributes the probe can tell", reliable.len());
    let right = reliable.values().map(|&i| reader.accuracy[i]);
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
            reader.accuracy[i] * 100.0,
            reader.majority[i] * 100.0
        );
        let label = format!("Agreement: {}", share.name);
        let name = format!("agreement/{}", share.name);
        metrics.push(metric(share, reader.accuracy[i], label, name, detail));
    }
    Ok(metrics)
}

//! What a study found of one method, as an evaluation of the run that made its images.

use std::path::PathBuf;

use super::super::EvaluateError;
use super::collect::Findings;
use crate::run::folder::{RunFolder, write_atomic};
use crate::run::results::{Evaluation, Metric, Protocol};

/// Name of the protocol.
const NAME: &str = "human-rank";
const VERSION: &str = "1";

/// Writes `evaluation/human-rank.json` into the run of each named method; returns the paths.
///
/// # Errors
///
/// If a method is not in the study, or a run cannot be written.
pub fn store(
    findings: &Findings,
    runs: &[(String, PathBuf)],
) -> Result<Vec<PathBuf>, EvaluateError> {
    let mut found = Vec::new();
    for (name, path) in runs {
        let method = findings.methods.iter().position(|method| method == name);
        let method = method.ok_or_else(|| {
            EvaluateError::Request(format!(
                "the study has no method `{name}`; it has {}",
                findings.methods.join(", ")
            ))
        })?;
        found.push((method, RunFolder::open(path)?));
    }
    let mut paths = Vec::new();
    for (method, run) in found {
        let path = run.join(&format!("evaluation/{NAME}.json"));
        let evaluation = evaluation(findings, method);
        let json = serde_json::to_vec_pretty(&evaluation).expect("an evaluation is plain data");
        write_atomic(&path, &json)?;
        paths.push(path);
    }
    Ok(paths)
}

fn evaluation(findings: &Findings, method: usize) -> Evaluation {
    let methods = findings.methods.join(", ");
    let metrics = findings.tasks.iter().map(|result| {
        let rank = &result.summary.methods[method];
        let name = result.task.name();
        let (people, texts) = (result.users, result.texts);
        let detail = format!(
            "mean \u{b1} {:.2} (population standard deviation over all rankings, as published); \
             interval over texts",
            rank.std
        );
        Metric {
            name: format!("{name}_rank"),
            label: format!("{name} rank"),
            value: rank.mean,
            low: Some(rank.interval.low),
            high: Some(rank.interval.high),
            unit: String::new(),
            higher_is_better: false,
            count: result.summary.count,
            network: format!(
                "{people} people, {texts} texts, ranks 1 to {} among {methods}",
                findings.methods.len()
            ),
            chance: Some(1.0 + (findings.methods.len() - 1) as f64 / 2.0),
            real: None,
            group: None,
            detail,
        }
    });
    let texts = findings.tasks.iter().map(|result| result.texts).max();
    Evaluation {
        protocol: Protocol {
            name: NAME.into(),
            version: VERSION.into(),
            description: format!(
                "study {}: people ranked the images of {methods} blindly, by quality without the \
                 text and by how well they fit it",
                findings.study
            ),
            images: texts.unwrap_or(0),
            split: "as given".into(),
            captions: "those of the study".into(),
            seed: findings.seed,
            encoder: String::new(),
            preprocessing: "images as stored".into(),
        },
        metrics: metrics.collect(),
        ..Evaluation::default()
    }
}

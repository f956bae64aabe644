//! Distances of pairs by networks that compare two images.

use image::RgbImage;
use wordpaint_models::backend::Backend;

use super::EvaluateError;
use super::extract::{Features, Instrument};
use super::instrument::Perceptual;
use super::measures::{Context, Findings, GeneratedChunk, Kept, Measure, plain, rows};
use super::metric::{ALL, Definition, Needs, Opening};
use crate::setup::Dirs;

/// A distance of the pairs; no rows where the images are too small for it.
pub(super) struct PerceptualDistance {
    definition: &'static Definition,
    distance: Box<dyn Perceptual>,
    rows: Kept,
}

impl PerceptualDistance {
    fn new(
        definition: &'static Definition,
        distance: Box<dyn Perceptual>,
        preprocessing: &str,
        dirs: &Dirs,
    ) -> Self {
        let of = distance.of();
        let instrument = Instrument {
            weights: distance.weights().to_owned(),
            ..plain(of.id, of.network, preprocessing.into())
        };
        Self {
            definition,
            rows: Kept::of(&instrument, dirs),
            distance,
        }
    }

    /// The metric of the pairs.
    pub(super) fn metrics(&self, context: &Context<'_>) -> Result<Findings, EvaluateError> {
        let mut findings = Findings::default();
        let rows = self.rows.all()?;
        let of = self.distance.of();
        if rows.is_empty() {
            let (width, needed) = (context.width, of.smallest);
            let why = format!("images of {width} pixels a side are too small; it takes {needed}");
            findings.lacks(of.label, why, "generate larger images");
            return Ok(findings);
        }
        let values: Vec<f64> = rows.iter().map(|row| f64::from(row[0])).collect();
        let metric = self.definition.mean(0, &values, context.seed)?;
        findings.metrics.push(metric);
        Ok(findings)
    }
}

/// The distances of the table that are in place.
pub(super) fn open_distances<B: Backend>(
    opening: &Opening<'_, B>,
    preprocessing: &str,
    findings: &mut Findings,
) -> Vec<PerceptualDistance> {
    let mut distances = Vec::new();
    for definition in ALL {
        let Needs::PairNetwork(network) = definition.needs else {
            continue;
        };
        match network.open::<B>(opening.device, opening.dirs) {
            Ok(distance) => {
                distances.push(PerceptualDistance::new(
                    definition,
                    distance,
                    preprocessing,
                    opening.dirs,
                ));
            }
            Err(absent) => {
                let title = format!("{} ({})", network.title, network.id);
                findings.lacks(title, absent.why, absent.how);
            }
        }
    }
    distances
}

impl Measure for PerceptualDistance {
    fn rows(&mut self) -> &mut Kept {
        &mut self.rows
    }

    fn measure(&mut self, generated: &GeneratedChunk<'_>) -> Result<Features, EvaluateError> {
        let (reals, fakes) = generated.pairs()?;
        let smallest = self.distance.of().smallest;
        let is_too_small = |image: &RgbImage| image.width().min(image.height()) < smallest;
        if fakes.iter().any(is_too_small) {
            return Ok(rows(Vec::new(), 1));
        }
        let values = self.distance.distances(reals, fakes)?;
        Ok(rows(values.into_iter().map(|v| v as f32).collect(), 1))
    }
}

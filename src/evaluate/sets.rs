//! Any two folders of images, or a folder and a file of statistics.

use std::path::{Path, PathBuf};

use image::RgbImage;
use wordpaint_models::backend::{AutodiffBackend, Backend};

use super::extract::{Extractor, Features, Instrument};
use super::features::{CHUNK, Progress, extract, in_chunks, open_network};
use super::instrument::{PAIRS, open_pairs};
use super::measures::{plain, rows};
use super::pictures::Pictures;
use super::statistics::Statistics;
use super::store::{FeatureSet, FeatureStore};
use super::wanted::Wanted;
use super::{EvaluateError, scores, statistics};
use crate::backends::Work;
use crate::report::schema::{Evaluation, Metric, Missing, Protocol};
use crate::setup::{Places, Say};

/// Version of what these numbers mean; raised whenever one could change.
const VERSION: &str = "2";

/// Two sets to be compared.
pub struct Comparison<'a> {
    /// The reference: a folder of images or a file of statistics.
    pub reference: PathBuf,
    /// The folder of generated images.
    pub generated: PathBuf,
    /// What to measure.
    pub metrics: Vec<Wanted>,
    /// Feature network; the best at hand without.
    pub network: Option<String>,
    /// Seed of subsets, splits and intervals.
    pub seed: u64,
    /// Where weights and features lie.
    pub places: Places,
    /// Tells the user what is being done.
    pub say: Say<'a>,
    /// Tells the user how far it is.
    pub progress: Progress<'a>,
}

impl Work for Comparison<'_> {
    type Output = Result<Evaluation, EvaluateError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        self.measure::<B::InnerBackend>(&device)
    }
}

impl Comparison<'_> {
    fn measure<B: Backend>(&self, device: &B::Device) -> Result<Evaluation, EvaluateError> {
        let wants = |of: fn(Wanted) -> bool| self.metrics.iter().copied().any(of);
        let is_folder = !statistics::is_statistics(&self.reference);
        if !is_folder
            && self
                .metrics
                .iter()
                .any(|&m| !matches!(m, Wanted::Fid | Wanted::InceptionScore))
        {
            return Err(EvaluateError::Request(format!(
                "{} holds statistics, from which only `fid` can be computed; give the folder of \
                 images for other metrics",
                self.reference.display()
            )));
        }
        let generated = Pictures::open(&self.generated)?;
        // Both are looked at before the long work begins.
        let known = (!is_folder)
            .then(|| statistics::read(&self.reference))
            .transpose()?;
        let reference = is_folder
            .then(|| Pictures::open(&self.reference))
            .transpose()?;
        let mut metrics = Vec::new();
        let mut missing = Vec::new();
        if let Some(reference) = &reference {
            if wants(Wanted::needs_pairs) {
                reference.check_pairs(&generated)?;
            }
            metrics.extend(self.pixels(reference, &generated)?);
            metrics.extend(self.perceptual::<B>(reference, &generated, device)?);
        }
        let mut front_end = "8-bit RGB as decoded; transparency dropped".to_owned();
        if wants(Wanted::needs_features) {
            let mut network = open_network::<B>(self.network.as_deref(), device, &self.places)?;
            let network = network.as_mut();
            front_end = format!("{front_end}; features: {}", network.instrument().front_end);
            let (measured, absent) =
                self.features(network, reference.as_ref(), known.as_ref(), &generated)?;
            metrics.extend(measured);
            missing.extend(absent);
        }
        Ok(Evaluation {
            protocol: Protocol {
                name: "images".into(),
                version: VERSION.into(),
                description: format!(
                    "{} against {}",
                    self.generated.display(),
                    self.reference.display()
                ),
                images: generated.len(),
                split: "as given".into(),
                captions: "none".into(),
                seed: self.seed,
                encoder: String::new(),
                front_end,
            },
            metrics,
            grid: None,
            figures: Vec::new(),
            missing,
        })
    }

    /// Metrics that look at pixels.
    fn pixels(
        &self,
        reference: &Pictures,
        generated: &Pictures,
    ) -> Result<Vec<Metric>, EvaluateError> {
        let mut metrics = Vec::new();
        let similarities: Vec<usize> = self
            .metrics
            .iter()
            .filter_map(|&wanted| match wanted {
                Wanted::Similarity(index) => Some(index),
                _ => None,
            })
            .collect();
        if !similarities.is_empty() {
            let values =
                self.of_pairs("similarity", "", [reference, generated], |real, fake| {
                    let values = scores::similarities(real, fake)?.concat();
                    let values = values.into_iter().map(|v| v as f32).collect();
                    Ok(rows(values, scores::SIMILARITIES.len()))
                })?;
            for index in similarities {
                let [name, label, network] = scores::SIMILARITIES[index];
                let column = values.iter().skip(index);
                let column: Vec<f64> = column
                    .step_by(scores::SIMILARITIES.len())
                    .copied()
                    .collect();
                metrics.push(scores::mean(name, label, network, &column, self.seed)?);
            }
        }
        if self.metrics.contains(&Wanted::Sharpness) {
            let (real, fake) = (self.sharp(reference)?, self.sharp(generated)?);
            let metric = scores::sharpness(&real, &fake, self.seed)?;
            metrics.push(metric.ok_or_else(|| {
                EvaluateError::Folders(
                    "the reference images are flat: relative sharpness has no meaning for them"
                        .into(),
                )
            })?);
        }
        Ok(metrics)
    }

    /// Perceptual distances of pairs.
    fn perceptual<B: Backend>(
        &self,
        reference: &Pictures,
        generated: &Pictures,
        device: &B::Device,
    ) -> Result<Vec<Metric>, EvaluateError> {
        let mut metrics = Vec::new();
        for wanted in &self.metrics {
            let Wanted::Perceptual(index) = *wanted else {
                continue;
            };
            let mut judge = open_pairs::<B>(PAIRS[index], device, &self.places)?;
            let weights = judge.weights().to_owned();
            let sets = [reference, generated];
            let values = self.of_pairs(PAIRS[index], &weights, sets, |real, fake| {
                let values = judge.distances(real, fake)?;
                Ok(rows(values.into_iter().map(|v| v as f32).collect(), 1))
            })?;
            let (label, network) = (judge.label(), judge.network());
            let metric = scores::perceptual(PAIRS[index], label, network, &values, self.seed)?;
            metrics.push(metric);
        }
        Ok(metrics)
    }

    /// Values of pairs of images, taken from the store where they are there already.
    fn of_pairs(
        &self,
        id: &str,
        weights: &str,
        [reference, generated]: [&Pictures; 2],
        mut measure: impl FnMut(&[RgbImage], &[RgbImage]) -> Result<Features, EvaluateError>,
    ) -> Result<Vec<f64>, EvaluateError> {
        let instrument = Instrument {
            weights: weights.into(),
            ..plain(id, id, "8-bit RGB as decoded".into())
        };
        let store = FeatureStore::new(&self.places.cache, &instrument);
        let mut chunks = Vec::new();
        for start in (0..reference.len()).step_by(CHUNK) {
            let range = start..reference.len().min(start + CHUNK);
            let (a, b) = (
                reference.bytes(range.clone())?,
                generated.bytes(range.clone())?,
            );
            let place = store.place(a.iter().chain(&b).map(Vec::as_slice));
            let chunk = if let Some(found) = store.find(&place) {
                found
            } else {
                let real = reference.decode(range.clone(), &a)?;
                let fake = generated.decode(range.clone(), &b)?;
                same_sizes([reference, generated], start, &real, &fake)?;
                store.keep(place, &measure(&real, &fake)?)?
            };
            chunks.push(chunk);
            (self.progress)(range.end, reference.len());
        }
        all(&FeatureSet::new(chunks)?)
    }

    /// Variance of the Laplacian of every image of a folder.
    fn sharp(&self, set: &Pictures) -> Result<Vec<f64>, EvaluateError> {
        let instrument = plain("sharpness", "none", "8-bit RGB as decoded".into());
        let store = FeatureStore::new(&self.places.cache, &instrument);
        let chunks = in_chunks(&store, set, self.progress, |images, _| {
            let values = scores::sharpness_of(images)?;
            Ok(rows(values.into_iter().map(|v| v as f32).collect(), 1))
        })?;
        all(&chunks)
    }

    /// Metrics that look at features, and what the network cannot give.
    fn features(
        &self,
        network: &mut dyn Extractor,
        reference: Option<&Pictures>,
        known: Option<&Statistics>,
        generated: &Pictures,
    ) -> Result<(Vec<Metric>, Vec<Missing>), EvaluateError> {
        let instrument = network.instrument().clone();
        let warning = known
            .map(|read| statistics::check_instrument(&self.reference, read, &instrument))
            .transpose()?
            .flatten();
        (self.say)(&format!("features by {}", instrument.network));
        let fake = extract(network, generated, &self.places, self.progress)?;
        let real = reference
            .map(|pictures| extract(network, pictures, &self.places, self.progress))
            .transpose()?;
        let (mut metrics, mut missing) = (Vec::new(), Vec::new());
        for wanted in &self.metrics {
            match (wanted, &real) {
                (Wanted::Fid, Some(real)) => {
                    metrics.push(scores::frechet(&instrument, real, &fake, self.seed)?);
                }
                (Wanted::Fid, None) => {
                    let Some(read) = known else { continue };
                    let reference = &read.gaussian;
                    let mut metric =
                        scores::frechet_from(&instrument, reference, &fake, self.seed)?;
                    if let Some(warning) = &warning {
                        (self.say)(&format!("warning: {warning}"));
                        metric.detail = format!("{}; {warning}", metric.detail);
                    }
                    metrics.push(metric);
                }
                (Wanted::Kid, Some(real)) => {
                    metrics.push(scores::kernel(&instrument, real, &fake, self.seed)?);
                }
                (Wanted::Prdc, Some(real)) => {
                    metrics.extend(scores::neighbours(&instrument, real, &fake, self.seed)?);
                }
                (Wanted::InceptionScore, _) => {
                    match scores::inception_score(&instrument, &fake, self.seed)? {
                        Some(metric) => metrics.push(metric),
                        None => missing.push(no_classes(&instrument.id)),
                    }
                }
                _ => {}
            }
        }
        Ok((metrics, missing))
    }
}

/// Why a network without classes has no Inception Score.
fn no_classes(id: &str) -> Missing {
    Missing {
        metric: "IS".into(),
        why: format!("the feature network `{id}` has no classes"),
        how: "choose a classifier with `--network`".into(),
    }
}

/// Refuses pairs whose images differ in size.
fn same_sizes(
    [reference, generated]: [&Pictures; 2],
    start: usize,
    real: &[RgbImage],
    fake: &[RgbImage],
) -> Result<(), EvaluateError> {
    for (i, (a, b)) in real.iter().zip(fake).enumerate() {
        if a.dimensions() != b.dimensions() {
            return Err(EvaluateError::Folders(format!(
                "{} is {:?} and {} is {:?} (width, height); the images of a pair must have one \
                 size",
                reference.path(start + i).display(),
                a.dimensions(),
                generated.path(start + i).display(),
                b.dimensions()
            )));
        }
    }
    Ok(())
}

/// All values of a small set, row by row.
fn all(set: &FeatureSet) -> Result<Vec<f64>, EvaluateError> {
    let mut values = Vec::new();
    for chunk in set.pools() {
        values.extend(chunk?.into_iter().map(f64::from));
    }
    Ok(values)
}

/// Mean and covariance of a folder's features, written to a file.
pub struct Summary<'a> {
    /// The folder.
    pub folder: PathBuf,
    /// The file; beside the folder without.
    pub file: Option<PathBuf>,
    /// See [`Comparison::network`].
    pub network: Option<String>,
    /// Where weights and features lie.
    pub places: Places,
    /// Tells the user how far it is.
    pub progress: Progress<'a>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Number of images.
    pub images: u64,
    /// Number of features.
    pub dims: usize,
    /// Id of the instrument.
    pub instrument: String,
}

impl Work for Summary<'_> {
    type Output = Result<Written, EvaluateError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        let pictures = Pictures::open(&self.folder)?;
        let name = self.network.as_deref();
        let mut network = open_network::<B::InnerBackend>(name, &device, &self.places)?;
        let features = extract(network.as_mut(), &pictures, &self.places, self.progress)?;
        let gaussian = scores::gaussian(&features)?;
        let instrument = network.instrument();
        let path = self
            .file
            .unwrap_or_else(|| statistics::default_path(Path::new(&self.folder), instrument));
        statistics::write(&path, &gaussian, instrument)?;
        Ok(Written {
            path,
            images: gaussian.count,
            dims: gaussian.dims(),
            instrument: instrument.id.clone(),
        })
    }
}

//! Any two folders of images, or a folder and a file of statistics.

use std::path::{Path, PathBuf};

use image::RgbImage;
use wordpaint_models::backend::{AutodiffBackend, Backend};

use super::extract::{Extractor, Features, Instrument};
use super::features::{CHUNK, Progress, extract, in_chunks, open_network};
use super::measures::{Kept, plain, rows};
use super::metric::{Definition, Needs, OfImages, Sets, fid};
use super::pictures::Pictures;
use super::requested::{self, Requested};
use super::statistics::Statistics;
use super::store::{FeatureSet, FeatureStore};
use super::{EvaluateError, pixels, statistics};
use crate::backends::Work;
use crate::run::results::{Evaluation, Metric, Missing, Protocol};
use crate::setup::{Dirs, Status};

/// Version of what these numbers mean; raised whenever one could change.
const VERSION: &str = "2";

/// Two sets to be compared.
pub struct Comparison<'a> {
    /// The reference: a folder of images or a file of statistics.
    pub reference: PathBuf,
    /// The folder of generated images.
    pub generated: PathBuf,
    /// What to measure.
    pub metrics: Vec<Requested>,
    /// Feature network; the best at hand without.
    pub network: Option<String>,
    /// Seed of subsets, splits and intervals.
    pub seed: u64,
    /// Where weights and features lie.
    pub dirs: Dirs,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
    /// Where progress goes: done and total.
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
        let wants = |of: fn(&Definition) -> bool| self.metrics.iter().any(|w| of(w.definition));
        let is_folder = !statistics::is_statistics(&self.reference);
        let mut wanted = self.metrics.iter();
        if !is_folder && wanted.any(|wanted| !wanted.definition.takes_statistics()) {
            return Err(EvaluateError::Request(format!(
                "{} holds statistics, from which only {} can be computed; give the folder of images \
                 for other metrics",
                self.reference.display(),
                requested::from_statistics()
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
            if wants(Definition::is_of_pairs) {
                reference.check_pairs(&generated)?;
            }
            let sets = [reference, &generated];
            metrics.extend(self.similarities(sets)?);
            metrics.extend(self.of_images(sets)?);
            metrics.extend(self.perceptual::<B>(sets, device)?);
        }
        let mut preprocessing = "8-bit RGB as decoded; transparency dropped".to_owned();
        if wants(Definition::is_of_features) {
            let mut network = open_network::<B>(self.network.as_deref(), device, &self.dirs)?;
            let network = network.as_mut();
            preprocessing = format!(
                "{preprocessing}; features: {}",
                network.instrument().preprocessing
            );
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
                preprocessing,
            },
            metrics,
            grid: None,
            figures: Vec::new(),
            missing,
        })
    }

    /// Metrics of pairs of pixels.
    fn similarities(&self, sets: [&Pictures; 2]) -> Result<Vec<Metric>, EvaluateError> {
        let columns = pixels::columns();
        let wanted: Vec<(&Requested, usize)> = self
            .metrics
            .iter()
            .filter_map(|wanted| {
                let column = columns.iter().position(|id| *id == wanted.id());
                Some((wanted, column?))
            })
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let width = columns.len();
        let values = self.of_pairs("similarity", "", (sets, width), |real, fake| {
            let values = pixels::similarities(real, fake)?.concat();
            let values = values.into_iter().map(|v| v as f32).collect();
            Ok(rows(values, width))
        })?;
        let metric = |(wanted, column): (&Requested, usize)| {
            let column: Vec<f64> = values.iter().skip(column).step_by(width).copied().collect();
            Ok(wanted.definition.mean(wanted.score, &column, self.seed)?)
        };
        wanted.into_iter().map(metric).collect()
    }

    /// Metrics of single images, each once.
    fn of_images(
        &self,
        [reference, generated]: [&Pictures; 2],
    ) -> Result<Vec<Metric>, EvaluateError> {
        let mut metrics = Vec::new();
        for (definition, of) in pixels::of_images() {
            let id = definition.scores[0].id;
            if self.metrics.iter().all(|wanted| wanted.id() != id) {
                continue;
            }
            let real = self.of_each(id, &of, reference)?;
            let fake = self.of_each(id, &of, generated)?;
            let metric = (of.metric)(&real, &fake, self.seed)?;
            let metric = metric.ok_or_else(|| EvaluateError::Folders(of.meaningless[1].into()))?;
            metrics.push(definition.directed(metric));
        }
        Ok(metrics)
    }

    /// Perceptual distances of pairs.
    fn perceptual<B: Backend>(
        &self,
        sets: [&Pictures; 2],
        device: &B::Device,
    ) -> Result<Vec<Metric>, EvaluateError> {
        let mut metrics = Vec::new();
        for wanted in &self.metrics {
            let Needs::PairNetwork(network) = wanted.definition.needs else {
                continue;
            };
            let mut distance = network.open::<B>(device, &self.dirs)?;
            let weights = distance.weights().to_owned();
            let values = self.of_pairs(network.id, &weights, (sets, 1), |real, fake| {
                let values = distance.distances(real, fake)?;
                Ok(rows(values.into_iter().map(|v| v as f32).collect(), 1))
            })?;
            metrics.push(wanted.definition.mean(0, &values, self.seed)?);
        }
        Ok(metrics)
    }

    /// Values of pairs of images, the given number per pair, taken from the store where they are there
    /// already.
    fn of_pairs(
        &self,
        id: &str,
        weights: &str,
        ([reference, generated], columns): ([&Pictures; 2], usize),
        mut measure: impl FnMut(&[RgbImage], &[RgbImage]) -> Result<Features, EvaluateError>,
    ) -> Result<Vec<f64>, EvaluateError> {
        let instrument = Instrument {
            weights: weights.into(),
            ..plain(id, id, "8-bit RGB as decoded".into())
        };
        let kept = Kept::of(&instrument, &self.dirs).with_dims(columns);
        let mut chunks = Vec::new();
        for start in (0..reference.len()).step_by(CHUNK) {
            let range = start..reference.len().min(start + CHUNK);
            let (a, b) = (
                reference.bytes(range.clone())?,
                generated.bytes(range.clone())?,
            );
            let place = kept.place(a.iter().chain(&b).map(Vec::as_slice));
            let chunk = if let Some(found) = kept.find(&place) {
                found
            } else {
                let real = reference.decode(range.clone(), &a)?;
                let fake = generated.decode(range.clone(), &b)?;
                same_sizes([reference, generated], start, &real, &fake)?;
                kept.keep(place, &measure(&real, &fake)?)?
            };
            chunks.push(chunk);
            (self.progress)(range.end, reference.len());
        }
        all(&FeatureSet::new(chunks)?)
    }

    /// A value of every image of a folder.
    fn of_each(&self, id: &str, of: &OfImages, set: &Pictures) -> Result<Vec<f64>, EvaluateError> {
        let instrument = plain(id, "none", "8-bit RGB as decoded".into());
        let store = FeatureStore::new(&self.dirs.cache, &instrument);
        let chunks = in_chunks(&store, set, self.progress, |images, _| {
            let values = pixels::each(of, images)?;
            Ok(rows(values.into_iter().map(|v| v as f32).collect(), 1))
        })?;
        all(&chunks)
    }

    /// Metrics of features, and what the network cannot give.
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
        (self.status)(&format!("features by {}", instrument.network));
        let fake = extract(network, generated, &self.dirs, self.progress)?;
        let real = reference
            .map(|pictures| extract(network, pictures, &self.dirs, self.progress))
            .transpose()?;
        let (mut metrics, mut missing) = (Vec::new(), Vec::new());
        for Requested { definition, .. } in &self.metrics {
            let found = match definition.needs {
                Needs::Features(of) => match (&real, known, of.from_statistics) {
                    (Some(real), _, _) => (of.metrics)(&Sets {
                        instrument: &instrument,
                        real,
                        fake: &fake,
                        seed: self.seed,
                    })?,
                    (None, Some(known), Some(from_statistics)) => {
                        let reference = &known.gaussian;
                        let metric = from_statistics(&instrument, reference, &fake, self.seed)?;
                        vec![self.warned(metric, warning.as_deref())]
                    }
                    _ => Vec::new(),
                },
                Needs::Classes(of) => {
                    let metric = (of.metric)(&instrument, &fake, self.seed)?;
                    if metric.is_none() {
                        missing.push(no_classes(definition, &instrument.id));
                    }
                    metric.into_iter().collect()
                }
                Needs::Pairs(_) | Needs::Images(_) | Needs::PairNetwork(_) => Vec::new(),
            };
            metrics.extend(found.into_iter().map(|metric| definition.directed(metric)));
        }
        Ok((metrics, missing))
    }

    /// The metric with a warning of its reference, which the user is told, too.
    fn warned(&self, metric: Metric, warning: Option<&str>) -> Metric {
        let Some(warning) = warning else {
            return metric;
        };
        (self.status)(&format!("warning: {warning}"));
        Metric {
            detail: format!("{}; {warning}", metric.detail),
            ..metric
        }
    }
}

/// Why a network without classes has no Inception Score.
fn no_classes(definition: &Definition, id: &str) -> Missing {
    Missing {
        metric: definition.scores[0].label.into(),
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
    pub dirs: Dirs,
    /// Where progress goes: done and total.
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
        let mut network = open_network::<B::InnerBackend>(name, &device, &self.dirs)?;
        let features = extract(network.as_mut(), &pictures, &self.dirs, self.progress)?;
        let gaussian = fid::gaussian(&features)?;
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

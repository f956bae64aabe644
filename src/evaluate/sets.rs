//! Any two folders of images, or a folder and a file of statistics.

use std::path::{Path, PathBuf};

use wordpaint_metrics::PairScores;
use wordpaint_models::backend::{AutodiffBackend, Backend};

use super::extract::{Extractor, Features};
use super::pictures::Pictures;
use super::store::{FeatureSet, FeatureStore};
use super::{EvaluateError, networks, scores, statistics};
use crate::backends::Work;
use crate::report::schema::{Evaluation, Metric, Missing, Protocol};
use crate::setup::{Places, Say};

/// Images decoded and measured together.
const CHUNK: usize = 64;

/// Version of what these numbers mean; raised whenever one could change.
const VERSION: &str = "1";

/// Tells how many of how many images are done.
pub type Progress<'a> = &'a dyn Fn(usize, usize);

/// What can be measured on two folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A similarity of pairs, by its place in the table of similarities.
    Similarity(usize),
    /// Sharpness relative to the first folder.
    Sharpness,
    /// Fréchet distance of features.
    Fid,
    /// Kernel distance of features.
    Kid,
    /// Precision, recall, density and coverage.
    Prdc,
    /// Inception Score of the second folder.
    InceptionScore,
}

/// Names of everything that can be asked for.
pub const NAMES: [&str; 9] = [
    "ssim",
    "ssim-rgb",
    "fsim",
    "fsimc",
    "sharpness",
    "fid",
    "kid",
    "prdc",
    "is",
];

impl std::str::FromStr for Wanted {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let similarity = scores::SIMILARITIES
            .iter()
            .position(|entry| entry.0 == name);
        match (similarity, name) {
            (Some(index), _) => Ok(Self::Similarity(index)),
            (_, "sharpness") => Ok(Self::Sharpness),
            (_, "fid") => Ok(Self::Fid),
            (_, "kid") => Ok(Self::Kid),
            (_, "prdc") => Ok(Self::Prdc),
            (_, "is") => Ok(Self::InceptionScore),
            _ => Err(format!("expected some of {}", NAMES.join(", "))),
        }
    }
}

impl Wanted {
    const fn needs_pairs(self) -> bool {
        matches!(self, Self::Similarity(_))
    }

    const fn needs_features(self) -> bool {
        matches!(
            self,
            Self::Fid | Self::Kid | Self::Prdc | Self::InceptionScore
        )
    }
}

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
        let generated = Pictures::open(&self.generated)?;
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
        let reference = is_folder
            .then(|| Pictures::open(&self.reference))
            .transpose()?;
        let mut metrics = Vec::new();
        let mut missing = Vec::new();
        if let Some(reference) = &reference {
            if wants(Wanted::needs_pairs) {
                reference.check_pairs(&generated)?;
            }
            if wants(Wanted::needs_pairs) || wants(|m| m == Wanted::Sharpness) {
                metrics.extend(self.pixels(reference, &generated)?);
            }
        }
        let mut front_end = "8-bit RGB as decoded; transparency dropped".to_owned();
        if wants(Wanted::needs_features) {
            let mut network = open_network::<B>(self.network.as_deref(), device, &self.places)?;
            let network = network.as_mut();
            front_end = format!("{front_end}; features: {}", network.instrument().front_end);
            let (measured, absent) = self.features(network, reference.as_ref(), &generated)?;
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
        let has_pairs = self.metrics.iter().any(|m| m.needs_pairs());
        let is_sharpness_wanted = self.metrics.contains(&Wanted::Sharpness);
        let mut similarity: Vec<PairScores> = Vec::new();
        let mut sharp = (Vec::new(), Vec::new());
        let total = reference.len().max(generated.len());
        for start in (0..total).step_by(CHUNK) {
            let of =
                |set: &Pictures| set.images(start.min(set.len())..set.len().min(start + CHUNK));
            let (real, fake) = (of(reference)?, of(generated)?);
            if has_pairs {
                for (i, (a, b)) in real.iter().zip(&fake).enumerate() {
                    if a.dimensions() != b.dimensions() {
                        return Err(EvaluateError::Folders(format!(
                            "{} is {:?} and {} is {:?} (width, height); the images of a pair must \
                             have one size",
                            reference.path(start + i).display(),
                            a.dimensions(),
                            generated.path(start + i).display(),
                            b.dimensions()
                        )));
                    }
                }
                similarity.extend(scores::pairs(&real, &fake)?);
            }
            if is_sharpness_wanted {
                sharp.0.extend(scores::sharpness_of(&real)?);
                sharp.1.extend(scores::sharpness_of(&fake)?);
            }
            (self.progress)(total.min(start + CHUNK), total);
        }
        let mut metrics = Vec::new();
        for wanted in &self.metrics {
            if let Wanted::Similarity(index) = *wanted {
                let (name, label, network, of) = scores::SIMILARITIES[index];
                let values: Vec<f64> = similarity.iter().map(of).collect();
                metrics.push(scores::mean(name, label, network, &values, self.seed)?);
            }
        }
        if is_sharpness_wanted {
            metrics.push(sharpness(&sharp.0, &sharp.1, self.seed)?);
        }
        Ok(metrics)
    }

    /// Metrics that look at features, and what the network cannot give.
    fn features(
        &self,
        network: &mut dyn Extractor,
        reference: Option<&Pictures>,
        generated: &Pictures,
    ) -> Result<(Vec<Metric>, Vec<Missing>), EvaluateError> {
        let instrument = network.instrument().clone();
        (self.say)(&format!("features by {}", instrument.network));
        let fake = extract(network, generated, &self.places, self.progress)?;
        let real = reference
            .map(|pictures| extract(network, pictures, &self.places, self.progress))
            .transpose()?;
        let (mut metrics, mut missing) = (Vec::new(), Vec::new());
        for wanted in &self.metrics {
            match (wanted, &real) {
                (Wanted::Fid, Some(real)) => {
                    let (real, fake) = (scores::gaussian(real)?, scores::gaussian(&fake)?);
                    metrics.push(scores::frechet(&instrument, &real, &fake)?);
                }
                (Wanted::Fid, None) => {
                    let read = statistics::read(&self.reference)?;
                    let warning =
                        statistics::check_instrument(&self.reference, &read, &instrument)?;
                    let fake = scores::gaussian(&fake)?;
                    let mut metric = scores::frechet(&instrument, &read.gaussian, &fake)?;
                    if let Some(warning) = warning {
                        (self.say)(&format!("warning: {warning}"));
                        metric.detail = format!("{}; {warning}", metric.detail);
                    }
                    metrics.push(metric);
                }
                (Wanted::Kid, Some(real)) => {
                    metrics.push(scores::kernel(&instrument, real, &fake, self.seed)?);
                }
                (Wanted::Prdc, Some(real)) => {
                    metrics.extend(scores::neighbours(&instrument, real, &fake)?);
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
pub(super) fn no_classes(id: &str) -> Missing {
    Missing {
        metric: "IS".into(),
        why: format!("the feature network `{id}` has no classes"),
        how: "choose a classifier with `--network`".into(),
    }
}

/// Sharpness of the second set relative to the first.
fn sharpness(real: &[f64], fake: &[f64], seed: u64) -> Result<Metric, EvaluateError> {
    let reference = real.iter().sum::<f64>() / real.len().max(1) as f64;
    if reference <= 0.0 {
        return Err(EvaluateError::Folders(
            "the reference images are flat: relative sharpness has no meaning for them".into(),
        ));
    }
    let relative: Vec<f64> = fake.iter().map(|v| v / reference).collect();
    let mut metric = scores::mean(
        "sharpness",
        "Sharpness relative to reference",
        "Laplacian variance",
        &relative,
        seed,
    )?;
    metric.detail = "mean over images; 1 = as sharp, noise raises it too".into();
    Ok(metric)
}

/// The network asked for, or the best one at hand.
pub(super) fn open_network<B: Backend>(
    name: Option<&str>,
    device: &B::Device,
    places: &Places,
) -> Result<Box<dyn Extractor>, EvaluateError> {
    if let Some(name) = name {
        return Ok(networks::open::<B>(name, device, places)?);
    }
    let mut absent = None;
    for &name in networks::KNOWN {
        match networks::open::<B>(name, device, places) {
            Ok(network) => return Ok(network),
            Err(error) => absent = absent.or(Some(error)),
        }
    }
    Err(absent.map_or_else(
        || EvaluateError::Request("this build knows no feature network".into()),
        EvaluateError::Absent,
    ))
}

/// Features of a folder, taken from the store where they are there already.
pub(super) fn extract(
    network: &mut dyn Extractor,
    pictures: &Pictures,
    places: &Places,
    progress: Progress<'_>,
) -> Result<FeatureSet, EvaluateError> {
    let store = FeatureStore::new(&places.cache, network.instrument());
    let mut chunks = Vec::new();
    for start in (0..pictures.len()).step_by(CHUNK) {
        let range = start..pictures.len().min(start + CHUNK);
        let bytes = pictures.bytes(range.clone())?;
        let place = store.place(bytes.iter().map(Vec::as_slice));
        let chunk = if let Some(found) = store.find(&place) {
            found
        } else {
            let images = pictures.decode(range.clone(), &bytes)?;
            let features = network.features(&images)?;
            check(&features, network.instrument().id.as_str(), |row| {
                pictures.path(start + row).display().to_string()
            })?;
            store.keep(place, &features)?
        };
        chunks.push(chunk);
        progress(range.end, pictures.len());
    }
    Ok(FeatureSet::new(chunks)?)
}

/// Refuses features that are not finite, naming the image.
pub(super) fn check(
    features: &Features,
    id: &str,
    name: impl Fn(usize) -> String,
) -> Result<(), EvaluateError> {
    let row = |values: &[f32], width: usize| {
        values
            .iter()
            .position(|v| !v.is_finite())
            .map(|at| at / width.max(1))
    };
    let logits = features.logits.as_deref().unwrap_or_default();
    match row(&features.pool, features.dims).or_else(|| row(logits, features.classes)) {
        None => Ok(()),
        Some(row) => Err(EvaluateError::Folders(format!(
            "{id} gives features that are not finite for {}; check the image and the weights",
            name(row)
        ))),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_can_be_asked_for() {
        for name in NAMES {
            assert!(name.parse::<Wanted>().is_ok(), "{name}");
        }
        let error = "lpips2".parse::<Wanted>().expect_err("unknown");
        assert!(error.contains("prdc"), "{error}");
    }

    #[test]
    fn features_that_are_not_finite_name_the_image() {
        let features = Features {
            pool: vec![0.0, 1.0, 2.0, f32::NAN],
            dims: 2,
            ..Features::default()
        };
        let error = check(&features, "x", |row| format!("image-{row}.png")).expect_err("NaN");
        assert!(error.to_string().contains("image-1.png"), "{error}");
    }
}

//! THE table of metrics: a file and a line each.
//!
//! Metrics of pairs, images and features ([`ALL`]) can be asked of any two folders and are part of
//! every protocol over a run. Metrics of captions ([`of_captions`]) need a run: they bring networks
//! of their own. [`consistency`] compares what any of these networks makes of two captions.

mod attributes;
pub(super) mod consistency;
pub(super) mod fid;
mod fsim;
mod inception_score;
mod kid;
mod lpips;
mod prdc;
mod r_precision;
mod sharpness;
mod ssim;

use wordpaint_metrics::{Gaussian, MetricError, Pair, Rgb8, Rows};
use wordpaint_models::backend::Backend;

use super::cached_extractor::CachedExtractor;
use super::extract::Instrument;
use super::instrument::PairNetwork;
use super::measures::{Context, Findings, Measure};
use super::store::FeatureSet;
use super::{EvaluateError, scores};
use crate::config::Experiment;
use crate::data::Source;
use crate::run::results::Metric;
use crate::setup::Dirs;

/// Every metric of two sets of images, in the order in which their names are listed and their values
/// of a pair are kept; rows that were kept with fewer or more values are measured again.
pub(super) const ALL: &[Definition] = &[
    ssim::SSIM,
    fsim::FSIM,
    lpips::ALEX,
    lpips::VGG,
    sharpness::SHARPNESS,
    fid::FID,
    kid::KID,
    prdc::PRDC,
    inception_score::INCEPTION_SCORE,
];

/// Every metric of generated images and their captions, in the order of measuring.
pub(super) fn of_captions<B: Backend>() -> Vec<Open<B>> {
    vec![attributes::open::<B> as Open<B>, r_precision::open::<B>]
}

/// A metric of two sets of images, or several that come from one computation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definition {
    /// What can be asked for.
    pub(super) scores: &'static [Score],
    /// Whether more is better.
    pub(super) higher_is_better: bool,
    /// What it is computed from, and how.
    pub(super) needs: Needs,
}

/// A number that can be asked for by name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score {
    /// What a user types; also its name for programs, where it is one number.
    pub(super) id: &'static str,
    /// Another name for the same.
    pub(super) alias: Option<&'static str>,
    /// Name for people.
    pub(super) label: &'static str,
    /// Formula or network with its constants; empty where any feature network will do.
    pub(super) instrument: &'static str,
}

impl Score {
    /// Measured by a formula or a network of its own.
    const fn new(id: &'static str, label: &'static str, instrument: &'static str) -> Self {
        Self {
            id,
            alias: None,
            label,
            instrument,
        }
    }
}

/// What a metric is computed from, and how.
#[derive(Debug, Clone, Copy)]
pub(super) enum Needs {
    /// Pairs of a real and a generated image of one size: a row per pair, with a value per score.
    Pairs(OfPairs),
    /// A value of every single image, compared as two sets.
    Images(OfImages),
    /// Pairs of images of one size, and a network that compares two images.
    PairNetwork(PairNetwork),
    /// Features of both sets by any feature network.
    Features(OfFeatures),
    /// Class scores of the generated images by a feature network that has them.
    Classes(OfClasses),
}

/// See [`Needs::Pairs`].
pub(super) type OfPairs = fn(&[Pair<'_>]) -> Result<Vec<Vec<f64>>, MetricError>;
/// A metric of values of real and of generated images, with a seed.
type OfValues = fn(&[f64], &[f64], u64) -> Result<Option<Metric>, MetricError>;
/// A metric of statistics of real images and features of generated ones, with a seed.
type OfStatistics = fn(&Instrument, &Gaussian, &FeatureSet, u64) -> Result<Metric, MetricError>;

/// See [`Needs::Images`].
#[derive(Debug, Clone, Copy)]
pub(super) struct OfImages {
    /// Value of an image.
    pub(super) value: fn(&Rgb8<'_>) -> Result<f64, MetricError>,
    /// The metric from the values of real and generated images, and a seed; `None` where it has no
    /// meaning for the real ones.
    pub(super) metric: OfValues,
    /// What it is called where it is missing.
    pub(super) title: &'static str,
    /// Why it has no meaning: of the real images of a run, and of a folder.
    pub(super) meaningless: [&'static str; 2],
}

/// See [`Needs::Features`].
#[derive(Debug, Clone, Copy)]
pub(super) struct OfFeatures {
    /// What it is called where there are too few images.
    pub(super) title: &'static str,
    /// Fewest images of a set.
    pub(super) fewest: usize,
    /// The metrics.
    pub(super) metrics: fn(&Sets<'_>) -> Result<Vec<Metric>, MetricError>,
    /// The metric from statistics of the real images, features of the generated ones and a seed,
    /// where mean and covariance are enough.
    pub(super) from_statistics: Option<OfStatistics>,
}

/// See [`Needs::Classes`].
#[derive(Debug, Clone, Copy)]
pub(super) struct OfClasses {
    /// What it is called where there are too few images.
    pub(super) title: &'static str,
    /// Fewest generated images.
    pub(super) fewest: usize,
    /// The metric from class scores of the generated images and a seed; `None` where there are none.
    pub(super) metric: fn(&Instrument, &FeatureSet, u64) -> Result<Option<Metric>, MetricError>,
}

/// Features of real and generated images by one feature network.
pub(super) struct Sets<'a> {
    /// The network.
    pub(super) instrument: &'a Instrument,
    /// Of the real images.
    pub(super) real: &'a FeatureSet,
    /// Of the generated images.
    pub(super) fake: &'a FeatureSet,
    /// Of subsets and intervals.
    pub(super) seed: u64,
}

impl Sets<'_> {
    /// Images of the smaller set.
    pub(super) fn fewest(&self) -> usize {
        self.real.count().min(self.fake.count())
    }
}

impl Definition {
    /// Whether images are compared one by one with real ones.
    pub(super) const fn is_of_pairs(&self) -> bool {
        matches!(self.needs, Needs::Pairs(_) | Needs::PairNetwork(_))
    }

    /// Whether a feature network is needed.
    pub(super) const fn is_of_features(&self) -> bool {
        matches!(self.needs, Needs::Features(_) | Needs::Classes(_))
    }

    /// Whether statistics can take the place of real images.
    pub(super) const fn takes_statistics(&self) -> bool {
        match self.needs {
            Needs::Features(of) => of.from_statistics.is_some(),
            Needs::Classes(_) => true,
            _ => false,
        }
    }

    /// Mean over pairs of the `values` of the score at `score`.
    ///
    /// # Errors
    ///
    /// If there are no values.
    pub(super) fn mean(
        &self,
        score: usize,
        values: &[f64],
        seed: u64,
    ) -> Result<Metric, MetricError> {
        let score = &self.scores[score];
        let metric = scores::mean(score.id, score.label, score.instrument, values, seed)?;
        Ok(self.directed(metric))
    }

    /// `metric` with the direction of this definition.
    pub(super) fn directed(&self, metric: Metric) -> Metric {
        Metric {
            higher_is_better: self.higher_is_better,
            ..metric
        }
    }
}

/// What a metric of captions may be opened with.
pub(super) struct Opening<'a, B: Backend> {
    pub(super) experiment: &'a Experiment,
    pub(super) source: &'a Source,
    pub(super) device: &'a B::Device,
    pub(super) dirs: &'a Dirs,
}

/// Opens the networks of a metric of captions; `None`, with what is missing among the findings, where
/// the experiment has none.
pub(super) type Open<B> =
    fn(&Opening<'_, B>, &mut Findings) -> Result<Option<Box<dyn CaptionMetric>>, EvaluateError>;

/// A metric of generated images and the captions that they were generated from.
pub(super) trait CaptionMetric: Measure {
    /// Its network, for the conditions of a protocol.
    fn network(&self) -> String;

    /// The metrics of the rows that were measured for the captions of `context`.
    ///
    /// # Errors
    ///
    /// If captions cannot be read or the rows make no metric.
    fn metrics(&mut self, context: &Context<'_>) -> Result<Vec<Metric>, EvaluateError>;

    /// Its image encoder, where it has one whose features may be compared.
    fn image_encoder(&mut self) -> Option<&mut CachedExtractor> {
        None
    }
}

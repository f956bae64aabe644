//! What is measured on painted images, chunk by chunk, and kept.

use std::cell::OnceCell;

use image::RgbImage;
use wordpaint_models::backend::Backend;

use super::extract::{Features, Instrument};
use super::instrument::Perceptual;
use super::probe::Reader;
use super::protocol::Query;
use super::scores::{self, PAIR_VALUES};
use super::store::FeatureStore;
use super::{EvaluateError, real_images};
use crate::data::Source;
use crate::setup::Places;

/// Painted images of a chunk with what they are compared with.
pub(super) struct Painted<'a> {
    /// What was asked for.
    pub(super) queries: &'a [Query],
    /// What was painted, all of one size.
    pub(super) images: &'a [RgbImage],
    /// Position of the first query among all.
    pub(super) first: usize,
    source: &'a Source,
    pairs: OnceCell<Pairs>,
}

/// Real and painted images of the pairs.
type Pairs = (Vec<RgbImage>, Vec<RgbImage>);

impl<'a> Painted<'a> {
    pub(super) const fn new(
        queries: &'a [Query],
        images: &'a [RgbImage],
        first: usize,
        source: &'a Source,
    ) -> Self {
        Self {
            queries,
            images,
            first,
            source,
            pairs: OnceCell::new(),
        }
    }

    /// Whole real images at the size of the painted ones, and these.
    pub(super) fn pairs(&self) -> Result<&Pairs, EvaluateError> {
        if let Some(pairs) = self.pairs.get() {
            return Ok(pairs);
        }
        let chosen: Vec<usize> = (0..self.queries.len())
            .filter(|&i| self.queries[i].is_pair)
            .collect();
        let indices: Vec<usize> = chosen
            .iter()
            .map(|&i| self.queries[i].prompt.image)
            .collect();
        let fakes: Vec<RgbImage> = chosen.iter().map(|&i| self.images[i].clone()).collect();
        let reals = real_images(self.source, &indices, &fakes)?;
        Ok(self.pairs.get_or_init(|| (reals, fakes)))
    }
}

/// Something that is measured on painted images. What it gives for a chunk depends on that chunk
/// alone.
pub(super) trait Measure {
    /// Where its rows are kept.
    fn store(&self) -> &FeatureStore;

    /// Its rows for a chunk.
    ///
    /// # Errors
    ///
    /// If images cannot be read or measured.
    fn measure(&mut self, painted: &Painted<'_>) -> Result<Features, EvaluateError>;
}

/// SSIM, FSIM and sharpness of the pairs.
pub(super) struct Pixels(FeatureStore);

impl Pixels {
    /// `front_end` says how real images are brought beside the painted ones.
    pub(super) fn new(front_end: String, places: &Places) -> Self {
        let instrument = plain("pairs", "SSIM, FSIM and sharpness", front_end);
        Self(FeatureStore::new(&places.cache, &instrument))
    }
}

impl Measure for Pixels {
    fn store(&self) -> &FeatureStore {
        &self.0
    }

    fn measure(&mut self, painted: &Painted<'_>) -> Result<Features, EvaluateError> {
        let (reals, fakes) = painted.pairs()?;
        Ok(rows(scores::pair_values(reals, fakes)?, PAIR_VALUES))
    }
}

/// A perceptual distance of the pairs; no rows where the images are too small for it.
pub(super) struct Judge {
    pub(super) distance: Box<dyn Perceptual>,
    store: FeatureStore,
}

impl Judge {
    pub(super) fn new(distance: Box<dyn Perceptual>, front_end: String, places: &Places) -> Self {
        let instrument = Instrument {
            weights: distance.weights().to_owned(),
            ..plain(distance.id(), distance.network(), front_end)
        };
        Self {
            distance,
            store: FeatureStore::new(&places.cache, &instrument),
        }
    }
}

impl Measure for Judge {
    fn store(&self) -> &FeatureStore {
        &self.store
    }

    fn measure(&mut self, painted: &Painted<'_>) -> Result<Features, EvaluateError> {
        let (reals, fakes) = painted.pairs()?;
        let smallest = self.distance.smallest();
        let is_too_small = |image: &RgbImage| image.width().min(image.height()) < smallest;
        if fakes.iter().any(is_too_small) {
            return Ok(rows(Vec::new(), 1));
        }
        let values = self.distance.distances(reals, fakes)?;
        Ok(rows(values.into_iter().map(|v| v as f32).collect(), 1))
    }
}

/// The painted images at chosen positions themselves, for people.
pub(super) struct Shown {
    positions: Vec<usize>,
    store: FeatureStore,
}

impl Shown {
    pub(super) fn new(positions: Vec<usize>, places: &Places) -> Self {
        let which = format!("positions {positions:?}");
        let store = FeatureStore::new(&places.cache, &plain("shown", "none: 8-bit RGB", which));
        Self { positions, store }
    }
}

impl Measure for Shown {
    fn store(&self) -> &FeatureStore {
        &self.store
    }

    fn measure(&mut self, painted: &Painted<'_>) -> Result<Features, EvaluateError> {
        let dims = painted.images.first().map_or(0, |i| i.as_raw().len());
        let images = painted.images.iter().enumerate();
        let chosen = images.filter(|(i, _)| self.positions.contains(&(painted.first + i)));
        let values = chosen.flat_map(|(_, image)| image.as_raw().iter().map(|&v| f32::from(v)));
        Ok(rows(values.collect(), dims))
    }
}

/// What a probe sees in the painted images.
pub(super) struct Seer<B: Backend> {
    pub(super) reader: Reader<B>,
    store: FeatureStore,
}

impl<B: Backend> Seer<B> {
    pub(super) fn new(reader: Reader<B>, places: &Places) -> Self {
        let instrument = Instrument {
            weights: reader.digest.clone(),
            ..plain("attributes", &reader.name, "the probe's own".into())
        };
        Self {
            store: FeatureStore::new(&places.cache, &instrument),
            reader,
        }
    }
}

impl<B: Backend> Measure for Seer<B> {
    fn store(&self) -> &FeatureStore {
        &self.store
    }

    fn measure(&mut self, painted: &Painted<'_>) -> Result<Features, EvaluateError> {
        let seen = self.reader.see(painted.images).concat();
        let values = seen.into_iter().map(|v| v as f32).collect();
        Ok(rows(values, self.reader.accuracy.len()))
    }
}

/// An instrument without classes whose numbers have no name as distances.
pub(super) fn plain(id: &str, network: &str, front_end: String) -> Instrument {
    Instrument {
        id: id.into(),
        network: network.into(),
        weights: String::new(),
        front_end,
        fid: String::new(),
        inception_score: None,
    }
}

/// Rows of `dims` values.
pub(super) fn rows(pool: Vec<f32>, dims: usize) -> Features {
    Features {
        pool,
        dims,
        ..Features::default()
    }
}

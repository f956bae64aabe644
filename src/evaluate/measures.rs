//! What is measured on generated images, chunk by chunk, and kept.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use image::RgbImage;
use wordpaint_metrics::MetricError;

use super::extract::{Features, Instrument};
use super::features::Progress;
use super::protocol::Query;
use super::store::{Chunk, FeatureSet, FeatureStore};
use super::{EvaluateError, real_images};
use crate::data::Source;
use crate::run::results::{Metric, Missing};
use crate::setup::Dirs;

/// Generated images of a chunk with what they are compared with.
pub(super) struct GeneratedChunk<'a> {
    /// What was asked for.
    pub(super) queries: &'a [Query],
    /// What was generated, all of one size.
    pub(super) images: &'a [RgbImage],
    /// Position of the first query among all.
    pub(super) first: usize,
    source: &'a Source,
    pairs: OnceCell<Pairs>,
}

/// Real and generated images of the pairs.
type Pairs = (Vec<RgbImage>, Vec<RgbImage>);

impl<'a> GeneratedChunk<'a> {
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

    /// Whole real images at the size of the generated ones, and these.
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

/// Something that is measured on generated images. What it gives for a chunk depends on that chunk
/// alone.
pub(super) trait Measure {
    /// Its rows.
    fn rows(&mut self) -> &mut Kept;

    /// Its rows for a chunk.
    ///
    /// # Errors
    ///
    /// If images cannot be read or measured.
    fn measure(&mut self, generated: &GeneratedChunk<'_>) -> Result<Features, EvaluateError>;
}

/// Rows of a measure: where they are kept, and those of the images that were generated last.
pub(super) struct Kept {
    store: FeatureStore,
    /// Values per row, where they are known before anything is measured.
    dims: Option<usize>,
    chunks: Vec<Chunk>,
}

impl Kept {
    /// Rows that `instrument` gives.
    pub(super) fn of(instrument: &Instrument, dirs: &Dirs) -> Self {
        Self {
            store: FeatureStore::new(&dirs.cache, instrument),
            dims: None,
            chunks: Vec::new(),
        }
    }

    /// The same; rows that were kept with another number of values are measured again.
    #[must_use]
    pub(super) fn with_dims(self, dims: usize) -> Self {
        Self {
            dims: Some(dims),
            ..self
        }
    }

    /// Where the rows of what `parts` describe lie.
    pub(super) fn place<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> PathBuf {
        self.store.place(parts)
    }

    /// What was kept at `place`.
    pub(super) fn find(&self, place: &Path) -> Option<Chunk> {
        let found = self.store.find(place)?;
        let is_usable = self.dims.is_none_or(|dims| dims == found.dims());
        is_usable.then_some(found)
    }

    /// Keeps `rows` at `place`.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(super) fn keep(&self, place: PathBuf, rows: &Features) -> Result<Chunk, EvaluateError> {
        Ok(self.store.keep(place, rows)?)
    }

    /// Forgets the images that were generated last.
    pub(super) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Adds the rows of the next images.
    pub(super) fn push(&mut self, chunk: Chunk) {
        self.chunks.push(chunk);
    }

    /// Rows of the images that were generated last.
    ///
    /// # Errors
    ///
    /// If their chunks differ in the length of their rows.
    pub(super) fn set(&self) -> Result<FeatureSet, MetricError> {
        FeatureSet::new(self.chunks.clone())
    }

    /// The same in memory, for rows that are few or short.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub(super) fn all(&self) -> Result<Vec<Vec<f32>>, MetricError> {
        self.set()?.rows()
    }
}

/// What generated images are compared with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The evaluation split.
    pub(super) source: &'a Source,
    /// What was asked for, in the order of the rows.
    pub(super) queries: &'a [Query],
    /// How real images are brought beside the generated ones, in words.
    pub(super) preprocessing: &'a str,
    /// Width of the generated images.
    pub(super) width: u32,
    /// Of subsets, splits and intervals.
    pub(super) seed: u64,
    /// Where progress goes: done and total.
    pub(super) progress: Progress<'a>,
}

/// What was measured and what was not.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) metrics: Vec<Metric>,
    pub(super) missing: Vec<Missing>,
}

impl Findings {
    /// Notes that `metric` is not measured.
    pub(super) fn lacks(
        &mut self,
        metric: impl Into<String>,
        why: impl Into<String>,
        how: impl Into<String>,
    ) {
        self.missing.push(Missing {
            metric: metric.into(),
            why: why.into(),
            how: how.into(),
        });
    }

    /// Adds what another measure found.
    pub(super) fn add(&mut self, other: Self) {
        self.metrics.extend(other.metrics);
        self.missing.extend(other.missing);
    }

    /// Whether `title` was measured under just this name, or why not is told already.
    pub(super) fn answers(&self, title: &str) -> bool {
        let is_measured = self.metrics.iter().any(|metric| metric.label == title);
        is_measured || self.missing.iter().any(|missing| missing.metric == title)
    }
}

/// The generated images at chosen positions themselves, for people.
pub(super) struct SampleGrid {
    positions: Vec<usize>,
    rows: Kept,
}

impl SampleGrid {
    pub(super) fn new(positions: Vec<usize>, dirs: &Dirs) -> Self {
        let which = format!("positions {positions:?}");
        let rows = Kept::of(&plain("shown", "none: 8-bit RGB", which), dirs);
        Self { positions, rows }
    }

    /// Which images are shown.
    pub(super) fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// The images, `width` pixels wide.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub(super) fn images(&self, width: u32) -> Result<Vec<RgbImage>, MetricError> {
        let image = |row: Vec<f32>| {
            let bytes: Vec<u8> = row.into_iter().map(|v| v as u8).collect();
            let height = bytes.len() / 3 / width.max(1) as usize;
            RgbImage::from_raw(width, height as u32, bytes)
        };
        Ok(self.rows.all()?.into_iter().filter_map(image).collect())
    }
}

impl Measure for SampleGrid {
    fn rows(&mut self) -> &mut Kept {
        &mut self.rows
    }

    fn measure(&mut self, generated: &GeneratedChunk<'_>) -> Result<Features, EvaluateError> {
        let dims = generated.images.first().map_or(0, |i| i.as_raw().len());
        let images = generated.images.iter().enumerate();
        let chosen = images.filter(|(i, _)| self.positions.contains(&(generated.first + i)));
        let values = chosen.flat_map(|(_, image)| image.as_raw().iter().map(|&v| f32::from(v)));
        Ok(rows(values.collect(), dims))
    }
}

/// An instrument without classes whose numbers have no name as distances.
pub(super) fn plain(id: &str, network: &str, preprocessing: String) -> Instrument {
    Instrument {
        id: id.into(),
        network: network.into(),
        weights: String::new(),
        preprocessing,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_another_number_of_values_are_measured_again() {
        let cache = tempfile::tempdir().expect("temporary folder");
        let dirs = Dirs {
            runs: cache.path().join("runs"),
            cache: cache.path().to_path_buf(),
        };
        let instrument = plain("pairs", "none", "as decoded".into());
        let kept = Kept::of(&instrument, &dirs);
        let place = kept.place([b"a".as_slice()]);
        let chunk = kept.keep(place.clone(), &rows(vec![1.0; 6], 3));

        assert_eq!(kept.find(&place), Some(chunk.expect("writable")));
        let of = |dims| Kept::of(&instrument, &dirs).with_dims(dims);
        assert!(of(3).find(&place).is_some());
        assert_eq!(of(4).find(&place), None);
    }

    #[test]
    fn what_is_measured_or_said_to_be_missing_is_answered() {
        let mut findings = Findings::default();
        assert!(!findings.answers("R-precision"));
        findings.lacks("R-precision (x)", "", "");
        assert!(!findings.answers("R-precision"));
        findings.lacks("R-precision", "", "");
        assert!(findings.answers("R-precision"));
    }
}

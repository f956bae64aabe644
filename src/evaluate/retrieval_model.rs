//! A pretrained pair of encoders as a retrieval model: does it find the caption of an image among others?

use burn::prelude::{Int, Tensor, TensorData};
use image::RgbImage;
use wordpaint_data::tokenizers::{Encoded, Excess};
use wordpaint_data::{DataError, TextImageDataset};
use wordpaint_metrics::r_precision::{Caption, Retrieval, draw_mismatched, retrieve};
use wordpaint_metrics::{MetricError, bootstrap_mean};
use wordpaint_models::backend::Backend;

use super::EvaluateError;
use super::encoders::Opened;
use super::extract::{ExtractError, Extractor, Features, Instrument};
use super::protocol::R_PRECISION;
use super::scores::{RESAMPLES, with_interval};
use crate::config::Experiment;
use crate::data::Source;
use crate::data::pixels::to_tensor;
use crate::run::folder::RunFolder;
use crate::run::results::{Metric, Missing};
use crate::setup::reference::{Target, resolve};
use crate::setup::{Dirs, SetupError, words};

/// Mismatched captions per image, as published.
const MISMATCHED: usize = 99;
/// Captions or images encoded together.
const BATCH: usize = 64;

/// Encoders of images and captions into one space.
#[derive(Debug, Clone)]
pub struct RetrievalModel<B: Backend> {
    opened: Opened<B>,
    device: B::Device,
}

impl<B: Backend> RetrievalModel<B> {
    /// The pair that `experiment` names as its retrieval encoder, else the one it learns from, and why that
    /// cannot be used; neither where it learns from none.
    ///
    /// # Errors
    ///
    /// If the named one is not there or is no pair.
    pub fn of(
        experiment: &Experiment,
        device: &B::Device,
        dirs: &Dirs,
    ) -> Result<(Option<Self>, Option<Missing>), SetupError> {
        let reference = &experiment.evaluate.retrieval_encoder;
        if !reference.is_empty() {
            return match resolve(reference, experiment.quick, dirs)? {
                Target::Run(run) => Ok((Some(Self::open(&run, device, dirs)?), None)),
                Target::File(path) => Err(SetupError::Weights {
                    path,
                    message: "is a file; a judge is a run of `damsm` or `clip`".into(),
                }),
            };
        }
        if !experiment.family_facts()?.has_pretrained_words() {
            return Ok((None, None));
        }
        let own =
            words::pretraining(experiment, dirs).and_then(|run| Self::open(&run, device, dirs));
        Ok(match own {
            Ok(encoders) => (Some(encoders), None),
            Err(error) => {
                let missing = Missing {
                    metric: R_PRECISION.metric.into(),
                    why: format!("the encoders it learned from cannot be used: {error}"),
                    how: R_PRECISION.how.into(),
                };
                (None, Some(missing))
            }
        })
    }

    /// The pair of a pretraining.
    ///
    /// # Errors
    ///
    /// If the run is not one of `damsm` or `clip`, or cannot be read.
    pub fn open(run: &RunFolder, device: &B::Device, dirs: &Dirs) -> Result<Self, SetupError> {
        Ok(Self {
            opened: Opened::of(run, device, dirs)?,
            device: device.clone(),
        })
    }

    /// Codes of the first `count` captions of `images`, in their order, row by row.
    ///
    /// # Errors
    ///
    /// If a caption cannot be read or has no word that the pair knows.
    fn captions(
        &self,
        dataset: &dyn TextImageDataset,
        images: &[usize],
        count: usize,
    ) -> Result<Codes, DataError> {
        let mut captions: Vec<Encoded> = Vec::new();
        for &image in images {
            let record = dataset.record(image)?;
            for caption in &record.captions[..count] {
                let unknown = |network: &str| {
                    DataError::Inconsistent(format!(
                        "{}: no word of a caption of image `{}` is in the vocabulary of {network}: \
                         {caption}",
                        dataset.uri(),
                        record.key,
                    ))
                };
                captions.push(
                    self.encoded(caption)
                        .ok_or_else(|| unknown(&self.opened.instrument.network))?,
                );
            }
        }
        Ok(self.codes(&captions))
    }

    /// Sentence features of captions, a row each.
    ///
    /// # Errors
    ///
    /// If a caption has no word that the pair knows.
    pub(super) fn sentences(&self, captions: &[String]) -> Result<Vec<Vec<f32>>, DataError> {
        let encoded = captions.iter().map(|caption| {
            self.encoded(caption).ok_or_else(|| {
                DataError::Inconsistent(format!(
                    "no word of a caption is in the vocabulary of {}: {caption}",
                    self.opened.instrument.network
                ))
            })
        });
        let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
        let codes = self.codes(&encoded);
        Ok((0..captions.len())
            .map(|row| codes.row(row).to_vec())
            .collect())
    }

    /// Ids of a caption; `None` where no word is known.
    fn encoded(&self, caption: &str) -> Option<Encoded> {
        let Opened {
            tokenizer, length, ..
        } = &self.opened;
        let encoded = tokenizer.encode(caption, *length, Excess::First);
        (encoded.count > 0).then_some(encoded)
    }

    fn codes(&self, captions: &[Encoded]) -> Codes {
        let mut codes = Codes::default();
        for batch in captions.chunks(BATCH) {
            let lengths: Vec<usize> = batch.iter().map(|caption| caption.count).collect();
            let tokens: Vec<i32> = batch
                .iter()
                .flat_map(|caption| caption.ids.clone())
                .collect();
            let data = TensorData::new(tokens, [batch.len(), self.opened.length]);
            let tokens = Tensor::<B, 2, Int>::from_data(data, &self.device);
            codes.push(self.opened.encoders.captions(tokens, &lengths));
        }
        codes
    }

    /// Codes of images, `[batch, 3, height, width]`, range [-1, 1].
    fn images(&self, images: Tensor<B, 4>) -> Codes {
        let mut codes = Codes::default();
        codes.push(self.opened.encoders.images(images));
        codes
    }
}

impl<B: Backend> Extractor for RetrievalModel<B> {
    fn instrument(&self) -> &Instrument {
        &self.opened.instrument
    }

    fn features(&mut self, images: &[RgbImage]) -> Result<Features, ExtractError> {
        let mut features = Features::default();
        let of_one_size = images.chunk_by(|a, b| a.dimensions() == b.dimensions());
        for images in of_one_size.flat_map(|images| images.chunks(BATCH)) {
            let codes = self.images(to_tensor(images, &self.device));
            features.dims = codes.dims;
            features.pool.extend(codes.values);
        }
        Ok(features)
    }
}

/// Rows of equal length.
#[derive(Debug, Clone, Default)]
pub(super) struct Codes {
    values: Vec<f32>,
    dims: usize,
}

impl Codes {
    fn push<B: Backend>(&mut self, rows: Tensor<B, 2>) {
        self.dims = rows.dims()[1];
        self.values.extend(rows.into_data().iter::<f32>());
    }

    pub(super) fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dims..(index + 1) * self.dims]
    }
}

/// Images of a split with the codes of their captions.
pub(super) struct Pool<'a> {
    pub(super) indices: &'a [usize],
    classes: Vec<usize>,
    /// Captions per image.
    pub(super) count: usize,
    captions: Codes,
}

impl<'a> Pool<'a> {
    pub(super) fn new<B: Backend>(
        encoders: &RetrievalModel<B>,
        source: &'a Source,
    ) -> Result<Self, EvaluateError> {
        let split = &source.split;
        let count = split.captions.max(1);
        let dataset = source.dataset.as_ref();
        Ok(Self {
            classes: split.classes.clone(),
            captions: encoders.captions(dataset, &split.indices, count)?,
            indices: &split.indices,
            count,
        })
    }

    /// Place of a dataset's image in the split.
    pub(super) fn place(&self, image: usize) -> usize {
        let found = self.indices.binary_search(&image);
        found.expect("prompts are images of the split")
    }

    /// Code of caption `caption` of the image at `place`.
    pub(super) fn caption(&self, place: usize, caption: usize) -> &[f32] {
        self.captions.row(place * self.count + caption)
    }

    /// Captions of images of other classes than that of `place`.
    pub(super) fn mismatched(
        &self,
        place: usize,
        query: u64,
        seed: u64,
    ) -> Result<Vec<Caption>, MetricError> {
        let class = self.classes[place];
        draw_mismatched(&self.classes, class, self.count, MISMATCHED, query, seed)
    }

    /// Where the caption stands for an image's code.
    pub(super) fn rank(
        &self,
        image: &[f32],
        (place, caption): (usize, usize),
        query: u64,
        seed: u64,
    ) -> Result<Retrieval, MetricError> {
        let drawn = self.mismatched(place, query, seed)?;
        let others = drawn.iter().map(|c| self.caption(c.image, c.caption));
        retrieve(image, self.caption(place, caption), others)
    }
}

/// Whether the caption is among the first `k`; ties are misses.
pub(super) const fn is_among(rank: &Retrieval, k: usize) -> bool {
    rank.above + rank.ties < k
}

/// How often the caption of an image is among the first `k` of 100.
pub(super) fn recall(
    ranks: &[Retrieval],
    k: usize,
    (name, label): (&str, &str),
    network: &str,
    seed: u64,
    detail: &str,
) -> Result<Metric, MetricError> {
    let hits: Vec<f64> = ranks
        .iter()
        .map(|r| f64::from(u8::from(is_among(r, k))))
        .collect();
    let interval = bootstrap_mean(&hits, RESAMPLES, seed)?;
    Ok(Metric {
        unit: "share".into(),
        chance: Some(k as f64 / (MISMATCHED + 1) as f64),
        ..with_interval(name, label, network, interval, detail)
    })
}

/// Codes of real images, in their order.
pub(super) fn codes_of<B: Backend>(
    encoders: &RetrievalModel<B>,
    source: &Source,
    images: &[usize],
) -> Result<Codes, EvaluateError> {
    let mut codes = Codes::default();
    for chunk in images.chunks(BATCH) {
        let batch = crate::data::batch::fixed_batch(source, chunk, 0)?;
        let found = encoders.images(batch.upload::<B>(source, &encoders.device).real());
        codes.dims = found.dims;
        codes.values.extend(found.values);
    }
    Ok(codes)
}

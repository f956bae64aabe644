//! A pretrained pair of encoders as the judge of images: does it find the caption of an image among others?

use burn::prelude::{Int, Tensor, TensorData};
use image::RgbImage;
use wordpaint_data::tokenizers::words::Words;
use wordpaint_data::tokenizers::{Encoded, Excess, Tokenizer};
use wordpaint_data::{DataError, TextImageDataset};
use wordpaint_metrics::r_precision::{
    Caption, FoldRule, Retrieval, draw_mismatched, folds, permutation, retrieve,
};
use wordpaint_metrics::{MetricError, bootstrap_mean};
use wordpaint_models::backend::Backend;
use wordpaint_models::nn::resize::Corners;
use wordpaint_models::vision::matching::Damsm;

use super::EvaluateError;
use super::extract::{ExtractError, Extractor, Features, Instrument};
use super::generate::Prompt;
use super::protocol::R_PRECISION;
use super::scores::{RESAMPLES, SPLITS, with_interval};
use crate::config::Experiment;
use crate::data::Source;
use crate::data::pixels::to_tensor;
use crate::report::schema::{Metric, Missing};
use crate::run::folder::RunFolder;
use crate::setup::reference::{Target, resolve};
use crate::setup::{Places, SetupError, features, pretrained, words};

/// Mismatched captions per image, as published.
const MISMATCHED: usize = 99;
/// Captions or images encoded together.
const BATCH: usize = 64;

/// Encoders of images and captions into one space.
#[derive(Debug, Clone)]
pub struct Matcher<B: Backend> {
    pair: Damsm<B>,
    tokenizer: Words,
    /// Words read of a caption.
    length: usize,
    device: B::Device,
    instrument: Instrument,
}

impl<B: Backend> Matcher<B> {
    /// The pair that `experiment` names as its judge, else the one it learns from, and why that
    /// cannot be used; neither where it learns from none.
    ///
    /// # Errors
    ///
    /// If the named one is not there or is no pair.
    pub fn of(
        experiment: &Experiment,
        device: &B::Device,
        places: &Places,
    ) -> Result<(Option<Self>, Option<Missing>), SetupError> {
        let reference = &experiment.evaluate.retrieval_encoder;
        if !reference.is_empty() {
            return match resolve(reference, experiment.quick, places)? {
                Target::Run(run) => Ok((Some(Self::open(&run, device, places)?), None)),
                Target::File(path) => Err(SetupError::Weights {
                    path,
                    message: "is a file; a judge is a run of `damsm`".into(),
                }),
            };
        }
        if !experiment.family_facts()?.has_pretrained_words() {
            return Ok((None, None));
        }
        let own =
            words::pretraining(experiment, places).and_then(|run| Self::open(&run, device, places));
        Ok(match own {
            Ok(matcher) => (Some(matcher), None),
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
    /// If the run is not one of `damsm` or cannot be read.
    pub fn open(run: &RunFolder, device: &B::Device, places: &Places) -> Result<Self, SetupError> {
        let (pair, config) = pretrained::pair_of::<B>(run, device, places)?;
        let name = run.path().file_name().unwrap_or_default();
        let size = pair.image_size();
        let instrument = Instrument {
            id: "damsm".into(),
            network: format!("DAMSM pair of {}", name.to_string_lossy()),
            weights: features::identity(&pair, &format!("{config:?}")),
            front_end: format!("8-bit RGB in -1..1, bilinear to {size} pixels, corners on corners"),
            fid: "fd_damsm".into(),
            inception_score: None,
        };
        Ok(Self {
            pair,
            tokenizer: Words(words::of_run(run)?),
            length: config.words,
            device: device.clone(),
            instrument,
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
                let encoded = self.tokenizer.encode(caption, self.length, Excess::First);
                if encoded.count == 0 {
                    return Err(DataError::Inconsistent(format!(
                        "{}: no word of a caption of image `{}` is in the vocabulary of {}: \
                         {caption}",
                        dataset.uri(),
                        record.key,
                        self.instrument.network
                    )));
                }
                captions.push(encoded);
            }
        }
        let mut codes = Codes::default();
        for batch in captions.chunks(BATCH) {
            let lengths: Vec<usize> = batch.iter().map(|caption| caption.count).collect();
            let tokens: Vec<i32> = batch
                .iter()
                .flat_map(|caption| caption.ids.clone())
                .collect();
            let data = TensorData::new(tokens, [batch.len(), self.length]);
            let tokens = Tensor::<B, 2, Int>::from_data(data, &self.device);
            codes.push(self.pair.text.encode(tokens, &lengths).sentence);
        }
        Ok(codes)
    }

    /// Codes of images, `[batch, 3, height, width]`, range [-1, 1].
    fn images(&self, images: Tensor<B, 4>) -> Codes {
        let mut codes = Codes::default();
        codes.push(self.pair.image_codes(images, Corners::Aligned).code);
        codes
    }
}

impl<B: Backend> Extractor for Matcher<B> {
    fn instrument(&self) -> &Instrument {
        &self.instrument
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
struct Codes {
    values: Vec<f32>,
    dims: usize,
}

impl Codes {
    fn push<B: Backend>(&mut self, rows: Tensor<B, 2>) {
        self.dims = rows.dims()[1];
        self.values.extend(rows.into_data().iter::<f32>());
    }

    fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dims..(index + 1) * self.dims]
    }
}

/// Images of a split with the codes of their captions.
struct Pool<'a> {
    indices: &'a [usize],
    classes: Vec<usize>,
    /// Captions per image.
    count: usize,
    captions: Codes,
}

impl<'a> Pool<'a> {
    fn new<B: Backend>(matcher: &Matcher<B>, source: &'a Source) -> Result<Self, EvaluateError> {
        let population = &source.population;
        let count = population.captions.max(1);
        let dataset = source.dataset.as_ref();
        Ok(Self {
            classes: population.classes.clone(),
            captions: matcher.captions(dataset, &population.indices, count)?,
            indices: &population.indices,
            count,
        })
    }

    /// Place of a dataset's image in the split.
    fn place(&self, image: usize) -> usize {
        let found = self.indices.binary_search(&image);
        found.expect("prompts are images of the split")
    }

    /// Code of caption `caption` of the image at `place`.
    fn caption(&self, place: usize, caption: usize) -> &[f32] {
        self.captions.row(place * self.count + caption)
    }

    /// Captions of images of other classes than that of `place`.
    fn mismatched(&self, place: usize, query: u64, seed: u64) -> Result<Vec<Caption>, MetricError> {
        let class = self.classes[place];
        draw_mismatched(&self.classes, class, self.count, MISMATCHED, query, seed)
    }

    /// Where the caption stands for an image's code.
    fn rank(
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
const fn is_among(rank: &Retrieval, k: usize) -> bool {
    rank.above + rank.ties < k
}

/// How often the caption of an image is among the first `k` of 100.
fn recall(
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

/// R-precision of painted images, `codes` in the order of `prompts`, beside the same images with
/// the captions of others.
///
/// # Errors
///
/// If captions cannot be read or all images are of one class.
pub(super) fn r_precision<B: Backend>(
    matcher: &Matcher<B>,
    source: &Source,
    prompts: &[Prompt],
    codes: &[Vec<f32>],
    seed: u64,
) -> Result<Vec<Metric>, EvaluateError> {
    let pool = Pool::new(matcher, source)?;
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for (i, (prompt, code)) in prompts.iter().zip(codes).enumerate() {
        let place = pool.place(prompt.image);
        let query = i as u64;
        own.push(pool.rank(code, (place, prompt.caption), query, seed)?);
        // A caption of another class in place of the image's own.
        let other = pool.mismatched(place, query, !seed)?[0];
        others.push(pool.rank(code, (other.image, other.caption), query, seed)?);
    }
    let ties = own.iter().filter(|r| r.ties > 0).count();
    let mean = own
        .iter()
        .map(|r| (r.above + r.ties + 1) as f64)
        .sum::<f64>()
        / own.len() as f64;
    let mut detail = format!(
        "the image's caption against 99 of other classes by cosine of the whole codes; ties (in \
         {ties} images) are misses; mean rank {mean:.1}; 95 % bootstrap interval"
    );
    let hits: Vec<bool> = own.iter().map(|r| r.is_hit_published()).collect();
    if hits.len() >= SPLITS {
        let order = permutation(hits.len(), seed);
        let folds = folds(&hits, &order, SPLITS, FoldRule::Whole)?;
        let [mean, std] = [folds.mean, folds.std].map(|share| 100.0 * share);
        detail = format!("{detail}; published rule, {SPLITS} folds: {mean:.2} +- {std:.2} %");
    }
    let network = &matcher.instrument.network;
    let real = of_real_images(matcher, source, &pool, prompts, seed)?;
    let mut metrics = Vec::new();
    for (k, name, label) in [
        (1, "r_precision", "R-precision"),
        (5, "r_precision_top5", "R-precision, among the first 5"),
        (10, "r_precision_top10", "R-precision, among the first 10"),
    ] {
        let hits = real.iter().filter(|r| is_among(r, k)).count();
        metrics.push(Metric {
            real: Some(hits as f64 / real.len() as f64),
            ..recall(&own, k, (name, label), network, seed, &detail)?
        });
    }
    let names = ("r_precision_shuffled", "R-precision with others' captions");
    let control = "control: every image judged by a caption of another class";
    metrics.push(recall(&others, 1, names, network, seed, control)?);
    Ok(metrics)
}

/// Where the captions of `prompts` stand for the real images that they describe, among the same
/// others as for the painted ones.
fn of_real_images<B: Backend>(
    matcher: &Matcher<B>,
    source: &Source,
    pool: &Pool<'_>,
    prompts: &[Prompt],
    seed: u64,
) -> Result<Vec<Retrieval>, EvaluateError> {
    let mut images: Vec<usize> = prompts.iter().map(|prompt| prompt.image).collect();
    images.sort_unstable();
    images.dedup();
    let codes = codes_of(matcher, source, &images)?;
    let ranks = prompts.iter().enumerate().map(|(i, prompt)| {
        let row = images.binary_search(&prompt.image);
        let code = codes.row(row.expect("every image of a prompt was encoded"));
        let caption = (pool.place(prompt.image), prompt.caption);
        Ok(pool.rank(code, caption, i as u64, seed)?)
    });
    ranks.collect()
}

/// Codes of real images, in their order.
fn codes_of<B: Backend>(
    matcher: &Matcher<B>,
    source: &Source,
    images: &[usize],
) -> Result<Codes, EvaluateError> {
    let mut codes = Codes::default();
    for chunk in images.chunks(BATCH) {
        let batch = crate::data::batch::fixed_batch(source, chunk, 0)?;
        let found = matcher.images(batch.upload::<B>(source, &matcher.device).real());
        codes.dims = found.dims;
        codes.values.extend(found.values);
    }
    Ok(codes)
}

/// Retrieval of the real images of a split by their captions, and the other way; every image with
/// one of its captions in turn.
///
/// # Errors
///
/// If data cannot be read or all images are of one class.
pub(super) fn retrieval<B: Backend>(
    matcher: &Matcher<B>,
    source: &Source,
    seed: u64,
) -> Result<Vec<Metric>, EvaluateError> {
    let pool = Pool::new(matcher, source)?;
    let images = codes_of(matcher, source, pool.indices)?;
    let (mut to_image, mut to_caption, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for place in 0..pool.indices.len() {
        let caption = place % pool.count;
        let query = place as u64;
        let drawn = pool.mismatched(place, query, seed)?;
        let said = pool.caption(place, caption);
        let others = || drawn.iter().map(|c| images.row(c.image));
        to_image.push(retrieve(said, images.row(place), others())?);
        let code = images.row(place);
        to_caption.push(pool.rank(code, (place, caption), query, seed)?);
        let wrong = pool.mismatched(place, query, !seed)?[0];
        control.push(retrieve(said, images.row(wrong.image), others())?);
    }
    let network = &matcher.instrument.network;
    let detail = "against 99 of other classes by cosine of the whole codes; ties are misses; 95 % \
                  bootstrap interval";
    let mut metrics = Vec::new();
    for (ranks, way, title) in [
        (&to_image, "caption_to_image", "Caption to image"),
        (&to_caption, "image_to_caption", "Image to caption"),
    ] {
        for k in [1, 5, 10] {
            let (name, label) = (format!("{way}_r{k}"), format!("{title}, R@{k} of 100"));
            metrics.push(recall(ranks, k, (&name, &label), network, seed, detail)?);
        }
    }
    let names = (
        "caption_to_image_shuffled",
        "Caption to another's image, R@1 of 100",
    );
    let detail = "control: every caption with an image of another class";
    metrics.push(recall(&control, 1, names, network, seed, detail)?);
    Ok(metrics)
}

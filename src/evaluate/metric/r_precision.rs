//! R-precision: does a pretrained pair of encoders find the caption of an image among others?

use wordpaint_metrics::r_precision::{FoldRule, Retrieval, folds, permutation};
use wordpaint_models::backend::Backend;

use super::super::retrieval_model::{Pool, RetrievalModel, codes_of, is_among, recall};
use super::super::scores::SPLITS;
use super::{CaptionMetric, Opening};
use crate::data::Source;
use crate::evaluate::EvaluateError;
use crate::evaluate::cached_extractor::CachedExtractor;
use crate::evaluate::extract::{Extractor, Features};
use crate::evaluate::measures::{Context, Findings, GeneratedChunk, Kept, Measure};
use crate::generate::prompts::Prompt;
use crate::run::results::Metric;

/// The pair of encoders, and its image encoder as a feature network.
struct RPrecision<B: Backend> {
    encoders: RetrievalModel<B>,
    codes: CachedExtractor,
}

/// The pair that the experiment names or learns from; nothing where it learns from none.
pub(super) fn open<B: Backend>(
    opening: &Opening<'_, B>,
    findings: &mut Findings,
) -> Result<Option<Box<dyn CaptionMetric>>, EvaluateError> {
    let (encoders, absent) =
        RetrievalModel::<B>::of(opening.experiment, opening.device, opening.dirs)?;
    findings.missing.extend(absent);
    let Some(encoders) = encoders else {
        return Ok(None);
    };
    let codes = CachedExtractor::new(Box::new(encoders.clone()), opening.dirs);
    Ok(Some(Box::new(RPrecision { encoders, codes })))
}

impl<B: Backend> Measure for RPrecision<B> {
    fn rows(&mut self) -> &mut Kept {
        self.codes.rows()
    }

    fn measure(&mut self, generated: &GeneratedChunk<'_>) -> Result<Features, EvaluateError> {
        self.codes.measure(generated)
    }
}

impl<B: Backend> CaptionMetric for RPrecision<B> {
    fn network(&self) -> String {
        format!("judge {}", self.encoders.instrument().network)
    }

    fn metrics(&mut self, context: &Context<'_>) -> Result<Vec<Metric>, EvaluateError> {
        let prompts: Vec<Prompt> = context.queries.iter().map(|query| query.prompt).collect();
        let codes = self.codes.rows().all()?;
        r_precision(
            &self.encoders,
            context.source,
            &prompts,
            &codes,
            context.seed,
        )
    }

    fn image_encoder(&mut self) -> Option<&mut CachedExtractor> {
        Some(&mut self.codes)
    }
}

/// R-precision of generated images, `codes` in the order of `prompts`, beside the same images with
/// the captions of others.
///
/// # Errors
///
/// If captions cannot be read or all images are of one class.
fn r_precision<B: Backend>(
    encoders: &RetrievalModel<B>,
    source: &Source,
    prompts: &[Prompt],
    codes: &[Vec<f32>],
    seed: u64,
) -> Result<Vec<Metric>, EvaluateError> {
    let pool = Pool::new(encoders, source)?;
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
    let network = &encoders.instrument().network;
    let real = of_real_images(encoders, source, &pool, prompts, seed)?;
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
/// others as for the generated ones.
fn of_real_images<B: Backend>(
    encoders: &RetrievalModel<B>,
    source: &Source,
    pool: &Pool<'_>,
    prompts: &[Prompt],
    seed: u64,
) -> Result<Vec<Retrieval>, EvaluateError> {
    let mut images: Vec<usize> = prompts.iter().map(|prompt| prompt.image).collect();
    images.sort_unstable();
    images.dedup();
    let codes = codes_of(encoders, source, &images)?;
    let ranks = prompts.iter().enumerate().map(|(i, prompt)| {
        let row = images.binary_search(&prompt.image);
        let code = codes.row(row.expect("every image of a prompt was encoded"));
        let caption = (pool.place(prompt.image), prompt.caption);
        Ok(pool.rank(code, caption, i as u64, seed)?)
    });
    ranks.collect()
}

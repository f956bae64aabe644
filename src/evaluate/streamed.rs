//! Protocols over a run: generating and measuring in chunks that are kept, so that an interrupted
//! evaluation goes on where it stopped and gives the same numbers, bit for bit.

use image::RgbImage;
use wordpaint_models::backend::Backend;
use wordpaint_models::system::Pipeline;

use super::cached_extractor::CachedExtractor;
use super::features::Progress;
use super::measures::{Context, Findings, GeneratedChunk, Measure, SampleGrid};
use super::metric::consistency::{self, Triplets};
use super::metric::{self, CaptionMetric, Opening};
use super::perceptual::{PerceptualDistance, open_distances};
use super::pixels::Pixels;
use super::protocol::{Definition, Prompts, Query, turns};
use super::{EvaluateError, distances, instrument, keep, probe, real_images, sheet};
use crate::config::{Experiment, schema};
use crate::data::Source;
use crate::generate::prompts;
use crate::picture;
use crate::run::folder::{RunFolder, write_atomic};
use crate::run::results::{Evaluation, Protocol};
use crate::setup::{Dirs, Status};

/// Captions whose images are generated and measured together; part of what decides the noise of an image.
const CHUNK: usize = 64;
/// Captions on the grid.
const GRID_IMAGES: usize = 12;
/// What is measured where none of a protocol's networks is in place.
const LAST_RESORT: &str = "thumb8";

/// How images of `data` are prepared, in words.
fn prepared(data: &schema::Data) -> String {
    let cropped = if data.crop_to_box {
        "cropped to their boxes, "
    } else {
        ""
    };
    let sides = match data.fit {
        schema::Fit::Stretch => "both sides",
        schema::Fit::ShorterSide => "the shorter side",
    };
    let filter = match data.resize {
        schema::Resize::OpencvBilinear => "bilinear as OpenCV",
        schema::Resize::PilBilinear => "bilinear as Pillow",
    };
    let size = match data.load_size {
        0 => "the size of the painted ones".into(),
        side => format!("{side} pixels, the middle cut out"),
    };
    format!("{cropped}{sides} brought ({filter}) to {size}")
}

/// An evaluation of a run by a protocol.
pub struct Streamed<'a, B: Backend> {
    /// The run.
    pub run: &'a RunFolder,
    /// Its experiment.
    pub experiment: &'a Experiment,
    /// Its generator.
    pub pipeline: Pipeline<'a, B>,
    /// Digest of the generator's checkpoint.
    pub checkpoint: &'a str,
    /// The evaluation split.
    pub source: &'a Source,
    /// Where to compute.
    pub device: &'a B::Device,
    /// Where weights and features lie.
    pub dirs: &'a Dirs,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
    /// Where progress goes: done and total.
    pub progress: Progress<'a>,
}

/// Everything that is measured.
struct Suite {
    pixels: Pixels,
    pictures: SampleGrid,
    distances: Vec<PerceptualDistance>,
    extractors: Vec<CachedExtractor>,
    of_captions: Vec<Box<dyn CaptionMetric>>,
}

impl Suite {
    /// What is measured on the images of all queries, metrics of captions only where they are asked
    /// for.
    fn measures(&mut self, has_captions: bool) -> Vec<&mut dyn Measure> {
        let mut measures: Vec<&mut dyn Measure> = vec![&mut self.pixels, &mut self.pictures];
        for distance in &mut self.distances {
            measures.push(distance);
        }
        for extractor in &mut self.extractors {
            measures.push(extractor);
        }
        if has_captions {
            measures.extend(of_captions(&mut self.of_captions));
        }
        measures
    }

    /// Metrics of pairs, of images and of features.
    fn metrics(&mut self, context: &Context<'_>) -> Result<Findings, EvaluateError> {
        let mut findings = self.pixels.metrics(context)?;
        for distance in &self.distances {
            findings.add(distance.metrics(context)?);
        }
        for extractor in &mut self.extractors {
            findings.add(distances::measure(extractor, context)?);
        }
        Ok(findings)
    }
}

impl<B: Backend> Streamed<'_, B> {
    /// Measures the run and writes `evaluation/<protocol>.json` with its grid.
    ///
    /// # Errors
    ///
    /// If data are missing, a network fails or the result cannot be written.
    pub fn evaluate(&self, definition: &Definition) -> Result<Evaluation, EvaluateError> {
        let settings = &self.experiment.evaluate;
        let seed = self.experiment.train.seed;
        let prompts = definition.prompts;
        let queries = prompts.queries(self.source, settings.images, settings.caption, seed);
        let preprocessing = self.preprocessing();
        let mut findings = Findings::default();
        let mut suite = self.open(definition, &queries, &preprocessing, &mut findings)?;
        let in_turn = match prompts {
            Prompts::Spread(most) if definition.has_turns => Some(most),
            _ => None,
        };

        (self.status)(&format!(
            "generating and measuring {} images",
            queries.len()
        ));
        self.generate(&queries, &mut suite.measures(in_turn.is_none()), seed)?;

        let context = Context {
            source: self.source,
            queries: &queries,
            preprocessing: &preprocessing,
            width: suite.pixels.width()?,
            seed,
            progress: self.progress,
        };
        let grid = format!("evaluation/{}.png", definition.name);
        self.draw(&suite.pictures, &context, &grid)?;
        findings.add(suite.metrics(&context)?);
        let encoder = self.captions(in_turn, &mut suite.of_captions, &context, &mut findings)?;
        findings.add(self.consistency(&mut suite, seed)?);
        for item in definition.unavailable {
            if !findings.answers(item.metric) {
                findings.lacks(item.metric, item.why, item.how);
            }
        }
        let evaluation = Evaluation {
            protocol: Protocol {
                name: definition.name.into(),
                version: definition.version.into(),
                description: definition.description.into(),
                images: queries.len(),
                split: format!("{:?}", self.experiment.data.eval_split).to_lowercase(),
                captions: prompts.captions(settings.caption),
                seed,
                encoder,
                preprocessing,
            },
            metrics: findings.metrics,
            grid: Some(grid),
            figures: Vec::new(),
            missing: findings.missing,
        };
        keep(self.run, &evaluation)?;
        Ok(evaluation)
    }

    /// Everything that a protocol measures and that is in place.
    fn open(
        &self,
        definition: &Definition,
        queries: &[Query],
        preprocessing: &str,
        findings: &mut Findings,
    ) -> Result<Suite, EvaluateError> {
        let opening = Opening {
            experiment: self.experiment,
            source: self.source,
            device: self.device,
            dirs: self.dirs,
        };
        let extractors = self.extractors(definition, findings);
        let distances = open_distances(&opening, preprocessing, findings);
        let mut of_captions: Vec<Box<dyn CaptionMetric>> = Vec::new();
        for open in metric::of_captions::<B>() {
            of_captions.extend(open(&opening, findings)?);
        }
        Ok(Suite {
            pixels: Pixels::new(preprocessing, self.dirs),
            pictures: SampleGrid::new(sample_positions(queries), self.dirs),
            distances,
            extractors,
            of_captions,
        })
    }

    /// Adds the metrics of captions, of images generated for up to `in_turn` captions in turn where
    /// that is given, else of those that were generated last. Returns the networks behind the numbers.
    fn captions(
        &self,
        in_turn: Option<usize>,
        metrics: &mut [Box<dyn CaptionMetric>],
        context: &Context<'_>,
        findings: &mut Findings,
    ) -> Result<String, EvaluateError> {
        let mut asked = context.queries.to_vec();
        if let Some(most) = in_turn.filter(|_| !metrics.is_empty()) {
            asked = turns(self.source, most, self.experiment.evaluate.images);
            let count = asked.len();
            (self.status)(&format!("generating {count} images, captions in turn"));
            let mut measures: Vec<_> = of_captions(metrics).collect();
            self.generate(&asked, &mut measures, context.seed)?;
        }
        let context = Context {
            queries: &asked,
            ..*context
        };
        let mut networks = self.experiment.text.encoder.clone();
        for metric in metrics {
            findings.metrics.extend(metric.metrics(&context)?);
            networks = format!("{networks}; {}", metric.network());
        }
        Ok(networks)
    }

    fn preprocessing(&self) -> String {
        format!(
            "8-bit RGB, painted values truncated; real images as in training without chance: {}; {}",
            prepared(&self.experiment.data),
            self.source.dataset.uri()
        )
    }

    /// The published instruments and the others of the protocol that are in place.
    fn extractors(&self, definition: &Definition, findings: &mut Findings) -> Vec<CachedExtractor> {
        let mut extractors: Vec<CachedExtractor> = Vec::new();
        let open = |id: &str| instrument::open::<B>(id, self.device, self.dirs);
        for published in definition.published_of(&self.source.split.classes) {
            match open(published.network) {
                Ok(network) => extractors.push(CachedExtractor::new(network, self.dirs)),
                Err(absent) => {
                    for metric in published.metrics {
                        let how = format!(
                            "{}; no other network's score goes under this name",
                            absent.how
                        );
                        let name = format!("{metric} ({})", published.network);
                        findings.lacks(name, &absent.why, how);
                    }
                }
            }
        }
        let before = extractors.len();
        for id in definition.also {
            match open(id) {
                Ok(network) => extractors.push(CachedExtractor::new(network, self.dirs)),
                Err(absent) => findings.lacks(
                    format!("Distances of sets and score of classes ({id})"),
                    absent.why,
                    absent.how,
                ),
            }
        }
        if !definition.also.is_empty() && extractors.len() == before {
            let last = open(LAST_RESORT).ok();
            extractors.extend(last.map(|network| CachedExtractor::new(network, self.dirs)));
        }
        extractors
    }

    /// Everything about the run that decides what the images are.
    fn identity(&self, seed: u64) -> String {
        let data = self.source.dataset.fingerprint();
        let backend = B::name(self.device);
        let split = format!("{:?}", self.experiment.data.eval_split);
        [self.checkpoint, &data, &split, &backend, &seed.to_string()].join("\n")
    }

    /// Generates images and measures what is not kept yet; every measure then has its rows for `queries`.
    fn generate(
        &self,
        queries: &[Query],
        measures: &mut [&mut dyn Measure],
        seed: u64,
    ) -> Result<(), EvaluateError> {
        let identity = self.identity(seed);
        for measure in measures.iter_mut() {
            measure.rows().clear();
        }
        let mut reused = 0;
        for (number, chunk) in queries.chunks(CHUNK).enumerate() {
            let first = number * CHUNK;
            let content: Vec<u8> = chunk
                .iter()
                .flat_map(|q| [q.prompt.image, q.prompt.caption, usize::from(q.is_pair)])
                .flat_map(|v| (v as u64).to_le_bytes())
                .collect();
            let number = (number as u64).to_le_bytes();
            let mut images = Vec::new();
            for measure in measures.iter_mut() {
                let place = measure
                    .rows()
                    .place([identity.as_bytes(), &number, &content]);
                let kept = if let Some(found) = measure.rows().find(&place) {
                    found
                } else {
                    if images.is_empty() {
                        images = self.images(chunk, first as u64, seed)?;
                    }
                    let generated = GeneratedChunk::new(chunk, &images, first, self.source);
                    let rows = measure.measure(&generated)?;
                    measure.rows().keep(place, &rows)?
                };
                measure.rows().push(kept);
            }
            if images.is_empty() {
                reused += chunk.len();
            }
            (self.progress)(first + chunk.len(), queries.len());
        }
        if reused > 0 {
            let total = queries.len();
            (self.status)(&format!("{reused} of {total} images were measured before"));
        }
        Ok(())
    }

    /// Generated images of a chunk; the noise of a batch is numbered from `first`.
    fn images(
        &self,
        chunk: &[Query],
        first: u64,
        seed: u64,
    ) -> Result<Vec<RgbImage>, EvaluateError> {
        let prompts: Vec<prompts::Prompt> = chunk.iter().map(|q| q.prompt).collect();
        let mut images = vec![RgbImage::new(1, 1); prompts.len()];
        prompts::images_from(
            &self.pipeline,
            self.source,
            &prompts,
            (seed, first),
            self.device,
            |position, image| images[position] = image,
        )?;
        Ok(images)
    }

    /// What encoders of images say about captions of one picture.
    fn consistency(&self, suite: &mut Suite, seed: u64) -> Result<Findings, EvaluateError> {
        let encoders = suite.of_captions.iter_mut();
        let mut networks: Vec<&mut CachedExtractor> = encoders
            .filter_map(|metric| metric.image_encoder())
            .collect();
        let num_encoders = networks.len();
        networks.extend(&mut suite.extractors);
        consistency::measure(
            Triplets::of(self.source, self.experiment.evaluate.images, seed),
            &mut networks,
            num_encoders,
            seed,
            |count| (self.status)(&format!("generating {count} images, pairs of captions")),
            |queries, measures| self.generate(queries, measures, seed),
        )
    }

    /// Real beside generated images.
    fn draw(
        &self,
        pictures: &SampleGrid,
        context: &Context<'_>,
        file: &str,
    ) -> Result<(), EvaluateError> {
        let positions = pictures.positions();
        if positions.is_empty() {
            return Ok(());
        }
        let fakes = pictures.images(context.width)?;
        let prompts = positions.iter().map(|&i| context.queries[i].prompt);
        let prompts: Vec<prompts::Prompt> = prompts.collect();
        let indices: Vec<usize> = prompts.iter().map(|prompt| prompt.image).collect();
        let reals = real_images(self.source, &indices, &fakes)?;
        let captions = probe::captions(&self.source.dataset, &prompts)?;
        let sheet = sheet(&captions, &reals, &fakes);
        write_atomic(&self.run.join(file), &picture::png(&sheet))?;
        Ok(())
    }
}

/// Metrics of captions as measures.
fn of_captions(metrics: &mut [Box<dyn CaptionMetric>]) -> impl Iterator<Item = &mut dyn Measure> {
    metrics.iter_mut().map(|metric| {
        let measure: &mut dyn Measure = metric.as_mut();
        measure
    })
}

/// Positions of the pairs on the grid, evenly spread.
fn sample_positions(queries: &[Query]) -> Vec<usize> {
    let pairs: Vec<usize> = (0..queries.len()).filter(|&i| queries[i].is_pair).collect();
    let count = GRID_IMAGES.min(pairs.len());
    (0..count).map(|i| pairs[i * pairs.len() / count]).collect()
}

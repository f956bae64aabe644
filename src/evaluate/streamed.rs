//! Protocols over a run: painting and measuring in chunks that are kept, so that an interrupted
//! evaluation goes on where it stopped and gives the same numbers, bit for bit.

use image::RgbImage;
use wordpaint_metrics::Rows;
use wordpaint_models::backend::Backend;
use wordpaint_models::system::Pipeline;

use super::consistency::{self, Trios};
use super::extract::Extractor;
use super::features::{Progress, check};
use super::instrument::{PAIRS, open_pairs};
use super::matcher::{self, Matcher};
use super::measures::{Judge, Measure, Painted, Pixels, Seer, Shown};
use super::probe::Reader;
use super::protocol::{self, Definition, Prompts, Query, turns};
use super::station::{Station, distances};
use super::store::{Chunk, FeatureSet};
use super::{
    EvaluateError, attributes, generate, keep, networks, probe, real_images, scores, sheet,
};
use crate::config::{Experiment, schema};
use crate::data::Source;
use crate::picture;
use crate::report::schema::{Evaluation, Metric, Missing, Protocol};
use crate::run::folder::{RunFolder, write_atomic};
use crate::setup::{Places, Say};

/// Captions painted and measured together; part of what decides the noise of an image.
const CHUNK: usize = 64;
/// Captions on the grid.
const SHOWN: usize = 12;
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
    pub places: &'a Places,
    /// Tells the user what is being done.
    pub say: Say<'a>,
    /// Tells the user how far it is.
    pub progress: Progress<'a>,
}

/// What was measured and what was not.
#[derive(Default)]
struct Findings {
    metrics: Vec<Metric>,
    missing: Vec<Missing>,
}

impl Findings {
    fn lacks(&mut self, metric: impl Into<String>, why: impl Into<String>, how: impl Into<String>) {
        self.missing.push(Missing {
            metric: metric.into(),
            why: why.into(),
            how: how.into(),
        });
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
        let mut findings = Findings::default();
        let mut stations = self.stations(definition, &mut findings);
        let mut judges = self.judges(&mut findings);
        let mut seer = self.seer(&mut findings)?;
        let (matcher, absent) = Matcher::<B>::of(self.experiment, self.device, self.places)?;
        let is_matched = matcher.is_some() || absent.is_some();
        findings.missing.extend(absent);
        let mut codes = matcher
            .as_ref()
            .map(|matcher| Station::new(Box::new(matcher.clone()), self.places));
        let positions = shown(&queries);
        let mut pixels = Pixels::new(self.front_end(), self.places);
        let mut pictures = Shown::new(positions.clone(), self.places);

        (self.say)(&format!("painting and measuring {} images", queries.len()));
        let mut measures: Vec<&mut dyn Measure> = vec![&mut pixels, &mut pictures];
        measures.extend(judges.iter_mut().map(|judge| judge as &mut dyn Measure));
        measures.extend(
            stations
                .iter_mut()
                .map(|station| station as &mut dyn Measure),
        );
        if !definition.has_turns {
            measures.extend(seer.iter_mut().map(|seer| seer as &mut dyn Measure));
            measures.extend(codes.iter_mut().map(|codes| codes as &mut dyn Measure));
        }
        let mut kept = self.paint(&queries, &mut measures, seed)?.into_iter();
        let mut next = || kept.next().unwrap_or_default();

        let pairs = rows_of(&next())?;
        let width = pairs.first().map_or(0, |row| row[scores::WIDTH] as u32);
        let grid = format!("evaluation/{}.png", definition.name);
        self.draw(&queries, &positions, &next(), width, &grid)?;
        similarity(&pairs, seed, &mut findings)?;
        for judge in &judges {
            perceptual(judge, &rows_of(&next())?, width, seed, &mut findings)?;
        }
        for station in &mut stations {
            let fakes = next();
            let reals = self.reference(station, width)?;
            let (metrics, missing) = distances(&*station.network, &reals, &fakes, seed)?;
            findings.metrics.extend(metrics);
            findings.missing.extend(missing);
        }
        let mut encoder = self.experiment.text.encoder.clone();
        let mut asked = queries.clone();
        let mut in_turn = Vec::new().into_iter();
        if let (Prompts::Spread(most), true) = (prompts, definition.has_turns)
            && (seer.is_some() || codes.is_some())
        {
            asked = turns(self.source, most, settings.images);
            let count = asked.len();
            (self.say)(&format!("painting {count} images, captions in turn"));
            let mut measures: Vec<&mut dyn Measure> = Vec::new();
            measures.extend(seer.iter_mut().map(|seer| seer as &mut dyn Measure));
            measures.extend(codes.iter_mut().map(|codes| codes as &mut dyn Measure));
            in_turn = self.paint(&asked, &mut measures, seed)?.into_iter();
        }
        let mut next = || in_turn.next().unwrap_or_else(&mut next);
        if let Some(seer) = &seer {
            let metrics = self.agreement(seer, &asked, &next(), seed)?;
            findings.metrics.extend(metrics);
            encoder = format!("{encoder}; probe {}", seer.reader.name);
        }
        if let Some(matcher) = &matcher {
            let prompts: Vec<generate::Prompt> = asked.iter().map(|query| query.prompt).collect();
            let codes = rows_of(&next())?;
            let metrics = matcher::r_precision(matcher, self.source, &prompts, &codes, seed)?;
            findings.metrics.extend(metrics);
            encoder = format!("{encoder}; judge {}", matcher.instrument().network);
        }
        self.consistency(codes.as_mut(), &mut stations, seed, &mut findings)?;
        let unavailable = definition.unavailable.iter();
        for item in unavailable.filter(|i| !is_matched || i.metric != protocol::R_PRECISION.metric)
        {
            findings.lacks(item.metric, item.why, item.how);
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
                front_end: self.front_end(),
            },
            metrics: findings.metrics,
            grid: Some(grid),
            figures: Vec::new(),
            missing: findings.missing,
        };
        keep(self.run, &evaluation)?;
        Ok(evaluation)
    }

    fn front_end(&self) -> String {
        format!(
            "8-bit RGB, painted values truncated; real images as in training without chance: {}; {}",
            prepared(&self.experiment.data),
            self.source.dataset.uri()
        )
    }

    /// The published instruments and the others of the protocol that are in place.
    fn stations(&self, definition: &Definition, findings: &mut Findings) -> Vec<Station> {
        let mut stations: Vec<Station> = Vec::new();
        let open = |id: &str| networks::open::<B>(id, self.device, self.places);
        for published in definition.published_of(&self.source.population.classes) {
            match open(published.network) {
                Ok(network) => stations.push(Station::new(network, self.places)),
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
        let before = stations.len();
        for id in definition.also {
            match open(id) {
                Ok(network) => stations.push(Station::new(network, self.places)),
                Err(absent) => findings.lacks(
                    format!("Distances of sets and score of classes ({id})"),
                    absent.why,
                    absent.how,
                ),
            }
        }
        if !definition.also.is_empty() && stations.len() == before {
            let last = open(LAST_RESORT).ok();
            stations.extend(last.map(|network| Station::new(network, self.places)));
        }
        stations
    }

    /// The perceptual distances that are in place.
    fn judges(&self, findings: &mut Findings) -> Vec<Judge> {
        let mut judges = Vec::new();
        for id in PAIRS {
            match open_pairs::<B>(id, self.device, self.places) {
                Ok(distance) => judges.push(Judge::new(distance, self.front_end(), self.places)),
                Err(absent) => findings.lacks(format!("LPIPS ({id})"), absent.why, absent.how),
            }
        }
        judges
    }

    fn seer(&self, findings: &mut Findings) -> Result<Option<Seer<B>>, EvaluateError> {
        let probe = &self.experiment.evaluate.probe;
        if probe.is_empty() {
            findings.lacks(
                "Attribute agreement",
                "these data have no known attributes",
                "evaluate on built-in birds (`data.uri=synth:birds?...`) with `evaluate.probe`",
            );
            return Ok(None);
        }
        let reader = Reader::<B>::open(
            probe,
            self.experiment.quick,
            self.source,
            &self.experiment.data,
            self.device,
            self.places,
        )?;
        Ok(Some(Seer::new(reader, self.places)))
    }

    /// Everything about the run that decides what is painted.
    fn identity(&self, seed: u64) -> String {
        let data = self.source.dataset.fingerprint();
        let backend = B::name(self.device);
        let split = format!("{:?}", self.experiment.data.eval_split);
        [self.checkpoint, &data, &split, &backend, &seed.to_string()].join("\n")
    }

    /// Paints and measures what is not kept yet; the rows of every measure, in their order.
    fn paint(
        &self,
        queries: &[Query],
        measures: &mut [&mut dyn Measure],
        seed: u64,
    ) -> Result<Vec<FeatureSet>, EvaluateError> {
        let identity = self.identity(seed);
        let mut kept: Vec<Vec<Chunk>> = vec![Vec::new(); measures.len()];
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
            for (measure, kept) in measures.iter_mut().zip(&mut kept) {
                let place = measure
                    .store()
                    .place([identity.as_bytes(), &number, &content]);
                let found = measure.store().find(&place);
                let rows = if let Some(found) = found {
                    found
                } else {
                    if images.is_empty() {
                        images = self.images(chunk, first as u64, seed)?;
                    }
                    let painted = Painted::new(chunk, &images, first, self.source);
                    let rows = measure.measure(&painted)?;
                    measure.store().keep(place, &rows)?
                };
                kept.push(rows);
            }
            if images.is_empty() {
                reused += chunk.len();
            }
            (self.progress)(first + chunk.len(), queries.len());
        }
        if reused > 0 {
            let total = queries.len();
            (self.say)(&format!("{reused} of {total} images were measured before"));
        }
        let sets = kept.into_iter().map(FeatureSet::new);
        Ok(sets.collect::<Result<_, _>>()?)
    }

    /// Painted images of a chunk; the noise of a batch is numbered from `first`.
    fn images(
        &self,
        chunk: &[Query],
        first: u64,
        seed: u64,
    ) -> Result<Vec<RgbImage>, EvaluateError> {
        let prompts: Vec<generate::Prompt> = chunk.iter().map(|q| q.prompt).collect();
        let mut images = vec![RgbImage::new(1, 1); prompts.len()];
        generate::images_from(
            &self.pipeline,
            self.source,
            &prompts,
            (seed, first),
            self.device,
            |position, image| images[position] = image,
        )?;
        Ok(images)
    }

    /// Features of the real images of the split at the size of the painted ones.
    fn reference(&self, station: &mut Station, width: u32) -> Result<FeatureSet, EvaluateError> {
        let indices = &self.source.population.indices;
        let data = self.source.dataset.fingerprint();
        let front_end = self.front_end();
        let mut chunks = Vec::new();
        for (number, chunk) in indices.chunks(CHUNK).enumerate() {
            let content: Vec<u8> = chunk
                .iter()
                .flat_map(|&i| (i as u64).to_le_bytes())
                .collect();
            let size = width.to_le_bytes();
            let parts = [data.as_bytes(), front_end.as_bytes(), &size, &content];
            let place = station.store().place(parts);
            let kept = if let Some(found) = station.store().find(&place) {
                found
            } else {
                let images = chunk
                    .iter()
                    .map(|&index| self.source.real(index, width))
                    .collect::<Result<Vec<_>, _>>()?;
                let features = station.network.features(&images)?;
                let id = &station.network.instrument().id;
                check(&features, id, |row| format!("real image {}", chunk[row]))?;
                station.store().keep(place, &features)?
            };
            chunks.push(kept);
            (self.progress)(indices.len().min((number + 1) * CHUNK), indices.len());
        }
        Ok(FeatureSet::new(chunks)?)
    }

    fn agreement(
        &self,
        seer: &Seer<B>,
        asked: &[Query],
        seen: &FeatureSet,
        seed: u64,
    ) -> Result<Vec<Metric>, EvaluateError> {
        let seen: Vec<Vec<usize>> = rows_of(seen)?
            .into_iter()
            .map(|row| row.into_iter().map(|v| v as usize).collect())
            .collect();
        let prompts: Vec<generate::Prompt> = asked.iter().map(|query| query.prompt).collect();
        let captions = probe::captions(&self.source.dataset, &prompts)?;
        Ok(attributes::agreement(&seer.reader, &seen, &captions, seed)?)
    }

    /// What the judge and the feature networks say about captions of one picture.
    fn consistency(
        &self,
        judge: Option<&mut Station>,
        stations: &mut [Station],
        seed: u64,
        findings: &mut Findings,
    ) -> Result<(), EvaluateError> {
        let has_judge = judge.is_some();
        let mut all: Vec<&mut Station> = judge.into_iter().chain(stations).collect();
        let trios = Trios::of(self.source, self.experiment.evaluate.images, seed);
        let Some(trios) = trios.filter(|_| !all.is_empty()) else {
            let (why, how) = if all.is_empty() {
                let how = "name a pretraining of `damsm` with `--judge`, or a protocol with feature \
                           networks";
                ("nothing looks at the images of pairs of captions", how)
            } else {
                ("there are no two pictures with two captions each", "")
            };
            findings.lacks(consistency::TITLE, why, how);
            return Ok(());
        };
        let count = 3 * trios.anchors.len();
        (self.say)(&format!("painting {count} images, pairs of captions"));
        let mut paint = |queries: &[Query]| {
            let mut measures: Vec<&mut dyn Measure> = Vec::new();
            measures.extend(
                all.iter_mut()
                    .map(|station| &mut **station as &mut dyn Measure),
            );
            self.paint(queries, &mut measures, seed)
        };
        let sets = [
            paint(&trios.anchors)?,
            paint(&trios.twins)?,
            paint(&trios.strangers)?,
        ];
        for (i, station) in all.iter().enumerate() {
            let instrument = station.network.instrument();
            let [anchors, twins, strangers] = &sets;
            let seen = [
                rows_of(&anchors[i])?,
                rows_of(&twins[i])?,
                rows_of(&strangers[i])?,
            ];
            let is_judge = has_judge && i == 0;
            match consistency::metric(instrument, is_judge, &seen, seed)? {
                Some(metric) => findings.metrics.push(metric),
                None => findings.lacks(
                    format!("{} ({})", consistency::TITLE, instrument.id),
                    "it sees no difference between the images of any two captions",
                    "train for longer",
                ),
            }
        }
        Ok(())
    }

    /// Real beside painted images at `positions`.
    fn draw(
        &self,
        queries: &[Query],
        positions: &[usize],
        painted: &FeatureSet,
        width: u32,
        file: &str,
    ) -> Result<(), EvaluateError> {
        if positions.is_empty() {
            return Ok(());
        }
        let fakes: Vec<RgbImage> = rows_of(painted)?
            .into_iter()
            .filter_map(|row| {
                let bytes: Vec<u8> = row.into_iter().map(|v| v as u8).collect();
                let height = bytes.len() / 3 / width.max(1) as usize;
                RgbImage::from_raw(width, height as u32, bytes)
            })
            .collect();
        let prompts: Vec<generate::Prompt> = positions.iter().map(|&i| queries[i].prompt).collect();
        let indices: Vec<usize> = prompts.iter().map(|prompt| prompt.image).collect();
        let reals = real_images(self.source, &indices, &fakes)?;
        let captions = probe::captions(&self.source.dataset, &prompts)?;
        let sheet = sheet(&captions, &reals, &fakes);
        write_atomic(&self.run.join(file), &picture::png(&sheet))?;
        Ok(())
    }
}

/// Positions of the pairs on the grid, evenly spread.
fn shown(queries: &[Query]) -> Vec<usize> {
    let pairs: Vec<usize> = (0..queries.len()).filter(|&i| queries[i].is_pair).collect();
    let count = SHOWN.min(pairs.len());
    (0..count).map(|i| pairs[i * pairs.len() / count]).collect()
}

/// All rows of a small set.
fn rows_of(set: &FeatureSet) -> Result<Vec<Vec<f32>>, EvaluateError> {
    let mut rows = Vec::new();
    for chunk in set.pools() {
        rows.extend(chunk?.chunks_exact(set.dims().max(1)).map(<[f32]>::to_vec));
    }
    Ok(rows)
}

/// Metrics of what [`Pixels`] gave.
fn similarity(pairs: &[Vec<f32>], seed: u64, findings: &mut Findings) -> Result<(), EvaluateError> {
    if pairs.is_empty() {
        return Ok(());
    }
    findings.metrics.extend(scores::similarity(pairs, seed)?);
    let [real, fake] = scores::SHARPNESS.map(|at| {
        pairs
            .iter()
            .map(|row| f64::from(row[at]))
            .collect::<Vec<_>>()
    });
    match scores::sharpness(&real, &fake, seed)? {
        Some(metric) => findings.metrics.push(metric),
        None => findings.lacks("Sharpness", "the real images are flat", ""),
    }
    Ok(())
}

/// The metric of what [`Judge`] gave.
fn perceptual(
    judge: &Judge,
    rows: &[Vec<f32>],
    width: u32,
    seed: u64,
    findings: &mut Findings,
) -> Result<(), EvaluateError> {
    let distance = &judge.distance;
    if rows.is_empty() {
        let needed = distance.smallest();
        let why = format!("images of {width} pixels a side are too small; it takes {needed}");
        findings.lacks(distance.label(), why, "generate larger images");
        return Ok(());
    }
    let values: Vec<f64> = rows.iter().map(|row| f64::from(row[0])).collect();
    let (id, label, network) = (distance.id(), distance.label(), distance.network());
    let metric = scores::perceptual(id, label, network, &values, seed)?;
    findings.metrics.push(metric);
    Ok(())
}

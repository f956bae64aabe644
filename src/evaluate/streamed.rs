//! Protocols over a run: painting and feature extraction in chunks that are kept, so that an
//! interrupted evaluation goes on where it stopped and gives the same numbers, bit for bit.

use std::collections::BTreeMap;

use image::RgbImage;
use wordpaint_data::ImageSize;
use wordpaint_metrics::{PairScores, Rows};
use wordpaint_models::backend::Backend;
use wordpaint_models::system::Generate;

use super::extract::{Extractor, Features, Instrument};
use super::protocol::{Definition, Query};
use super::sets::{Progress, check, no_classes};
use super::store::{Chunk, FeatureSet, FeatureStore};
use super::{EvaluateError, generate, networks, probe, real_images, scores, sheet};
use crate::config::Experiment;
use crate::data::Source;
use crate::picture;
use crate::report::schema::{Evaluation, Metric, Missing, Protocol};
use crate::run::folder::{RunFolder, write_atomic};
use crate::setup::{Places, Say};

/// Captions painted and measured together; part of what decides the noise of an image.
const CHUNK: usize = 64;
/// Captions on the grid.
const SHOWN: usize = 12;
/// Values kept per pair: four scores and the width of the painted image.
const PAIR_VALUES: usize = 5;

/// An evaluation of a run by a streaming protocol.
pub struct Streamed<'a, B: Backend> {
    /// The run.
    pub run: &'a RunFolder,
    /// Its experiment.
    pub experiment: &'a Experiment,
    /// Its generator.
    pub generator: &'a dyn Generate<B>,
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

/// A network at work and what it has made so far.
struct Station {
    network: Box<dyn Extractor>,
    store: FeatureStore,
    fakes: Vec<Chunk>,
}

impl Station {
    fn new(network: Box<dyn Extractor>, places: &Places) -> Self {
        let store = FeatureStore::new(&places.cache, network.instrument());
        Self {
            network,
            store,
            fakes: Vec::new(),
        }
    }

    fn keep(
        &mut self,
        place: std::path::PathBuf,
        images: &[RgbImage],
        name: impl Fn(usize) -> String,
    ) -> Result<Chunk, EvaluateError> {
        let features = self.network.features(images)?;
        check(&features, &self.network.instrument().id, name)?;
        Ok(self.store.keep(place, &features)?)
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
        let (mut stations, missing) = self.stations(definition);
        let pairs = self.paint(&queries, &mut stations, seed)?;
        let width = pairs.first().map_or(0, |row| row[PAIR_VALUES - 1] as u32);
        let mut metrics = similarity(&pairs, seed)?;
        let mut missing = missing;
        for station in &mut stations {
            let reals = self.reference(station, width)?;
            let (measured, absent) = distances(station, &reals, seed)?;
            metrics.extend(measured);
            missing.extend(absent);
        }
        let grid = format!("evaluation/{}.png", definition.name);
        self.draw(&queries, &grid, seed)?;
        let evaluation = Evaluation {
            protocol: Protocol {
                name: definition.name.into(),
                version: definition.version.into(),
                description: definition.description.into(),
                images: queries.len(),
                split: format!("{:?}", self.experiment.data.eval_split).to_lowercase(),
                captions: prompts.captions(settings.caption),
                seed,
                encoder: self.experiment.text.encoder.clone(),
                front_end: self.front_end(),
            },
            metrics,
            grid: Some(grid),
            figures: Vec::new(),
            missing,
        };
        let json = serde_json::to_vec_pretty(&evaluation).expect("an evaluation is plain data");
        let file = self
            .run
            .join(&format!("evaluation/{}.json", definition.name));
        write_atomic(&file, &json)?;
        Ok(evaluation)
    }

    fn front_end(&self) -> String {
        format!(
            "8-bit RGB; whole real images brought to the size of the generated ones (bilinear, \
             half-pixel, no antialiasing); {}",
            self.source.dataset.uri()
        )
    }

    /// The published instruments that are in place and the best other one; what is absent and why.
    fn stations(&self, definition: &Definition) -> (Vec<Station>, Vec<Missing>) {
        let mut stations: Vec<Station> = Vec::new();
        let mut missing = Vec::new();
        for published in definition.published {
            match networks::open::<B>(published.network, self.device, self.places) {
                Ok(network) => stations.push(Station::new(network, self.places)),
                Err(absent) => missing.extend(published.metrics.iter().map(|metric| Missing {
                    metric: format!("{metric} ({})", published.network),
                    why: absent.why.clone(),
                    how: format!(
                        "{}; no other network's score goes under this name",
                        absent.how
                    ),
                })),
            }
        }
        let other = networks::KNOWN
            .iter()
            .filter(|id| definition.published.iter().all(|p| p.network != **id))
            .find_map(|id| networks::open::<B>(id, self.device, self.places).ok());
        stations.extend(other.map(|network| Station::new(network, self.places)));
        missing.extend(definition.unavailable.iter().map(|item| Missing {
            metric: item.metric.into(),
            why: item.why.into(),
            how: item.how.into(),
        }));
        (stations, missing)
    }

    /// Everything about the run that decides what is painted.
    fn identity(&self, seed: u64) -> String {
        let data = self.source.dataset.fingerprint();
        let backend = B::name(self.device);
        let split = format!("{:?}", self.experiment.data.eval_split);
        [self.checkpoint, &data, &split, &backend, &seed.to_string()].join("\n")
    }

    /// Paints what is not kept yet and returns the scores of the pairs.
    fn paint(
        &self,
        queries: &[Query],
        stations: &mut [Station],
        seed: u64,
    ) -> Result<Vec<Vec<f32>>, EvaluateError> {
        let identity = self.identity(seed);
        let pairs = FeatureStore::new(&self.places.cache, &self.pair_instrument());
        let mut kept = Vec::new();
        let mut reused = 0;
        for (number, chunk) in queries.chunks(CHUNK).enumerate() {
            let content: Vec<u8> = chunk
                .iter()
                .flat_map(|q| [q.prompt.image, q.prompt.caption, usize::from(q.is_pair)])
                .flat_map(|v| (v as u64).to_le_bytes())
                .collect();
            let number = (number as u64).to_le_bytes();
            let place =
                |store: &FeatureStore| store.place([identity.as_bytes(), &number, &content]);
            let pair_place = place(&pairs);
            let places: Vec<_> = stations.iter().map(|s| place(&s.store)).collect();
            let mut found: Vec<Option<Chunk>> = stations
                .iter()
                .zip(&places)
                .map(|(s, place)| s.store.find(place))
                .collect();
            let mut pair = pairs.find(&pair_place);
            if pair.is_none() || found.iter().any(Option::is_none) {
                let number = u64::from_le_bytes(number);
                let images = self.images(chunk, number * CHUNK as u64, seed)?;
                if pair.is_none() {
                    pair = Some(pairs.keep(pair_place, &self.compare(chunk, &images)?)?);
                }
                for ((station, found), place) in stations.iter_mut().zip(&mut found).zip(places) {
                    if found.is_none() {
                        let name = |row: usize| described(&chunk[row]);
                        *found = Some(station.keep(place, &images, name)?);
                    }
                }
            } else {
                reused += chunk.len();
            }
            kept.extend(pair);
            for (station, found) in stations.iter_mut().zip(found) {
                station.fakes.extend(found);
            }
            let done = (u64::from_le_bytes(number) as usize * CHUNK) + chunk.len();
            (self.progress)(done, queries.len());
        }
        if reused > 0 {
            (self.say)(&format!(
                "{reused} of {} images were measured before",
                queries.len()
            ));
        }
        let set = FeatureSet::new(kept)?;
        let mut rows = Vec::new();
        for chunk in set.pools() {
            rows.extend(chunk?.chunks_exact(PAIR_VALUES).map(<[f32]>::to_vec));
        }
        Ok(rows)
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
            self.generator,
            self.source,
            &prompts,
            (seed, first),
            self.device,
            |position, image| images[position] = image,
        )?;
        Ok(images)
    }

    fn pair_instrument(&self) -> Instrument {
        Instrument {
            id: "pairs".into(),
            network: "SSIM and FSIM".into(),
            weights: String::new(),
            front_end: self.front_end(),
            fid: String::new(),
            inception_score: None,
        }
    }

    /// Scores of the pairs of a chunk.
    fn compare(&self, chunk: &[Query], images: &[RgbImage]) -> Result<Features, EvaluateError> {
        let chosen: Vec<usize> = (0..chunk.len()).filter(|&i| chunk[i].is_pair).collect();
        let indices: Vec<usize> = chosen.iter().map(|&i| chunk[i].prompt.image).collect();
        let fakes: Vec<RgbImage> = chosen.iter().map(|&i| images[i].clone()).collect();
        let reals = real_images(self.source, &indices, &fakes)?;
        let pool = scores::pairs(&reals, &fakes)?
            .iter()
            .zip(&fakes)
            .flat_map(|(s, fake)| {
                [
                    s.ssim,
                    s.ssim_luma,
                    s.fsim,
                    s.fsimc,
                    f64::from(fake.width()),
                ]
                .map(|v| v as f32)
            })
            .collect();
        Ok(Features {
            pool,
            dims: PAIR_VALUES,
            ..Features::default()
        })
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
            let place = station.store.place(parts);
            let kept = if let Some(found) = station.store.find(&place) {
                found
            } else {
                let images = chunk
                    .iter()
                    .map(|&index| {
                        let image = self.source.dataset.image(index, ImageSize::Hint(width))?;
                        Ok(wordpaint_data::resize::opencv_bilinear(
                            &image, width, width,
                        ))
                    })
                    .collect::<Result<Vec<_>, EvaluateError>>()?;
                station.keep(place, &images, |row| format!("real image {}", chunk[row]))?
            };
            chunks.push(kept);
            (self.progress)(indices.len().min((number + 1) * CHUNK), indices.len());
        }
        Ok(FeatureSet::new(chunks)?)
    }

    /// Real beside painted images of a dozen pairs.
    fn draw(&self, queries: &[Query], file: &str, seed: u64) -> Result<(), EvaluateError> {
        let pairs: Vec<usize> = (0..queries.len()).filter(|&i| queries[i].is_pair).collect();
        let shown = SHOWN.min(pairs.len());
        // Painted again by chunks, so that they are the measured images.
        let mut chosen: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for i in 0..shown {
            let position = pairs[i * pairs.len() / shown];
            chosen
                .entry(position / CHUNK)
                .or_default()
                .push(position % CHUNK);
        }
        let (mut prompts, mut fakes) = (Vec::new(), Vec::new());
        for (number, rows) in chosen {
            let chunk = &queries[number * CHUNK..queries.len().min((number + 1) * CHUNK)];
            let images = self.images(chunk, (number * CHUNK) as u64, seed)?;
            for row in rows {
                prompts.push(chunk[row].prompt);
                fakes.push(images[row].clone());
            }
        }
        if fakes.is_empty() {
            return Ok(());
        }
        let indices: Vec<usize> = prompts.iter().map(|prompt| prompt.image).collect();
        let reals = real_images(self.source, &indices, &fakes)?;
        let captions = probe::captions(&self.source.dataset, &prompts)?;
        let sheet = sheet(&captions, &reals, &fakes);
        write_atomic(&self.run.join(file), &picture::png(&sheet))?;
        Ok(())
    }
}

/// Everything a network tells, under the names it may bear, and what it cannot tell.
fn distances(
    station: &Station,
    reals: &FeatureSet,
    seed: u64,
) -> Result<(Vec<Metric>, Vec<Missing>), EvaluateError> {
    let instrument = station.network.instrument();
    let fakes = FeatureSet::new(station.fakes.clone())?;
    let mut missing = Vec::new();
    let too_few = |metric: &str, needed: usize| Missing {
        metric: format!("{metric} ({})", instrument.id),
        why: format!(
            "{} real and {} generated images are too few; it takes {needed} of each",
            reals.count(),
            fakes.count()
        ),
        how: "evaluate on more images".into(),
    };
    let mut metrics = Vec::new();
    if reals.count().min(fakes.count()) < 2 {
        missing.push(too_few("distances", 2));
        return Ok((metrics, missing));
    }
    let (real, fake) = (scores::gaussian(reals)?, scores::gaussian(&fakes)?);
    metrics.push(scores::frechet(instrument, &real, &fake)?);
    metrics.push(scores::kernel(instrument, reals, &fakes, seed)?);
    if reals.count().min(fakes.count()) > scores::K_DENSITY {
        metrics.extend(scores::neighbours(instrument, reals, &fakes)?);
    } else {
        missing.push(too_few("precision and recall", scores::K_DENSITY + 1));
    }
    if fakes.count() < scores::SPLITS {
        missing.push(too_few("Inception Score", scores::SPLITS));
    } else {
        match scores::inception_score(instrument, &fakes, seed)? {
            Some(metric) => metrics.push(metric),
            None => missing.push(no_classes(&instrument.id)),
        }
    }
    Ok((metrics, missing))
}

/// An image in words.
fn described(query: &Query) -> String {
    format!(
        "the image of caption {} of image {}",
        query.prompt.caption, query.prompt.image
    )
}

/// Means of what [`Streamed::compare`] kept.
fn similarity(pairs: &[Vec<f32>], seed: u64) -> Result<Vec<Metric>, EvaluateError> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<PairScores> = pairs
        .iter()
        .map(|row| PairScores {
            ssim: f64::from(row[0]),
            ssim_luma: f64::from(row[1]),
            fsim: f64::from(row[2]),
            fsimc: f64::from(row[3]),
        })
        .collect();
    scores::SIMILARITIES
        .iter()
        .map(|(name, label, network, of)| {
            let values: Vec<f64> = all.iter().map(of).collect();
            Ok(scores::mean(name, label, network, &values, seed)?)
        })
        .collect()
}

//! Protocols: which images, how many, which captions, which instruments. Every value leaves with
//! the protocol it was measured under.

pub mod extract;
pub mod generate;
pub mod instrument;
pub mod networks;
pub mod pictures;
pub mod probe;
pub mod protocol;
pub mod rank;
mod scores;
pub mod sets;
pub mod statistics;
pub mod store;
pub mod streamed;

use std::collections::BTreeMap;

use image::RgbImage;
use wordpaint_data::resize::opencv_bilinear;
use wordpaint_data::{DataError, ImageSize};
use wordpaint_metrics::{
    Interval, MetricError, PairScores, Rgb8, Share, bootstrap_mean, laplacian_variance, score_pairs,
};
use wordpaint_models::backend::Backend;
use wordpaint_models::system::Generate;

use crate::config::Experiment;
use crate::data::Source;
use crate::picture::{self, Cell};
use crate::report::schema::{Evaluation, Metric, Missing, Protocol};
use crate::run::folder::{RunError, RunFolder, write_atomic};
use crate::setup::{Places, Say, SetupError, spread};
use generate::Prompt;
use probe::Reader;

/// Name of the protocol of this version.
pub const PAIRED: &str = "paired";
/// Raised whenever a number could change.
const VERSION: &str = "1";
/// Resamples behind a bootstrap interval.
const RESAMPLES: usize = 1000;

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Data, encoder or probe are missing.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The result cannot be written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A metric refused its input.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The family makes no images.
    #[error("`{0}` makes no images, so there is nothing to evaluate")]
    NoGenerator(String),
    /// Images or statistics are missing or damaged.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Folders do not fit each other or the metric.
    #[error("{0}")]
    Folders(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Request(String),
    /// A feature network is not in place.
    #[error(transparent)]
    Absent(#[from] networks::Absent),
    /// A feature network failed.
    #[error(transparent)]
    Extract(#[from] extract::ExtractError),
    /// The protocol is unknown.
    #[error("unknown protocol `{0}`; expected one of {known}", known = protocol::names().join(", "))]
    Protocol(String),
}

/// Measures a generator on the evaluation split and writes `evaluation/paired.json` with its grid.
///
/// Two sets of images are painted: one per test image from the caption that the experiment names
/// (similarity to the real image, sharpness), and one with the captions in turn, so that all
/// attributes are asked for (agreement).
///
/// # Errors
///
/// If data, encoder or probe are missing, or the result cannot be written.
pub fn paired<B: Backend>(
    run: &RunFolder,
    experiment: &Experiment,
    generator: &dyn Generate<B>,
    source: &Source,
    device: &B::Device,
    places: &Places,
    say: Say<'_>,
) -> Result<Evaluation, EvaluateError> {
    let settings = &experiment.evaluate;
    let seed = experiment.train.seed;
    let count = match settings.images {
        0 => source.population.indices.len(),
        n => n,
    };
    let images = spread(&source.population.indices, count);
    let captions = source.population.captions.max(1);
    let fixed: Vec<Prompt> = images
        .iter()
        .map(|&image| Prompt {
            image,
            caption: settings.caption,
        })
        .collect();
    say(&format!("painting {} images", fixed.len()));
    let fakes = paint(generator, source, &fixed, seed, device)?;
    let reals = real_images(source, &images, &fakes)?;
    let mut metrics = similarity(&reals, &fakes, seed)?;
    metrics.push(sharpness(&reals, &fakes, seed)?);
    let mut missing = vec![Missing {
        metric: "IS".into(),
        why: "the ImageNet Inception network of the published protocol is not among the fetched \
              weights"
            .into(),
        how: "its publisher's file has to be given; no other network's score is called IS".into(),
    }];
    let mut encoder = experiment.text.encoder.clone();
    if settings.probe.is_empty() {
        missing.push(Missing {
            metric: "Attribute agreement".into(),
            why: "these data have no known attributes".into(),
            how: "evaluate on built-in birds (`data=synth:birds?...`) with `evaluate.probe`".into(),
        });
    } else {
        let turns: Vec<Prompt> = images
            .iter()
            .enumerate()
            .map(|(i, &image)| Prompt {
                image,
                caption: i % captions,
            })
            .collect();
        say("reading attributes");
        let reader = Reader::<B>::open(
            &settings.probe,
            experiment.quick,
            source,
            &experiment.data,
            device,
            places,
        )?;
        let pictures = paint(generator, source, &turns, seed, device)?;
        let said = probe::captions(&source.dataset, &turns)?;
        metrics.extend(attributes(&reader, &pictures, &said, seed)?);
        encoder = format!("{encoder}; probe {}", reader.name);
    }
    let grid = "evaluation/paired.png";
    write_atomic(
        &run.join(grid),
        &picture::png(&dozen(source, &fixed, &reals, &fakes)?),
    )?;
    let evaluation = Evaluation {
        protocol: Protocol {
            name: PAIRED.into(),
            version: VERSION.into(),
            description: "one image per test image from its own caption; similarity and sharpness \
                          against the real image, attributes with the captions in turn"
                .into(),
            images: images.len(),
            split: format!("{:?}", experiment.data.eval_split).to_lowercase(),
            captions: format!("caption {}; attributes: captions in turn", settings.caption),
            seed,
            encoder,
            front_end: "8-bit RGB; the real image is brought to the size of the generated one \
                        (bilinear, half-pixel, no antialiasing)"
                .into(),
        },
        metrics,
        grid: Some(grid.into()),
        figures: Vec::new(),
        missing,
    };
    let json = serde_json::to_vec_pretty(&evaluation).expect("an evaluation is plain data");
    write_atomic(&run.join("evaluation/paired.json"), &json)?;
    Ok(evaluation)
}

fn paint<B: Backend>(
    generator: &dyn Generate<B>,
    source: &Source,
    prompts: &[Prompt],
    seed: u64,
    device: &B::Device,
) -> Result<Vec<RgbImage>, SetupError> {
    let mut painted: Vec<RgbImage> = vec![RgbImage::new(1, 1); prompts.len()];
    generate::images(
        generator,
        source,
        prompts,
        seed,
        device,
        |position, image| {
            painted[position] = image;
        },
    )?;
    Ok(painted)
}

/// Whole real images at the size of the generated ones.
fn real_images(
    source: &Source,
    images: &[usize],
    fakes: &[RgbImage],
) -> Result<Vec<RgbImage>, SetupError> {
    images
        .iter()
        .zip(fakes)
        .map(|(&index, fake)| {
            let real = source.dataset.image(index, ImageSize::Hint(fake.width()))?;
            Ok(opencv_bilinear(&real, fake.width(), fake.height()))
        })
        .collect()
}

fn view(image: &RgbImage) -> Result<Rgb8<'_>, MetricError> {
    Rgb8::new(
        image.width() as usize,
        image.height() as usize,
        image.as_raw(),
    )
}

/// SSIM and FSIM of (real, generated) pairs.
fn similarity(
    reals: &[RgbImage],
    fakes: &[RgbImage],
    seed: u64,
) -> Result<Vec<Metric>, MetricError> {
    let pairs = reals
        .iter()
        .zip(fakes)
        .map(|(real, fake)| Ok((view(real)?, view(fake)?)))
        .collect::<Result<Vec<_>, MetricError>>()?;
    let scores = score_pairs(&pairs)?;
    let metric = |name: &str, label: &str, network: &str, of: fn(&PairScores) -> f64| {
        let values: Vec<f64> = scores.iter().map(of).collect();
        let interval = bootstrap_mean(&values, RESAMPLES, seed)?;
        Ok(described(name, label, network, interval))
    };
    Ok(vec![
        metric(
            "ssim",
            "SSIM (luma)",
            "11x11 Gaussian, sigma 1.5, L 255",
            |s| s.ssim_luma,
        )?,
        metric("fsim", "FSIM (luma)", "published constants", |s| s.fsim)?,
        metric("fsimc", "FSIMc", "published constants, with chroma", |s| {
            s.fsimc
        })?,
    ])
}

fn described(name: &str, label: &str, network: &str, interval: Interval) -> Metric {
    Metric {
        name: name.into(),
        label: label.into(),
        value: interval.value,
        low: Some(interval.low),
        high: Some(interval.high),
        unit: String::new(),
        higher_is_better: true,
        count: interval.count,
        network: network.into(),
        chance: None,
        group: None,
        detail: "mean over pairs, 95 % bootstrap interval".into(),
    }
}

/// Variance of the Laplacian of generated images relative to the real ones.
fn sharpness(reals: &[RgbImage], fakes: &[RgbImage], seed: u64) -> Result<Metric, MetricError> {
    let each = |images: &[RgbImage]| {
        images
            .iter()
            .map(|image| laplacian_variance(&view(image)?.luma()))
            .collect::<Result<Vec<f64>, MetricError>>()
    };
    let (real, fake) = (each(reals)?, each(fakes)?);
    let reference = real.iter().sum::<f64>() / real.len().max(1) as f64;
    let relative: Vec<f64> = fake.iter().map(|v| v / reference).collect();
    let interval = bootstrap_mean(&relative, RESAMPLES, seed)?;
    let detail = "mean variance of the 4-neighbour Laplacian of luma, divided by that of the real \
                  images; 1 = as sharp, noise raises it too";
    Ok(Metric {
        detail: detail.into(),
        ..described(
            "sharpness",
            "Sharpness relative to real",
            "Laplacian variance",
            interval,
        )
    })
}

/// Agreement per attribute and on average.
fn attributes<B: Backend>(
    reader: &Reader<B>,
    pictures: &[RgbImage],
    captions: &[String],
    seed: u64,
) -> Result<Vec<Metric>, MetricError> {
    let agreement = reader.agreement(pictures, captions);
    let reliable: BTreeMap<&str, usize> = reader
        .reliable()
        .into_iter()
        .map(|i| (wordpaint_data::synth::birds::attribute_names()[i], i))
        .collect();
    let metric = |share: Share, label: String, name: String, detail: String| Metric {
        unit: "share".into(),
        chance: Some(share.chance),
        group: Some("attributes".into()),
        detail,
        ..described(
            &name,
            &label,
            &format!("attribute probe {}", reader.name),
            share.interval,
        )
    };
    if reliable.is_empty() {
        return Ok(Vec::new());
    }
    let mean = agreement.mean(RESAMPLES, seed)?;
    let detail = format!("mean over {} attributes the probe can tell", reliable.len());
    let mut metrics = vec![metric(
        mean,
        "Attribute agreement (mean)".into(),
        "attribute_agreement".into(),
        detail,
    )];
    for share in agreement.shares() {
        let Some(&i) = reliable.get(share.name.as_str()) else {
            continue;
        };
        let detail = format!(
            "the probe is right on {:.1} % of real pictures of these species (majority {:.1} %)",
            reader.accuracy[i] * 100.0,
            reader.majority[i] * 100.0
        );
        let (label, name) = (
            format!("Agreement: {}", share.name),
            format!("agreement/{}", share.name),
        );
        metrics.push(metric(share, label, name, detail));
    }
    Ok(metrics)
}

/// A dozen captions at most, evenly spread.
fn dozen(
    source: &Source,
    prompts: &[Prompt],
    reals: &[RgbImage],
    fakes: &[RgbImage],
) -> Result<RgbImage, SetupError> {
    let shown = 12.min(prompts.len());
    let picks: Vec<usize> = (0..shown).map(|i| i * prompts.len() / shown).collect();
    let chosen: Vec<Prompt> = picks.iter().map(|&i| prompts[i]).collect();
    let captions = probe::captions(&source.dataset, &chosen)?;
    let of = |images: &[RgbImage]| picks.iter().map(|&i| images[i].clone()).collect::<Vec<_>>();
    Ok(sheet(&captions, &of(reals), &of(fakes)))
}

/// Real beside generated images with their captions.
fn sheet(captions: &[String], reals: &[RgbImage], fakes: &[RgbImage]) -> RgbImage {
    let pairs = reals.iter().zip(fakes).zip(captions);
    let cells: Vec<Cell<'_>> = pairs
        .flat_map(|((real, fake), caption)| {
            [
                Cell {
                    image: real.clone(),
                    caption: "real",
                },
                Cell {
                    image: fake.clone(),
                    caption,
                },
            ]
        })
        .collect();
    picture::grid(&cells, 6)
}

//! From features and pairs to metrics with names, counts and confidence.

use image::RgbImage;
use wordpaint_metrics::folds::T95;
use wordpaint_metrics::{
    Gaussian, GaussianStats, InceptionScore, Interval, MetricError, Neighbourhood, Rgb8, Rows,
    SplitRule, Tie, bootstrap_mean, draw_subsets, frechet_distance, frechet_interval, kid,
    kid_interval, laplacian_variance, prdc, score_pairs, wilson,
};
use wordpaint_rng::{Rng, key};

use super::extract::Instrument;
use super::store::FeatureSet;
use crate::report::schema::Metric;

/// Resamples behind a bootstrap interval.
pub(super) const RESAMPLES: usize = 1000;
/// Splits of the Inception Score (every paper's).
pub(super) const SPLITS: usize = 10;
/// Subsets of KID and their rows (torch-fidelity).
const SUBSETS: (usize, usize) = (100, 1000);
/// Neighbours of improved precision and recall (Kynkäänniemi et al. 2019).
const K_PRECISION: usize = 3;
/// Neighbours of density and coverage (Naeem et al. 2020).
pub(super) const K_DENSITY: usize = 5;

/// A mean over pairs or images.
pub(super) fn mean(
    name: &str,
    label: &str,
    network: &str,
    values: &[f64],
    seed: u64,
) -> Result<Metric, MetricError> {
    let interval = bootstrap_mean(values, RESAMPLES, seed)?;
    let detail = "mean over pairs, 95 % bootstrap interval";
    Ok(with_interval(name, label, network, interval, detail))
}

/// A metric with an interval; higher is better, no unit.
pub(super) fn with_interval(
    name: &str,
    label: &str,
    network: &str,
    interval: Interval,
    detail: &str,
) -> Metric {
    Metric {
        low: Some(interval.low),
        high: Some(interval.high),
        ..plain(name, label, network, interval.value, interval.count, detail)
    }
}

fn plain(name: &str, label: &str, network: &str, value: f64, count: usize, detail: &str) -> Metric {
    Metric {
        name: name.into(),
        label: label.into(),
        value,
        low: None,
        high: None,
        unit: String::new(),
        higher_is_better: true,
        count,
        network: network.into(),
        chance: None,
        real: None,
        group: None,
        detail: detail.into(),
    }
}

/// The image as the metrics see it.
pub(super) fn view(image: &RgbImage) -> Result<Rgb8<'_>, MetricError> {
    let (width, height) = image.dimensions();
    Rgb8::new(width as usize, height as usize, image.as_raw())
}

/// Variance of the Laplacian of each image.
pub(super) fn sharpness_of(images: &[RgbImage]) -> Result<Vec<f64>, MetricError> {
    images
        .iter()
        .map(|image| laplacian_variance(&view(image)?.luma()))
        .collect()
}

/// Values kept per pair: the [`SIMILARITIES`], sharpness of both images, width of the generated one.
pub(super) const PAIR_VALUES: usize = 7;
/// Positions of the sharpness of the real and of the generated image.
pub(super) const SHARPNESS: [usize; 2] = [4, 5];
/// Position of the width.
pub(super) const WIDTH: usize = 6;

/// [`PAIR_VALUES`] of (real, generated) pairs, one after the other.
pub(super) fn pair_values(reals: &[RgbImage], fakes: &[RgbImage]) -> Result<Vec<f32>, MetricError> {
    let similar = similarities(reals, fakes)?;
    let (real, fake) = (sharpness_of(reals)?, sharpness_of(fakes)?);
    let sharp = real.into_iter().zip(fake);
    let rows = similar.into_iter().zip(sharp).zip(fakes);
    let rows = rows.map(|((similar, (real, fake)), image)| {
        let [a, b, c, d] = similar;
        [a, b, c, d, real, fake, f64::from(image.width())].map(|v| v as f32)
    });
    Ok(rows.flatten().collect())
}

/// The [`SIMILARITIES`] of (real, generated) pairs.
pub(super) fn similarities(
    reals: &[RgbImage],
    fakes: &[RgbImage],
) -> Result<Vec<[f64; 4]>, MetricError> {
    let pairs = reals
        .iter()
        .zip(fakes)
        .map(|(real, fake)| Ok((view(real)?, view(fake)?)))
        .collect::<Result<Vec<_>, MetricError>>()?;
    let scores = score_pairs(&pairs)?;
    Ok(scores
        .iter()
        .map(|s| [s.ssim_luma, s.ssim, s.fsim, s.fsimc])
        .collect())
}

/// Name, label and instrument of every similarity of a pair, in the order of their values.
pub(super) const SIMILARITIES: [[&str; 3]; 4] = [
    ["ssim", "SSIM (luma)", "11x11 Gaussian, sigma 1.5, L 255"],
    [
        "ssim-rgb",
        "SSIM (RGB)",
        "11x11 Gaussian, sigma 1.5, L 255, mean over channels",
    ],
    ["fsim", "FSIM (luma)", "published constants"],
    ["fsimc", "FSIMc", "published constants, with chroma"],
];

/// Means of the [`SIMILARITIES`] from rows of [`PAIR_VALUES`].
pub(super) fn similarity(rows: &[Vec<f32>], seed: u64) -> Result<Vec<Metric>, MetricError> {
    SIMILARITIES
        .iter()
        .enumerate()
        .map(|(k, [name, label, network])| {
            let values: Vec<f64> = rows.iter().map(|row| f64::from(row[k])).collect();
            mean(name, label, network, &values, seed)
        })
        .collect()
}

/// Sharpness of generated images relative to the mean of the `real` ones, from the variances of
/// their Laplacians; `None` where the real ones are flat.
pub(super) fn sharpness(
    real: &[f64],
    fake: &[f64],
    seed: u64,
) -> Result<Option<Metric>, MetricError> {
    let reference = real.iter().sum::<f64>() / real.len().max(1) as f64;
    if reference <= 0.0 {
        return Ok(None);
    }
    let relative: Vec<f64> = fake.iter().map(|v| v / reference).collect();
    let interval = bootstrap_mean(&relative, RESAMPLES, seed)?;
    Ok(Some(with_interval(
        "sharpness",
        "Sharpness relative to real",
        "Laplacian variance",
        interval,
        "mean variance of the 4-neighbour Laplacian of luma, divided by that of the real images; \
         1 = as sharp, noise raises it too",
    )))
}

/// A perceptual distance from its values per pair.
pub(super) fn perceptual(
    id: &str,
    label: &str,
    network: &str,
    values: &[f64],
    seed: u64,
) -> Result<Metric, MetricError> {
    Ok(Metric {
        higher_is_better: false,
        ..mean(id, label, network, values, seed)?
    })
}

/// Mean and covariance of the pooled features.
pub(super) fn gaussian(features: &FeatureSet) -> Result<Gaussian, MetricError> {
    if features.dims() == 0 {
        return Err(MetricError::Empty { what: "features" });
    }
    let mut stats = GaussianStats::new(features.dims());
    for pool in features.pools() {
        stats.push(&pool?)?;
    }
    stats.finish()
}

/// The instrument in words.
fn described(instrument: &Instrument) -> String {
    format!(
        "{}: {}; {}",
        instrument.id, instrument.network, instrument.front_end
    )
}

/// Fréchet distance under the name that the instrument allows, with a jackknife interval.
pub(super) fn frechet(
    instrument: &Instrument,
    real: &FeatureSet,
    fake: &FeatureSet,
    seed: u64,
) -> Result<Metric, MetricError> {
    frechet_from(instrument, &gaussian(real)?, fake, seed)
}

/// [`frechet`] from statistics of the reference.
pub(super) fn frechet_from(
    instrument: &Instrument,
    real: &Gaussian,
    fake: &FeatureSet,
    seed: u64,
) -> Result<Metric, MetricError> {
    let whole = gaussian(fake)?;
    let value = frechet_distance(real, &whole)?.distance.max(0.0);
    let interval = frechet_interval(value, real, fake, &whole, seed)?;
    let given = if real.count == 0 {
        u64::MAX
    } else {
        real.count
    };
    let (n, d) = (given.min(whole.count), whole.dims());
    let warning = if n <= d as u64 {
        format!("; {n} images do not determine {d} x {d} covariances: strongly biased upwards")
    } else {
        String::new()
    };
    let confidence = if interval.is_some() {
        "; interval by leaving out tenths of the generated images"
    } else {
        ""
    };
    let detail = format!(
        "{} reference and {} generated images, {d} features; falls with the number of images, so \
         compare equal numbers only{warning}{confidence}",
        if real.count == 0 {
            "unknown number of".into()
        } else {
            real.count.to_string()
        },
        whole.count
    );
    let (network, count) = (described(instrument), whole.count as usize);
    Ok(Metric {
        higher_is_better: false,
        low: interval.map(|i| i.low),
        high: interval.map(|i| i.high),
        ..plain("fid", &instrument.fid, &network, value, count, &detail)
    })
}

/// Replaces the Fréchet distance's name by another distance's: `fid_x` becomes `kid_x`.
fn renamed(instrument: &Instrument, to: &str) -> String {
    let fid = &instrument.fid;
    for (from, into) in [
        ("FID", to.to_uppercase()),
        ("fid", to.into()),
        ("fd", to.into()),
    ] {
        if let Some(rest) = fid.strip_prefix(from) {
            return format!("{into}{}", rest.replace("fid/", &format!("{to}/")));
        }
    }
    format!("{to} ({})", instrument.id)
}

/// KID over subsets.
pub(super) fn kernel(
    instrument: &Instrument,
    real: &FeatureSet,
    fake: &FeatureSet,
    seed: u64,
) -> Result<Metric, MetricError> {
    let (count, size) = SUBSETS;
    let subsets = draw_subsets(real.count(), fake.count(), count, size, seed)?;
    let size = subsets[0].real.len();
    let kid = kid(real, fake, &subsets)?;
    let interval = kid_interval(kid.mean, real, fake, seed)?;
    let confidence = if interval.is_some() {
        "; interval from ten disjoint parts"
    } else {
        ""
    };
    let detail = format!(
        "mean over {count} subsets of {size} of {} and {} images, standard deviation {:.6} over \
         subsets, seed {seed}{confidence}",
        real.count(),
        fake.count(),
        kid.std
    );
    let (label, network) = (renamed(instrument, "kid"), described(instrument));
    Ok(Metric {
        higher_is_better: false,
        low: interval.map(|i| i.low),
        high: interval.map(|i| i.high),
        ..plain("kid", &label, &network, kid.mean, fake.count(), &detail)
    })
}

/// Improved precision and recall, density and coverage.
pub(super) fn neighbours(
    instrument: &Instrument,
    real: &FeatureSet,
    fake: &FeatureSet,
    seed: u64,
) -> Result<Vec<Metric>, MetricError> {
    let kinds = [
        Neighbourhood {
            k: K_PRECISION,
            tie: Tie::Inclusive,
        },
        Neighbourhood {
            k: K_DENSITY,
            tie: Tie::Strict,
        },
    ];
    let scores = prdc(real, fake, &kinds)?;
    let (quality, cover) = (&scores[0], &scores[1]);
    let network = described(instrument);
    let share = |name: &str, value: f64, count: usize, k: usize| {
        let hits = (value * count as f64).round() as usize;
        let label = format!("{name} ({}, k {k})", instrument.id);
        let detail = format!(
            "{} reference and {} generated images",
            real.count(),
            fake.count()
        );
        let interval = wilson(hits, count)?;
        Ok::<_, MetricError>(with_interval(name, &label, &network, interval, &detail))
    };
    let label = format!("density ({}, k {K_DENSITY})", instrument.id);
    let density = bootstrap_mean(&cover.densities, RESAMPLES, seed)?;
    let detail = "mean number of reference neighbourhoods around a generated image, divided by k";
    Ok(vec![
        share("precision", quality.precision, fake.count(), K_PRECISION)?,
        share("recall", quality.recall, real.count(), K_PRECISION)?,
        with_interval("density", &label, &network, density, detail),
        share("coverage", cover.coverage, real.count(), K_DENSITY)?,
    ])
}

/// Inception Score over ten splits of a seeded order; `None` where the instrument has none.
pub(super) fn inception_score(
    instrument: &Instrument,
    fake: &FeatureSet,
    seed: u64,
) -> Result<Option<Metric>, MetricError> {
    let (Some(label), classes @ 1..) = (&instrument.inception_score, fake.classes()) else {
        return Ok(None);
    };
    let mut order: Vec<usize> = (0..fake.count()).collect();
    Rng::new(&[seed, key("inception score splits")]).shuffle(&mut order);
    let mut score = InceptionScore::new(fake.count(), classes, SPLITS, SplitRule::FloorBounds)?;
    for chunk in fake.logits() {
        let (first, logits) = chunk?;
        for (i, row) in logits.chunks_exact(classes).enumerate() {
            score.push_logits(order[first + i], row)?;
        }
    }
    let scores = score.finish()?;
    // The published spread divides by the number of splits, an interval by one less.
    let half = T95 * scores.std / ((SPLITS - 1) as f64).sqrt();
    let interval = Interval {
        value: scores.mean,
        low: scores.mean - half,
        high: scores.mean + half,
        count: fake.count(),
    };
    let detail = format!(
        "mean over {SPLITS} splits, as published \u{b1} {:.4} (population standard deviation over \
         splits); order shuffled with seed {seed}",
        scores.std
    );
    Ok(Some(with_interval(
        "is",
        label,
        &described(instrument),
        interval,
        &detail,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::extract::{Extractor, Thumbnails};

    #[test]
    fn no_distance_takes_the_name_of_another_network() {
        let mut instrument = Thumbnails::default().instrument().clone();
        assert_eq!(renamed(&instrument, "kid"), "kid_thumb8");
        instrument.fid = "fid_efflite0".into();
        assert_eq!(renamed(&instrument, "kid"), "kid_efflite0");
        instrument.fid = "FID (fid/pytorch)".into();
        assert_eq!(renamed(&instrument, "kid"), "KID (kid/pytorch)");
    }
}

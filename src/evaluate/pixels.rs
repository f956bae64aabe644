//! Measures of pairs that need no network: the columns of all metrics of pairs and of single images,
//! kept together.

use image::RgbImage;
use wordpaint_metrics::{MetricError, Pair, Rgb8};

use super::EvaluateError;
use super::extract::Features;
use super::measures::{Context, Findings, GeneratedChunk, Kept, Measure, plain, rows};
use super::metric::{ALL, Definition, Needs, OfImages};
use crate::setup::Dirs;

/// The image as the metrics see it.
fn view(image: &RgbImage) -> Result<Rgb8<'_>, MetricError> {
    let (width, height) = image.dimensions();
    Rgb8::new(width as usize, height as usize, image.as_raw())
}

/// Metrics of pairs, each with the column of its first score among those of all.
fn of_pairs() -> impl Iterator<Item = (&'static Definition, usize)> {
    let of_pairs = ALL.iter().filter(|d| matches!(d.needs, Needs::Pairs(_)));
    of_pairs.scan(0, |column, definition| {
        let first = *column;
        *column += definition.scores.len();
        Some((definition, first))
    })
}

/// Metrics of single images.
pub(super) fn of_images() -> impl Iterator<Item = (&'static Definition, OfImages)> {
    ALL.iter().filter_map(|definition| match definition.needs {
        Needs::Images(of) => Some((definition, of)),
        _ => None,
    })
}

/// Ids of the values of a pair, in the order of [`similarities`].
pub(super) fn columns() -> Vec<&'static str> {
    let scores = of_pairs().flat_map(|(definition, _)| definition.scores);
    scores.map(|score| score.id).collect()
}

/// Values of all metrics of pairs, a row of [`columns`] per pair.
pub(super) fn similarities(
    reals: &[RgbImage],
    fakes: &[RgbImage],
) -> Result<Vec<Vec<f64>>, MetricError> {
    let pairs = reals.iter().zip(fakes);
    let pairs: Vec<Pair<'_>> = pairs
        .map(|(real, fake)| Ok((view(real)?, view(fake)?)))
        .collect::<Result<_, MetricError>>()?;
    let mut rows = vec![Vec::new(); pairs.len()];
    for (definition, _) in of_pairs() {
        if let Needs::Pairs(values) = definition.needs {
            for (row, values) in rows.iter_mut().zip(values(&pairs)?) {
                row.extend(values);
            }
        }
    }
    Ok(rows)
}

/// A value of every image.
pub(super) fn each(of: &OfImages, images: &[RgbImage]) -> Result<Vec<f64>, MetricError> {
    images
        .iter()
        .map(|image| (of.value)(&view(image)?))
        .collect()
}

/// Values of a pair in [`Pixels`].
fn dims() -> usize {
    columns().len() + 2 * of_images().count() + 1
}

/// Values of pairs: first [`similarities`], then for every metric of single images its values of the
/// real and of the generated image, then the width of the generated image.
pub(super) struct Pixels(Kept);

impl Pixels {
    /// `preprocessing` says how real images are brought beside the generated ones.
    pub(super) fn new(preprocessing: &str, dirs: &Dirs) -> Self {
        let instrument = plain("pairs", "SSIM, FSIM and sharpness", preprocessing.into());
        Self(Kept::of(&instrument, dirs).with_dims(dims()))
    }

    /// Width of the generated images; 0 where there are no pairs.
    pub(super) fn width(&self) -> Result<u32, MetricError> {
        let rows = self.0.all()?;
        let width = rows.first().and_then(|row| row.last());
        Ok(width.map_or(0, |width| *width as u32))
    }

    /// Every metric of pairs and of single images.
    pub(super) fn metrics(&self, context: &Context<'_>) -> Result<Findings, EvaluateError> {
        let (rows, seed) = (self.0.all()?, context.seed);
        let mut findings = Findings::default();
        if rows.is_empty() {
            return Ok(findings);
        }
        let column = |at: usize| rows.iter().map(move |row| f64::from(row[at])).collect();
        for (definition, first) in of_pairs() {
            for score in 0..definition.scores.len() {
                let values: Vec<f64> = column(first + score);
                let metric = definition.mean(score, &values, seed)?;
                findings.metrics.push(metric);
            }
        }
        for (i, (definition, of)) in of_images().enumerate() {
            let first = columns().len() + 2 * i;
            let [real, fake]: [Vec<f64>; 2] = [column(first), column(first + 1)];
            match (of.metric)(&real, &fake, seed)? {
                Some(metric) => findings.metrics.push(definition.directed(metric)),
                None => findings.lacks(of.title, of.meaningless[0], ""),
            }
        }
        Ok(findings)
    }
}

impl Measure for Pixels {
    fn rows(&mut self) -> &mut Kept {
        &mut self.0
    }

    fn measure(&mut self, generated: &GeneratedChunk<'_>) -> Result<Features, EvaluateError> {
        let (reals, fakes) = generated.pairs()?;
        let mut pairs = similarities(reals, fakes)?;
        for (_, of) in of_images() {
            let (real, fake) = (each(&of, reals)?, each(&of, fakes)?);
            for (row, values) in pairs.iter_mut().zip(real.into_iter().zip(fake)) {
                row.extend([values.0, values.1]);
            }
        }
        for (row, fake) in pairs.iter_mut().zip(fakes) {
            row.push(f64::from(fake.width()));
        }
        let values = pairs.concat().into_iter().map(|v| v as f32).collect();
        Ok(rows(values, dims()))
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn values_of_a_pair_are_kept_in_the_order_of_the_table() {
        let picture = |k: u32| {
            RgbImage::from_fn(16, 16, |x, y| {
                Rgb([x * k, y * 3, x * y].map(|v| (v % 256) as u8))
            })
        };
        let (real, fake) = (picture(5), picture(9));

        let same = similarities(std::slice::from_ref(&real), std::slice::from_ref(&real));
        let other = similarities(&[real], &[fake]).expect("large enough");

        let columns = columns();
        assert_eq!(columns[..4], ["ssim", "ssim-rgb", "fsim", "fsimc"]);
        assert_eq!((other.len(), other[0].len()), (1, columns.len()));
        let same = &same.expect("large enough")[0];
        for (value, id) in same[..4].iter().zip(&columns) {
            assert!((value - 1.0).abs() < 1e-9, "{id}: {value}");
        }
        assert!(other[0][..4].iter().all(|value| *value < 1.0), "{other:?}");
        assert!(dims() > columns.len());
    }
}

//! Semantic consistency: how far apart the images of two captions of one picture lie, relative to
//! those of captions of two pictures.

use crate::interval::bootstrap;
use crate::r_precision::cosine;
use crate::{Interval, MetricError};

/// `1 - cosine`, from 0 to 2; exactly 0 between equal features.
///
/// # Panics
///
/// If the lengths differ.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    if a == b {
        return 0.0;
    }
    (1.0 - cosine(a, b)).max(0.0)
}

/// Mean of `same` over the mean of `different`, with the 95 % percentile bootstrap interval of
/// `resamples` resamplings of the rows; `None` where nothing differs at all.
///
/// Row i of both belongs to one image, generated from a caption: its distance to the image of another
/// caption of the same picture, and to that of a caption of another picture. 0 = the choice of words
/// does not matter, 1 = captions of one picture are no closer than any two captions.
///
/// # Errors
///
/// If there are no rows, the numbers of rows differ or a distance is not finite.
pub fn consistency(
    same: &[f64],
    different: &[f64],
    resamples: usize,
    seed: u64,
) -> Result<Option<Interval>, MetricError> {
    crate::rows::same_dims(same.len(), different.len())?;
    if same.iter().chain(different).any(|v| !v.is_finite()) {
        return Err(MetricError::Invalid("a distance is not finite".into()));
    }
    if different.iter().all(|&v| v == 0.0) && !different.is_empty() {
        return Ok(None);
    }
    let sum = |values: &[f64], rows: &[usize]| rows.iter().map(|&row| values[row]).sum::<f64>();
    let interval = bootstrap(same.len(), resamples, seed, |rows| {
        let all = sum(different, rows);
        // In a resample in which nothing differs, captions of one picture are no closer than others.
        if all == 0.0 {
            1.0
        } else {
            sum(same, rows) / all
        }
    })?;
    Ok(Some(interval))
}

#[cfg(test)]
mod tests {
    use wordpaint_rng::Rng;

    use super::*;

    /// Distances of random features to those of the same picture, which hold `shared` of what they
    /// hold, and to those of others.
    fn distances(rows: usize, shared: f32) -> [Vec<f64>; 2] {
        let mut rng = Rng::new(&[11]);
        let mut random = || -> Vec<f32> { (0..16).map(|_| rng.normal()).collect() };
        let (mut same, mut different) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let (anchor, other, negative) = (random(), random(), random());
            let mixed = anchor.iter().zip(&other);
            let positive: Vec<f32> = mixed
                .map(|(a, b)| shared * a + (1.0 - shared) * b)
                .collect();
            same.push(distance(&anchor, &positive));
            different.push(distance(&anchor, &negative));
        }
        [same, different]
    }

    #[test]
    fn distances_are_one_minus_the_cosine() {
        assert_eq!(distance(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        // cos = 24 / 25.
        assert!((distance(&[3.0, 4.0], &[4.0, 3.0]) - 0.04).abs() < 1e-12);
        assert_eq!(distance(&[1.0, 0.0], &[0.0, 2.0]), 1.0);
        assert_eq!(distance(&[1.0, 0.0], &[-2.0, 0.0]), 2.0);
        // Without a direction only equal features are alike.
        assert_eq!(distance(&[0.0, 0.0], &[0.0, 0.0]), 0.0);
        assert_eq!(distance(&[0.0, 0.0], &[1.0, 0.0]), 1.0);
    }

    #[test]
    fn the_value_is_the_ratio_of_the_means() {
        let found = consistency(&[0.1, 0.3], &[0.5, 1.5], 50, 0).expect("rows");

        let found = found.expect("they differ");
        assert!((found.value - 0.2).abs() < 1e-12, "{found:?}");
        assert_eq!(found.count, 2);
        // Either row alone has the same ratio, so that every resample has.
        assert!((found.high - found.low).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn equal_images_give_0_and_unrelated_ones_about_1() {
        let at = |shared| {
            let [same, different] = distances(400, shared);
            let found = consistency(&same, &different, 500, 1).expect("rows");
            found.expect("they differ")
        };

        assert_eq!((at(1.0).value, at(1.0).high), (0.0, 0.0));
        let unrelated = at(0.0);
        assert!(unrelated.low < 1.0 && unrelated.high > 1.0, "{unrelated:?}");
        assert!((unrelated.value - 1.0).abs() < 0.1, "{unrelated:?}");
        let between = at(0.5);
        assert!(between.high < unrelated.low, "{between:?} {unrelated:?}");
        assert!(between.low > 0.0 && between.low < between.value && between.value < between.high);
    }

    #[test]
    fn the_unit_of_the_distances_does_not_matter() {
        let [same, different] = distances(30, 0.3);
        let scaled = |values: &[f64]| values.iter().map(|v| v * 4.0).collect::<Vec<_>>();

        let one = consistency(&same, &different, 100, 3).expect("rows");
        let other = consistency(&scaled(&same), &scaled(&different), 100, 3).expect("rows");

        assert_eq!(one, other);
    }

    #[test]
    fn where_nothing_differs_there_is_no_value_and_wrong_input_is_refused() {
        assert_eq!(consistency(&[0.0; 3], &[0.0; 3], 10, 0), Ok(None));
        assert!(consistency(&[], &[], 10, 0).is_err());
        assert!(consistency(&[1.0], &[1.0, 2.0], 10, 0).is_err());
        assert!(consistency(&[f64::NAN], &[1.0], 10, 0).is_err());
        // Most resamples hold the first rows only.
        let rare = consistency(&[0.5, 0.0, 0.0], &[1.0, 0.0, 0.0], 200, 0).expect("rows");
        let rare = rare.expect("a row differs");
        assert_eq!((rare.value, rare.low, rare.high), (0.5, 0.5, 1.0));
    }
}

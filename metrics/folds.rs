//! Confidence of distances between sets, from folds of their rows.

use wordpaint_rng::{Rng, key};

use crate::frechet::Reference;
use crate::kid::{Estimator, mmd2_rows};
use crate::rows::Rows;
use crate::{Gaussian, GaussianStats, Interval, MetricError, Moments};

/// Folds of every interval.
pub const FOLDS: usize = 10;
/// 97.5 % quantile of Student's t with `FOLDS - 1` degrees of freedom.
pub const T95: f64 = 2.262_157;
/// Rows per fold of KID that still tell something of its spread.
const MIN_KID_ROWS: usize = 10;
/// Rows per fold of KID; more would take long and narrow the interval little.
const MAX_KID_ROWS: usize = 1000;
/// Rows read together.
const CHUNK: usize = 512;

/// Row numbers below `count` in `FOLDS` folds of a seeded order, whose sizes differ by one at most.
fn folds(count: usize, seed: u64, side: &str) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..count).collect();
    Rng::new(&[seed, key("folds"), key(side)]).shuffle(&mut order);
    (0..FOLDS)
        .map(|k| {
            let mut fold = order[k * count / FOLDS..(k + 1) * count / FOLDS].to_vec();
            // Rows that lie together on disk are read together.
            fold.sort_unstable();
            fold
        })
        .collect()
}

/// 95 % jackknife interval of the Fréchet distance `value` between `real` and `fake`, whose
/// statistics are `whole`: tenths of `fake` are left out in turn. It shows the spread from image to
/// image, not the bias of few images. `None` for fewer than 20 rows.
///
/// # Errors
///
/// As [`crate::frechet_distance`], or if rows cannot be read.
pub fn frechet_interval(
    value: f64,
    real: &Gaussian,
    fake: &dyn Rows,
    whole: &Gaussian,
    seed: u64,
) -> Result<Option<Interval>, MetricError> {
    if fake.count() < 2 * FOLDS {
        return Ok(None);
    }
    let reference = Reference::new(real)?;
    let mut left_out = Moments::default();
    let mut rows = Vec::new();
    for fold in folds(fake.count(), seed, "fake") {
        let mut part = GaussianStats::new(fake.dims());
        for chunk in fold.chunks(CHUNK) {
            fake.gather(chunk, &mut rows)?;
            part.push(&rows)?;
        }
        let rest = whole.without(&part.finish()?)?;
        left_out.push(reference.distance(&rest)?.distance);
    }
    let error = (left_out.variance() * (FOLDS - 1) as f64).sqrt();
    Ok(Some(Interval {
        value,
        low: (value - T95 * error).max(0.0),
        high: value + T95 * error,
        count: fake.count(),
    }))
}

/// 95 % interval of the kernel distance `value`: its unbiased estimates in ten disjoint folds of both
/// sets vary by chance alone. `None` where a fold has fewer than ten rows.
///
/// # Errors
///
/// If rows cannot be read, differ in length or hold values that are not finite.
pub fn kid_interval(
    value: f64,
    real: &dyn Rows,
    fake: &dyn Rows,
    seed: u64,
) -> Result<Option<Interval>, MetricError> {
    if real.count().min(fake.count()) < MIN_KID_ROWS * FOLDS {
        return Ok(None);
    }
    let (reals, fakes) = (
        folds(real.count(), seed, "real"),
        folds(fake.count(), seed, "fake"),
    );
    let mut each = Moments::default();
    for (reals, fakes) in reals.iter().zip(&fakes) {
        let (a, b) = (
            &reals[..reals.len().min(MAX_KID_ROWS)],
            &fakes[..fakes.len().min(MAX_KID_ROWS)],
        );
        each.push(mmd2_rows(real, a, fake, b, Estimator::Unbiased)?);
    }
    // Standard error of a mean of folds: sample deviation over the root of their number.
    let error = each.std() / ((FOLDS - 1) as f64).sqrt();
    Ok(Some(Interval {
        value,
        low: value - T95 * error,
        high: value + T95 * error,
        count: fake.count(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Matrix, draw_subsets, frechet_distance, kid};

    fn normal(rows: usize, dims: usize, shift: f32, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(&[seed]);
        (0..rows * dims).map(|_| shift + rng.normal()).collect()
    }

    fn stats(data: &[f32], dims: usize) -> Gaussian {
        let mut stats = GaussianStats::new(dims);
        stats.push(data).expect("finite");
        stats.finish().expect("two rows")
    }

    #[test]
    fn folds_hold_every_row_once() {
        let mut all: Vec<usize> = folds(47, 3, "fake").concat();
        all.sort_unstable();
        assert_eq!(all, (0..47).collect::<Vec<_>>());
    }

    /// Over repetitions, the interval holds the value of very large sets about as often as it says.
    #[test]
    fn intervals_cover_the_values_of_large_sets() {
        let dims = 3;
        let real_data = normal(4000, dims, 0.0, 1);
        let (real, real_rows) = (
            stats(&real_data, dims),
            Matrix::new(&real_data, dims).expect("whole rows"),
        );
        let large = normal(40_000, dims, 0.4, 2);
        let fid = frechet_distance(&real, &stats(&large, dims))
            .expect("one length")
            .distance;
        let large = Matrix::new(&large, dims).expect("whole rows");
        let subsets = draw_subsets(4000, 40_000, 30, 1000, 5).expect("rows enough");
        let distance = kid(&real_rows, &large, &subsets).expect("finite").mean;
        let (mut fid_hits, mut kid_hits) = (0, 0);
        for seed in 10..50 {
            let data = normal(1000, dims, 0.4, seed);
            let (whole, rows) = (stats(&data, dims), Matrix::new(&data, dims).expect("whole"));
            let value = frechet_distance(&real, &whole)
                .expect("one length")
                .distance;
            let interval = frechet_interval(value, &real, &rows, &whole, seed);
            let interval = interval.expect("finite").expect("rows enough");
            fid_hits += usize::from(interval.low <= fid && fid <= interval.high);
            let subsets = draw_subsets(4000, 1000, 5, 1000, seed).expect("rows enough");
            let value = kid(&real_rows, &rows, &subsets).expect("finite").mean;
            let interval = kid_interval(value, &real_rows, &rows, seed);
            let interval = interval.expect("finite").expect("rows enough");
            kid_hits += usize::from(interval.low <= distance && distance <= interval.high);
        }
        assert!(fid_hits >= 33, "{fid_hits} of 40");
        assert!(kid_hits >= 33, "{kid_hits} of 40");
    }

    #[test]
    fn few_rows_have_no_interval() {
        let data = normal(19, 2, 0.0, 1);
        let (whole, rows) = (stats(&data, 2), Matrix::new(&data, 2).expect("whole"));
        assert_eq!(frechet_interval(0.0, &whole, &rows, &whole, 0), Ok(None));
        assert_eq!(kid_interval(0.0, &rows, &rows, 0), Ok(None));
    }

    #[test]
    fn leaving_out_a_part_gives_the_statistics_of_the_rest() {
        let dims = 4;
        let data = normal(300, dims, 2.0, 8);
        let (part, rest) = data.split_at(70 * dims);
        let found = stats(&data, dims)
            .without(&stats(part, dims))
            .expect("a part");
        let expected = stats(rest, dims);
        assert_eq!(found.count, expected.count);
        for (a, b) in [
            (&found.mean, &expected.mean),
            (&found.covariance, &expected.covariance),
        ] {
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
        assert!(expected.without(&stats(&data, dims)).is_err());
    }
}

//! Kernel Inception Distance: squared maximum mean discrepancy with a cubic kernel.

use wordpaint_rng::{Rng, key};

use crate::product::Block;
use crate::rows::{Rows, same_dims};
use crate::{MetricError, Moments};

/// Rows of a kernel matrix that are summed at a time.
const BLOCK: usize = 1024;

/// How the expectations are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Estimator {
    /// Without the diagonals within a set (Bińkowski et al. 2018); what KID stands for.
    Unbiased,
    /// With the diagonals.
    Biased,
    /// Without the diagonals, in the cross term too; needs sets of one size.
    UStatistic,
}

/// KID over subsets.
#[derive(Debug, Clone, PartialEq)]
pub struct Kid {
    /// Estimate of each subset; a subset may come out slightly negative.
    pub subsets: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their population standard deviation.
    pub std: f64,
}

/// Row numbers of one subset of each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset {
    /// Rows of the first set.
    pub real: Vec<usize>,
    /// Rows of the second set.
    pub fake: Vec<usize>,
}

/// Draws `count` subsets of `size` rows of sets with `real` and `fake` rows, without replacement
/// within a subset. Sets smaller than `size` are taken whole, the other side then has as many.
///
/// # Errors
///
/// With fewer than two rows on a side, or no subsets.
pub fn draw_subsets(
    real: usize,
    fake: usize,
    count: usize,
    size: usize,
    seed: u64,
) -> Result<Vec<Subset>, MetricError> {
    let size = size.min(real).min(fake);
    if size < 2 || count == 0 {
        return Err(MetricError::TooFew {
            what: "KID (rows per subset)",
            needed: 2,
            got: if count == 0 { 0 } else { size },
        });
    }
    let draw = |side: &str, number: usize, rows: usize| {
        let mut rng = Rng::new(&[seed, key("kid"), key(side), number as u64]);
        let mut all: Vec<usize> = (0..rows).collect();
        for i in 0..size {
            all.swap(i, i + rng.n(rows - i));
        }
        all.truncate(size);
        all
    };
    Ok((0..count)
        .map(|number| Subset {
            real: draw("real", number, real),
            fake: draw("fake", number, fake),
        })
        .collect())
}

/// KID over `subsets` with the unbiased estimator.
///
/// # Errors
///
/// If rows cannot be read, differ in length or hold values that are not finite.
pub fn kid(real: &dyn Rows, fake: &dyn Rows, subsets: &[Subset]) -> Result<Kid, MetricError> {
    let subsets = subsets
        .iter()
        .map(|subset| mmd2_rows(real, &subset.real, fake, &subset.fake, Estimator::Unbiased))
        .collect::<Result<Vec<_>, _>>()?;
    let moments: Moments = subsets.iter().copied().collect();
    if subsets.is_empty() {
        return Err(MetricError::Empty { what: "KID" });
    }
    Ok(Kid {
        mean: moments.mean(),
        std: moments.std(),
        subsets,
    })
}

/// Squared maximum mean discrepancy of two whole sets.
///
/// # Errors
///
/// As [`kid`].
pub fn mmd2(real: &dyn Rows, fake: &dyn Rows, estimator: Estimator) -> Result<f64, MetricError> {
    let all = |rows: &dyn Rows| (0..rows.count()).collect::<Vec<_>>();
    mmd2_rows(real, &all(real), fake, &all(fake), estimator)
}

/// [`mmd2`] of chosen rows.
///
/// # Errors
///
/// As [`kid`].
pub fn mmd2_rows(
    real: &dyn Rows,
    real_rows: &[usize],
    fake: &dyn Rows,
    fake_rows: &[usize],
    estimator: Estimator,
) -> Result<f64, MetricError> {
    same_dims(real.dims(), fake.dims())?;
    let (m, n) = (real_rows.len(), fake_rows.len());
    if m.min(n) < 2 {
        return Err(MetricError::TooFew {
            what: "KID (rows per set)",
            needed: 2,
            got: m.min(n),
        });
    }
    if estimator == Estimator::UStatistic && m != n {
        return Err(MetricError::Invalid(format!(
            "the U-statistic needs sets of one size, got {m} and {n}"
        )));
    }
    let (within_real, diagonal_real) = sums(real, real_rows, real, real_rows)?;
    let (within_fake, diagonal_fake) = sums(fake, fake_rows, fake, fake_rows)?;
    let (across, diagonal_across) = sums(real, real_rows, fake, fake_rows)?;
    let pairs = |n: usize| (n * (n - 1)) as f64;
    let (square, all) = (|n: usize| (n * n) as f64, (m * n) as f64);
    Ok(match estimator {
        Estimator::Unbiased => {
            (within_real - diagonal_real) / pairs(m) + (within_fake - diagonal_fake) / pairs(n)
                - 2.0 * across / all
        }
        Estimator::Biased => within_real / square(m) + within_fake / square(n) - 2.0 * across / all,
        Estimator::UStatistic => {
            (within_real - diagonal_real + within_fake
                - diagonal_fake
                - 2.0 * (across - diagonal_across))
                / pairs(m)
        }
    })
}

/// Sum of `(x y / dims + 1)^3` over all pairs, and over pairs at equal positions.
fn sums(
    x: &dyn Rows,
    x_rows: &[usize],
    y: &dyn Rows,
    y_rows: &[usize],
) -> Result<(f64, f64), MetricError> {
    let scale = 1.0 / x.dims() as f64;
    let (mut all, mut diagonal) = (0.0, 0.0);
    for (i, xs) in x_rows.chunks(BLOCK).enumerate() {
        let xs = Block::gather(x, xs)?;
        for (j, ys) in y_rows.chunks(BLOCK).enumerate() {
            let ys = Block::gather(y, ys)?;
            let products = xs.products(&ys);
            let kernel = |row: usize, column: usize| {
                let base = products[(row, column)] * scale + 1.0;
                base * base * base
            };
            for column in 0..ys.count() {
                all += (0..xs.count()).map(|row| kernel(row, column)).sum::<f64>();
            }
            if i == j {
                let shared = xs.count().min(ys.count());
                diagonal += (0..shared).map(|at| kernel(at, at)).sum::<f64>();
            }
        }
    }
    Ok((all, diagonal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Matrix;

    fn features(rows: usize, shift: f32, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(&[seed]);
        (0..rows * 6).map(|_| shift + rng.normal()).collect()
    }

    #[test]
    fn halves_of_one_set_are_near_zero_and_shifted_sets_are_not() {
        let (a, b, c) = (
            features(300, 0.0, 1),
            features(300, 0.0, 2),
            features(300, 1.0, 3),
        );
        let rows = |data| Matrix::new(data, 6).expect("whole rows");
        let subsets = draw_subsets(300, 300, 20, 100, 7).expect("enough rows");
        let same = kid(&rows(&a), &rows(&b), &subsets).expect("finite");
        let far = kid(&rows(&a), &rows(&c), &subsets).expect("finite");
        assert!(same.mean.abs() < 3.0 * same.std, "{same:?}");
        assert!(far.mean > 5.0 * far.std, "{far:?}");
    }

    #[test]
    fn subsets_have_no_row_twice_and_depend_on_the_seed_only() {
        let subsets = draw_subsets(50, 40, 5, 45, 1).expect("enough rows");
        for subset in &subsets {
            for (rows, limit) in [(&subset.real, 50), (&subset.fake, 40)] {
                let mut sorted = rows.clone();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), 40);
                assert!(sorted.iter().all(|&row| row < limit));
            }
        }
        assert_eq!(
            subsets,
            draw_subsets(50, 40, 5, 45, 1).expect("enough rows")
        );
        assert_ne!(
            subsets,
            draw_subsets(50, 40, 5, 45, 2).expect("enough rows")
        );
        assert!(draw_subsets(1, 40, 5, 45, 1).is_err());
    }

    #[test]
    fn blocks_do_not_change_the_sums() {
        let data = features(BLOCK + 30, 0.0, 4);
        let x = Matrix::new(&data, 6).expect("whole rows");
        let rows: Vec<usize> = (0..x.count()).collect();
        let (all, diagonal) = sums(&x, &rows, &x, &rows).expect("finite");
        let mut expected = (0.0, 0.0);
        for i in 0..x.count() {
            for j in 0..x.count() {
                let dot: f64 = x
                    .row(i)
                    .iter()
                    .zip(x.row(j))
                    .map(|(&a, &b)| f64::from(a) * f64::from(b))
                    .sum();
                let kernel = (dot / 6.0 + 1.0).powi(3);
                expected.0 += kernel;
                expected.1 += if i == j { kernel } else { 0.0 };
            }
        }
        assert!((all - expected.0).abs() < 1e-9 * expected.0.abs());
        assert!((diagonal - expected.1).abs() < 1e-9 * expected.1.abs());
    }
}

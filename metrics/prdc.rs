//! Improved precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al.
//! 2020).

use crate::product::{Block, squared_distance};
use crate::rows::{Rows, same_dims};
use crate::{Matrix, MetricError};

/// Rows of a tile of distances.
const TILE: usize = 1024;
/// Neighbours kept beyond the largest k, so that rounding cannot push the right one out.
const SPARE: usize = 8;
/// Relative to the lengths of two rows: distances nearer to a radius than this are computed again
/// from differences.
const DOUBT: f64 = 1e-9;

/// What counts as inside of a neighbourhood when distance and radius are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// Outside (prdc, density and coverage).
    Strict,
    /// Inside (improved precision and recall).
    Inclusive,
}

/// Which neighbourhoods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbourhood {
    /// The radius is the distance to the k-th nearest other row of the set.
    pub k: usize,
    /// See [`Tie`].
    pub tie: Tie,
}

/// The four scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Prdc {
    /// Share of fakes in the neighbourhood of a real row.
    pub precision: f64,
    /// Share of reals in the neighbourhood of a fake row.
    pub recall: f64,
    /// Mean number of real neighbourhoods that hold a fake, divided by k; may exceed 1.
    pub density: f64,
    /// What density is the mean of, one value per fake.
    pub densities: Vec<f64>,
    /// Share of reals whose neighbourhood holds a fake.
    pub coverage: f64,
}

/// Distances of every row to its k-th nearest other row, for each of `ks`: `[ks][rows]`.
///
/// # Errors
///
/// If a set has no k other rows, or rows cannot be read or are not finite.
pub fn radii(rows: &dyn Rows, ks: &[usize]) -> Result<Vec<Vec<f64>>, MetricError> {
    let mut radii = squared_radii(rows, ks)?;
    radii.iter_mut().flatten().for_each(|r| *r = r.sqrt());
    Ok(radii)
}

fn squared_radii(rows: &dyn Rows, ks: &[usize]) -> Result<Vec<Vec<f64>>, MetricError> {
    let largest = ks.iter().copied().max().unwrap_or(0);
    if ks.contains(&0) || rows.count() <= largest {
        return Err(MetricError::TooFew {
            what: "a neighbourhood of k rows (rows of the set)",
            needed: largest + 1,
            got: rows.count(),
        });
    }
    let kept = (largest + SPARE).min(rows.count() - 1);
    let mut radii = vec![Vec::with_capacity(rows.count()); ks.len()];
    for own in tiles(rows.count()) {
        let block = Block::gather(rows, &own)?;
        let mut nearest = vec![Vec::with_capacity(kept + 1); own.len()];
        for others in tiles(rows.count()) {
            let other = Block::gather(rows, &others)?;
            let products = block.products(&other);
            for (i, list) in nearest.iter_mut().enumerate() {
                for (j, &index) in others.iter().enumerate() {
                    if index != own[i] {
                        let distance = block.squares[i] + other.squares[j] - 2.0 * products[(i, j)];
                        insert(list, (distance, index), kept);
                    }
                }
            }
        }
        for (i, list) in nearest.iter().enumerate() {
            let indices: Vec<usize> = list.iter().map(|&(_, index)| index).collect();
            let near = Block::gather(rows, &indices)?;
            let mut exact: Vec<f64> = (0..near.count())
                .map(|j| squared_distance(block.row(i), near.row(j)))
                .collect();
            exact.sort_by(f64::total_cmp);
            for (radii, &k) in radii.iter_mut().zip(ks) {
                radii.push(exact[k - 1]);
            }
        }
    }
    Ok(radii)
}

/// Keeps the `kept` nearest in order.
fn insert(list: &mut Vec<(f64, usize)>, entry: (f64, usize), kept: usize) {
    if list.len() == kept && list.last().is_some_and(|last| last.0 <= entry.0) {
        return;
    }
    let at = list.partition_point(|other| other.0 <= entry.0);
    list.insert(at, entry);
    list.truncate(kept);
}

fn tiles(count: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..count)
        .step_by(TILE)
        .map(move |start| (start..count.min(start + TILE)).collect())
}

/// The four scores for each kind of neighbourhood; the distances are computed once for all.
///
/// # Errors
///
/// As [`radii`].
pub fn prdc(
    real: &dyn Rows,
    fake: &dyn Rows,
    kinds: &[Neighbourhood],
) -> Result<Vec<Prdc>, MetricError> {
    same_dims(real.dims(), fake.dims())?;
    let ks: Vec<usize> = kinds.iter().map(|kind| kind.k).collect();
    let (real_radii, fake_radii) = (squared_radii(real, &ks)?, squared_radii(fake, &ks)?);
    let mut counts: Vec<Counts> = kinds
        .iter()
        .map(|_| Counts::new(real.count(), fake.count()))
        .collect();
    for reals in tiles(real.count()) {
        let a = Block::gather(real, &reals)?;
        for fakes in tiles(fake.count()) {
            let b = Block::gather(fake, &fakes)?;
            let products = a.products(&b);
            for (j, &f) in fakes.iter().enumerate() {
                for (i, &r) in reals.iter().enumerate() {
                    let lengths = a.squares[i] + b.squares[j];
                    let quick = lengths - 2.0 * products[(i, j)];
                    let is_near = |radius: f64| (quick - radius).abs() <= DOUBT * lengths;
                    let is_doubtful = (0..kinds.len())
                        .any(|k| is_near(real_radii[k][r]) || is_near(fake_radii[k][f]));
                    let distance = if is_doubtful {
                        squared_distance(a.row(i), b.row(j))
                    } else {
                        quick
                    };
                    for (k, kind) in kinds.iter().enumerate() {
                        let is_inside = |radius: f64| match kind.tie {
                            Tie::Strict => distance < radius,
                            Tie::Inclusive => distance <= radius,
                        };
                        if is_inside(real_radii[k][r]) {
                            counts[k].hits[f] += 1;
                            counts[k].precise[f] = true;
                            counts[k].covered[r] = true;
                        }
                        if is_inside(fake_radii[k][f]) {
                            counts[k].recalled[r] = true;
                        }
                    }
                }
            }
        }
    }
    Ok(counts
        .iter()
        .zip(&ks)
        .map(|(counts, &k)| counts.finish(k))
        .collect())
}

/// [`prdc`] of rows in memory.
///
/// # Errors
///
/// As [`radii`].
pub fn prdc_of(
    real: Matrix<'_>,
    fake: Matrix<'_>,
    kind: Neighbourhood,
) -> Result<Prdc, MetricError> {
    Ok(prdc(&real, &fake, &[kind])?.remove(0))
}

struct Counts {
    precise: Vec<bool>,
    recalled: Vec<bool>,
    covered: Vec<bool>,
    hits: Vec<u32>,
}

impl Counts {
    fn new(reals: usize, fakes: usize) -> Self {
        Self {
            precise: vec![false; fakes],
            recalled: vec![false; reals],
            covered: vec![false; reals],
            hits: vec![0; fakes],
        }
    }

    fn finish(&self, k: usize) -> Prdc {
        let share =
            |flags: &[bool]| flags.iter().filter(|&&flag| flag).count() as f64 / flags.len() as f64;
        let hits: u64 = self.hits.iter().copied().map(u64::from).sum();
        Prdc {
            precision: share(&self.precise),
            recall: share(&self.recalled),
            density: hits as f64 / (k * self.precise.len()) as f64,
            densities: self.hits.iter().map(|&n| f64::from(n) / k as f64).collect(),
            coverage: share(&self.covered),
        }
    }
}

#[cfg(test)]
mod tests {
    use wordpaint_rng::Rng;

    use super::*;

    fn features(rows: usize, shift: f32, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(&[seed]);
        (0..rows * 4).map(|_| shift + rng.normal()).collect()
    }

    fn strict(k: usize) -> Neighbourhood {
        Neighbourhood {
            k,
            tie: Tie::Strict,
        }
    }

    #[test]
    fn a_set_covers_itself_and_not_a_distant_one() {
        let (a, far) = (features(200, 0.0, 1), features(150, 50.0, 2));
        let rows = |data| Matrix::new(data, 4).expect("whole rows");
        let own = prdc_of(rows(&a), rows(&a), strict(3)).expect("enough rows");
        assert_eq!((own.precision, own.recall, own.coverage), (1.0, 1.0, 1.0));
        let other = prdc_of(rows(&a), rows(&far), strict(3)).expect("enough rows");
        assert_eq!((other.precision, other.recall), (0.0, 0.0));
        assert_eq!((other.density, other.coverage), (0.0, 0.0));
    }

    #[test]
    fn tiles_do_not_change_the_scores() {
        let (n, m) = (TILE + 70, TILE + 9);
        let (a, b) = (features(n, 0.0, 3), features(m, 0.3, 4));
        let (real, fake) = (
            Matrix::new(&a, 4).expect("whole rows"),
            Matrix::new(&b, 4).expect("whole rows"),
        );
        let wide = |row: &[f32]| row.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let d = |x: &[f32], y: &[f32]| squared_distance(&wide(x), &wide(y));
        let radius = |set: &Matrix<'_>, count: usize, i: usize| {
            let mut all: Vec<f64> = (0..count)
                .filter(|&j| j != i)
                .map(|j| d(set.row(i), set.row(j)))
                .collect();
            all.sort_by(f64::total_cmp);
            all[4]
        };
        let real_radii: Vec<f64> = (0..n).map(|i| radius(&real, n, i)).collect();
        let inside = |r: usize, f: usize| d(real.row(r), fake.row(f)) < real_radii[r];
        let precise = (0..m).filter(|&f| (0..n).any(|r| inside(r, f))).count();
        let covered = (0..n).filter(|&r| (0..m).any(|f| inside(r, f))).count();

        let got = prdc_of(real, fake, strict(5)).expect("enough rows");

        assert_eq!(got.precision, precise as f64 / m as f64);
        assert_eq!(got.coverage, covered as f64 / n as f64);
    }

    #[test]
    fn too_few_rows_for_k_are_refused() {
        let a = features(3, 0.0, 1);
        let rows = Matrix::new(&a, 4).expect("whole rows");
        assert!(matches!(
            radii(&rows, &[3]),
            Err(MetricError::TooFew {
                needed: 4,
                got: 3,
                ..
            })
        ));
        assert!(radii(&rows, &[0]).is_err());
    }
}

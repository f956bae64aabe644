//! Scores of many (real, generated) pairs, in parallel.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rayon::prelude::*;

use crate::plane::{Rgb8, same_size};
use crate::{Fsim, FsimScore, MetricError};

/// A real and a generated image.
pub type Pair<'a> = (Rgb8<'a>, Rgb8<'a>);

/// What `score` gives for every pair, in the order of `pairs`; each pair has one size, pairs may
/// differ.
///
/// # Errors
///
/// If the images of a pair differ in size, or `score` refuses one.
pub fn score_pairs<T: Send>(
    pairs: &[Pair<'_>],
    score: impl Fn(Rgb8<'_>, Rgb8<'_>) -> Result<T, MetricError> + Sync,
) -> Result<Vec<T>, MetricError> {
    for (x, y) in pairs {
        same_size(x.size(), y.size())?;
    }
    pairs.par_iter().map(|&(x, y)| score(x, y)).collect()
}

/// FSIM of every pair, in the order of `pairs`, with one filter bank per size.
///
/// # Errors
///
/// As [`score_pairs`], and if an image is too small.
pub fn fsim_of_pairs(pairs: &[Pair<'_>]) -> Result<Vec<FsimScore>, MetricError> {
    let mut prepared = BTreeMap::new();
    for (x, y) in pairs {
        let size @ (width, height) = same_size(x.size(), y.size())?;
        if let Entry::Vacant(entry) = prepared.entry(size) {
            entry.insert(Fsim::new(width, height)?);
        }
    }
    score_pairs(pairs, |x, y| prepared[&x.size()].score(x, y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ssim, ssim, ssim_rgb};

    #[test]
    fn pairs_of_several_sizes_are_scored_in_order() {
        let bytes: Vec<u8> = (0..20 * 16 * 3).map(|i| (i * 53 % 251) as u8).collect();
        let inverse: Vec<u8> = bytes.iter().map(|v| 255 - v).collect();
        let wide = |data| Rgb8::new(20, 16, data).expect("the size is right");
        let tall = |data| Rgb8::new(16, 20, data).expect("the size is right");
        let pairs = [(wide(&bytes), wide(&inverse)), (tall(&bytes), tall(&bytes))];

        let similar = score_pairs(&pairs, |x, y| {
            let luma = ssim(&x.luma(), &y.luma(), Ssim::Gaussian)?;
            Ok([ssim_rgb(x, y, Ssim::Gaussian)?, luma])
        });
        let similar = similar.expect("large enough");
        let features = fsim_of_pairs(&pairs).expect("large enough");

        assert!(similar[0][0] < 0.0);
        for score in [
            similar[1][0],
            similar[1][1],
            features[1].fsim,
            features[1].fsimc,
        ] {
            assert!((score - 1.0).abs() < 1e-12, "{score}");
        }
    }

    #[test]
    fn a_pair_of_two_sizes_is_refused() {
        let bytes = [0; 20 * 16 * 3];
        let wide = Rgb8::new(20, 16, &bytes).expect("the size is right");
        let tall = Rgb8::new(16, 20, &bytes).expect("the size is right");
        assert!(matches!(
            score_pairs(&[(wide, tall)], |x, _| Ok(x.size())),
            Err(MetricError::Sizes { .. })
        ));
        assert!(matches!(
            fsim_of_pairs(&[(wide, tall)]),
            Err(MetricError::Sizes { .. })
        ));
    }
}

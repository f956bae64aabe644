//! Scores of many (real, generated) pairs, in parallel.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rayon::prelude::*;

use crate::plane::{Rgb8, same_size};
use crate::{Fsim, MetricError, Ssim, ssim, ssim_rgb};

/// Scores of one pair; 1 = identical.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairScores {
    /// `ssim/gaussian`, mean over the colour channels.
    pub ssim: f64,
    /// `ssim/luma`: the Gaussian variant on luma.
    pub ssim_luma: f64,
    /// FSIM on luma.
    pub fsim: f64,
    /// FSIM with the chroma term.
    pub fsimc: f64,
}

/// Scores every pair, in the order of `pairs`; each pair has one size, pairs may differ.
pub fn score_pairs(pairs: &[(Rgb8<'_>, Rgb8<'_>)]) -> Result<Vec<PairScores>, MetricError> {
    let mut prepared = BTreeMap::new();
    for (x, y) in pairs {
        let size @ (width, height) = same_size(x.size(), y.size())?;
        if let Entry::Vacant(entry) = prepared.entry(size) {
            entry.insert(Fsim::new(width, height)?);
        }
    }
    pairs
        .par_iter()
        .map(|&(x, y)| {
            let feature = prepared[&x.size()].score(x, y)?;
            Ok(PairScores {
                ssim: ssim_rgb(x, y, Ssim::Gaussian)?,
                ssim_luma: ssim(&x.luma(), &y.luma(), Ssim::Gaussian)?,
                fsim: feature.fsim,
                fsimc: feature.fsimc,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_several_sizes_are_scored_in_order() {
        let bytes: Vec<u8> = (0..20 * 16 * 3).map(|i| (i * 53 % 251) as u8).collect();
        let inverse: Vec<u8> = bytes.iter().map(|v| 255 - v).collect();
        let wide = |data| Rgb8::new(20, 16, data).expect("the size is right");
        let tall = |data| Rgb8::new(16, 20, data).expect("the size is right");
        let pairs = [(wide(&bytes), wide(&inverse)), (tall(&bytes), tall(&bytes))];

        let scores = score_pairs(&pairs).expect("large enough");

        assert!(scores[0].ssim < 0.0);
        for score in [
            scores[1].ssim,
            scores[1].ssim_luma,
            scores[1].fsim,
            scores[1].fsimc,
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
            score_pairs(&[(wide, tall)]),
            Err(MetricError::Sizes { .. })
        ));
    }
}

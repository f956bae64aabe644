//! SSIM of pairs, on luma and on the colours.

use wordpaint_metrics::{MetricError, Pair, Ssim, score_pairs, ssim, ssim_rgb};

use super::{Definition, Needs, Score};

pub(super) const SSIM: Definition = Definition {
    scores: &[
        Score::new("ssim", "SSIM (luma)", "11x11 Gaussian, sigma 1.5, L 255"),
        Score::new(
            "ssim-rgb",
            "SSIM (RGB)",
            "11x11 Gaussian, sigma 1.5, L 255, mean over channels",
        ),
    ],
    higher_is_better: true,
    needs: Needs::Pairs(values),
};

fn values(pairs: &[Pair<'_>]) -> Result<Vec<Vec<f64>>, MetricError> {
    score_pairs(pairs, |x, y| {
        Ok(vec![
            ssim(&x.luma(), &y.luma(), Ssim::Gaussian)?,
            ssim_rgb(x, y, Ssim::Gaussian)?,
        ])
    })
}

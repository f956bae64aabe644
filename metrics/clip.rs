//! CLIP scores from cosines of image and text embeddings.

use crate::Interval;
use crate::MetricError;
use crate::interval::bootstrap_mean;

/// The published ways to turn cosines into a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipScore {
    /// `2.5 max(cos, 0)` (Hessel et al. 2021); the caption is prefixed by [`Self::prefix`].
    Hessel,
    /// `100 max(cos, 0)` (torchmetrics).
    Percent,
    /// `100 cos` without clamping (GALIP's code, over the network of its own training loss).
    Galip,
}

impl ClipScore {
    /// Id of the instrument without the network.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Hessel => "clipscore",
            Self::Percent => "clipscore-100",
            Self::Galip => "clip-sim/galip",
        }
    }

    /// What precedes every caption.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Hessel => "A photo depicts ",
            Self::Percent | Self::Galip => "",
        }
    }

    /// Score of one pair from its cosine.
    pub const fn of(self, cosine: f64) -> f64 {
        match self {
            Self::Hessel => 2.5 * cosine.max(0.0),
            Self::Percent => 100.0 * cosine.max(0.0),
            Self::Galip => 100.0 * cosine,
        }
    }

    /// Mean score with its bootstrap interval.
    ///
    /// # Errors
    ///
    /// Without cosines.
    pub fn mean(
        self,
        cosines: &[f64],
        resamples: usize,
        seed: u64,
    ) -> Result<Interval, MetricError> {
        let scores: Vec<f64> = cosines.iter().map(|&c| self.of(c)).collect();
        bootstrap_mean(&scores, resamples, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_galip_keeps_negative_cosines() {
        assert_eq!(ClipScore::Hessel.of(0.4), 1.0);
        assert_eq!(ClipScore::Hessel.of(-0.4), 0.0);
        assert_eq!(ClipScore::Percent.of(-0.1), 0.0);
        assert_eq!(ClipScore::Galip.of(-0.25), -25.0);
        let mean = ClipScore::Galip
            .mean(&[0.2, 0.4], 50, 1)
            .expect("not empty");
        assert!((mean.value - 30.0).abs() < 1e-12);
    }
}

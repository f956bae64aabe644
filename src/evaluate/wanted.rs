//! What can be asked of two folders of images.

use super::instrument::PAIRS;
use super::scores;

/// What can be measured on two folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A similarity of pairs, by its place in the table of similarities.
    Similarity(usize),
    /// A perceptual distance of pairs, by its place in [`PAIRS`].
    Perceptual(usize),
    /// Sharpness relative to the first folder.
    Sharpness,
    /// Fréchet distance of features.
    Fid,
    /// Kernel distance of features.
    Kid,
    /// Precision, recall, density and coverage.
    Prdc,
    /// Inception Score of the second folder.
    InceptionScore,
}

/// Names of everything that can be asked for.
const NAMES: [&str; 12] = [
    "ssim",
    "ssim-rgb",
    "fsim",
    "fsimc",
    "lpips",
    "lpips-alex",
    "lpips-vgg",
    "sharpness",
    "fid",
    "kid",
    "prdc",
    "is",
];

impl std::str::FromStr for Wanted {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let similarity = scores::SIMILARITIES
            .iter()
            .position(|entry| entry[0] == name);
        let perceptual = PAIRS.iter().position(|id| *id == name);
        match (
            similarity
                .map(Self::Similarity)
                .or(perceptual.map(Self::Perceptual)),
            name,
        ) {
            (Some(wanted), _) => Ok(wanted),
            // The published package's own default.
            (_, "lpips") => "lpips-alex".parse(),
            (_, "sharpness") => Ok(Self::Sharpness),
            (_, "fid") => Ok(Self::Fid),
            (_, "kid") => Ok(Self::Kid),
            (_, "prdc") => Ok(Self::Prdc),
            (_, "is") => Ok(Self::InceptionScore),
            _ => Err(format!("expected some of {}", NAMES.join(", "))),
        }
    }
}

impl Wanted {
    pub(super) const fn needs_pairs(self) -> bool {
        matches!(self, Self::Similarity(_) | Self::Perceptual(_))
    }

    pub(super) const fn needs_features(self) -> bool {
        matches!(
            self,
            Self::Fid | Self::Kid | Self::Prdc | Self::InceptionScore
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_can_be_asked_for() {
        for name in NAMES {
            assert!(name.parse::<Wanted>().is_ok(), "{name}");
        }
        let error = "lpips2".parse::<Wanted>().expect_err("unknown");
        assert!(error.contains("prdc"), "{error}");
    }
}

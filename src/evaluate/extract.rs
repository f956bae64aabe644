//! The meeting point of feature networks and metrics: images in, features out.
//!
//! A network on any backend implements [`Extractor`]; the metrics see plain numbers and never learn
//! which backend made them.

use image::RgbImage;
use serde::{Deserialize, Serialize};

/// Everything that decides the numbers: network, weights and the way images get into it.
///
/// Values of two instruments are never compared silently; statistics and cached features carry
/// the instrument and are refused by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Short name (`pytorch`, `clean`, `torchvision-legacy`, `efflite0`, `thumb8`): what a user
    /// types and what statistics files carry.
    pub id: String,
    /// Network and weights in words.
    pub network: String,
    /// SHA-256 of the weights in hexadecimal; empty where there are none.
    pub weights: String,
    /// Resizer and value range in words.
    #[serde(rename = "front_end")]
    pub preprocessing: String,
    /// What the Fréchet distance of the features is called: `FID (fid/pytorch)` only for the
    /// network that the name stands for, else a suffixed name (`fid_efflite0`).
    pub fid: String,
    /// The same for the Inception Score of its classes; `None` where the network has no classes.
    pub inception_score: Option<String>,
}

impl Instrument {
    /// Whether features made by `other` may be mixed with features of this instrument.
    pub fn accepts(&self, other: &Self) -> bool {
        (&self.id, &self.weights, &self.preprocessing)
            == (&other.id, &other.weights, &other.preprocessing)
    }

    /// In words.
    pub fn described(&self) -> String {
        format!("{}: {}; {}", self.id, self.network, self.preprocessing)
    }

    /// What another distance of the features is called: with `kid`, `fid_x` becomes `kid_x`.
    pub fn distance(&self, name: &str) -> String {
        for (from, into) in [
            ("FID", name.to_uppercase()),
            ("fid", name.into()),
            ("fd", name.into()),
        ] {
            if let Some(rest) = self.fid.strip_prefix(from) {
                return format!("{into}{}", rest.replace("fid/", &format!("{name}/")));
            }
        }
        format!("{name} ({})", self.id)
    }
}

/// Features of a batch of images.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Features {
    /// Pooled features, `rows * dims` values, row by row.
    pub pool: Vec<f32>,
    /// Values per image in `pool`.
    pub dims: usize,
    /// Class scores before the softmax, `rows * classes` values, the way the instrument's Inception
    /// Score takes them (bias and background class handled); `None` where it has none.
    pub logits: Option<Vec<f32>>,
    /// Values per image in `logits`; 0 without.
    pub classes: usize,
}

/// Why features could not be computed.
#[derive(Debug, thiserror::Error)]
#[error("{instrument}: {message}")]
pub struct ExtractError {
    /// Id of the instrument.
    pub instrument: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// A feature network with its preprocessing.
pub trait Extractor {
    /// What it is.
    fn instrument(&self) -> &Instrument;

    /// Features of `images`, in their order; images may differ in size. The features of an image
    /// do not depend on the others of the batch.
    ///
    /// # Errors
    ///
    /// If an image cannot be brought into the network.
    fn features(&mut self, images: &[RgbImage]) -> Result<Features, ExtractError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument() -> Instrument {
        Instrument {
            id: "thumb8".into(),
            network: "none".into(),
            weights: String::new(),
            preprocessing: "8 x 8".into(),
            fid: "fd_thumb8".into(),
            inception_score: None,
        }
    }

    #[test]
    fn other_weights_are_another_instrument() {
        let one = instrument();
        let other = Instrument {
            weights: "00".into(),
            ..one.clone()
        };
        assert!(one.accepts(&one) && !one.accepts(&other));
    }

    #[test]
    fn no_distance_takes_the_name_of_another_network() {
        let mut instrument = instrument();
        assert_eq!(instrument.distance("kid"), "kid_thumb8");
        instrument.fid = "fid_efflite0".into();
        assert_eq!(instrument.distance("kid"), "kid_efflite0");
        instrument.fid = "FID (fid/pytorch)".into();
        assert_eq!(instrument.distance("kid"), "KID (kid/pytorch)");
    }
}

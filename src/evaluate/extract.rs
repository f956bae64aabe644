//! The meeting point of feature networks and metrics: images in, features out.
//!
//! A network on any backend implements [`Extractor`]; the metrics see plain numbers and never learn
//! which backend made them.

use image::RgbImage;
use serde::{Deserialize, Serialize};
use wordpaint_data::resize::pil_bilinear;

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
    pub front_end: String,
    /// What the Fréchet distance of the features is called: `FID (fid/pytorch)` only for the
    /// network that the name stands for, else a suffixed name (`fid_efflite0`).
    pub fid: String,
    /// The same for the Inception Score of its classes; `None` where the network has no classes.
    pub inception_score: Option<String>,
}

impl Instrument {
    /// Whether features made by `other` may be mixed with features of this instrument.
    pub fn accepts(&self, other: &Self) -> bool {
        (&self.id, &self.weights, &self.front_end) == (&other.id, &other.weights, &other.front_end)
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

/// A feature network with its front end.
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

/// Side of the thumbnails of [`Thumbnails`].
const SIDE: u32 = 8;

/// An instrument without a network: the image at 8 x 8 pixels. Tells layout and palette, nothing
/// else; there to have a distance where no network is at hand.
#[derive(Debug)]
pub struct Thumbnails(Instrument);

impl Default for Thumbnails {
    fn default() -> Self {
        Self(Instrument {
            id: "thumb8".into(),
            network: "none: the 192 colour values of an 8 x 8 thumbnail".into(),
            weights: String::new(),
            front_end: "8-bit RGB, Pillow bilinear (antialiased) to 8 x 8, values 0 to 1".into(),
            fid: "fd_thumb8".into(),
            inception_score: None,
        })
    }
}

impl Extractor for Thumbnails {
    fn instrument(&self) -> &Instrument {
        &self.0
    }

    fn features(&mut self, images: &[RgbImage]) -> Result<Features, ExtractError> {
        let pool = images
            .iter()
            .flat_map(|image| pil_bilinear(image, SIDE, SIDE).into_raw())
            .map(|v| f32::from(v) / 255.0)
            .collect();
        Ok(Features {
            pool,
            dims: (SIDE * SIDE * 3) as usize,
            ..Features::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn thumbnails_are_rows_of_colours_between_0_and_1() {
        let images = [
            RgbImage::from_pixel(20, 30, Rgb([255, 0, 51])),
            RgbImage::from_pixel(8, 8, Rgb([0, 0, 0])),
        ];
        let features = Thumbnails::default()
            .features(&images)
            .expect("any image has a thumbnail");
        assert_eq!(features.pool.len(), 2 * features.dims);
        assert_eq!(features.pool[..3], [1.0, 0.0, 0.2]);
        assert!(features.pool[features.dims..].iter().all(|&v| v == 0.0));
    }

    #[test]
    fn other_weights_are_another_instrument() {
        let one = Thumbnails::default().instrument().clone();
        let other = Instrument {
            weights: "00".into(),
            ..one.clone()
        };
        assert!(one.accepts(&one) && !one.accepts(&other));
    }
}

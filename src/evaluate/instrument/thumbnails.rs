//! An instrument without a network.

use image::RgbImage;
use wordpaint_data::resize::pil_bilinear;

use super::{Entry, Source};
use crate::evaluate::extract::{ExtractError, Extractor, Features, Instrument};

/// Side of the thumbnails.
const SIDE: u32 = 8;

pub(super) const ENTRY: Entry = Entry {
    id: "thumb8",
    alias: None,
    network: "none: the 192 colour values of an 8 x 8 thumbnail",
    source: Source::Thumbnails,
    input: "8-bit RGB, Pillow bilinear (antialiased) to 8 x 8, values 0 to 1",
    fid: "fd_thumb8",
    score: None,
};

/// The image at 8 x 8 pixels. Tells layout and palette, nothing else; there to have a distance where
/// no network is at hand.
#[derive(Debug)]
pub struct Thumbnails(Instrument);

impl Default for Thumbnails {
    fn default() -> Self {
        Self(ENTRY.instrument(String::new()))
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
}

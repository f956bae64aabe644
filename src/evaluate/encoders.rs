//! Pairs of encoders that retrieval is measured with, whichever family trained them.

use std::sync::Arc;

use burn::prelude::{Int, Tensor};
use image::RgbImage;
use image::imageops::crop_imm;
use wordpaint_data::resize::{Filter, resize};
use wordpaint_data::tokenizers::Tokenizer;
use wordpaint_data::tokenizers::words::Words;
use wordpaint_models::backend::Backend;
use wordpaint_models::clip;
use wordpaint_models::nn::resize::AlignCorners;
use wordpaint_models::system::{SystemConfig, TextForm};
use wordpaint_models::vision::clip::Clip;
use wordpaint_models::vision::matching::Damsm;

use super::extract::Instrument;
use crate::data::pixels::{to_real_images, to_tensor};
use crate::run::folder::RunFolder;
use crate::setup::reference::experiment;
use crate::setup::trained::Trained;
use crate::setup::{Dirs, SetupError, features, pretrained, words};

/// Encoders of images and captions into one space.
#[derive(Debug, Clone)]
pub(super) enum Encoders<B: Backend> {
    /// Of `damsm`.
    Damsm(Damsm<B>),
    /// Of `clip`.
    Clip(Clip<B>),
}

/// Encoders with what reads their captions.
#[derive(Debug, Clone)]
pub(super) struct Opened<B: Backend> {
    pub(super) encoders: Encoders<B>,
    pub(super) tokenizer: Arc<dyn Tokenizer>,
    /// Ids read of a caption.
    pub(super) length: usize,
    pub(super) instrument: Instrument,
}

impl<B: Backend> Opened<B> {
    /// The pair of a pretraining.
    ///
    /// # Errors
    ///
    /// If the run is one of another family or cannot be read.
    pub(super) fn of(run: &RunFolder, device: &B::Device, dirs: &Dirs) -> Result<Self, SetupError> {
        let name = run.path().file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        if experiment(run)?.expect_family::<clip::Family>().is_ok() {
            return of_clip(run, &name, device);
        }
        let (pair, config) = pretrained::pair_of::<B>(run, device, dirs)?;
        let size = pair.image_size();
        let instrument = Instrument {
            id: "damsm".into(),
            network: format!("DAMSM pair of {name}"),
            weights: features::identity(&pair, &format!("{config:?}")),
            preprocessing: format!(
                "8-bit RGB in -1..1, bilinear to {size} pixels, corners on corners"
            ),
            fid: "fd_damsm".into(),
            inception_score: None,
        };
        Ok(Self {
            encoders: Encoders::Damsm(pair),
            tokenizer: Arc::new(Words(words::of_run(run)?)),
            length: config.text.words,
            instrument,
        })
    }
}

fn of_clip<B: Backend>(
    run: &RunFolder,
    name: &str,
    device: &B::Device,
) -> Result<Opened<B>, SetupError> {
    let trained = Trained::<clip::Family>::open(run)?;
    let (clip, config) = (trained.system::<B>(device)?, trained.config);
    let TextForm::Tokens(tokens) = config.needs().text else {
        unreachable!("its text tower reads ids");
    };
    let size = config.image_size;
    let instrument = Instrument {
        id: "clip".into(),
        network: format!("CLIP of {name}"),
        weights: features::identity(&clip, &format!("{config:?}")),
        preprocessing: format!(
            "8-bit RGB, shorter side to {size} pixels by Pillow's cubic filter, centre, CLIP's mean \
             and deviation (standard)"
        ),
        fid: "fd_clip".into(),
        inception_score: None,
    };
    Ok(Opened {
        encoders: Encoders::Clip(clip),
        tokenizer: words::tokenizer_of_run(run, tokens)?,
        length: tokens.length,
        instrument,
    })
}

impl<B: Backend> Encoders<B> {
    /// Codes of captions, `[batch, dim]`.
    pub(super) fn captions(&self, ids: Tensor<B, 2, Int>, lengths: &[usize]) -> Tensor<B, 2> {
        match self {
            Self::Damsm(pair) => pair.text.encode(ids, lengths).sentence,
            Self::Clip(clip) => clip.encode_captions(ids, lengths),
        }
    }

    /// Codes of images, `[batch, 3, size, size]`, range [-1, 1], of any size: `[batch, dim]`.
    pub(super) fn images(&self, images: Tensor<B, 4>) -> Tensor<B, 2> {
        match self {
            Self::Damsm(pair) => pair.image_codes(images, AlignCorners::True).code,
            Self::Clip(clip) => {
                let side = clip.config().image.image_size as u32;
                let bytes = to_real_images(&images);
                let resized: Vec<RgbImage> = bytes.iter().map(|rgb| centre(rgb, side)).collect();
                clip.encode_images(to_tensor(&resized, &images.device()))
            }
        }
    }
}

/// The middle of an image whose shorter side is brought to `side` pixels.
fn centre(image: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    let shorter = width.min(height).max(1);
    // torchvision, `Resize` and `CenterCrop`, as clip/clip.py calls them.
    let scaled = |length: u32| (u64::from(side) * u64::from(length) / u64::from(shorter)) as u32;
    let (width, height) = (scaled(width).max(side), scaled(height).max(side));
    let resized = resize(image, width, height, Filter::PilBicubic);
    let offset = |length: u32| (f64::from(length - side) / 2.0).round_ties_even() as u32;
    crop_imm(&resized, offset(width), offset(height), side, side).to_image()
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use image::Rgb;

    use super::*;

    #[test]
    fn bytes_survive_the_way_into_a_tensor_and_back() {
        let all = RgbImage::from_fn(16, 16, |x, y| Rgb([(16 * y + x) as u8, 7, x as u8]));

        let back = to_real_images::<Flex>(&to_tensor([&all], &Default::default()));

        assert_eq!(back, [all]);
    }

    #[test]
    fn the_middle_of_the_longer_side_is_kept_and_a_fitting_image_unchanged() {
        let wide = RgbImage::from_fn(24, 8, |x, _| Rgb([if x / 8 == 1 { 200 } else { 0 }; 3]));
        let fitting = RgbImage::from_fn(8, 8, |x, y| Rgb([x as u8, y as u8, 9]));

        let middle = centre(&wide, 8);

        assert!(middle.pixels().all(|pixel| pixel.0 == [200; 3]));
        assert_eq!(centre(&fitting, 8), fitting);
        assert_eq!(centre(&wide, 4).dimensions(), (4, 4));
    }
}

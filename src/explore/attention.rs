//! Where a generated image read each word of its caption.

use std::path::PathBuf;

use burn::prelude::Tensor;
use image::{Rgb, RgbImage};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::system::Family;

use super::caption_figure::{CaptionFigure, GeneratedFigure};
use crate::launch::{LaunchError, RunWork};
use crate::run::folder::RunFolder;

/// Share of the light that is left where a word is not read.
const DARK: f32 = 0.15;

/// `wordpaint explore attention` as work on a run.
pub struct Attention<'a>(pub CaptionFigure<'a>);

/// A word as a stage reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The word.
    pub word: String,
    /// Its share of what is read, on average over the map; all words together have 1.
    pub mean: f32,
    /// Its largest share anywhere.
    pub peak: f32,
}

/// What was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionFigure {
    /// The words of every stage, with the side of its map.
    pub stages: Vec<(usize, Vec<Read>)>,
    /// The picture.
    pub path: PathBuf,
}

impl RunWork for Attention<'_> {
    type Output = AttentionFigure;

    fn of(&self) -> &RunFolder {
        &self.0.run
    }

    fn perform<F: Family, B: AutodiffBackend>(
        self,
        device: &B::Device,
    ) -> Result<AttentionFigure, LaunchError> {
        let pipeline = self.0.open::<F, B::InnerBackend>(device)?;
        let none = || {
            LaunchError::Request(format!(
                "`{}` does not attend to words; `wordpaint explore attention` shows runs of \
                 `attngan` and `dm-gan` with at least two stages",
                pipeline.experiment().family
            ))
        };
        let words = pipeline.words(&self.0.caption).ok_or_else(none)?;
        let GeneratedFigure { image, generated } = self.0.generate(&pipeline)?;
        if generated.attention.is_empty() {
            return Err(none());
        }
        let side = image.width();
        let mut stages = Vec::new();
        let mut pictures = vec![(image.clone(), "painted".to_owned())];
        for (number, attention) in generated.attention.iter().enumerate() {
            let maps = Maps::new(attention);
            if number > 0 {
                // Every stage begins its own row.
                pictures.push((RgbImage::from_pixel(side, side, WHITE), String::new()));
            }
            let reads = words.iter().enumerate().map(|(i, word)| Read {
                word: word.clone(),
                mean: maps.mean(i),
                peak: maps.peak(i),
            });
            let reads: Vec<Read> = reads.collect();
            for (i, read) in reads.iter().enumerate() {
                let label = format!("{} {:.0} %", read.word, 100.0 * read.mean);
                pictures.push((maps.over(i, &image), label));
            }
            stages.push((maps.side, reads));
        }
        let path = self.0.target.write_grid(pictures, words.len() + 1)?;
        Ok(AttentionFigure { stages, path })
    }
}

const WHITE: Rgb<u8> = Rgb([255; 3]);

/// Shares of the words at every place of one stage.
struct Maps {
    values: Vec<f32>,
    side: usize,
    /// Largest share of any word.
    largest: f32,
}

impl Maps {
    /// Maps of the first caption of `[batch, words, side, side]`.
    fn new<B: Backend>(attention: &Tensor<B, 4>) -> Self {
        let [_, _, side, _] = attention.dims();
        let first = attention.clone().narrow(0, 0, 1);
        let values: Vec<f32> = first.into_data().iter::<f32>().collect();
        Self {
            largest: values.iter().copied().fold(f32::MIN_POSITIVE, f32::max),
            values,
            side,
        }
    }

    fn of(&self, word: usize) -> &[f32] {
        let area = self.side * self.side;
        &self.values[word * area..(word + 1) * area]
    }

    fn mean(&self, word: usize) -> f32 {
        let map = self.of(word);
        map.iter().sum::<f32>() / map.len() as f32
    }

    fn peak(&self, word: usize) -> f32 {
        self.of(word).iter().copied().fold(0.0, f32::max)
    }

    /// `image`, bright where the word is read; one scale for all words of the stage.
    fn over(&self, word: usize, image: &RgbImage) -> RgbImage {
        lit(image, self.of(word), self.side, self.largest)
    }
}

/// `image`, bright where a map of `side` x `side` values comes near `largest`.
pub(super) fn lit(image: &RgbImage, map: &[f32], side: usize, largest: f32) -> RgbImage {
    let scale = side as f32 / image.width() as f32;
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let at = |v: u32| (((v as f32 + 0.5) * scale) as usize).min(side - 1);
        let share = map[at(y) * side + at(x)] / largest;
        let light = DARK + (1.0 - DARK) * share;
        Rgb(image
            .get_pixel(x, y)
            .0
            .map(|v| (f32::from(v) * light).round() as u8))
    })
}

#[cfg(test)]
mod tests {
    use burn::backend::NdArray;

    use super::*;

    #[test]
    fn a_word_lights_up_where_it_is_read_on_the_scale_of_the_stage() {
        let attention = Tensor::<NdArray, 4>::from_floats(
            [[[[0.9, 0.5], [0.5, 0.5]], [[0.1, 0.5], [0.5, 0.5]]]],
            &Default::default(),
        );
        let maps = Maps::new(&attention);
        let white = RgbImage::from_pixel(4, 4, WHITE);

        let [first, second] = [0, 1].map(|word| maps.over(word, &white));

        assert_eq!((maps.side, maps.peak(0)), (2, 0.9));
        assert!((maps.mean(0) + maps.mean(1) - 1.0).abs() < 1e-6);
        assert_eq!(first.get_pixel(1, 1).0, [255; 3]);
        assert_eq!(first.get_pixel(3, 3), second.get_pixel(0, 3));
        assert!(second.get_pixel(0, 0).0[0] < 70);
    }
}

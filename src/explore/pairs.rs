//! Images of two captions of the same picture side by side: how much a generated image depends on the
//! words chosen for what is seen.

use std::path::PathBuf;

use image::RgbImage;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::system::Family;

use super::Target;
use super::test_images::TestImages;
use crate::generate::prompts::Prompt;
use crate::launch::{LaunchError, RunWork};
use crate::run::folder::RunFolder;
use crate::setup::{Dirs, SetupError, Status};

/// Pictures in a row: the real one, and one per caption.
const COLUMNS: usize = 3;

/// `wordpaint explore pairs` as work on a run.
pub struct Pairs<'a> {
    /// The run.
    pub run: RunFolder,
    /// Where things are looked for.
    pub dirs: Dirs,
    /// Test images from whose captions images are generated.
    pub count: usize,
    /// Where the picture goes.
    pub target: Target,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
}

/// How far generated images lie apart: root mean square difference of pixel values from 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Mean over pairs of captions of one image.
    pub same: f64,
    /// Mean over pairs of captions of different images.
    pub different: f64,
    /// Pairs of each kind.
    pub count: usize,
    /// The picture.
    pub path: PathBuf,
}

impl RunWork for Pairs<'_> {
    type Output = Compared;

    fn of(&self) -> &RunFolder {
        &self.run
    }

    fn perform<F: Family, B: AutodiffBackend>(
        self,
        device: &B::Device,
    ) -> Result<Compared, LaunchError> {
        let test = TestImages::<F::System<B::InnerBackend>>::open::<F, B>(
            &self.run,
            self.count,
            device,
            &self.dirs,
            self.status,
        )?;
        let source = &test.source;
        if source.split.captions < 2 {
            return Err(LaunchError::Request(
                "the images have one caption each; there are no two to compare".into(),
            ));
        }
        self.target.check()?;
        let images = &source.split.indices;
        let prompt = |&image: &usize| [0, 1].map(|caption| Prompt { image, caption });
        let prompts: Vec<Prompt> = images.iter().flat_map(prompt).collect();
        let fakes = test.generate::<B::InnerBackend>(&prompts, device)?;
        let (generated, said) = (fakes.images.chunks(2), fakes.captions.chunks(2));
        let mut pictures = Vec::new();
        for ((&index, generated), said) in images.iter().zip(generated).zip(said) {
            let side = generated[0].width();
            let real = source.real(index, side).map_err(SetupError::from)?;
            pictures.push((real, "real".to_owned()));
            pictures.extend(generated.iter().cloned().zip(said.iter().cloned()));
        }
        let path = self.target.write_grid(pictures, COLUMNS)?;
        let (same, different) = distances(&fakes.images);
        Ok(Compared {
            same,
            different,
            count: images.len(),
            path,
        })
    }
}

/// Mean distance within pairs, and between the first image of every pair and the second of the
/// next.
fn distances(pairs: &[RgbImage]) -> (f64, f64) {
    let count = pairs.len() / 2;
    let mean = |step: usize| {
        let each = (0..count).map(|i| {
            let other = 2 * ((i + step) % count) + 1;
            distance(&pairs[2 * i], &pairs[other])
        });
        each.sum::<f64>() / count.max(1) as f64
    };
    (mean(0), mean(1))
}

/// Root mean square difference.
fn distance(a: &RgbImage, b: &RgbImage) -> f64 {
    let squares = a.as_raw().iter().zip(b.as_raw()).map(|(&a, &b)| {
        let difference = f64::from(a) - f64::from(b);
        difference * difference
    });
    (squares.sum::<f64>() / a.as_raw().len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn pairs_are_compared_with_the_next_image() {
        let plain = |value: u8| RgbImage::from_pixel(2, 2, Rgb([value; 3]));
        let pairs = [plain(10), plain(13), plain(50), plain(45)];

        let (same, different) = distances(&pairs);

        assert!((same - 4.0).abs() < 1e-12, "{same}");
        assert!((different - 36.0).abs() < 1e-12, "{different}");
    }
}

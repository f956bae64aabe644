//! Images of captions that the user typed.

use std::path::{Path, PathBuf};

use image::RgbImage;
use wordpaint_data::input;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::batch::Text;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Family, System};

use super::{LaunchError, RunWork};
use crate::generate::pipeline::CaptionPipeline;
use crate::picture::{self, Cell};
use crate::run::folder::{RunFolder, write_atomic};
use crate::run::slug::slug;
use crate::setup::text::check_caption;
use crate::setup::{Dirs, Status};

/// Most images drawn into the grid.
const GRID: usize = 96;
/// Most columns of the grid.
const COLUMNS: usize = 8;
/// Longest file of captions read, in bytes.
const LONGEST_FILE: u64 = 16 << 20;

/// Reads captions from a text file, one per line; empty lines are skipped.
///
/// # Errors
///
/// If the file cannot be read, is no text or holds no usable caption.
pub fn read_captions(path: &Path) -> Result<Vec<String>, LaunchError> {
    let fail = |message: String| LaunchError::Request(format!("{}: {message}", path.display()));
    let bytes = input::read(path, LONGEST_FILE);
    let bytes = bytes.map_err(|error| fail(format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .split(|byte| *byte == b'\n')
            .count();
        fail(format!("line {line} is not UTF-8 text"))
    })?;
    let mut captions = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let caption = line.trim().trim_start_matches('\u{feff}');
        if caption.is_empty() {
            continue;
        }
        check_caption(caption).map_err(|error| fail(format!("line {}: {error}", number + 1)))?;
        captions.push(caption.to_owned());
    }
    if captions.is_empty() {
        return Err(fail("holds no caption; write one per line".into()));
    }
    Ok(captions)
}

/// `wordpaint generate` as work on a run.
pub struct Generation<'a> {
    /// The run.
    pub run: RunFolder,
    /// Where things are looked for.
    pub dirs: Dirs,
    /// What to generate.
    pub captions: Vec<String>,
    /// Images per caption; `None` = one, or one per head of a system without noise.
    pub count: Option<usize>,
    /// Captions in one forward pass, at least 1. Where it is not 1, rounding may depend on it.
    pub batch: usize,
    /// Seed of the noise.
    pub seed: u64,
    /// Text encoder in place of the run's own.
    pub encoder: Option<String>,
    /// Where the images go.
    pub folder: PathBuf,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
}

impl RunWork for Generation<'_> {
    /// Paths of the written images in order, the grid last.
    type Output = Vec<PathBuf>;

    fn of(&self) -> &RunFolder {
        &self.run
    }

    /// Image k of every caption is made from the same noise, whatever else is asked for.
    fn perform<F: Family, B: AutodiffBackend>(
        self,
        device: &B::Device,
    ) -> Result<Vec<PathBuf>, LaunchError> {
        for caption in &self.captions {
            check_caption(caption)?;
        }
        let pipeline = CaptionPipeline::<B::InnerBackend, F::System<B::InnerBackend>>::open::<F>(
            &self.run,
            self.encoder.as_deref(),
            device,
            &self.dirs,
            self.status,
        )?;
        wordpaint_files::check_folder(&self.folder)?;
        let mut shown: Vec<(&str, RgbImage)> = Vec::new();
        let mut paths = Vec::new();
        for (number, captions) in self.captions.chunks(self.batch).enumerate() {
            let text = pipeline.encode(captions)?;
            let images = self.images(&pipeline, &text, captions.len());
            if number == 0 {
                self.warn_of_repeats(&pipeline, images.first().map_or(0, Vec::len));
            }
            let first = number * self.batch + 1;
            for (i, (caption, images)) in captions.iter().zip(images).enumerate() {
                for (k, image) in images.into_iter().enumerate() {
                    let name = format!("{:02}-{}-{}.png", first + i, slug(caption), k + 1);
                    let path = self.folder.join(name);
                    write_atomic(&path, &picture::png(&image))?;
                    paths.push(path);
                    if shown.len() < GRID {
                        shown.push((caption, image));
                    }
                }
            }
        }
        let total = paths.len();
        if total > shown.len() {
            (self.status)(&format!(
                "the grid shows the first {} of {total} images",
                shown.len()
            ));
        }
        let grid = self.folder.join("grid.png");
        let sheet = sheet(shown, total / self.captions.len().max(1));
        write_atomic(&grid, &picture::png(&sheet))?;
        paths.push(grid);
        Ok(paths)
    }
}

impl Generation<'_> {
    /// The images of each of the `captions` of `text`: of as much noise as is asked for, or the first
    /// heads of a system that draws none.
    fn images<B: Backend, S: System<B>>(
        &self,
        pipeline: &CaptionPipeline<B, S>,
        text: &Text<B>,
        captions: usize,
    ) -> Vec<Vec<RgbImage>> {
        if !pipeline.draws_noise() {
            let mut heads = pipeline.images(text, Noise::new(self.seed, 0));
            for heads in &mut heads {
                heads.truncate(self.count.unwrap_or(heads.len()));
            }
            return heads;
        }
        let mut images = vec![Vec::new(); captions];
        for k in 0..self.count.unwrap_or(1) as u64 {
            let heads = pipeline.images(text, Noise::new(self.seed, k));
            for (images, heads) in images.iter_mut().zip(heads) {
                images.extend(heads.into_iter().take(1));
            }
        }
        images
    }

    /// Warns the user where a caption has fewer images than were asked for.
    fn warn_of_repeats<B: Backend, S: System<B>>(
        &self,
        pipeline: &CaptionPipeline<B, S>,
        images: usize,
    ) {
        if self.count.is_none_or(|count| count <= images) {
            return;
        }
        (self.status)(&format!(
            "{} draws no noise: more than {} per caption would only repeat",
            pipeline.experiment().family,
            match images {
                1 => "1 image".to_owned(),
                n => format!("{n} images"),
            }
        ));
    }
}

/// A row per caption where its images fit, else as many columns as there is room for.
fn sheet(generated: Vec<(&str, RgbImage)>, per_caption: usize) -> RgbImage {
    let columns = match per_caption {
        1 => 4,
        n => n.min(COLUMNS),
    };
    let cells: Vec<Cell<'_>> = generated
        .into_iter()
        .map(|(caption, image)| Cell { image, caption })
        .collect();
    picture::grid(&cells, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("captions.txt");
        std::fs::write(&path, content).expect("writes");
        read_captions(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn captions_are_read_line_by_line() {
        let captions = read(b"a red bird\r\n\n  a blue bird  \n").expect("two captions");
        assert_eq!(captions, ["a red bird", "a blue bird"]);
    }

    #[test]
    fn unusable_files_of_captions_are_refused_with_the_line() {
        let long = [b"a bird\n".to_vec(), b"x".repeat(3000)].concat();
        for (content, expected) in [
            (b"\n \n".as_slice(), "holds no caption"),
            (b"a bird\n\xff\xfe", "line 2 is not UTF-8"),
            (&long, "line 2: the caption has 3000 characters"),
        ] {
            let error = read(content).expect_err("not usable");
            assert!(error.contains(expected), "{error}");
        }
    }
}

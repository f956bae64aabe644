//! Images of captions that the user typed.

use std::path::{Path, PathBuf};

use image::RgbImage;
use wordpaint_data::input;
use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::Family;

use super::pipeline::CaptionPipeline;
use crate::launch::{LaunchError, RunWork};
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

    /// Image k of every caption is generated from the same noise, whatever else is asked for.
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
        let mut generated: Vec<(&str, RgbImage)> = Vec::new();
        let mut paths = Vec::new();
        let mut is_warned = false;
        for (number, caption) in self.captions.iter().enumerate() {
            let text = pipeline.read(caption)?;
            let images = if pipeline.draws_noise() {
                (0..self.count.unwrap_or(1) as u64)
                    .flat_map(|k| {
                        let noise = Noise::new(self.seed, k);
                        pipeline.generate_from(&text, noise).into_iter().take(1)
                    })
                    .collect()
            } else {
                let mut heads = pipeline.generate_from(&text, Noise::new(self.seed, 0));
                let wanted = self.count.unwrap_or(heads.len());
                if wanted > heads.len() && !is_warned {
                    is_warned = true;
                    (self.status)(&format!(
                        "{} draws no noise: more than {} per caption would only repeat",
                        pipeline.experiment().family,
                        match heads.len() {
                            1 => "1 image".to_owned(),
                            n => format!("{n} images"),
                        }
                    ));
                }
                heads.truncate(wanted);
                heads
            };
            for (k, image) in images.into_iter().enumerate() {
                let name = format!("{:02}-{}-{}.png", number + 1, slug(caption), k + 1);
                let path = self.folder.join(name);
                write_atomic(&path, &picture::png(&image))?;
                paths.push(path);
                if generated.len() < GRID {
                    generated.push((caption, image));
                }
            }
        }
        let total = paths.len();
        if total > generated.len() {
            (self.status)(&format!(
                "the grid shows the first {} of {total} images",
                generated.len()
            ));
        }
        let grid = self.folder.join("grid.png");
        let sheet = sheet(generated, total / self.captions.len().max(1));
        write_atomic(&grid, &picture::png(&sheet))?;
        paths.push(grid);
        Ok(paths)
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

//! What a trained run can show: interpolations between captions, nearest neighbours, where
//! words were read and captions modulate, what two captions of one picture become.

pub mod attention;
pub mod caption_figure;
pub mod interpolation;
pub mod masks;
pub mod neighbours;
pub mod pairs;
mod test_images;

use std::path::PathBuf;

use image::RgbImage;

use crate::launch::LaunchError;
use crate::picture::{self, Cell};
use crate::run::folder::{RunFolder, write_atomic};
use crate::run::results::Figure;

/// Folder inside a run whose pictures its report shows.
pub const FIGURES: &str = "figures";
/// Where a picture goes: the file asked for, or the run's figures under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A PNG file.
    File(PathBuf),
    /// `figures/<name>.png` in the run, shown in its report under the title.
    Figure {
        /// The run.
        run: RunFolder,
        /// Stem of the file.
        name: String,
        /// Title in the report.
        title: String,
    },
}

impl Target {
    /// The picture's path.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Figure { run, name, .. } => run.join(&format!("{FIGURES}/{name}.png")),
        }
    }

    /// Makes sure that the picture can be written.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub fn check(&self) -> Result<(), LaunchError> {
        Ok(wordpaint_files::check(&self.path())?)
    }

    /// Writes the picture; a figure gets a description beside it.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, image: &RgbImage) -> Result<PathBuf, LaunchError> {
        let path = self.path();
        write_atomic(&path, &picture::png(image))?;
        if let Self::Figure { run, name, title } = self {
            let figure = Figure {
                title: title.clone(),
                path: format!("{FIGURES}/{name}.png"),
            };
            let json = serde_json::to_vec_pretty(&figure).expect("a figure is plain data");
            write_atomic(&run.join(&format!("{FIGURES}/{name}.json")), &json)?;
        }
        Ok(path)
    }

    /// Writes `pictures` with their captions, row by row in `columns` columns.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn write_grid(
        &self,
        pictures: Vec<(RgbImage, String)>,
        columns: usize,
    ) -> Result<PathBuf, LaunchError> {
        let (images, captions): (Vec<_>, Vec<_>) = pictures.into_iter().unzip();
        let cells = images.into_iter().zip(&captions);
        let cells: Vec<Cell<'_>> = cells
            .map(|(image, caption)| Cell { image, caption })
            .collect();
        self.write(&picture::grid(&cells, columns))
    }
}

//! Published weights: from a file of arrays to a run that generates, encodes or teaches. What there is
//! and how it becomes ours is said by each family. Nothing in a file is ever executed, and nothing is
//! written before everything fits.

mod backbone;
mod files;
mod flags;
mod networks;
mod text_encoder;
mod torch7;
mod written;

use std::path::PathBuf;

use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::for_family;
use wordpaint_models::published::Published;
use wordpaint_models::system::Family;

use crate::backends::Work;
use crate::launch::LaunchError;
use crate::setup::Dirs;

pub use flags::{families_help, first_help, out_help, role_help};

/// `wordpaint import` as work on a backend.
pub struct Import {
    /// Family as in experiment files.
    pub family: String,
    /// The published file.
    pub file: PathBuf,
    /// Files of the discriminators, where they have their own, the one for the smallest images
    /// first.
    pub discriminators: Vec<PathBuf>,
    /// File of the image encoder, of pairs of encoders.
    pub image: Option<PathBuf>,
    /// File of the text encoder, of systems that read words; without it that of a pretraining.
    pub text: Option<PathBuf>,
    /// The words that a text encoder knows by number.
    pub vocabulary: Option<PathBuf>,
    /// The pairs of bytes that a text encoder knows by number.
    pub merges: Option<PathBuf>,
    /// Run folder to make, or weights file to write.
    pub out: Option<PathBuf>,
    /// Settings of the run, `key.path=value`.
    pub overrides: Vec<String>,
    /// Take weights that hold NaN or an infinity.
    pub allow_non_finite: bool,
    /// Where things are kept.
    pub dirs: Dirs,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Run folder or weights file.
    pub path: PathBuf,
    /// Our parameters with the arrays they came from.
    pub mapped: Vec<(String, String)>,
    /// Arrays of the file that no parameter asked for.
    pub unmapped: Vec<String>,
}

impl Work for Import {
    type Output = Result<Imported, LaunchError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        self.check_flags()?;
        let imported = for_family!(
            self.family.as_str(),
            F => self.of::<F, B::InnerBackend>(&device)
        );
        imported.unwrap_or_else(|| Err(self.nothing_published()))
    }
}

impl Import {
    /// Whatever was published of the family `F`.
    fn of<F: Family, B: Backend>(&self, device: &B::Device) -> Result<Imported, LaunchError> {
        match F::weights() {
            Published::Networks(published) => self.networks::<F, B>(published, device),
            Published::Backbone { called, read } => self.backbone(called, read),
            Published::Nothing(why) => Err(LaunchError::Request(why.into())),
            Published::Unknown => Err(self.nothing_published()),
        }
    }

    fn nothing_published(&self) -> LaunchError {
        let names: Vec<&str> = flags::published().iter().map(|known| known.name).collect();
        LaunchError::Request(format!(
            "there are no published weights for `{}`; expected one of `{}`",
            self.family,
            names.join("`, `")
        ))
    }
}

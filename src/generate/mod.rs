//! Images from captions, in batches: those that people type ([`pipeline`]) and those of a dataset
//! ([`prompts`]).

pub mod pipeline;
pub mod prompts;

use crate::setup::SetupError;

/// Why captions cannot be made into images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// Checkpoint, encoder or vocabulary are missing or do not fit.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The family makes no images.
    #[error("`{0}` makes no images")]
    NoGenerator(String),
    /// A caption, or what is asked of captions, is nothing that the run knows.
    #[error("{0}")]
    Caption(String),
}

//! Reading.

use std::io;
use std::path::Path;

use crate::{Action, fault};

/// The bytes of a file.
///
/// # Errors
///
/// If it cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    fault::point(Action::Read, path)?;
    std::fs::read(path)
}

/// The text of a file.
///
/// # Errors
///
/// If it cannot be read or is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    fault::point(Action::Read, path)?;
    std::fs::read_to_string(path)
}

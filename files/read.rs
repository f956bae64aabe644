//! Reading.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::{Action, fault};

/// Opens a file for reading.
///
/// # Errors
///
/// If it cannot be read.
pub fn open(path: &Path) -> io::Result<File> {
    fault::point(Action::Read, path)?;
    File::open(path)
}

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

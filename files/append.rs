//! Logs: files that only grow.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::{Action, FileError, fault, fresh};

/// A file to whose end lines are written.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    file: File,
}

impl Appender {
    /// Opens `path`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be made or written.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let failed = |error| FileError::new(Action::Write, path, error);
        let is_new = !path.exists();
        fault::point(Action::Create, path).map_err(failed)?;
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(failed)?;
        if is_new {
            fresh::note(path);
        }
        Ok(Self {
            path: path.to_path_buf(),
            file,
        })
    }

    /// Writes `text` and a line break in one go, so that a stop can cut at most the last line.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then nothing of it is there.
    pub fn line(&mut self, text: &str) -> Result<(), FileError> {
        let line = format!("{text}\n");
        let before = self.file.metadata().map(|metadata| metadata.len());
        fault::write(&mut self.file, &self.path, line.as_bytes()).map_err(|error| {
            if let Ok(before) = before {
                // Half a line that stays is dropped by who reads it.
                let _ = self.file.set_len(before);
            }
            FileError::of(Action::Write, &self.path, Some(line.len() as u64))(error)
        })
    }
}

//! A folder that appears only when it is complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use wordpaint_files::{Scratch, create_folders, put};

use crate::error::DataError;

/// Files on their way to a folder that does not exist yet.
pub(super) struct Target {
    out: PathBuf,
    /// Removed with all it holds when the export fails.
    scratch: Scratch,
    checksums: Mutex<BTreeMap<String, u32>>,
}

impl Target {
    /// Prepares a hidden folder beside `out`.
    pub(super) fn create(out: &Path) -> Result<Self, DataError> {
        if out.is_dir() {
            let mut entries = fs::read_dir(out).map_err(|e| DataError::io("read", out, e))?;
            if entries.next().is_some() {
                let message = "the folder is not empty; name a new or an empty one";
                return Err(DataError::format(out, message));
            }
        } else if out.exists() {
            let message = "is a file; name a new or an empty folder";
            return Err(DataError::format(out, message));
        }
        Ok(Self {
            out: out.to_path_buf(),
            scratch: Scratch::beside(out).map_err(DataError::File)?,
            checksums: Mutex::default(),
        })
    }

    /// Where a file will lie when everything is done.
    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.out.join(relative)
    }

    /// Writes one file; `relative` uses `/`.
    pub(super) fn write(&self, relative: &str, bytes: &[u8]) -> Result<(), DataError> {
        let path = self.scratch.path().join(relative);
        if let Some(folder) = path.parent() {
            create_folders(folder).map_err(DataError::File)?;
        }
        put(&path, bytes, false).map_err(DataError::File)?;
        self.checksums
            .lock()
            .expect("no thread panics while it holds the lock")
            .insert(relative.to_owned(), crc32fast::hash(bytes));
        Ok(())
    }

    /// Writes a text file, one line for each item.
    pub(super) fn write_lines(&self, relative: &str, lines: &[String]) -> Result<(), DataError> {
        let mut text = lines.join("\n");
        text.push('\n');
        self.write(relative, text.as_bytes())
    }

    /// CRC-32 of every file written so far, in hexadecimal.
    pub(super) fn checksums(&self) -> BTreeMap<String, String> {
        let checksums = self
            .checksums
            .lock()
            .expect("no thread panics while it holds the lock");
        checksums
            .iter()
            .map(|(path, crc)| (path.clone(), format!("{crc:08x}")))
            .collect()
    }

    /// Lets the folder appear under its name.
    pub(super) fn publish(self) -> Result<(), DataError> {
        // Fails if something was put there meanwhile, which is what it should do.
        self.scratch.publish(&self.out).map_err(DataError::File)
    }
}

//! What this process made below a folder that was new or empty, so that nothing else is ever removed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::folders::create_folders;
use crate::{Action, FileError, leftovers};

/// A folder that is filled, and what was made in it so far.
struct Watched {
    root: PathBuf,
    made: Vec<PathBuf>,
}

static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

fn watched() -> MutexGuard<'static, Vec<Watched>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers that this process made `path`.
pub(crate) fn note(path: &Path) {
    for folder in watched().iter_mut() {
        if path.starts_with(&folder.root) && !folder.made.iter().any(|made| made == path) {
            folder.made.push(path.to_path_buf());
        }
    }
}

/// Remembers everything below `folder`, which this process made.
pub(crate) fn note_all(folder: &Path) {
    if watched().is_empty() {
        return;
    }
    note(folder);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            note_all(&entry.path());
        } else {
            note(&entry.path());
        }
    }
}

/// Proof that a folder was new or empty when this process began to fill it.
#[derive(Debug)]
pub struct Fresh {
    root: PathBuf,
}

impl Fresh {
    /// Claims `path`, which is made if it is not there; `None` where it holds anything other than
    /// the file `lock` and what stopped processes left.
    ///
    /// # Errors
    ///
    /// If it cannot be made or listed.
    pub fn claim(path: &Path, lock: &str) -> Result<Option<Self>, FileError> {
        if path.is_dir() {
            leftovers::sweep_now(path);
        }
        if !is_vacant(path, lock)? {
            return Ok(None);
        }
        watched().push(Watched {
            root: path.to_path_buf(),
            made: Vec::new(),
        });
        let fresh = Self {
            root: path.to_path_buf(),
        };
        create_folders(path)?;
        Ok(Some(fresh))
    }

    /// Whether nobody else put anything there in the meantime.
    ///
    /// # Errors
    ///
    /// If the folder cannot be listed.
    pub fn is_vacant(&self, lock: &str) -> Result<bool, FileError> {
        is_vacant(&self.root, lock)
    }

    /// Removes what this process made in it, and the folder itself if it was not there before.
    /// Everything else stays.
    pub fn undo(self) {
        let made = {
            let mut all = watched();
            let at = all.iter().position(|folder| folder.root == self.root);
            at.map_or_else(Vec::new, |at| std::mem::take(&mut all[at].made))
        };
        for path in made.iter().rev() {
            // What is in use or gone already stays so.
            let _ = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir(path),
                _ => fs::remove_file(path),
            };
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        watched().retain(|folder| folder.root != self.root);
    }
}

/// Whether there is nothing at `path`, or a folder that holds nothing but the file `lock`.
///
/// # Errors
///
/// If it cannot be listed.
pub fn is_vacant(path: &Path, lock: &str) -> Result<bool, FileError> {
    let failed = |error| FileError::new(Action::List, path, error);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(!path.exists());
        }
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        if entry.map_err(failed)?.file_name() != lock {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write;

    #[test]
    fn undoing_removes_what_was_made_and_nothing_else() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        fs::create_dir(&old).expect("made");
        for path in [&new, &old] {
            let fresh = Fresh::claim(path, ".lock")
                .expect("listed")
                .expect("vacant");
            write(&path.join("deep/a"), b"ours").expect("written");
            fs::write(path.join("foreign"), "theirs").expect("written");
            write(&path.join("foreign"), b"replaced").expect("written");

            fresh.undo();

            assert!(path.join("foreign").exists() && !path.join("deep").exists());
            assert!(Fresh::claim(path, ".lock").expect("listed").is_none());
            fs::remove_file(path.join("foreign")).expect("removed");
            let fresh = Fresh::claim(path, ".lock")
                .expect("listed")
                .expect("vacant");
            write(&path.join("a"), b"ours").expect("written");
            fresh.undo();
            assert!(path.is_dir() && !path.join("a").exists());
            fs::write(path.join(".wordpaint-abc123.partial"), "half").expect("written");
            Fresh::claim(path, ".lock")
                .expect("listed")
                .expect("vacant");
            assert_eq!(fs::read_dir(path).expect("readable").count(), 0);
        }
        fs::remove_dir(&new).expect("removed");
        let fresh = Fresh::claim(&new, ".lock")
            .expect("listed")
            .expect("vacant");
        write(&new.join("a"), b"ours").expect("written");
        fresh.undo();
        assert!(!new.exists());
    }
}

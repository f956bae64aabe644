//! Locks: a file that one process holds at a time. The system frees it when the process ends,
//! however that ends.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::{Action, FileError, fault, fresh, system};

/// As long as it is there, no other process holds the same one.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    /// Whether the file goes away with the lock.
    is_passing: bool,
}

impl Lock {
    /// Takes the lock at `path`, whose file is made if need be; `None` where another holds it.
    /// Nothing is written into the file, and links are not followed.
    ///
    /// # Errors
    ///
    /// If the file cannot be made or is no regular one.
    pub fn take(path: &Path) -> Result<Option<Self>, FileError> {
        Self::begin(path, File::try_lock)
    }

    /// Takes the lock at `path` when no other process holds it any more.
    ///
    /// # Errors
    ///
    /// If the file cannot be made or is no regular one.
    pub fn wait(path: &Path) -> Result<Self, FileError> {
        loop {
            let lock = |file: &File| file.lock().map_err(TryLockError::Error);
            if let Some(lock) = Self::begin(path, lock)? {
                return Ok(lock);
            }
        }
    }

    /// Whether another process holds the lock at `path`. Nothing is made.
    pub fn is_taken(path: &Path) -> bool {
        let file = system::open_lock(path, false);
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Lets the file go away with the lock.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.is_passing = true;
        self
    }

    fn begin(
        path: &Path,
        lock: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Option<Self>, FileError> {
        let failed = |error| FileError::new(Action::Lock, path, error);
        loop {
            let is_new = path.symlink_metadata().is_err();
            fault::point(Action::Lock, path).map_err(failed)?;
            let file = system::open_lock(path, true).map_err(failed)?;
            match lock(&file) {
                Err(TryLockError::WouldBlock) => return Ok(None),
                // On a file system that knows no locks, nobody can be kept away.
                Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
                    return Err(failed(error));
                }
                _ => {}
            }
            // The holder before may have removed the file; then another could make and lock it.
            if system::is_at(&file, path) {
                if is_new {
                    fresh::note(path);
                }
                return Ok(Some(Self {
                    file,
                    path: path.to_path_buf(),
                    is_passing: false,
                }));
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.is_passing && system::is_at(&self.file, &self.path) {
            // An empty file that stays does no harm.
            let _: io::Result<()> = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_at_a_time_and_its_file_may_pass() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("lock");
        let first = Lock::take(&path)
            .expect("writable")
            .expect("free")
            .passing();
        assert!(Lock::take(&path).expect("writable").is_none() && Lock::is_taken(&path));
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || Lock::wait(&path).expect("writable")
        });

        drop(first);

        let second = waiting.join().expect("gets it");
        assert!(path.exists() && Lock::take(&path).expect("writable").is_none());
        drop(second);
        assert!(path.exists() && !Lock::is_taken(&path));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_or_a_folder_in_the_place_of_a_lock_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (precious, link) = (folder.path().join("precious"), folder.path().join("lock"));
        fs::write(&precious, "content").expect("written");
        std::os::unix::fs::symlink(&precious, &link).expect("linked");

        let error = Lock::take(&link).expect_err("a link").to_string();

        assert!(error.contains("is a link"), "{error}");
        assert_eq!(fs::read(&precious).expect("there"), b"content");
        Lock::take(folder.path()).expect_err("a folder");
        Lock::take(&precious).expect("a file").expect("free");
        assert_eq!(fs::read(&precious).expect("there"), b"content");
    }
}

//! Folders that this process made and may therefore remove with all they hold. No other file of the
//! program removes a folder that is not empty.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::folders::{create_folders, rename, sync_folder};
use crate::leftovers::{FOLDER, PREFIX, sweep};
use crate::{Action, FileError, Lock, fault, fresh, system};

/// Lock of a scratch folder.
pub(crate) const LOCK: &str = ".lock";

/// Proof that this process made a folder: it was not there before. It is removed with the proof,
/// unless it was given another name.
#[derive(Debug)]
pub struct Created {
    path: PathBuf,
    is_published: bool,
}

impl Created {
    /// Makes the folder `path`, which must not be there.
    ///
    /// # Errors
    ///
    /// If it is there or cannot be made.
    pub fn folder(path: &Path) -> Result<Self, FileError> {
        let made = fault::point(Action::Create, path).and_then(|()| fs::create_dir(path));
        made.map_err(|error| FileError::new(Action::Create, path, error))?;
        Ok(Self {
            path: path.to_path_buf(),
            is_published: false,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder its name, at which there is nothing or an empty folder.
    ///
    /// # Errors
    ///
    /// If it cannot be renamed; then it is removed.
    pub fn publish(mut self, to: &Path) -> Result<(), FileError> {
        rename(&self.path, to)?;
        // What has its name is no longer ours to remove.
        self.is_published = true;
        fresh::note_all(to);
        Ok(())
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        if !self.is_published {
            remove_tree(&Proof::Made(self));
        }
    }
}

/// Why a folder may be removed with all it holds.
enum Proof<'a> {
    /// This process made it.
    Made(&'a Created),
    /// It has our kind of name, and its owner is gone: we hold its lock.
    Abandoned(&'a Path, Lock),
}

/// The one place that removes a folder with all it holds.
fn remove_tree(proof: &Proof<'_>) {
    let (folder, _lock) = match proof {
        Proof::Made(made) => (made.path.as_path(), None),
        Proof::Abandoned(folder, lock) => (*folder, Some(lock)),
    };
    // What cannot be removed now is abandoned and goes at the next start.
    let _ = fs::remove_dir_all(folder);
}

/// Removes a scratch folder whose `lock` is free, or that is empty because its maker got no further.
pub(crate) fn remove_abandoned(folder: &Path, lock: &Path) {
    if !lock.is_file() {
        // Fails where it holds anything.
        let _ = fs::remove_dir(folder);
    } else if let Ok(Some(lock)) = Lock::take(lock) {
        remove_tree(&Proof::Abandoned(folder, lock));
    }
}

/// A hidden folder in which something is put together that gets its name when it is whole. It goes
/// away with this value; one of a process that was killed goes at the next start.
#[derive(Debug)]
pub struct Scratch {
    inner: PathBuf,
    // Removed before its lock is given up.
    outer: Created,
    _lock: Lock,
}

impl Scratch {
    /// A scratch folder in `parent`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn within(parent: &Path) -> Result<Self, FileError> {
        create_folders(parent)?;
        sweep(parent);
        let (outer, lock) = loop {
            let outer = match Created::folder(&parent.join(scratch_name())) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                made => made?,
            };
            // Between making and locking it, another process may have taken it for abandoned.
            match Lock::take(&outer.path().join(LOCK)) {
                Ok(Some(lock)) => break (outer, lock),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        };
        let inner = outer.path().join("data");
        create_folders(&inner)?;
        Ok(Self {
            inner,
            outer,
            _lock: lock,
        })
    }

    /// A scratch folder beside `out`, for [`Self::publish`].
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn beside(out: &Path) -> Result<Self, FileError> {
        Self::within(out.parent().unwrap_or(Path::new("")))
    }

    /// Where to put things.
    pub fn path(&self) -> &Path {
        &self.inner
    }

    /// Gives what was put together the name `out`, at which there is nothing or an empty folder.
    ///
    /// # Errors
    ///
    /// If it cannot be brought to the disk or renamed; then it is removed.
    pub fn publish(self, out: &Path) -> Result<(), FileError> {
        let failed = |error| FileError::new(Action::Sync, out, error);
        if let Ok(before) = out.metadata() {
            // An empty folder that is there keeps its permissions.
            fs::set_permissions(&self.inner, before.permissions()).map_err(failed)?;
        }
        let synced = fault::point(Action::Sync, out);
        synced
            .and_then(|()| system::sync_disk(&self.inner))
            .map_err(failed)?;
        let to = if out.is_symlink() {
            out.canonicalize().map_err(failed)?
        } else {
            out.to_path_buf()
        };
        rename(&self.inner, &to)?;
        fresh::note_all(&to);
        drop(self.outer);
        sync_folder(to.parent().unwrap_or(Path::new("")))
    }
}

/// A name of our kind that is most probably free.
fn scratch_name() -> String {
    use std::hash::{BuildHasher, RandomState};
    let number = RandomState::new().hash_one(std::process::id());
    format!("{PREFIX}{:06x}{FOLDER}", number & 0xff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::put;

    #[test]
    fn a_scratch_folder_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let out = folder.path().join("deep/out");
        for is_finished in [false, true] {
            let scratch = Scratch::beside(&out).expect("made");
            put(&scratch.path().join("a"), b"content", false).expect("written");
            assert!(!out.exists());
            if is_finished {
                scratch.publish(&out).expect("published");
            }
        }
        assert_eq!(fs::read(out.join("a")).expect("there"), b"content");
        let parent = out.parent().expect("a folder");
        assert_eq!(fs::read_dir(parent).expect("readable").count(), 1);

        let scratch = Scratch::beside(&out).expect("made");
        scratch.publish(&out).expect_err("the folder is not empty");
        assert_eq!(fs::read_dir(parent).expect("readable").count(), 1);
        assert!(out.join("a").exists());
    }
}

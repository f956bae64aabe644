//! Temporary files and folders, and those that stopped processes left.
//!
//! Whoever writes one holds a lock on it. One with our kind of name whose lock is free has no owner
//! any more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::scratch::{LOCK, remove_abandoned};
use crate::system;

/// How names of temporary files and folders begin.
pub(crate) const PREFIX: &str = ".wordpaint-";
/// How names of temporary files end.
const FILE: &str = ".partial";
/// How names of temporary folders end.
pub(crate) const FOLDER: &str = ".unfinished";
/// Random characters between.
const RANDOM: usize = 6;

/// A temporary file in `folder` that is locked as long as it is open.
pub(crate) fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    let place = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    loop {
        // Opened here, so that it has the permissions of any other new file, and errors are the
        // system's own.
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(FILE)
            .rand_bytes(RANDOM)
            .make_in(place, |path| fs::File::create_new(path))?;
        // A file system without locks cannot tell whether there is an owner; nothing is removed there.
        let _ = file.as_file().try_lock();
        // Between making and locking it, another process may have taken it for abandoned.
        if system::is_at(file.as_file(), file.path()) {
            return Ok(file);
        }
    }
}

/// Whether `name` is one of ours that ends in `suffix`.
fn is_ours(name: &str, suffix: &str) -> bool {
    name.strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_suffix(suffix))
        .is_some_and(|random| {
            random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// Removes what stopped processes left in `folder`; once per process, as far as it can.
pub(crate) fn sweep(folder: &Path) {
    static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let place = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if !swept.insert(place.to_path_buf()) {
        return;
    }
    drop(swept);
    sweep_now(place);
}

/// Removes what stopped processes left in `folder`, as far as it can.
pub(crate) fn sweep_now(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if kind.is_file() && is_ours(name, FILE) {
            let owned = system::open_lock(&path, false);
            if owned.is_ok_and(|file| file.try_lock().is_ok()) {
                // Nobody waits for it; the next start tries again.
                let _ = fs::remove_file(&path);
            }
        } else if kind.is_dir() && is_ours(name, FOLDER) {
            remove_abandoned(&path, &path.join(LOCK));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scratch;

    #[test]
    fn the_reason_of_a_temporary_file_is_the_systems_own() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let error = new_file(&folder.path().join("none")).expect_err("no such folder");
        assert!(error.raw_os_error().is_some(), "{error}");
    }

    #[test]
    fn only_what_has_our_name_and_no_owner_is_removed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let at = |name: &str| folder.path().join(name);
        let owned = new_file(folder.path()).expect("made");
        let scratch = Scratch::within(folder.path()).expect("made");
        for name in [
            ".wordpaint-abc123.partial",
            ".wordpaint-notours.partial",
            ".tmpabc123.partial",
        ] {
            fs::write(at(name), "half").expect("written");
        }
        for (name, lock) in [
            (".wordpaint-abc123.unfinished", ".lock"),
            (".wordpaint-abc124.unfinished", "other"),
            ("data", ".lock"),
        ] {
            fs::create_dir_all(at(name).join("data")).expect("made");
            fs::write(at(name).join(lock), "").expect("written");
        }
        fs::create_dir(at(".wordpaint-abc126.unfinished")).expect("made");
        #[cfg(unix)]
        std::os::unix::fs::symlink(at("data"), at(".wordpaint-abc125.unfinished")).expect("linked");

        sweep_now(folder.path());

        let is_there = |name: &str| at(name).symlink_metadata().is_ok();
        assert!(!is_there(".wordpaint-abc123.partial"));
        assert!(!is_there(".wordpaint-abc123.unfinished"));
        assert!(!is_there(".wordpaint-abc126.unfinished"));
        for name in [
            ".wordpaint-notours.partial",
            ".tmpabc123.partial",
            ".wordpaint-abc124.unfinished",
            "data/data",
            #[cfg(unix)]
            ".wordpaint-abc125.unfinished",
        ] {
            assert!(is_there(name), "{name}");
        }
        assert!(owned.path().exists() && scratch.path().exists());
    }
}

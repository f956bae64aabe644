//! Folders that outputs go to.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::{Action, FileError, fault, fresh, leftovers, system};

/// Makes a folder with those above it that are missing; returns what was made, the topmost first.
///
/// # Errors
///
/// If one cannot be made; then none of them stays.
pub fn create_folders(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    let mut made = Vec::new();
    for folder in missing.into_iter().rev() {
        let result = fault::point(Action::Create, folder).and_then(|()| fs::create_dir(folder));
        match result {
            Ok(()) => {
                fresh::note(folder);
                made.push(folder.to_path_buf());
            }
            // Another process or thread was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(error) => {
                let error = match error.kind() {
                    ErrorKind::AlreadyExists => ErrorKind::NotADirectory.into(),
                    _ => error,
                };
                remove_empty(&made);
                return Err(FileError::new(Action::Create, folder, error));
            }
        }
    }
    Ok(made)
}

/// Removes folders that [`create_folders`] made, as far as they are empty.
pub(crate) fn remove_empty(made: &[PathBuf]) {
    for folder in made.iter().rev() {
        // One that is in use by now stays.
        let _ = fs::remove_dir(folder);
    }
}

/// Removes a folder with the files that lie directly in it. One that holds other folders stays, with
/// them; of a link, the link is removed.
///
/// # Errors
///
/// If something cannot be removed.
pub fn remove_flat_folder(path: &Path) -> Result<(), FileError> {
    let failed = |error| FileError::new(Action::Remove, path, error);
    fault::point(Action::Remove, path).map_err(failed)?;
    if path.is_symlink() {
        return fs::remove_file(path).map_err(failed);
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_type().map_err(failed)?.is_dir() {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => Err(failed(error)),
        _ => Ok(()),
    }
}

/// Renames a file or folder.
///
/// # Errors
///
/// If it cannot be renamed.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    let renamed = fault::point(Action::Rename, to).and_then(|()| fs::rename(from, to));
    renamed.map_err(|error| FileError::new(Action::Rename, to, error))
}

/// Brings the entries of a folder to the disk.
///
/// # Errors
///
/// If the disk refuses.
pub fn sync_folder(path: &Path) -> Result<(), FileError> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    fault::point(Action::Sync, path)
        .and_then(|()| system::sync_folder(path))
        .map_err(|error| FileError::new(Action::Sync, path, error))
}

/// Makes sure that files can be written into `folder`, before anything is computed for them. Nothing
/// is left behind.
///
/// # Errors
///
/// If they cannot.
pub fn check_folder(folder: &Path) -> Result<(), FileError> {
    let made = create_folders(folder)?;
    let place = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let result = fault::point(Action::Create, place).and_then(|()| leftovers::new_file(place));
    let result = result.map(drop);
    remove_empty(&made);
    result.map_err(|error| FileError::new(Action::Write, place, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_leaves_no_folder_behind_and_a_file_in_the_way_is_said() {
        let folder = tempfile::tempdir().expect("temporary folder");
        check_folder(&folder.path().join("a/b")).expect("can be made");
        assert!(!folder.path().join("a").exists());

        let file = folder.path().join("file");
        fs::write(&file, "x").expect("writes");
        let error = check_folder(&file.join("inside")).expect_err("a file is in the way");
        assert!(error.to_string().contains("is a file"), "{error}");
    }
}

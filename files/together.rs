//! Files that appear under their names together, each whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::destination::{Destination, Stream};
use crate::folders::{create_folders, remove_empty, sync_folder};
use crate::{Action, FileError, fault, fresh, leftovers, system};

/// Writes `content` to `path`, so that a regular file is there whole or not at all.
///
/// Links are followed; a file that is there keeps its permissions; a pipe or a character device is
/// written through; missing folders are made.
///
/// # Errors
///
/// If it cannot be written; then everything is as it was.
pub fn write(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let mut files = Together::default();
    files.add(path, content)?;
    files.publish()
}

/// Files that are written under other names until all of them are on disk.
#[derive(Debug, Default)]
pub struct Together {
    staged: Vec<Staged>,
    through: Vec<(PathBuf, Stream, Vec<u8>)>,
    folders: Vec<PathBuf>,
}

#[derive(Debug)]
struct Staged {
    /// The path that was asked for, for messages.
    asked: PathBuf,
    path: PathBuf,
    file: NamedTempFile,
    is_new: bool,
    bytes: u64,
}

impl Together {
    /// Writes a file beside its place.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn add(&mut self, path: &Path, content: &[u8]) -> Result<(), FileError> {
        let wanted = content.len() as u64;
        let failed = |error| FileError::of(Action::Write, path, Some(wanted))(error);
        match Destination::of(path).map_err(failed)? {
            Destination::Stream(stream) => {
                self.through
                    .push((path.to_path_buf(), stream, content.to_vec()));
            }
            Destination::File { path: at, before } => {
                let folder = folder_of(&at);
                self.folders.extend(create_folders(folder)?);
                leftovers::sweep(folder);
                let file = stage(&at, content, before.as_ref()).map_err(failed)?;
                self.staged.push(Staged {
                    asked: path.to_path_buf(),
                    path: at,
                    file,
                    is_new: before.is_none(),
                    bytes: wanted,
                });
            }
        }
        Ok(())
    }

    /// Gives all files their names.
    ///
    /// # Errors
    ///
    /// If one cannot be given its name, or a name does not come to the disk; then those that were not
    /// there before are taken away again.
    pub fn publish(mut self) -> Result<(), FileError> {
        for (path, stream, content) in std::mem::take(&mut self.through) {
            let wanted = Some(content.len() as u64);
            let written = stream.write(&content);
            written.map_err(FileError::of(Action::Write, &path, wanted))?;
        }
        let mut made = Vec::new();
        self.name_all(&mut made).inspect_err(|_| {
            for path in &made {
                // The first error is the one that matters.
                let _ = fs::remove_file(path);
            }
        })?;
        self.folders.clear();
        Ok(())
    }

    /// Renames the files, and adds those that were not there before to `made`.
    fn name_all(&mut self, made: &mut Vec<PathBuf>) -> Result<(), FileError> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for staged in std::mem::take(&mut self.staged) {
            let failed = FileError::of(Action::Write, &staged.asked, Some(staged.bytes));
            fault::point(Action::Rename, &staged.path)
                .and_then(|()| Ok(staged.file.persist(&staged.path)?))
                .map_err(failed)?;
            let folder = folder_of(&staged.path).to_path_buf();
            if !folders.contains(&folder) {
                folders.push(folder);
            }
            if staged.is_new {
                fresh::note(&staged.path);
                made.push(staged.path);
            }
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        self.staged.clear();
        remove_empty(&self.folders);
    }
}

/// The folder of a file; empty for the working folder.
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// A synced temporary file beside `path`, with the permissions of what is there.
fn stage(path: &Path, content: &[u8], before: Option<&fs::Metadata>) -> io::Result<NamedTempFile> {
    fault::point(Action::Create, path)?;
    let mut file = leftovers::new_file(folder_of(path))?;
    fault::write(file.as_file_mut(), path, content)?;
    if let Some(before) = before {
        system::inherit(file.as_file(), before)?;
    }
    fault::point(Action::Sync, path)?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("readable")
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_write_replaces_the_whole_file() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a/b.json");
        write(&path, b"a long first content").expect("writes");
        write(&path, b"short").expect("writes");
        assert_eq!(fs::read(&path).expect("readable"), b"short");
        assert_eq!(names(&folder.path().join("a")), ["b.json"]);
    }

    #[test]
    fn files_that_belong_together_appear_together_or_not_at_all() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let at = |name: &str| folder.path().join(name);
        write(&at("old"), b"old").expect("written");
        fs::create_dir(at("taken")).expect("made");
        let mut files = Together::default();
        files.add(&at("old"), b"new").expect("staged");
        files.add(&at("deep/new"), b"new").expect("staged");
        files.add(&at("taken"), b"new").expect_err("a folder");
        assert_eq!(names(&at("deep")).len(), 1);

        drop(files);

        assert_eq!(names(folder.path()), ["old", "taken"]);
        assert_eq!(fs::read(at("old")).expect("there"), b"old");
        let mut files = Together::default();
        files.add(&at("old"), b"new").expect("staged");
        files.add(&at("deep/new"), b"new").expect("staged");
        files.publish().expect("published");
        assert_eq!(names(folder.path()), ["deep", "old", "taken"]);
        assert_eq!(fs::read(at("old")).expect("there"), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay_links_are_followed_and_streams_are_written_through() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("temporary folder");
        let at = |name: &str| folder.path().join(name);
        let mode = |name: &str| at(name).metadata().expect("there").permissions().mode() & 0o777;
        fs::write(at("private"), "old").expect("written");
        fs::set_permissions(at("private"), fs::Permissions::from_mode(0o600)).expect("set");
        for (name, to) in [
            ("link", "private"),
            ("second", "link"),
            ("dangling", "made"),
        ] {
            symlink(to, at(name)).expect("linked");
        }
        for (name, file) in [
            ("private", "private"),
            ("second", "private"),
            ("dangling", "made"),
        ] {
            write(&at(name), name.as_bytes()).expect("written");
            assert_eq!(fs::read(at(file)).expect("there"), name.as_bytes());
            assert_eq!(mode("private"), 0o600);
        }
        assert!(at("second").is_symlink() && at("dangling").is_symlink());

        // A node of our own: one that is lost must not be the machine's. Only the superuser can make it.
        let (kind, device) = (
            rustix::fs::FileType::CharacterDevice,
            rustix::fs::makedev(1, 7),
        );
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        if rustix::fs::mknodat(rustix::fs::CWD, at("full"), kind, mode, device).is_ok() {
            let error = write(&at("full"), b"x").expect_err("full").to_string();
            assert!(
                error.contains("full") && error.contains("free space"),
                "{error}"
            );
            let kind = at("full").metadata().expect("there").file_type();
            assert!(kind.is_char_device());
        }
        symlink("loop", at("loop")).expect("linked");
        write(&at("loop"), b"x").expect_err("a loop");
        write(folder.path(), b"x").expect_err("a folder");
        let long = "x".repeat(300);
        let error = write(&at(&long), b"x").expect_err("too long").to_string();
        assert!(
            error.contains("too long") && !error.contains("free"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_gets_the_content_and_one_without_reader_is_an_error() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().expect("temporary folder");
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).expect("made");
        let error = write(&pipe, b"content").expect_err("no reader").to_string();
        assert!(error.contains("nobody reads"), "{error}");

        let reader = std::process::Command::new("cat")
            .arg(&pipe)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("`cat` is there");
        while write(&pipe, b"content").is_err() {
            std::thread::yield_now();
        }

        let output = reader.wait_with_output().expect("ends");
        assert_eq!(output.stdout, b"content");
        assert!(pipe.metadata().expect("there").file_type().is_fifo());
    }
}

//! What a failed operation says.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::system;

/// An operation on a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Make a file or folder.
    Create,
    /// Write into a file.
    Write,
    /// Bring what was written to the disk.
    Sync,
    /// Give a file or folder its name.
    Rename,
    /// Remove a file or folder.
    Remove,
    /// Keep other processes away.
    Lock,
    /// Read a file.
    Read,
    /// List a folder.
    List,
}

impl Action {
    /// As it stands in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Lock => "lock",
            Self::Read => "read",
            Self::List => "list",
        }
    }

    const fn takes_space(self) -> bool {
        matches!(self, Self::Create | Self::Write | Self::Sync | Self::Rename)
    }
}

/// The operating system refused an operation.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}: {source}{}{}", action.word(), path.display(), self.space(), self.advice())]
pub struct FileError {
    action: Action,
    path: PathBuf,
    source: io::Error,
    /// Bytes to be written.
    wanted: Option<u64>,
    /// Bytes that were free when it failed.
    free: Option<u64>,
}

impl FileError {
    /// The error of `action` on `path`.
    pub fn new(action: Action, path: &Path, source: io::Error) -> Self {
        Self::of(action, path, None)(source)
    }

    /// Makes the error of an action that was to write `wanted` bytes.
    pub(crate) fn of(
        action: Action,
        path: &Path,
        wanted: Option<u64>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| {
            let is_full = is_full(&source);
            Self {
                free: is_full.then(|| system::free(&path)).flatten(),
                wanted: wanted.filter(|_| is_full),
                action,
                path,
                source,
            }
        }
    }

    /// The path concerned.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was tried.
    pub const fn action(&self) -> Action {
        self.action
    }

    /// Kind of the system's reason.
    pub fn kind(&self) -> ErrorKind {
        self.source.kind()
    }

    fn space(&self) -> String {
        match (self.wanted, self.free) {
            (Some(wanted), Some(free)) => {
                format!("; {wanted} bytes were to be written, {free} are free there")
            }
            (Some(wanted), None) => format!("; {wanted} bytes were to be written"),
            (None, Some(free)) => format!("; {free} bytes are free there"),
            (None, None) => String::new(),
        }
    }

    fn advice(&self) -> String {
        let advice = advice(&self.source).or_else(|| {
            let is_output = self.action.takes_space();
            is_output.then_some("choose another place if this does not pass")
        });
        advice.map_or_else(String::new, |advice| format!("; {advice}"))
    }
}

/// Whether the disk, a quota or a limit on sizes is exhausted.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

/// Whether a file that could not be read may be whole all the same: the system only refused.
pub fn may_be_whole(error: &io::Error) -> bool {
    let refusals = [ErrorKind::PermissionDenied, ErrorKind::OutOfMemory];
    system::is_out_of_files(error) || refusals.contains(&error.kind())
}

/// What to do about a reason of the system; `None` where that depends on what was tried.
pub fn advice(error: &io::Error) -> Option<&'static str> {
    if system::is_out_of_files(error) {
        return Some("too many files are open at once: raise the limit (`ulimit -n`)");
    }
    Some(match error.kind() {
        ErrorKind::StorageFull => "free space or choose another place",
        ErrorKind::QuotaExceeded => "free space within the quota or choose another place",
        ErrorKind::FileTooLarge => {
            "raise the limit on the size of files (`ulimit -f`) or choose another place"
        }
        ErrorKind::PermissionDenied => "fix the permissions or choose another place",
        ErrorKind::ReadOnlyFilesystem => "it cannot be written to: choose another place",
        ErrorKind::IsADirectory => "it is a folder: name a file",
        ErrorKind::NotADirectory => "a part of the path is a file: choose another place",
        ErrorKind::InvalidFilename => "the name is too long: choose a shorter one",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(action: Action, errno: i32) -> String {
        let source = io::Error::from_raw_os_error(errno);
        let path = std::env::temp_dir().join("out.json");
        FileError::of(action, &path, Some(100))(source).to_string()
    }

    #[cfg(unix)]
    #[test]
    fn the_advice_fits_the_reason() {
        use rustix::io::Errno;
        let full = said(Action::Write, Errno::NOSPC.raw_os_error());
        assert!(full.contains("out.json"), "{full}");
        assert!(full.contains("100 bytes were to be written, "), "{full}");
        assert!(full.contains(" are free there; free space"), "{full}");
        for (errno, words) in [
            (Errno::MFILE, "ulimit -n"),
            (Errno::ISDIR, "name a file"),
            (Errno::NAMETOOLONG, "shorter"),
            (Errno::ACCESS, "permissions"),
            (Errno::ROFS, "cannot be written to"),
        ] {
            let text = said(Action::Create, errno.raw_os_error());
            assert!(text.contains(words), "{text}");
            assert!(!text.contains("free"), "{text}");
        }
    }
}

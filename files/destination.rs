//! What lies where an output is to go.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::{Action, FileError, check_folder, fault, system};

/// Longest chain of links that is followed.
const LINKS: usize = 40;

/// Where an output goes.
#[derive(Debug)]
pub(crate) enum Destination {
    /// A regular file, there or to be made; not a link.
    File {
        /// Its path.
        path: PathBuf,
        /// The file that is there.
        before: Option<Metadata>,
    },
    /// Something that is written through: a pipe, a terminal, `/dev/null`.
    Stream(Stream),
}

/// What is written through.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
    /// A pipe, a character device or an open file.
    Path(PathBuf),
}

impl Stream {
    pub(crate) fn write(&self, content: &[u8]) -> io::Result<()> {
        let through = |mut stream: Box<dyn Write>, path: &Path| {
            fault::write(&mut stream, path, content)?;
            stream.flush()
        };
        match self {
            Self::Output => through(Box::new(io::stdout().lock()), Path::new("/dev/stdout")),
            Self::Error => through(Box::new(io::stderr().lock()), Path::new("/dev/stderr")),
            Self::Path(path) => through(Box::new(open(path)?), path),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    fault::point(Action::Create, path)?;
    system::open_stream(path)
}

/// The standard stream that has this name.
fn standard(path: &Path) -> Option<Stream> {
    match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(Stream::Output),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(Stream::Error),
        _ => None,
    }
}

/// Whether links there stand for open files, whatever their text says.
fn is_magic(path: &Path) -> bool {
    path.starts_with("/dev/fd") || path.starts_with("/proc")
}

impl Destination {
    /// Follows links to what is to be written.
    ///
    /// # Errors
    ///
    /// If that is a folder, a block device or a socket, or cannot be looked at.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if is_folder || path.file_name().is_none() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let mut at = path.to_path_buf();
        for _ in 0..LINKS {
            if let Some(stream) = standard(&at) {
                return Ok(Self::Stream(stream));
            }
            let found = match at.symlink_metadata() {
                Ok(found) => found,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok(Self::File {
                        path: at,
                        before: None,
                    });
                }
                Err(error) => return Err(error),
            };
            if found.is_file() {
                return Ok(Self::File {
                    path: at,
                    before: Some(found),
                });
            }
            if found.is_dir() {
                return Err(ErrorKind::IsADirectory.into());
            }
            if system::is_stream(&found) || found.is_symlink() && is_magic(&at) {
                return Ok(Self::Stream(Stream::Path(at)));
            }
            if !found.is_symlink() {
                let message = "it is no file, pipe or character device; name another file";
                return Err(io::Error::other(message));
            }
            let to = fs::read_link(&at)?;
            at = at.parent().unwrap_or(Path::new("")).join(to);
        }
        Err(io::Error::other("its links lead nowhere"))
    }
}

/// Makes sure that a file can be written to `path`, before anything is computed for it. Nothing is
/// left behind.
///
/// # Errors
///
/// If it cannot.
pub fn check(path: &Path) -> Result<(), FileError> {
    match Destination::of(path).map_err(|error| FileError::new(Action::Write, path, error))? {
        Destination::File { path, .. } => check_folder(path.parent().unwrap_or(Path::new(""))),
        Destination::Stream(_) => Ok(()),
    }
}

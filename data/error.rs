//! One error type for everything that reads or writes data.

use std::path::{Path, PathBuf};

/// What went wrong with data, where, and what to do about it.
///
/// Every variant prints as one paragraph for a person; the command line maps what is wrong with data to
/// exit code 3.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder that the layout demands is not there.
    #[error("{} is missing: {expected}", path.display())]
    Missing {
        /// The path looked for.
        path: PathBuf,
        /// What it should hold and how to get it.
        expected: String,
    },
    /// The operating system refused an operation.
    #[error(
        "cannot {action} {}: {source}{}",
        path.display(),
        wordpaint_files::advice(source).map(|advice| format!("; {advice}")).unwrap_or_default()
    )]
    Io {
        /// "read", "list", ...
        action: &'static str,
        /// The path concerned.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Something cannot be written.
    #[error(transparent)]
    File(wordpaint_files::FileError),
    /// A file is there but does not hold what its format demands.
    #[error("{}{}: {message}", path.display(), line.map(|n| format!(":{n}")).unwrap_or_default())]
    Format {
        /// The file concerned.
        path: PathBuf,
        /// Line (1-based) for text files.
        line: Option<usize>,
        /// What was found, what was expected, what to do.
        message: String,
    },
    /// A dataset address (`synth:birds?...`, `cub:PATH`) cannot be used.
    #[error("dataset `{uri}`: {message}")]
    Uri {
        /// The address as given.
        uri: String,
        /// What is wrong and what is accepted.
        message: String,
    },
    /// The data are readable but inconsistent (for example a class without images).
    #[error("{0}")]
    Inconsistent(String),
}

impl DataError {
    /// Wraps an I/O error with the path and the action.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io {
            action,
            path: path.as_ref().to_path_buf(),
            source,
        }
    }

    /// A format error without line number.
    pub fn format(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self::Format {
            path: path.as_ref().to_path_buf(),
            line: None,
            message: message.into(),
        }
    }

    /// A format error at a line of a text file (1-based).
    pub fn format_at(path: impl AsRef<Path>, line: usize, message: impl Into<String>) -> Self {
        Self::Format {
            path: path.as_ref().to_path_buf(),
            line: Some(line),
            message: message.into(),
        }
    }

    /// A missing file or folder.
    pub fn missing(path: impl AsRef<Path>, expected: impl Into<String>) -> Self {
        Self::Missing {
            path: path.as_ref().to_path_buf(),
            expected: expected.into(),
        }
    }
}

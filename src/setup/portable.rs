//! Runs that are one file: opened as folders of the cache.

use std::path::{Path, PathBuf};

use wordpaint_data::input;
use wordpaint_files::Scratch;

use super::{Dirs, SetupError};
use crate::run::folder::{RunError, RunFolder};
use crate::run::manifest::sha256;
use crate::run::portable::Portable;

/// The name under which the model that comes with the program is opened.
pub const DEMO: &str = "demo";
/// That model; `assets/demo/README.md` says how it was made.
const DEMO_FILE: &[u8] = include_bytes!("../../assets/demo/demo.safetensors");
/// Longest file read, in bytes.
const LONGEST: u64 = 8 << 30;
/// Characters of a digest in a folder's name.
const SHORT: usize = 16;

/// A run to generate with, and where its figures go unless the user says so.
#[derive(Debug)]
pub struct Origin {
    /// The run.
    pub run: RunFolder,
    /// The run's folder; the current one where the run is a file.
    pub outputs: PathBuf,
}

/// The run that `from` names: a run folder, a file that `wordpaint export` wrote, or [`DEMO`]. Files are
/// unpacked into the cache once.
///
/// # Errors
///
/// If it is none of them, or cannot be unpacked.
pub fn open(from: &Path, dirs: &Dirs) -> Result<Origin, SetupError> {
    let unpacked = |bytes: &[u8]| {
        Ok(Origin {
            run: unpack(bytes, from, dirs)?,
            outputs: PathBuf::new(),
        })
    };
    if from.is_file() {
        let bytes = input::read(from, LONGEST).map_err(|error| SetupError::Weights {
            path: from.to_path_buf(),
            message: format!("cannot be read: {error}"),
        })?;
        return unpacked(&bytes);
    }
    if from == Path::new(DEMO) && !from.exists() {
        return unpacked(DEMO_FILE);
    }
    Ok(Origin {
        run: RunFolder::open(from)?,
        outputs: from.to_path_buf(),
    })
}

fn unpack(bytes: &[u8], from: &Path, dirs: &Dirs) -> Result<RunFolder, SetupError> {
    let parent = dirs.cache.join("portable");
    let folder = parent.join(&sha256(bytes)[..SHORT]);
    if let Ok(run) = RunFolder::open(&folder) {
        return Ok(run);
    }
    let portable = Portable::from_bytes(bytes).map_err(|message| SetupError::Weights {
        path: from.to_path_buf(),
        message,
    })?;
    let scratch = Scratch::within(&parent).map_err(RunError::from)?;
    portable.write(scratch.path())?;
    match scratch.publish(&folder) {
        Ok(()) => Ok(RunFolder::open(&folder)?),
        // Another process was faster.
        Err(error) => RunFolder::open(&folder).map_err(|_| SetupError::from(RunError::from(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(folder: &Path) -> Dirs {
        Dirs {
            runs: folder.join("runs"),
            cache: folder.join("cache"),
        }
    }

    #[test]
    fn the_demo_is_unpacked_once_and_for_good() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let dirs = dirs(folder.path());

        let first = open(Path::new(DEMO), &dirs).expect("comes with the program");
        let second = open(Path::new(DEMO), &dirs).expect("comes with the program");

        assert_eq!(first.run, second.run);
        assert_eq!(first.outputs, PathBuf::new());
        let left = std::fs::read_dir(dirs.cache.join("portable")).expect("a folder");
        assert_eq!(left.count(), 1, "nothing but the run itself is left");
    }

    #[test]
    fn a_file_of_something_else_is_refused_by_its_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("weights.safetensors");
        std::fs::write(&file, "no weights").expect("writes");

        let error = open(&file, &dirs(folder.path()))
            .expect_err("no run")
            .to_string();

        assert!(
            error.contains("weights.safetensors") && error.contains("export"),
            "{error}"
        );
    }
}

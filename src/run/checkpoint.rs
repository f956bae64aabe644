//! Checkpoint folders: complete or absent, verified before use.
//!
//! A checkpoint is written into a hidden sibling folder, file by file and synced, the manifest last;
//! then the folder gets its name by one rename. Whatever interrupts this leaves the earlier
//! checkpoints as they were.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wordpaint_files::{
    Action, Created, FileError, create_folders, may_be_whole, put, remove_flat_folder, rename,
    sync_folder,
};

const MANIFEST: &str = "manifest.json";
/// Version of the checkpoint layout.
const FORMAT: u32 = 1;

/// What can be wrong with checkpoints; the command line maps it to exit code 4.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused an operation.
    #[error("{0}; earlier checkpoints are untouched: continue with `wordpaint resume`")]
    File(#[from] FileError),
    /// A checkpoint is incomplete or altered.
    #[error("{}: {message}", path.display())]
    Damaged {
        /// The checkpoint folder.
        path: PathBuf,
        /// What does not agree.
        message: String,
    },
    /// There is no usable checkpoint.
    #[error("{}: no complete checkpoint{}", path.display(), if skipped.is_empty() {
        "; train it first with `wordpaint train`".to_owned()
    } else {
        format!(" (damaged and skipped: {})", skipped.join("; "))
    })]
    None {
        /// The run folder.
        path: PathBuf,
        /// What was found and refused.
        skipped: Vec<String>,
    },
    /// What a run was trained with is not what is there.
    #[error(transparent)]
    Differs(#[from] super::difference::Differences),
    /// The run folder cannot be used.
    #[error(transparent)]
    Folder(#[from] super::folder::RunError),
    /// The weights do not fit the networks of the configuration.
    #[error("{}: {message}", path.display())]
    Mismatch {
        /// The file concerned.
        path: PathBuf,
        /// Which parameters, expected and found.
        message: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    step: u64,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    sha256: String,
}

impl Entry {
    fn of(content: &[u8]) -> Self {
        Self {
            bytes: content.len() as u64,
            sha256: hex(&Sha256::digest(content)),
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// A verified checkpoint in memory.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its folder.
    pub path: PathBuf,
    /// Training steps behind it.
    pub step: u64,
    files: BTreeMap<String, Vec<u8>>,
    digests: BTreeMap<String, String>,
    /// Newer checkpoints that were refused, with the reason.
    pub skipped: Vec<String>,
}

impl Checkpoint {
    /// Content of a file.
    ///
    /// # Errors
    ///
    /// If the checkpoint has no such file.
    pub fn file(&self, name: &str) -> Result<&[u8], CheckpointError> {
        self.files
            .get(name)
            .map(Vec::as_slice)
            .ok_or_else(|| CheckpointError::Damaged {
                path: self.path.clone(),
                message: format!("has no file `{name}`; it was written by another version"),
            })
    }

    /// SHA-256 of a file, which was compared with the manifest's when the checkpoint was read.
    pub fn sha256(&self, name: &str) -> Option<&str> {
        self.digests.get(name).map(String::as_str)
    }

    /// SHA-256 of its manifest, which holds the digests of all its files.
    pub fn digest(&self) -> Result<String, CheckpointError> {
        let path = self.path.join(MANIFEST);
        let bytes = read(&path)?;
        Ok(hex(&Sha256::digest(bytes)))
    }

    /// Whether a file is there.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    wordpaint_files::read(path).map_err(|error| FileError::new(Action::Read, path, error))
}

/// A file of the checkpoint in `folder`. One that is missing or that the disk has lost is damage;
/// what the system only refuses to read is not.
fn read_file(folder: &Path, name: &str) -> Result<Vec<u8>, CheckpointError> {
    let path = folder.join(name);
    wordpaint_files::read(&path).map_err(|error| {
        if may_be_whole(&error) {
            return FileError::new(Action::Read, &path, error).into();
        }
        CheckpointError::Damaged {
            path: folder.to_path_buf(),
            message: format!("`{name}` cannot be read: {error}"),
        }
    })
}

/// Writes checkpoint `step` into `folder` (the run's `checkpoints/`) and prunes all but the newest
/// `keep`.
///
/// Each of the `files`, a name and its content, is asked for when the one before it is on disk, so
/// an iterator that makes them on the way holds one at a time.
///
/// # Errors
///
/// If anything cannot be written or a content is an error; then no new checkpoint appears and none
/// is removed.
pub fn save<C: AsRef<[u8]>, E: From<CheckpointError>>(
    folder: &Path,
    step: u64,
    files: impl IntoIterator<Item = Result<(&'static str, C), E>>,
    keep: usize,
) -> Result<PathBuf, E> {
    let partial = start(folder, step).map_err(CheckpointError::from)?;
    write_all(partial.path(), step, files)?;
    let target = finish(folder, step, partial).map_err(CheckpointError::from)?;
    prune(folder, keep.max(1))?;
    Ok(target)
}

/// An empty folder for the files of checkpoint `step`. Those of stopped processes go: whoever saves
/// holds the run.
fn start(folder: &Path, step: u64) -> Result<Created, FileError> {
    create_folders(folder)?;
    let failed = |error| FileError::new(Action::List, folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_str().is_some_and(is_unfinished) {
            remove_flat_folder(&entry.path())?;
        }
    }
    Created::folder(&folder.join(format!(".step-{step}.partial")))
}

/// Whether a folder of this name is a checkpoint that was being written.
fn is_unfinished(name: &str) -> bool {
    let step = name.strip_prefix(".step-");
    let step = step.and_then(|rest| rest.strip_suffix(".partial"));
    step.is_some_and(|step| step.parse::<u64>().is_ok())
}

fn write_all<C: AsRef<[u8]>, E: From<CheckpointError>>(
    partial: &Path,
    step: u64,
    files: impl IntoIterator<Item = Result<(&'static str, C), E>>,
) -> Result<(), E> {
    let mut manifest = Manifest {
        format: FORMAT,
        step,
        files: BTreeMap::new(),
    };
    for file in files {
        let (name, content) = file?;
        let content = content.as_ref();
        put(&partial.join(name), content, true).map_err(CheckpointError::from)?;
        manifest.files.insert(name.to_owned(), Entry::of(content));
    }
    let json = serde_json::to_vec_pretty(&manifest).expect("a manifest is plain data");
    put(&partial.join(MANIFEST), &json, true).map_err(CheckpointError::from)?;
    Ok(sync_folder(partial).map_err(CheckpointError::from)?)
}

/// Gives the written files their name; a checkpoint of the same step makes room.
fn finish(folder: &Path, step: u64, partial: Created) -> Result<PathBuf, FileError> {
    let target = folder.join(format!("step-{step}"));
    let old = folder.join(format!(".step-{step}.old"));
    if target.exists() {
        // Set aside, not removed: until the new one has its name, this is the newest.
        if old.exists() {
            remove_flat_folder(&old)?;
        }
        rename(&target, &old)?;
    }
    partial.publish(&target)?;
    sync_folder(folder)?;
    if old.exists() {
        remove_flat_folder(&old)?;
    }
    Ok(target)
}

/// Step of a checkpoint folder by its name, also of one that was set aside while its successor was
/// given the name.
fn step_of(name: &str) -> Option<u64> {
    let plain = name.strip_prefix("step-");
    let aside = || name.strip_prefix(".step-")?.strip_suffix(".old");
    plain.or_else(aside)?.parse().ok()
}

fn steps(folder: &Path) -> Result<Vec<(u64, PathBuf)>, CheckpointError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::new(Action::List, folder, error).into()),
    };
    let mut found = Vec::new();
    for entry in entries {
        let failed = |error| FileError::new(Action::List, folder, error);
        let path = entry.map_err(failed)?.path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        if let Some(step) = step_of(name) {
            found.push((step, path));
        }
    }
    found.sort_unstable_by_key(|(step, _)| std::cmp::Reverse(*step));
    Ok(found)
}

fn prune(folder: &Path, keep: usize) -> Result<(), CheckpointError> {
    for (_, path) in steps(folder)?.into_iter().skip(keep) {
        remove_flat_folder(&path)?;
    }
    Ok(())
}

/// Reads and verifies one checkpoint folder.
///
/// # Errors
///
/// If a file is missing, has another size or another SHA-256 than the manifest says.
pub fn load(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let damaged = |message: String| CheckpointError::Damaged {
        path: path.to_path_buf(),
        message,
    };
    let bytes = read_file(path, MANIFEST)?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| damaged(format!("{MANIFEST} is not valid: {error}")))?;
    if manifest.format != FORMAT {
        return Err(damaged(format!(
            "{MANIFEST} has format {}, expected {FORMAT}",
            manifest.format
        )));
    }
    let name = path
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default();
    if step_of(name) != Some(manifest.step) {
        return Err(damaged(format!(
            "{MANIFEST} speaks of step {}",
            manifest.step
        )));
    }
    let mut files = BTreeMap::new();
    let mut digests = BTreeMap::new();
    for (name, entry) in &manifest.files {
        let is_plain = Path::new(name)
            .file_name()
            .is_some_and(|n| n == name.as_str());
        if !is_plain {
            return Err(damaged(format!(
                "{MANIFEST} names `{name}`, which is not a plain file"
            )));
        }
        let content = read_file(path, name)?;
        let found = Entry::of(&content);
        if found != *entry {
            return Err(damaged(format!(
                "`{name}` is not what {MANIFEST} says: expected {} bytes with SHA-256 {}, found {} \
                 bytes with {}",
                entry.bytes, entry.sha256, found.bytes, found.sha256
            )));
        }
        files.insert(name.clone(), content);
        digests.insert(name.clone(), found.sha256);
    }
    Ok(Checkpoint {
        path: path.to_path_buf(),
        step: manifest.step,
        files,
        digests,
        skipped: Vec::new(),
    })
}

/// The newest checkpoint of `folder` that verifies. Newer ones that do not are listed in
/// [`Checkpoint::skipped`]; the caller tells the user.
///
/// # Errors
///
/// If there is none, or the system refuses to read one that may be whole.
pub fn newest(folder: &Path) -> Result<Checkpoint, CheckpointError> {
    let mut skipped = Vec::new();
    for (_, path) in steps(folder)? {
        match load(&path) {
            Ok(checkpoint) => {
                return Ok(Checkpoint {
                    skipped,
                    ..checkpoint
                });
            }
            // A checkpoint that may be whole is not passed over: the steps since the one before
            // would be lost.
            Err(error @ CheckpointError::File(_)) => return Err(error),
            Err(error) => skipped.push(error.to_string()),
        }
    }
    Err(CheckpointError::None {
        path: folder.to_path_buf(),
        skipped,
    })
}

/// File `name` of the newest checkpoint in which it is as the checkpoint's manifest says; other files
/// are not looked at.
pub fn newest_file(folder: &Path, name: &str) -> Option<Vec<u8>> {
    let of = |path: PathBuf| {
        let manifest = fs::read(path.join(MANIFEST)).ok()?;
        let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
        let content = fs::read(path.join(name)).ok()?;
        (*manifest.files.get(name)? == Entry::of(&content)).then_some(content)
    };
    steps(folder)
        .ok()?
        .into_iter()
        .find_map(|(_, path)| of(path))
}

/// SHA-256 of file `name` as the newest checkpoint's manifest has it; the file is not read.
pub fn newest_digest(folder: &Path, name: &str) -> Option<String> {
    let (_, path) = steps(folder).ok()?.into_iter().next()?;
    let manifest = fs::read(path.join(MANIFEST)).ok()?;
    let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
    Some(manifest.files.get(name)?.sha256.clone())
}

/// Number of the newest checkpoint folder, verified or not; `None` without any.
pub fn newest_step(folder: &Path) -> Option<u64> {
    steps(folder).ok()?.first().map(|(step, _)| *step)
}

#[cfg(test)]
mod tests {
    use super::*;

    type File = Result<(&'static str, Vec<u8>), CheckpointError>;

    fn files(byte: u8) -> [File; 2] {
        [("model.safetensors", 300), ("state.json", 20)]
            .map(|(name, length)| Ok((name, vec![byte; length])))
    }

    #[test]
    fn only_the_newest_are_kept_and_the_newest_is_found() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for step in [5, 10, 15] {
            save(folder.path(), step, files(step as u8), 2).expect("saves");
        }
        let found = newest(folder.path()).expect("one is there");
        assert_eq!(
            (found.step, found.file("state.json").expect("there")[0]),
            (15, 15)
        );
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 2);
    }

    #[test]
    fn a_flipped_bit_anywhere_makes_the_previous_checkpoint_the_newest() {
        for at in 0..50 {
            let folder = tempfile::tempdir().expect("temporary folder");
            save(folder.path(), 1, files(1), 3).expect("saves");
            save(folder.path(), 2, files(2), 3).expect("saves");
            let mut rng = wordpaint_rng::Rng::new(&[at]);
            let name = *rng.pick(&["model.safetensors", "state.json", MANIFEST]);
            let path = folder.path().join("step-2").join(name);
            let mut content = fs::read(&path).expect("readable");
            let place = rng.n(content.len());
            content[place] ^= 1 << rng.n(8);
            fs::write(&path, content).expect("writable");

            let found = newest(folder.path()).expect("step 1 is intact");

            // A flip in the white space of the manifest changes nothing that is used.
            let is_harmless = name == MANIFEST && found.step == 2;
            assert!(
                found.step == 1 && found.skipped.len() == 1 || is_harmless,
                "{name} {place}"
            );
        }
    }

    #[test]
    fn a_checkpoint_set_aside_by_an_interrupted_replacement_is_found() {
        let folder = tempfile::tempdir().expect("temporary folder");
        save(folder.path(), 4, files(4), 1).expect("saves");
        let [plain, aside] = ["step-4", ".step-4.old"].map(|name| folder.path().join(name));
        fs::rename(&plain, &aside).expect("renames");

        assert_eq!(newest(folder.path()).expect("set aside").step, 4);

        save(folder.path(), 4, files(5), 1).expect("saves");
        let found = newest(folder.path()).expect("replaced");
        assert_eq!((found.path, aside.exists()), (plain, false));
    }

    #[test]
    fn what_stopped_saves_left_goes_with_the_next_and_foreign_folders_stay() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let at = |name: &str| folder.path().join(name);
        for name in [".step-7.partial", ".step-x.partial", "step-1/mine"] {
            fs::create_dir_all(at(name)).expect("made");
            fs::write(at(name).join("model.safetensors"), "half").expect("written");
        }

        save(folder.path(), 8, files(8), 1).expect("saves");

        assert!(!at(".step-7.partial").exists() && at("step-8").is_dir());
        assert!(at(".step-x.partial/model.safetensors").exists());
        assert!(at("step-1/mine/model.safetensors").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_checkpoint_that_the_system_refuses_to_read_is_not_passed_over() {
        use std::io::{Error, ErrorKind};
        assert!(may_be_whole(&ErrorKind::PermissionDenied.into()));
        assert!(may_be_whole(&Error::from_raw_os_error(24)), "EMFILE");
        assert!(!may_be_whole(&Error::from_raw_os_error(5)), "EIO");
        let folder = tempfile::tempdir().expect("temporary folder");
        save(folder.path(), 1, files(1), 2).expect("saves");
        save(folder.path(), 2, files(2), 2).expect("saves");
        fs::remove_file(folder.path().join("step-2").join(MANIFEST)).expect("there");

        let found = newest(folder.path()).expect("step 1 is intact");

        assert_eq!((found.step, found.skipped.len()), (1, 1));
    }

    #[test]
    fn a_failed_write_leaves_the_earlier_checkpoint_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        save(folder.path(), 1, files(1), 1).expect("saves");
        let nowhere: [File; 1] = [Ok(("sub/none", vec![0]))];
        let unmade = files(2).into_iter().chain([Err(CheckpointError::None {
            path: folder.path().to_path_buf(),
            skipped: Vec::new(),
        })]);
        save(folder.path(), 2, nowhere, 1).expect_err("the sub-folder does not exist");
        save(folder.path(), 2, unmade, 1).expect_err("the last file could not be made");
        assert_eq!(newest(folder.path()).expect("intact").step, 1);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }
}

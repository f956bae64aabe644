//! The folder of one run: what it is made of, how it is found again.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::checkpoint;
use crate::config::Experiment;

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The operating system refused an operation.
    #[error(
        "cannot {action} {}: {source}; free space, fix the permissions or choose another folder",
        path.display()
    )]
    Io {
        /// "write", "read", ...
        action: &'static str,
        /// The path concerned.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The folder is not a run.
    #[error("{} is not a run folder: {message}", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong.
        message: String,
    },
    /// Another process trains the run.
    #[error(
        "another process trains {}; wait until it ends, or stop it first: it saves before it goes",
        path.display()
    )]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A reference `experiment:NAME` has no finished run.
    #[error(
        "no finished run of `{name}`{} in {}; train it first: wordpaint train {name}{}",
        if *is_quick { " (quick)" } else { "" },
        runs.display(),
        if *is_quick { " --quick" } else { "" }
    )]
    NoRun {
        /// Experiment name.
        name: String,
        /// Whether the quick form is meant.
        is_quick: bool,
        /// Where runs were looked for.
        runs: PathBuf,
    },
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RunError {
    let path = path.to_path_buf();
    move |source| RunError::Io {
        action,
        path,
        source,
    }
}

/// Writes `content` to `path` so that it is there whole or not at all.
///
/// # Errors
///
/// If the folder cannot be written.
pub fn write_atomic(path: &Path, content: &[u8]) -> Result<(), RunError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io("create", folder))?;
    let mut builder = tempfile::Builder::new();
    // Readable like any other file; temporary files are private by default.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder
        .suffix(".partial")
        .tempfile_in(folder)
        .map_err(io("write", path))?;
    file.write_all(content).map_err(io("write", path))?;
    file.as_file().sync_all().map_err(io("write", path))?;
    file.persist(path)
        .map_err(|error| io("write", path)(error.error))?;
    Ok(())
}

/// As long as it is there, no other process trains the run. It ends with the process, however that
/// ends.
#[derive(Debug)]
pub struct Hold {
    _file: fs::File,
}

/// On a file system that knows no locks, nobody can be kept away.
fn without_locks(error: std::io::Error, file: fs::File, path: &Path) -> Result<Hold, RunError> {
    match error.kind() {
        std::io::ErrorKind::Unsupported => Ok(Hold { _file: file }),
        _ => Err(io("write", path)(error)),
    }
}

/// A run on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Creates `runs/<experiment>[-quick]-<date>-<id>` (or `explicit`) and freezes the experiment
    /// in it.
    ///
    /// # Errors
    ///
    /// If the folder exists already or cannot be written.
    pub fn create(
        runs: &Path,
        explicit: Option<&Path>,
        experiment: &Experiment,
        frozen: &str,
    ) -> Result<Self, RunError> {
        let path = match explicit {
            Some(path) => path.to_path_buf(),
            None => runs.join(name(experiment)),
        };
        if path.join("config.toml").exists() {
            return Err(RunError::NotARun {
                path,
                message: "it holds another run already; continue that with `wordpaint resume` or \
                          choose another folder"
                    .into(),
            });
        }
        fs::create_dir_all(&path).map_err(io("create", &path))?;
        write_atomic(&path.join("config.toml"), frozen.as_bytes())?;
        Ok(Self { path })
    }

    /// Opens an existing run.
    ///
    /// # Errors
    ///
    /// If it has no `config.toml`.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        if path.join("config.toml").is_file() {
            return Ok(Self {
                path: path.to_path_buf(),
            });
        }
        Err(RunError::NotARun {
            path: path.to_path_buf(),
            message: "it has no config.toml; give a folder that `wordpaint train` made".into(),
        })
    }

    /// The newest run of an experiment whose training is finished.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn newest_finished(
        runs: &Path,
        experiment: &str,
        is_quick: bool,
        accepts: impl Fn(&Self) -> bool,
    ) -> Result<Self, RunError> {
        candidates(runs, experiment, is_quick)
            .into_iter()
            .find(|run| run.is_finished() && accepts(run))
            .ok_or_else(|| RunError::NoRun {
                name: experiment.into(),
                is_quick,
                runs: runs.to_path_buf(),
            })
    }

    /// Keeps other processes from training this run; `None` where one does.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn hold(&self) -> Result<Option<Hold>, RunError> {
        let (path, file) = self.lock()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Hold { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => without_locks(error, file, &path).map(Some),
        }
    }

    /// Waits until no other process trains this run, and keeps them from it.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn wait_to_hold(&self) -> Result<Hold, RunError> {
        let (path, file) = self.lock()?;
        match file.lock() {
            Ok(()) => Ok(Hold { _file: file }),
            Err(error) => without_locks(error, file, &path),
        }
    }

    fn lock(&self) -> Result<(PathBuf, fs::File), RunError> {
        let path = self.join(".lock");
        let file = fs::File::create(&path).map_err(io("write", &path))?;
        Ok((path, file))
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The frozen experiment.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn frozen(&self) -> Result<String, RunError> {
        let path = self.join("config.toml");
        fs::read_to_string(&path).map_err(io("read", &path))
    }

    /// Folder of its checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.join("checkpoints")
    }

    /// Whether a training step was ever logged or saved.
    pub fn has_begun(&self) -> bool {
        self.join("events.jsonl").exists() || self.checkpoints().exists()
    }

    /// Whether training reached its end.
    pub fn is_finished(&self) -> bool {
        self.environment()
            .get("finished")
            .is_some_and(Value::is_string)
            && checkpoint::newest_step(&self.checkpoints()).is_some()
    }

    /// `environment.json`; an empty object when it is missing or unreadable.
    pub fn environment(&self) -> Value {
        fs::read(self.join("environment.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_else(|| json!({}))
    }

    /// Digest of the settings it was begun with, its own and those of the networks it builds on.
    pub fn identity(&self) -> Option<String> {
        self.environment()["identity"].as_str().map(str::to_owned)
    }

    /// Sets keys of `environment.json`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn update_environment(&self, changes: Value) -> Result<(), RunError> {
        let mut environment = self.environment();
        if let (Some(all), Value::Object(changes)) = (environment.as_object_mut(), changes) {
            all.extend(changes);
        }
        let json = serde_json::to_vec_pretty(&environment).expect("JSON values serialise");
        write_atomic(&self.join("environment.json"), &json)
    }
}

/// Runs of an experiment, newest first.
pub fn candidates(runs: &Path, experiment: &str, is_quick: bool) -> Vec<RunFolder> {
    let Ok(entries) = fs::read_dir(runs) else {
        return Vec::new();
    };
    let mut found: Vec<(std::time::SystemTime, RunFolder)> = entries
        .flatten()
        .filter_map(|entry| {
            let run = RunFolder::open(&entry.path()).ok()?;
            let table: toml::Table = run.frozen().ok()?.parse().ok()?;
            let is_same = table.get("name").and_then(|v| v.as_str()) == Some(experiment)
                && table
                    .get("quick")
                    .and_then(toml::Value::as_bool)
                    .unwrap_or(false)
                    == is_quick;
            let modified = fs::metadata(run.join("config.toml"))
                .ok()?
                .modified()
                .ok()?;
            is_same.then_some((modified, run))
        })
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| b.1.path.cmp(&a.1.path)));
    found.into_iter().map(|(_, run)| run).collect()
}

/// `<experiment>[-quick]-<date>-<id>`; the id comes from the clock.
fn name(experiment: &Experiment) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let quick = if experiment.quick { "-quick" } else { "" };
    let id = wordpaint_rng::mix(now.as_nanos() as u64) >> 40;
    format!(
        "{}{quick}-{}-{id:06x}",
        experiment.name,
        date(now.as_secs())
    )
}

/// `YYYYMMDD` (UTC) of seconds since 1970.
fn date(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year:04}{month:02}{day:02}")
}

/// `YYYY-MM-DDTHH:MM:SSZ` of seconds since 1970.
pub fn timestamp(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / 86_400);
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
}

/// The current time as [`timestamp`].
pub fn now() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    timestamp(now.as_secs())
}

/// Calendar date of a day count since 1970-01-01 (proleptic Gregorian).
const fn civil(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, so that leap days end a year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + (month <= 2) as u64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_calendar_dates() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(timestamp(1_798_761_599), "2026-12-31T23:59:59Z");
    }

    #[test]
    fn a_run_is_held_by_one_at_a_time() {
        let folder = tempfile::tempdir().expect("temporary folder");
        write_atomic(&folder.path().join("config.toml"), b"").expect("writes");
        let run = RunFolder::open(folder.path()).expect("a run");

        let first = run.hold().expect("writable").expect("free");
        assert!(run.hold().expect("writable").is_none());
        let waiting = std::thread::spawn({
            let run = run.clone();
            move || run.wait_to_hold().expect("writable")
        });
        drop(first);

        let second = waiting.join().expect("gets it");
        assert!(run.hold().expect("writable").is_none());
        drop(second);
        assert!(run.hold().expect("writable").is_some());
    }

    #[test]
    fn an_atomic_write_replaces_the_whole_file() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a/b.json");
        write_atomic(&path, b"a long first content").expect("writes");
        write_atomic(&path, b"short").expect("writes");
        assert_eq!(fs::read(&path).expect("readable"), b"short");
        assert_eq!(
            fs::read_dir(folder.path().join("a"))
                .expect("readable")
                .count(),
            1
        );
    }
}

//! The folder of one run: what it is made of, how it is found again.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wordpaint_files::{Action, FileError, Fresh, Lock};

use super::checkpoint;
use crate::config::{self, ConfigError, Experiment};

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The operating system refused an operation.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of the run is no text.
    #[error("{0}")]
    NotText(ConfigError),
    /// The folder for a new run holds something.
    #[error(
        "{} {}; a run needs a new or an empty folder: choose another one{}",
        path.display(),
        if *is_run { "holds a run already" } else { "is not an empty folder" },
        if *is_run { ", or continue that run with `wordpaint resume`" } else { "" }
    )]
    Taken {
        /// The folder.
        path: PathBuf,
        /// Whether it holds a run.
        is_run: bool,
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

/// Lock of a run.
const LOCK: &str = ".lock";
/// Folder among the runs with the locks of settings that are being trained.
const LOCKS: &str = ".locks";

/// Writes `content` to `path` as [`wordpaint_files::write`] does.
///
/// # Errors
///
/// If it cannot be written.
pub fn write_atomic(path: &Path, content: &[u8]) -> Result<(), RunError> {
    Ok(wordpaint_files::write(path, content)?)
}

/// As long as it is there, no other process trains the run. It ends with the process, however that
/// ends.
#[derive(Debug)]
pub struct Hold {
    _lock: Lock,
}

/// Keeps other processes from training the same settings below `runs`: gives the lock, or what waits
/// until the process that has it ends.
///
/// # Errors
///
/// If the lock's file cannot be made.
pub fn turn(runs: &Path, identity: &str) -> Result<Result<Lock, PathBuf>, RunError> {
    let folder = runs.join(LOCKS);
    wordpaint_files::create_folders(&folder)?;
    let path = folder.join(identity);
    Ok(Lock::take(&path)?.map_or(Err(path), |lock| Ok(lock.passing())))
}

/// A run that has just begun.
#[derive(Debug)]
pub struct NewRun {
    /// The run.
    pub run: RunFolder,
    /// Keeps other processes from it.
    pub hold: Hold,
    /// Proof that its folder was new or empty, with which what was put there can be taken back.
    pub fresh: Fresh,
}

/// A run on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Creates `runs/<experiment>[-quick]-<date>-<id>` (or `explicit`) and stores the resolved experiment
    /// in it.
    ///
    /// # Errors
    ///
    /// If the folder holds anything, another process is about to train there, or it cannot be
    /// written.
    pub fn create(
        runs: &Path,
        explicit: Option<&Path>,
        experiment: &Experiment,
        resolved: &str,
    ) -> Result<NewRun, RunError> {
        let path = match explicit {
            Some(path) => path.to_path_buf(),
            None => runs.join(name(experiment)),
        };
        let run = Self { path };
        let Some(fresh) = Fresh::claim(&run.path, LOCK)? else {
            return Err(run.refused());
        };
        match run.begin(&fresh, resolved) {
            Ok(hold) => Ok(NewRun { run, hold, fresh }),
            Err(error) => {
                fresh.undo();
                Err(error)
            }
        }
    }

    /// Makes sure that a run can be made in the folder `path`. Nothing is left behind.
    ///
    /// # Errors
    ///
    /// If it holds anything or cannot be written.
    pub fn check_new(path: &Path) -> Result<(), RunError> {
        if wordpaint_files::is_vacant(path, LOCK)? {
            return Ok(wordpaint_files::check_folder(path)?);
        }
        let run = Self {
            path: path.to_path_buf(),
        };
        Err(run.refused())
    }

    /// Takes the lock of a new run before anything else is written there.
    fn begin(&self, fresh: &Fresh, resolved: &str) -> Result<Hold, RunError> {
        let hold = self.hold()?.ok_or_else(|| self.busy())?;
        if !fresh.is_vacant(LOCK)? {
            return Err(self.refused());
        }
        self.store(resolved)?;
        Ok(hold)
    }

    /// Why a run cannot begin in this folder.
    fn refused(&self) -> RunError {
        if Lock::is_taken(&self.join(LOCK)) {
            return self.busy();
        }
        RunError::Taken {
            path: self.path.clone(),
            is_run: self.join("config.toml").is_file(),
        }
    }

    /// The error of a run that another process trains.
    pub fn busy(&self) -> RunError {
        RunError::Busy {
            path: self.path.clone(),
        }
    }

    /// Makes a folder that nobody else knows of yet a run.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn within(folder: &Path, resolved: &str) -> Result<Self, RunError> {
        let run = Self {
            path: folder.to_path_buf(),
        };
        run.store(resolved)?;
        Ok(run)
    }

    fn store(&self, resolved: &str) -> Result<(), RunError> {
        write_atomic(&self.join("config.toml"), resolved.as_bytes())
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
        let lock = Lock::take(&self.join(LOCK))?;
        Ok(lock.map(|lock| Hold { _lock: lock }))
    }

    /// Waits until no other process trains this run, and keeps them from it.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn wait_to_hold(&self) -> Result<Hold, RunError> {
        let lock = Lock::wait(&self.join(LOCK))?;
        Ok(Hold { _lock: lock })
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
    pub fn resolved(&self) -> Result<String, RunError> {
        let path = self.join("config.toml");
        let bytes = wordpaint_files::read(&path)
            .map_err(|error| FileError::new(Action::Read, &path, error))?;
        config::text(bytes, &path).map_err(RunError::NotText)
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
        wordpaint_files::read(&self.join("environment.json"))
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
            let table: toml::Table = run.resolved().ok()?.parse().ok()?;
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
}

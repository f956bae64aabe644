//! `manifest.json` of a run: what it is trained with, to be compared whenever it is opened.
//!
//! Every checkpoint holds a copy. By it a checkpoint of another run is recognised, and a damaged
//! manifest is restored.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wordpaint_files::{Action, FileError};

use super::checkpoint::{self, Checkpoint, CheckpointError, hex};
use super::difference::{Difference, Differences, Kind};
use super::folder::{RunError, RunFolder, write_atomic};

/// Its name in the run folder.
const FILE: &str = "manifest.json";
/// Name of the copy in a checkpoint.
pub const COPY: &str = "run.json";
/// Version of its form.
const FORMAT: u32 = 1;
/// The frozen experiment.
pub const CONFIG: &str = "config.toml";
/// The words of a word-level system.
pub const VOCABULARY: &str = "vocabulary.json";

/// What a run is trained with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// Tells the run from every other.
    pub run: String,
    /// Other runs whose checkpoints were accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adopted: Vec<String>,
    /// Digest of the settings, of those of the networks it builds on, and of what was changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// SHA-256 of files of the run folder.
    pub files: BTreeMap<String, String>,
    /// Fingerprint of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// SHA-256 of frozen networks, by the setting that names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<BTreeMap<String, String>>,
    /// SHA-256 of the weights of the text encoder that is copied into the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_encoder: Option<String>,
}

/// The file: the manifest and its own digest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    manifest: Manifest,
    sha256: String,
}

/// SHA-256 of `content` in lower-case hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

impl Manifest {
    /// That of a run whose `config.toml` is `resolved` and which was not trained yet.
    pub fn new(run: &RunFolder, resolved: &str, identity: Option<String>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut digest = Sha256::new();
        digest.update(now.unwrap_or_default().as_nanos().to_le_bytes());
        digest.update(std::process::id().to_le_bytes());
        digest.update(run.path().as_os_str().as_encoded_bytes());
        digest.update(resolved);
        let mut files = BTreeMap::from([(CONFIG.to_owned(), sha256(resolved.as_bytes()))]);
        if let Ok(words) = wordpaint_files::read(&run.join(VOCABULARY)) {
            files.insert(VOCABULARY.to_owned(), sha256(&words));
        }
        Self {
            format: FORMAT,
            run: hex(&digest.finalize())[..32].to_owned(),
            adopted: Vec::new(),
            identity,
            files,
            data: None,
            networks: None,
            text_encoder: None,
        }
    }

    /// The manifest of `run`, from the newest checkpoint where the file is damaged or gone; `None` of
    /// a run of a version that kept none.
    ///
    /// # Errors
    ///
    /// If it is damaged and no checkpoint has it, or cannot be read.
    pub fn of(run: &RunFolder) -> Result<Option<Self>, CheckpointError> {
        let path = run.join(FILE);
        let damage = match wordpaint_files::read(&path) {
            Ok(bytes) => match Self::parse(&bytes) {
                Ok(manifest) => return Ok(Some(manifest)),
                Err(damage) => Some(damage),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(FileError::new(Action::Read, &path, error).into()),
        };
        let copy = checkpoint::newest_file(&run.checkpoints(), COPY);
        if let Some(copy) = copy.and_then(|bytes| Self::parse(&bytes).ok()) {
            let damage = damage.unwrap_or_else(|| "is gone".into());
            tracing::warn!(
                "{} {damage}; the copy in the newest checkpoint is used",
                path.display()
            );
            return Ok(Some(copy));
        }
        match damage {
            None => Ok(None),
            Some(damage) => Err(CheckpointError::Damaged {
                path,
                message: format!(
                    "{damage}, and no checkpoint has a copy; bring it back, or remove it: then \
                     settings, vocabulary, data and networks are not compared"
                ),
            }),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let sealed: Sealed =
            serde_json::from_slice(bytes).map_err(|error| format!("is damaged ({error})"))?;
        let found = sealed.manifest.sha256();
        if found != sealed.sha256 {
            return Err(format!(
                "is damaged (SHA-256 {} expected, {found} found)",
                sealed.sha256
            ));
        }
        if sealed.manifest.format != FORMAT {
            return Err(format!(
                "has format {}, expected {FORMAT}",
                sealed.manifest.format
            ));
        }
        Ok(sealed.manifest)
    }

    fn sha256(&self) -> String {
        sha256(&serde_json::to_vec(self).expect("a manifest is plain data"))
    }

    fn sealed(&self) -> Vec<u8> {
        let sealed = Sealed {
            manifest: self.clone(),
            sha256: self.sha256(),
        };
        serde_json::to_vec_pretty(&sealed).expect("a manifest is plain data")
    }

    /// Writes it into `run`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, run: &RunFolder) -> Result<(), RunError> {
        write_atomic(&run.join(FILE), &self.sealed())
    }

    /// How the file `name` with `content` differs from the one it knows.
    pub fn compare_file(&self, kind: Kind, name: &str, content: &[u8]) -> Option<Difference> {
        let stored = self.files.get(name)?;
        let found = sha256(content);
        (found != *stored).then(|| Difference {
            kind,
            what: format!("SHA-256 of {name}"),
            stored: stored.clone(),
            found,
        })
    }

    /// How the run that `checkpoint` is of differs from this one; `None` also where it does not say.
    pub fn compare_run(&self, checkpoint: &Checkpoint) -> Option<Difference> {
        let copy = Self::parse(checkpoint.file(COPY).ok()?).ok()?;
        let is_known = copy.run == self.run || self.adopted.contains(&copy.run);
        (!is_known).then(|| Difference {
            kind: Kind::Checkpoint,
            what: format!("the run that {} is of", checkpoint.path.display()),
            stored: self.run.clone(),
            found: copy.run,
        })
    }
}

/// Changes the manifest of `run`, where it has one.
///
/// # Errors
///
/// If it is damaged or cannot be written.
pub fn record(run: &RunFolder, change: impl FnOnce(&mut Manifest)) -> Result<(), CheckpointError> {
    if let Some(mut manifest) = Manifest::of(run)? {
        change(&mut manifest);
        manifest.write(run)?;
    }
    Ok(())
}

/// The copy of the manifest of `run` for a checkpoint; `None` of a run of a version that kept none.
///
/// # Errors
///
/// As [`Manifest::of`].
pub fn copy(run: &RunFolder) -> Result<Option<Vec<u8>>, CheckpointError> {
    Ok(Manifest::of(run)?.map(|manifest| manifest.sealed()))
}

/// Refuses a file of `run` that is not the one the run was trained with.
///
/// # Errors
///
/// If it is another one, or the manifest is damaged.
pub fn check_file(
    run: &RunFolder,
    kind: Kind,
    name: &str,
    content: &[u8],
) -> Result<(), CheckpointError> {
    let difference = Manifest::of(run)?.and_then(|m| m.compare_file(kind, name, content));
    Ok(Differences::refuse(run.path(), &difference, &[])?)
}

/// The newest checkpoint of `run` that verifies, as [`checkpoint::newest`].
///
/// # Errors
///
/// If there is none, or if it is of another run or of other settings.
pub fn newest(run: &RunFolder) -> Result<Checkpoint, CheckpointError> {
    let found = checkpoint::newest(&run.checkpoints())?;
    let difference = belongs(run, Manifest::of(run)?.as_ref(), &found);
    Differences::refuse(run.path(), &difference, &[])?;
    Ok(found)
}

/// How `found` differs from a checkpoint of `run`. Where the run has no manifest, the settings in the
/// checkpoint are compared with those of the run.
pub fn belongs(
    run: &RunFolder,
    manifest: Option<&Manifest>,
    found: &Checkpoint,
) -> Option<Difference> {
    match manifest {
        Some(manifest) => manifest.compare_run(found),
        None => compare_settings(&run.join(CONFIG), found),
    }
}

fn compare_settings(path: &Path, found: &Checkpoint) -> Option<Difference> {
    let trained_with = found.file(CONFIG).ok()?;
    let there = wordpaint_files::read(path).ok()?;
    (there != trained_with).then(|| Difference {
        kind: Kind::Config,
        what: format!("SHA-256 of {CONFIG}"),
        stored: sha256(trained_with),
        found: sha256(&there),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn run() -> (tempfile::TempDir, RunFolder, Manifest) {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join(CONFIG), "a = 1").expect("writes");
        let run = RunFolder::open(folder.path()).expect("a run");
        let manifest = Manifest::new(&run, "a = 1", None);
        manifest.write(&run).expect("writes");
        (folder, run, manifest)
    }

    fn save(run: &RunFolder, files: Vec<(&'static str, Vec<u8>)>) {
        let files = files.into_iter().map(Ok::<_, CheckpointError>);
        checkpoint::save(&run.checkpoints(), 1, files, 1).expect("saves");
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed_or_changes_nothing() {
        let (_folder, run, manifest) = run();
        let path = run.join(FILE);
        let whole = fs::read(&path).expect("written");
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            fs::write(&path, bytes).expect("writes");
            match Manifest::of(&run) {
                Ok(found) => assert_eq!(found.as_ref(), Some(&manifest), "byte {place}"),
                Err(error) => assert!(error.to_string().contains("damaged"), "{error}"),
            }
        }
    }

    #[test]
    fn a_manifest_that_is_damaged_or_gone_comes_back_from_the_newest_checkpoint() {
        let (_folder, run, manifest) = run();
        let sealed = copy(&run).expect("readable").expect("there");
        save(&run, vec![(COPY, sealed)]);

        fs::write(run.join(FILE), "{}").expect("writes");
        assert_eq!(
            Manifest::of(&run).expect("restored"),
            Some(manifest.clone())
        );
        fs::remove_file(run.join(FILE)).expect("removes");
        assert_eq!(Manifest::of(&run).expect("restored"), Some(manifest));
    }

    #[test]
    fn a_checkpoint_of_another_run_is_refused_with_both_runs() {
        let (_folder, here, manifest) = run();
        let (_other, _, foreign) = run();
        assert_ne!(manifest.run, foreign.run);
        save(&here, vec![(COPY, foreign.sealed())]);

        let error = newest(&here).expect_err("of another run").to_string();

        assert!(error.contains(&manifest.run), "{error}");
        assert!(error.contains(&foreign.run), "{error}");
        assert!(error.ends_with("--allow checkpoint"), "{error}");
    }

    #[test]
    fn without_a_manifest_the_settings_of_the_checkpoint_are_those_of_the_run() {
        let (_folder, run, _) = run();
        fs::remove_file(run.join(FILE)).expect("removes");
        save(&run, vec![(CONFIG, b"a = 1".to_vec())]);
        newest(&run).expect("the same settings");

        fs::write(run.join(CONFIG), "a = 2").expect("writes");

        let error = newest(&run).expect_err("other settings").to_string();
        assert!(error.contains("config: SHA-256 of config.toml"), "{error}");
    }
}

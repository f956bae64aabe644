//! Reads a run folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::ReportError;
use super::document::Picture;
use crate::config::schema::Expect;
use crate::run::results::{Environment, Evaluation, Event, Figure, Happening};

/// Everything a report says about one run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) folder: PathBuf,
    /// Last part of the folder's path.
    pub(super) label: String,
    pub(super) head: Head,
    /// `config.toml` as it is.
    pub(super) config: String,
    pub(super) environment: Environment,
    /// Logged steps in order, one per step.
    pub(super) events: Vec<Event>,
    pub(super) happenings: Vec<Happening>,
    /// First, middle and last sample grid.
    pub(super) samples: Vec<Picture>,
    pub(super) evaluations: Vec<(Evaluation, Vec<Picture>)>,
    /// Pictures of `wordpaint explore`.
    pub(super) figures: Vec<Picture>,
    /// What could not be used and why.
    pub(super) notes: Vec<String>,
}

/// The part of the configuration a report reads; the rest is shown as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) family: String,
    pub(super) quick: bool,
    pub(super) expect: Vec<Expect>,
}

impl Run {
    /// Reads the run in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self, ReportError> {
        let mut notes = Vec::new();
        let config = required(folder, "config.toml", "train <experiment>")?;
        let head: Head = toml::from_str(&config)
            .map_err(|error| invalid(&folder.join("config.toml"), error.message()))?;
        let environment_text = required(folder, "environment.json", "resume <run>")?;
        let environment = json(&folder.join("environment.json"), &environment_text)?;
        let log = required(folder, "events.jsonl", "resume <run>")?;
        let (events, happenings) = read_events(&folder.join("events.jsonl"), &log, &mut notes)?;
        let samples = read_samples(folder, &mut notes);
        let evaluations = read_evaluations(folder, &mut notes)?;
        let figures = read_figures(folder, &mut notes)?;
        let label = folder.canonicalize().ok();
        let label = label
            .as_deref()
            .unwrap_or(folder)
            .file_name()
            .unwrap_or_default();
        Ok(Self {
            folder: folder.to_path_buf(),
            label: label.to_string_lossy().into_owned(),
            head,
            config,
            environment,
            events,
            happenings,
            samples,
            evaluations,
            figures,
            notes,
        })
    }

    /// The warning under the title, if numbers must not be compared with the paper's.
    pub(super) fn stamp(&self) -> Option<String> {
        let is_built_in = self.environment.data_uri.starts_with("synth:");
        match (self.head.quick, is_built_in) {
            (true, _) => Some("quick, built-in data: not comparable with the paper".into()),
            (false, true) => Some("built-in data: not comparable with the paper".into()),
            (false, false) => None,
        }
    }

    /// Name of the experiment, or of the folder where the configuration has none.
    pub(super) fn name(&self) -> &str {
        if self.head.name.is_empty() {
            &self.label
        } else {
            &self.head.name
        }
    }
}

fn required(folder: &Path, file: &str, command: &str) -> Result<String, ReportError> {
    let path = folder.join(file);
    match wordpaint_files::read(&path) {
        // Captions and paths may hold anything; a byte that is no text must not hide the rest.
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(ReportError::Missing {
            path,
            command: format!(
                "wordpaint {}",
                command.replace("<run>", &folder.display().to_string())
            ),
        }),
        Err(source) => Err(ReportError::Read { path, source }),
    }
}

fn invalid(path: &Path, message: &str) -> ReportError {
    ReportError::Invalid {
        path: path.to_path_buf(),
        message: message.into(),
    }
}

fn json<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> Result<T, ReportError> {
    serde_json::from_str(text).map_err(|error| invalid(path, &error.to_string()))
}

fn read_events(
    path: &Path,
    log: &str,
    notes: &mut Vec<String>,
) -> Result<(Vec<Event>, Vec<Happening>), ReportError> {
    let mut events = BTreeMap::new();
    let mut happenings = Vec::new();
    let lines: Vec<&str> = log.lines().collect();
    for (i, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let at = |error: serde_json::Error| invalid(path, &format!("line {}: {error}", i + 1));
        let value: Value = match serde_json::from_str(line) {
            Ok(value) => value,
            Err(_) if i + 1 == lines.len() && !log.ends_with('\n') => {
                notes.push(
                    "The last line of events.jsonl is incomplete (training was stopped while \
                     writing it) and was left out."
                        .into(),
                );
                break;
            }
            Err(error) => return Err(at(error)),
        };
        if value.get("kind").is_some() {
            happenings.push(serde_json::from_value(value).map_err(at)?);
        } else {
            let event: Event = serde_json::from_value(value).map_err(at)?;
            // A step that was repeated after a resume counts as it went the last time.
            events.insert(event.step, event);
        }
    }
    Ok((events.into_values().collect(), happenings))
}

fn read_samples(folder: &Path, notes: &mut Vec<String>) -> Vec<Picture> {
    let Ok(entries) = fs::read_dir(folder.join("samples")) else {
        return Vec::new();
    };
    let mut found: Vec<(u64, String)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let step = name
                .strip_prefix("step-")?
                .strip_suffix(".png")?
                .parse()
                .ok()?;
            Some((step, name))
        })
        .collect();
    found.sort_unstable();
    let mut chosen = vec![0, found.len() / 2, found.len().saturating_sub(1)];
    chosen.dedup();
    chosen
        .into_iter()
        .filter_map(|i| {
            let (step, name) = found.get(i)?;
            picture(
                folder,
                &format!("samples/{name}"),
                &format!("Step {step}"),
                notes,
            )
        })
        .collect()
}

fn read_evaluations(
    folder: &Path,
    notes: &mut Vec<String>,
) -> Result<Vec<(Evaluation, Vec<Picture>)>, ReportError> {
    let mut evaluations = Vec::new();
    for path in json_files(&folder.join("evaluation")) {
        let text = wordpaint_files::read_to_string(&path).map_err(|source| ReportError::Read {
            path: path.clone(),
            source,
        })?;
        let evaluation: Evaluation = json(&path, &text)?;
        let grid = evaluation
            .grid
            .iter()
            .map(|path| ("Generated images", path.as_str()));
        let others = evaluation
            .figures
            .iter()
            .map(|f| (f.title.as_str(), f.path.as_str()));
        let pictures = grid
            .chain(others)
            .filter_map(|(title, path)| picture(folder, path, title, notes))
            .collect();
        evaluations.push((evaluation, pictures));
    }
    Ok(evaluations)
}

/// JSON files of a folder, by name; none where it does not exist.
fn json_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    paths
}

/// Reads `figures/*.json`, each of which describes a picture beside it.
fn read_figures(folder: &Path, notes: &mut Vec<String>) -> Result<Vec<Picture>, ReportError> {
    let mut figures = Vec::new();
    for path in json_files(&folder.join("figures")) {
        let text = wordpaint_files::read_to_string(&path).map_err(|source| ReportError::Read {
            path: path.clone(),
            source,
        })?;
        let figure: Figure = json(&path, &text)?;
        figures.extend(picture(folder, &figure.path, &figure.title, notes));
    }
    Ok(figures)
}

/// Reads a PNG file of the run; anything else is left out with a note.
fn picture(folder: &Path, path: &str, title: &str, notes: &mut Vec<String>) -> Option<Picture> {
    let inside = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        notes.push(format!(
            "The picture {path} lies outside the run folder and was left out."
        ));
        return None;
    }
    let full = folder.join(path);
    match wordpaint_files::read(&full) {
        Ok(png) if png.starts_with(b"\x89PNG\r\n\x1a\n") => Some(Picture {
            title: title.into(),
            path: full,
            png,
        }),
        Ok(_) => {
            notes.push(format!("{path} is not a PNG file and was left out."));
            None
        }
        Err(error) => {
            notes.push(format!("{path} cannot be read ({error}) and was left out."));
            None
        }
    }
}

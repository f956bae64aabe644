//! Reports: run folders become a self-contained `report.html`, `report.md` and `metrics.csv`.

use std::path::{Path, PathBuf};

use wordpaint_files::{FileError, Together};

mod charts;
mod closing;
mod compare;
mod csv;
mod document;
mod format;
mod headlines;
mod html;
mod markdown;
mod paper;
mod plot;
mod run;
mod sections;
pub mod sweep;
mod training;

pub use format::with_interval;

pub use closing::Closing;

use document::Block;
use run::Run;

/// What becomes of values that were measured under different protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocols {
    /// They stand in tables of their own.
    #[default]
    Apart,
    /// They also stand in one table, each with the name of its protocol.
    Across,
}

/// Where a report was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ReportPaths {
    /// The page for browsers, with everything inside.
    pub html: PathBuf,
    /// The text for repositories; pictures are links.
    pub markdown: PathBuf,
    /// The numbers.
    pub csv: PathBuf,
    /// What to tell whoever asked for it.
    pub closing: Closing,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The list of runs is empty.
    #[error("no run given; name one or more run folders: wordpaint report runs/<run>")]
    NoRuns,
    /// A file of the run folder is missing.
    #[error("{} is missing; it is written by: {command}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What writes it.
        command: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}{}", path.display(), advised(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and where.
        message: String,
    },
    /// The report cannot be written.
    #[error(transparent)]
    Write(#[from] FileError),
}

/// What to do about a reason of the system, after what was said of it.
fn advised(source: &std::io::Error) -> String {
    wordpaint_files::advice(source).map_or_else(String::new, |advice| format!("; {advice}"))
}

/// Reports on `runs` in the folder `out`.
///
/// Without `out`, the report of one run is written into its folder and that of several into the
/// folder `comparison` beside the first. Nothing is written unless every run can be read.
///
/// # Errors
///
/// If a run lacks a file, a file is damaged, or the report cannot be written.
pub fn write(
    runs: &[PathBuf],
    out: Option<&Path>,
    protocols: Protocols,
) -> Result<ReportPaths, ReportError> {
    let first = runs.first().ok_or(ReportError::NoRuns)?;
    let folder = match out {
        Some(out) => out.to_path_buf(),
        None if runs.len() == 1 => first.clone(),
        None => first.parent().unwrap_or(Path::new(".")).join("comparison"),
    };
    let runs = runs
        .iter()
        .map(|run| Run::read(run))
        .collect::<Result<Vec<_>, _>>()?;
    let (title, blocks) = document_of(&runs, protocols);
    let paths = ReportPaths {
        html: folder.join("report.html"),
        markdown: folder.join("report.md"),
        csv: folder.join("metrics.csv"),
        closing: Closing::of(&runs),
    };
    let mut files = Together::default();
    files.add(&paths.csv, csv::metrics(&runs).as_bytes())?;
    files.add(&paths.markdown, markdown::text(&blocks, &folder).as_bytes())?;
    files.add(&paths.html, html::page(&title, &blocks).as_bytes())?;
    files.publish()?;
    Ok(paths)
}

fn document_of(runs: &[Run], protocols: Protocols) -> (String, Vec<Block>) {
    if let [run] = runs {
        return (run.name().into(), sections::run(run, 1));
    }
    let title = format!("Comparison of {} runs", runs.len());
    let mut blocks = vec![Block::Heading(1, title.clone())];
    blocks.extend(compare::runs(runs, protocols));
    blocks.push(Block::Heading(2, "The runs".into()));
    blocks.extend(runs.iter().map(|run| Block::Fold {
        level: 3,
        title: sections::heading(run),
        blocks: sections::body(run, 4),
    }));
    (title, blocks)
}

#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod tests;

//! The two streams: results on stdout, progress and errors on stderr.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;

use super::exit;

/// Shows warnings of libraries; `RUST_LOG` asks for more.
pub(super) fn install_logging() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("error,wordpaint=warn"));
    // A second installation (in tests) is harmless.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .try_init();
}

/// A line of results. A closed pipe (`| head`) ends quietly; any other refusal is an error.
pub(super) fn line(text: &str) {
    if let Err(refused) = writeln!(std::io::stdout().lock(), "{text}") {
        end(&refused);
    }
}

/// Ends the process when nobody takes its results.
pub(super) fn end(refused: &std::io::Error) -> ! {
    if refused.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(exit::DONE.into());
    }
    let advice = wordpaint_files::advice(refused).map_or_else(String::new, |a| format!("; {a}"));
    status(&format!(
        "error: cannot write the results to standard output: {refused}{advice}"
    ));
    std::process::exit(exit::FAILED.into());
}

/// Rows in columns as wide as their widest cells; the last column is ragged.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        line(cells.join("  ").trim_end());
    }
}

/// A value as indented JSON.
pub(super) fn json(value: &impl serde::Serialize) {
    line(&serde_json::to_string_pretty(value).expect("plain data is JSON"));
}

/// A bar with an estimate of the remaining time on stderr, where that is a terminal. It goes away
/// when it is dropped.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar of unknown length.
    pub(super) fn new(what: &'static str) -> Self {
        let style = ProgressStyle::with_template(
            "{msg} [{bar:30}] {pos}/{len}, {elapsed} passed, about {eta} left",
        );
        let bar = ProgressBar::new(0).with_message(what);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// `done` of `total` are done.
    pub(super) fn set(&self, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A line about what is going on.
pub(super) fn status(text: &str) {
    // Nobody can be told when stderr is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// An error with its causes that say something new.
pub(super) fn error(error: &anyhow::Error) {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str("\n  because: ");
            }
            text.push_str(&cause);
        }
    }
    status(&format!("error: {text}"));
}

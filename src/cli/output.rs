//! The two streams: results on stdout, progress and errors on stderr.

use std::io::Write;

use tracing_subscriber::EnvFilter;

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

/// A line of results. A closed pipe (`| head`) ends quietly.
pub(super) fn line(text: &str) {
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
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

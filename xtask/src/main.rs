//! `cargo xtask`: checks, reproduction of the papers' tables, fetching of data and weights.
//!
//! This package does not depend on Burn, so that it builds in seconds; whatever needs a network is
//! asked of the `wordpaint` binary.

mod bench;
mod check;
mod demo;
mod docs;
mod fetch;
mod reproduce;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run exactly what CI runs
    Check(check::Args),
    /// Run an experiment or a table from data to report
    Reproduce(reproduce::Args),
    /// Train the model that comes with the program again (about an hour and a half)
    Demo(demo::Args),
    /// Bring data or weights from their publishers, verified
    Fetch(fetch::Args),
    /// Measure training steps, the data pipeline and the matrix product rate
    Bench(bench::Args),
    /// Write the generated pages of docs/, or check that they are current
    Docs(docs::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Check(args) => check::run(&args),
        Verb::Reproduce(args) => reproduce::run(&args),
        Verb::Demo(args) => demo::run(&args),
        Verb::Fetch(args) => fetch::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Docs(args) => docs::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints one line to stdout.
///
/// The one place of this package that does, so that a closed pipe ends the program quietly.
pub(crate) fn print_line(line: impl AsRef<str>) {
    use std::io::Write;
    let written = writeln!(std::io::stdout(), "{}", line.as_ref());
    if written.is_err() {
        std::process::exit(0);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}

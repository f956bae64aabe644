//! The command line of wordpaint.

use std::process::ExitCode;

fn main() -> ExitCode {
    wordpaint::cli::main()
}

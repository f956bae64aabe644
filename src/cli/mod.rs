//! Verbs: one file each. Only this folder prints.

mod bench;
mod data;
mod doctor;
mod evaluate;
mod exit;
mod explore;
mod export;
mod generate;
mod import;
mod list;
mod output;
mod report;
mod resume;
mod show;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::backends::{Device, default_device};
use crate::config::fault;
use crate::config::instructions::check_instructions;
use crate::config::threads::threads;

/// Text-to-image research: train, generate, evaluate and report published systems.
#[derive(Debug, Parser)]
#[command(name = "wordpaint", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// THE table of verbs.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Train an experiment.
    Train(train::Args),
    /// Continue a stopped run from its newest complete checkpoint.
    Resume(resume::Args),
    /// Paint captions with a trained run.
    Generate(generate::Args),
    /// Draw the figures of the papers from a trained run.
    Explore(explore::Args),
    /// Turn published weights into a run.
    Import(import::Args),
    /// Write a trained run as one file that generates anywhere.
    Export(export::Args),
    /// Measure a trained run and store the numbers with their protocol.
    Evaluate(evaluate::Args),
    /// Turn runs into report.html, report.md and metrics.csv.
    Report(report::Args),
    /// Name the experiments and the families they are of.
    List(list::Args),
    /// Show the resolved settings of an experiment, what it costs and what is missing.
    Show(show::Args),
    /// Tell what this build and this machine can run and what is in place.
    Doctor(doctor::Args),
    /// Make, check, count and look at datasets.
    #[command(subcommand)]
    Data(data::Verb),
    /// Measure this machine.
    #[command(hide = true)]
    Bench(bench::Args),
}

/// `--device`, shared by every verb that computes.
#[derive(Debug, Clone, clap::Args)]
struct DeviceArg {
    /// Where to compute: flex, ndarray, wgpu[:N], cuda[:N]; `wordpaint doctor` shows what works.
    #[arg(long, value_name = "D", default_value_t = default_device())]
    device: Device,
}

/// How a verb ended; errors are mapped by [`exit::code`].
type Outcome = anyhow::Result<ExitCode>;

/// Parses the command line, runs the verb, prints its error.
pub fn main() -> ExitCode {
    wordpaint_kernels::memory::keep_freed();
    wordpaint_kernels::parallel::join_pool(threads());
    output::install_logging();
    if let Some(plan) = fault::plan() {
        wordpaint_files::fault::install(plan);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version count as success; clap prints to the right stream.
            if let Err(refused) = error.print()
                && !error.use_stderr()
            {
                output::end(&refused);
            }
            return ExitCode::from(if error.use_stderr() {
                exit::USAGE
            } else {
                exit::DONE
            });
        }
    };
    let outcome = check_instructions()
        .map_err(Into::into)
        .and_then(|()| run(cli.verb));
    outcome.unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::from(exit::code(&error))
    })
}

fn run(verb: Verb) -> Outcome {
    match verb {
        Verb::Train(args) => train::run(args),
        Verb::Resume(args) => resume::run(args),
        Verb::Generate(args) => generate::run(args),
        Verb::Explore(args) => explore::run(args),
        Verb::Import(args) => import::run(args),
        Verb::Export(args) => export::run(args),
        Verb::Evaluate(args) => evaluate::run(args),
        Verb::Report(args) => report::run(args),
        Verb::List(args) => list::run(args),
        Verb::Show(args) => show::run(args),
        Verb::Doctor(args) => doctor::run(args),
        Verb::Data(verb) => data::run(verb),
        Verb::Bench(args) => bench::run(args),
    }
}

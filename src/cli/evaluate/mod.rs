//! `wordpaint evaluate`: a run, or images from anywhere.

mod images;
mod rank;
mod stats;

use std::path::PathBuf;
use std::process::ExitCode;

use super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::evaluate::{EvaluateError, protocol};
use crate::launch::{EvaluationWork, Measured};
use crate::report::with_interval;
use crate::run::folder::RunFolder;
use crate::run::results::{Evaluation, Metric};
use crate::setup::Dirs;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// A trained run.
    #[arg(required = true)]
    run: Option<PathBuf>,
    /// Which images, how many, which instruments: paired, quick, sdn-29330, attngan-30k, ssagan,
    /// galip; without it the one that the experiment names.
    #[arg(long, value_name = "P")]
    protocol: Option<String>,
    /// Pretraining of `damsm` or `clip` whose encoders measure R-precision: a run folder or experiment:NAME;
    /// without it the experiment's.
    #[arg(long, alias = "judge", value_name = "RUN")]
    retrieval_encoder: Option<String>,
    /// Do nothing where the run was measured before under the same conditions.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    device: DeviceArg,
}

/// What can be done without a run.
#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Compare two folders of images.
    Images(images::Args),
    /// Write mean and covariance of a folder's features, as the common FID tools do.
    Stats(stats::Args),
    /// Let people rank the images of several methods, blindly.
    #[command(subcommand)]
    Rank(rank::Verb),
}

pub(super) fn run(args: Args) -> Outcome {
    match args.verb {
        Some(Verb::Images(args)) => return images::run(args),
        Some(Verb::Stats(args)) => return stats::run(args),
        Some(Verb::Rank(verb)) => return rank::run(verb),
        None => {}
    }
    let protocol = match args.protocol {
        None => None,
        Some(name) => match protocol::find(&name) {
            None => return Err(EvaluateError::Protocol(name).into()),
            found => found,
        },
    };
    // The parser asks for a run where there is no verb.
    let run = RunFolder::open(&args.run.unwrap_or_default())?;
    let folder = run.join("evaluation");
    let bar = output::Progress::new("images");
    let work = EvaluationWork {
        run,
        protocol,
        retrieval_encoder: args.retrieval_encoder,
        is_earlier_enough: args.keep,
        dirs: Dirs::from_environment(),
        status: &output::status,
        progress: &|done, total| bar.set(done, total),
    };
    let Measured {
        evaluation,
        is_reused,
    } = on_device(args.device.device, work)??;
    drop(bar);
    if is_reused {
        output::line("reused: measured before under the same conditions");
    }
    print(&evaluation);
    let file = folder.join(format!("{}.json", evaluation.protocol.name));
    output::line(&file.display().to_string());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print(evaluation: &Evaluation) {
    let protocol = &evaluation.protocol;
    output::line(&format!(
        "protocol {} version {}: {}",
        protocol.name, protocol.version, protocol.description
    ));
    output::line(&format!(
        "n={}, split {}, {}, seed {}, encoder {}",
        protocol.images,
        protocol.split,
        protocol.captions,
        protocol.seed,
        if protocol.encoder.is_empty() {
            "none"
        } else {
            &protocol.encoder
        }
    ));
    output::line(&protocol.preprocessing);
    output::line("");
    let rows: Vec<[String; 4]> = evaluation.metrics.iter().map(row).collect();
    output::table(&rows);
    for missing in &evaluation.missing {
        output::line(&format!(
            "{}: not measured: {}{}{}",
            missing.metric,
            missing.why,
            if missing.how.is_empty() { "" } else { "; " },
            missing.how
        ));
    }
}

fn row(metric: &Metric) -> [String; 4] {
    let chance = metric.chance.map_or_else(String::new, |chance| {
        format!("; chance {:.1} %", 100.0 * chance)
    });
    [
        metric.label.clone(),
        with_interval(metric),
        format!("n={}", metric.count),
        format!("{}{chance}", metric.network),
    ]
}

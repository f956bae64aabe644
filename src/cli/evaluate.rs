//! `wordpaint evaluate`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::evaluate::{EvaluateError, PAIRED};
use crate::launch::EvaluationWork;
use crate::report::schema::{Evaluation, Metric};
use crate::report::with_interval;
use crate::run::folder::RunFolder;
use crate::setup::Places;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A trained run.
    run: PathBuf,
    /// Which images, how many, which instruments.
    #[arg(long, value_name = "P", default_value = PAIRED)]
    protocol: String,
    #[command(flatten)]
    device: DeviceArg,
}

pub(super) fn run(args: Args) -> Outcome {
    if args.protocol != PAIRED {
        return Err(EvaluateError::Protocol(args.protocol).into());
    }
    let run = RunFolder::open(&args.run)?;
    let file = run.join(&format!("evaluation/{}.json", args.protocol));
    let work = EvaluationWork {
        run,
        places: Places::from_environment(),
        say: &output::status,
    };
    let evaluation = on_device(args.device.device, work)??;
    print(&evaluation);
    output::line(&file.display().to_string());
    Ok(ExitCode::SUCCESS)
}

fn print(evaluation: &Evaluation) {
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
    output::line(&protocol.front_end);
    output::line("");
    let rows: Vec<[String; 4]> = evaluation.metrics.iter().map(row).collect();
    output::table(&rows);
    for missing in &evaluation.missing {
        output::line(&format!(
            "{}: not measured: {}",
            missing.metric, missing.why
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

//! `wordpaint bench`, behind `cargo xtask bench`.

use std::process::ExitCode;

use super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::bench::Benchmark;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Measure the published networks too.
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    device: DeviceArg,
}

pub(super) fn run(args: Args) -> Outcome {
    let device = args.device.device;
    let work = Benchmark {
        device: device.to_string(),
        is_full: args.full,
    };
    let bench = on_device(device, work)??;
    if args.json {
        output::line(&serde_json::to_string_pretty(&bench)?);
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!(
        "matrix product: {:.1} GFLOP/s",
        bench.matmul_gflops
    ));
    for result in &bench.results {
        let rate = match (result.gflops, result.share) {
            (Some(rate), Some(share)) => format!(", {rate:.1} GFLOP/s ({:.1} %)", share * 100.0),
            _ => String::new(),
        };
        output::line(&format!(
            "{}: {:.1} ms, {:.1} images/s{rate}",
            result.name, result.ms, result.images_per_second
        ));
    }
    Ok(ExitCode::SUCCESS)
}

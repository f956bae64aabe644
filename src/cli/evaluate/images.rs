//! `wordpaint evaluate images`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::evaluate::requested::{self, Requested};
use crate::evaluate::sets::Comparison;
use crate::run::folder::write_atomic;
use crate::setup::Dirs;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Reference images: a folder, or statistics (.npz with `mu` and `sigma`).
    reference: PathBuf,
    /// Generated images: a folder.
    generated: PathBuf,
    #[arg(
        long,
        help = format!("What to measure: {}", requested::listed()),
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "fid,kid"
    )]
    metrics: Vec<Requested>,
    /// Feature network; without it the best one in place.
    #[arg(long, value_name = "ID")]
    network: Option<String>,
    /// Seed of subsets, splits and intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Also write the numbers with their protocol to this JSON file.
    #[arg(short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
}

pub(super) fn run(args: Args) -> Outcome {
    if let Some(file) = &args.file {
        wordpaint_files::check(file)?;
    }
    let bar = output::Progress::new("images");
    let work = Comparison {
        reference: args.reference,
        generated: args.generated,
        metrics: args.metrics,
        network: args.network,
        seed: args.seed,
        dirs: Dirs::from_environment(),
        status: &output::status,
        progress: &|done, total| bar.set(done, total),
    };
    let evaluation = on_device(args.device.device, work)??;
    drop(bar);
    super::print(&evaluation);
    if let Some(file) = args.file {
        let json = serde_json::to_vec_pretty(&evaluation)?;
        write_atomic(&file, &json)?;
        output::line(&file.display().to_string());
    }
    Ok(ExitCode::SUCCESS)
}
